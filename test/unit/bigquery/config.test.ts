import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeSink } from '../../../src/cli/make-sink.ts';
import { loadConfig, refuseDangerousEnvironment } from '../../../src/config/load.ts';

const EXAMPLE = fileURLToPath(
  new URL('../../../examples/postgres-to-bigquery/rowseal.yaml', import.meta.url),
);
const ENV = { SHOP_PASSWORD: 'x', SHOP_PROJECT: 'my-project' };
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rowseal-bigquery-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function withSink(lines: string): Promise<string> {
  const text = await readFile(EXAMPLE, 'utf8');
  const file = join(directory, 'rowseal.yaml');
  await writeFile(file, text.replace(/type: bigquery\n[\s\S]*$/, `type: bigquery\n${lines}`));
  return file;
}

describe('the configuration of a BigQuery sink', () => {
  it('is that of examples/postgres-to-bigquery', async () => {
    const config = loadConfig(EXAMPLE, ENV);
    const { sinks } = config;
    expect(sinks).toMatchObject([
      {
        name: 'warehouse',
        type: 'bigquery',
        project: 'my-project',
        dataset: 'shop',
        location: null,
        credentials: { kind: 'default' },
        mode: 'merge',
        tableName: '{schema}_{table}',
        types: { json: 'json', arrays: 'json', unboundedNumeric: 'string' },
        maxStalenessMs: null,
        batchIntervalMs: 60_000,
        maxDeadLetters: 10_000,
        history: new Set(['public.customers']),
      },
    ]);
    const sink = await makeSink(sinks[0]!, config);
    expect([sink.name, sink.kind, sink.pace]).toEqual([
      'warehouse',
      'atomic',
      { intervalMs: 60_000, bytes: 67_108_864 },
    ]);
  });

  it('reads a key file that nobody else may read', async () => {
    const key = join(directory, 'sa.json');
    await writeFile(key, '{"type":"service_account"}');
    const file = await withSink(
      '    project: my-project\n    dataset: shop\n    mode: cdc\n    key_file: sa.json\n',
    );
    await chmod(key, 0o644);
    expect(() => loadConfig(file, ENV)).toThrow(expect.objectContaining({ code: 'RS-CFG-005' }));
    await chmod(key, 0o600);
    const config = loadConfig(file, ENV);
    const [sink] = config.sinks;
    expect(sink).toMatchObject({
      credentials: { kind: 'key', json: '{"type":"service_account"}', file: 'sa.json' },
      batchIntervalMs: 5_000,
    });
    expect((await makeSink(sink!, config)).kind).toBe('convergent');
  });

  it.each([
    ['    project: my-project\n', 'dataset'],
    ['    project: my-project\n    dataset: a.b\n', 'dataset'],
    ['    project: my-project\n    dataset: d\n    mode: stream\n', 'mode'],
    ['    project: my-project\n    dataset: d\n    table_name: x\n', 'table_name'],
    ['    project: my-project\n    dataset: d\n    max_staleness_ms: 1\n', 'max_staleness_ms'],
    ['    project: my-project\n    dataset: d\n    labels: { Team: x }\n', 'labels'],
    ['    project: my-project\n    dataset: d\n    batch_intervall_ms: 1\n', 'batch_intervall_ms'],
  ])('is refused where it is wrong: %j', async (lines, path) => {
    const file = await withSink(lines);
    expect(() => loadConfig(file, ENV)).toThrow(
      expect.objectContaining({
        code: 'RS-CFG-003',
        place: expect.objectContaining({ path: expect.stringContaining(path) }),
      }),
    );
  });

  it('does not run where libraries may be told to divert rows, run programs or print headers', () => {
    for (const name of ['BIGQUERY_EMULATOR_HOST', 'GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES', 'GRPC_TRACE'])
      expect(() => refuseDangerousEnvironment({ [name]: '1' })).toThrow(
        expect.objectContaining({ code: 'RS-CFG-007' }),
      );
  });
});
