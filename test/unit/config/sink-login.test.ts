import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../src/config/schema.ts';
import { logsIn, withLoginOf } from '../../../src/config/sink-login.ts';
import { type SinkConfig, sinkConfig } from '../../../src/config/sinks.ts';

function sink(
  written: Readonly<Record<string, unknown>>,
  files: Readonly<Record<string, string>> = {},
): SinkConfig {
  const document = configSchema.parse({
    pipeline: 'shop',
    source: { type: 'postgres', url: 'postgres://db/shop', tables: ['public.t'] },
    mask: { key: { file: 'mask.key' }, tables: { 'public.t': { id: 'keep' } } },
    audit: { dir: 'audit', key: { file: 'signing.key' } },
    sinks: { warehouse: written },
  });
  const read = (name: string): string => files[name] ?? `content of ${name}`;
  return sinkConfig('warehouse', document.sinks['warehouse']!, {
    absolute: (name) => `/etc/${name}`,
    read,
    readModule: read,
    readSecret: read,
  });
}

const postgres = (more: Readonly<Record<string, unknown>> = {}): SinkConfig =>
  sink({ type: 'postgres', url: 'postgres://loader@db/warehouse', password: 'one', ...more });
const s3 = (keys: Readonly<Record<string, string>>, dir = 's3://lake/shop'): SinkConfig =>
  sink({ type: 'parquet', dir, s3: keys });
const bigquery = { type: 'bigquery', project: 'project-1', dataset: 'shop', key_file: 'key.json' };

describe('what a sink logs in with', () => {
  it('of Postgres is user, password and authority, and nothing else', () => {
    const known = postgres();
    expect(withLoginOf(known, postgres())).toBe(known);
    const rotated = postgres({
      url: 'postgres://other@db/warehouse',
      password: 'two',
      tls: { ca_file: 'ca.pem' },
      fillfactor: 60,
    });
    expect(withLoginOf(known, rotated)).toEqual({
      ...known,
      url: 'postgres://other@db/warehouse',
      password: 'two',
      tlsCa: 'content of ca.pem',
    });
  });

  it('of a bucket is the pair of keys', () => {
    const known = s3({ access_key_id: 'a', secret_access_key: 'one' });
    const changed = withLoginOf(known, s3({ access_key_id: 'b', secret_access_key: 'two' }));
    expect(changed).toMatchObject({ place: { credentials: { accessKeyId: 'b', secretAccessKey: 'two' } } });
    expect(withLoginOf(known, s3({ access_key_id: 'b', secret_access_key: 'two' }, 's3://other/shop'))).toBe(
      known,
    );
  });

  it('of BigQuery is the content of the key file', () => {
    const known = sink(bigquery);
    expect(withLoginOf(known, sink(bigquery, { 'key.json': 'another' }))).toEqual({
      ...known,
      credentials: { kind: 'key', json: 'another', file: 'key.json' },
    });
  });

  it('is left as it is where the newest names another place or another kind of sink', () => {
    const known = postgres();
    expect(
      withLoginOf(known, postgres({ url: 'postgres://loader@elsewhere/warehouse', password: 'two' })),
    ).toBe(known);
    expect(withLoginOf(known, sink(bigquery))).toBe(known);
    expect(withLoginOf(sink(bigquery), postgres())).toEqual(sink(bigquery));
  });

  it('is nothing where files are written', () => {
    expect([postgres(), sink(bigquery), s3({})].map(logsIn)).toEqual([true, true, true]);
    expect(
      [sink({ type: 'duckdb', path: 'w.duckdb' }), sink({ type: 'parquet', dir: 'lake' })].map(logsIn),
    ).toEqual([false, false]);
  });
});
