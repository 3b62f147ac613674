import { expect, it } from 'vitest';
import { changedOptions, needRestart } from '../../../src/config/changed-options.ts';
import { type ConfigDocument, configSchema } from '../../../src/config/schema.ts';

const document = (changes: Readonly<Record<string, unknown>> = {}): ConfigDocument =>
  configSchema.parse({
    pipeline: 'shop',
    source: { type: 'postgres', url: 'postgres://db/shop', password: 'one', tables: ['public.t'] },
    mask: { key: { file: 'mask.key' }, tables: { 'public.t': { id: 'keep' } } },
    audit: { dir: 'audit', key: { file: 'signing.key' } },
    ...changes,
  });

it('names what differs, and never what it is', () => {
  expect(changedOptions(document(), document())).toEqual([]);
  const other = document({
    source: {
      type: 'postgres',
      url: 'postgres://db/shop',
      password: 'two',
      tables: ['public.t', 'public.u'],
    },
    audit: { dir: 'audit', key: { file: 'signing.key' }, group_max_ms: 7 },
  });
  expect(changedOptions(document(), other)).toEqual([
    'audit.group_max_ms',
    'source.password',
    'source.tables',
  ]);
});

it('knows what a running process takes over', () => {
  const tls = { cert_file: 'a.pem', key_file: 'a.key' };
  const token = { file: 'token' };
  const before = document({ http: { tls, token } });
  const after = document({
    mask: { key: { file: 'mask.key' }, tables: { 'public.t': { id: 'token' } } },
    source: { type: 'postgres', url: 'postgres://db/shop', password: 'two', tables: ['public.t'] },
    http: { tls: { ...tls, cert_file: 'b.pem' }, token: { file: 'other' }, port: 1 },
  });
  const changed = changedOptions(before, after);
  expect(changed).toEqual([
    'http.port',
    'http.tls.cert_file',
    'http.token.file',
    'mask.tables.public.t.id',
    'source.password',
  ]);
  expect(needRestart(changed)).toEqual(['http.port']);
  // A server without TLS does not get any while it runs, nor asks for certificates that it did not ask for.
  expect(needRestart(changedOptions(document(), document({ http: { tls } })))).toEqual(['http.tls']);
  expect(
    needRestart(
      changedOptions(before, document({ http: { tls: { ...tls, client_ca_file: 'ca.pem' }, token } })),
    ),
  ).toEqual(['http.tls.client_ca_file']);
});

it('takes over what sinks log in with, and how much is logged', () => {
  const sinks = (login: string, fillfactor: number): Readonly<Record<string, unknown>> => ({
    sinks: {
      warehouse: {
        type: 'postgres',
        url: 'postgres://db/w',
        password: login,
        tls: { ca_file: login },
        fillfactor,
      },
      lake: {
        type: 'parquet',
        dir: 's3://lake/shop',
        s3: { access_key_id: login, secret_access_key: login },
      },
      query: { type: 'bigquery', project: 'project-1', dataset: 'shop', key_file: login },
    },
    log: { level: login === 'one' ? 'info' : 'debug' },
  });
  const changed = changedOptions(document(sinks('one', 85)), document(sinks('two', 60)));
  expect(changed).toContain('sinks.query.key_file');
  expect(changed).toHaveLength(7);
  expect(needRestart(changed)).toEqual(['sinks.warehouse.fillfactor']);
});
