import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { rowHistory } from '../../src/audit/history.ts';
import { parseSigningKey, verifierKeyOf } from '../../src/audit/keys.ts';
import { noPostgres } from '../support/needs.ts';
import { freePort, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/project.ts';
import { RowsealProcess, rowseal } from '../support/rowseal-process.ts';
import { queryWarehouse } from '../support/warehouse.ts';

let server: TestPostgres;
let client: Client;

beforeAll(async () => {
  server = await startPostgres(18);
  await server.createDatabase('shop');
  client = await server.client('shop');
  await server.createDatabase('analytics');
});

afterAll(async () => {
  await client?.end();
  await server?.stop();
});

interface Example {
  readonly directory: string;
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
  /** Rows delivered by each sink so far; none while it copies or does not answer. */
  rows(): Promise<readonly number[]>;
}

/** A copy of an example in a directory of its own, its keys made, its tables in the source. */
async function prepare(name: string): Promise<Example> {
  const directory = await mkdtemp(join(tmpdir(), 'rowseal-example-'));
  await cp(fileURLToPath(new URL(`../../examples/${name}`, import.meta.url)), directory, { recursive: true });
  const readme = await readFile(join(directory, 'README.md'), 'utf8');
  await client.query('DROP TABLE IF EXISTS customers, orders');
  await client.query(/```sql\n([\s\S]*?)```/.exec(readme)![1]!);
  await client.query(
    "INSERT INTO customers VALUES (1, ' Ada@Example.com ', 'Ada', '555-0199', 'Cork'); INSERT INTO orders VALUES (7, 'ada@example.com', 12.5)",
  );
  const port = await freePort();
  const file = join(directory, 'rowseal.yaml');
  // Only what a machine decides is changed: where the servers are, a slot for each example, a free port for the page.
  const text = (await readFile(file, 'utf8'))
    .replace('postgres://rowseal@127.0.0.1:5432/', `postgres://postgres@127.0.0.1:${server.port}/`)
    .replace('postgres://loader@127.0.0.1:5432/', `postgres://postgres@127.0.0.1:${server.port}/`)
    .replace('pipeline: shop', `pipeline: ${name.replaceAll('-', '_')}`);
  await writeFile(file, `${text}http: { port: ${port} }\n`);
  expect((await rowseal(['keys', 'generate', '--dir', join(directory, 'keys')])).code).toBe(0);
  const env = { SHOP_PASSWORD: server.password, ANALYTICS_PASSWORD: server.password };
  const check = await rowseal(['check', '--config', file], env);
  expect(check.stdout).toMatch(/8\/8 columns decided/);
  expect(check.code).toBe(0);
  const rows = (): Promise<readonly number[]> =>
    fetch(`http://127.0.0.1:${port}/status.json`).then(
      async (response) => {
        const { state, sinks } = (await response.json()) as { state: string; sinks: { rows: number }[] };
        return state === 'streaming' ? sinks.map((sink) => sink.rows) : [0];
      },
      () => [0],
    );
  return { directory, file, env, rows };
}

describe.skipIf(noPostgres(18))('the examples do what their pages say', () => {
  let example: Example;

  afterEach(() => rm(example.directory, { recursive: true, force: true }));

  it('postgres-to-duckdb', async () => {
    example = await prepare('postgres-to-duckdb');
    const { directory, file, env } = example;
    expect((await rowseal(['keys', 'generate', '--dir', join(directory, 'keys')])).stderr).toContain(
      'RS-CLI-002',
    );
    const run = new RowsealProcess(['run', '--config', file], env);
    await until('two rows', async () => (await example.rows()).every((rows) => rows >= 2));
    const live = await rowseal(['status', '--config', file], env);
    expect(live.stdout).toMatch(/^postgres_to_duckdb: streaming/);
    expect((await run.terminate()).code).toBe(0);
    const joined = await queryWarehouse(
      join(directory, 'warehouse.duckdb'),
      'SELECT c.id, c.full_name, c.phone, c.city, o.id FROM public.customers c JOIN public.orders o ON o.customer_email = c.email',
    );
    expect(joined).toEqual([['1', null, '******99', 'Cork', '7']]);
    expect((await rowseal(['audit', 'verify', '--dir', join(directory, 'audit')])).code).toBe(0);
    const shown = await rowseal(['audit', 'show', '--dir', join(directory, 'audit'), '--json']);
    expect(shown.stdout).not.toContain('Ada');
  });

  it('postgres-to-postgres', async () => {
    example = await prepare('postgres-to-postgres');
    const run = new RowsealProcess(['run', '--config', example.file], example.env);
    await until('two rows', async () => (await example.rows()).every((rows) => rows >= 2));
    await client.query("UPDATE customers SET city = 'Galway' WHERE id = 1");
    await until('three rows', async () => (await example.rows()).every((rows) => rows >= 3));
    expect((await run.terminate()).code).toBe(0);
    const analytics = await server.client('analytics');
    const joined = await analytics.query(
      `SELECT c.id, c.full_name, c.phone, c.city, c._rowseal_seq AS seq, o.id AS "order", o.total
       FROM customers c JOIN orders o ON o.customer_email = c.email`,
    );
    const history = await analytics.query(
      'SELECT city FROM customers__history WHERE id = 1 ORDER BY _rowseal_seq',
    );
    await analytics.end();
    expect(joined.rows).toMatchObject([
      { id: 1, full_name: null, phone: '******99', city: 'Galway', order: 7, total: '12.50' },
    ]);
    expect(history.rows.map(({ city }) => city)).toEqual(['Cork', 'Galway']);
    // The row leads to its proof.
    const signer = parseSigningKey(
      await readFile(join(example.directory, 'keys', 'rowseal-signing.key'), 'utf8'),
    );
    const proven = await rowHistory(
      join(example.directory, 'audit'),
      { namespace: 'public', name: 'customers' },
      ['1'],
      verifierKeyOf(signer, 'rowseal/postgres_to_postgres'),
    );
    expect(proven.headSigned).toBe(true);
    const version = proven.versions.find(({ seq }) => String(seq) === joined.rows[0].seq)!;
    expect(version).toMatchObject({ op: 'u', proven: true });
    expect(version.cells.get('city')).toBe('Galway');
  });

  it('several-sinks', async () => {
    example = await prepare('several-sinks');
    const run = new RowsealProcess(['run', '--config', example.file], example.env);
    const delivered = async (): Promise<string> => [...(await example.rows())].sort().join();
    await until('all rows', async () => (await delivered()) === '1,2,2');
    await client.query('UPDATE orders SET total = 20 WHERE id = 7');
    await until('the update', async () => (await delivered()) === '1,3,3');
    expect((await run.terminate()).code).toBe(0);
    const { directory } = example;
    const analytics = await server.client('analytics');
    const tables = await analytics.query("SELECT tablename FROM pg_tables WHERE schemaname = 'shop_public'");
    await analytics.end();
    expect(tables.rows).toEqual([{ tablename: 'customers' }]);
    const notebook = await queryWarehouse(
      join(directory, 'warehouse.duckdb'),
      'SELECT (SELECT count(*) FROM public.customers), (SELECT count(*) FROM public.orders__history)',
    );
    // The beginning of the copy, the row, its update.
    expect(notebook).toEqual([['1', '3']]);
    const lake = await queryWarehouse(
      ':memory:',
      'SELECT id, CAST(total AS VARCHAR), _rowseal_op FROM public.orders',
      [await readFile(join(directory, 'lake', 'views.sql'), 'utf8')],
    );
    expect(lake).toEqual([['7', '20.00', 'u']]);
    const people = await queryWarehouse(':memory:', 'SELECT * FROM public.customers', [
      await readFile(join(directory, 'lake', 'views.sql'), 'utf8'),
    ]);
    // id, email, city and the four columns of the proof: no name, no telephone.
    expect(people).toEqual([
      [
        '1',
        expect.stringMatching(/^tok_/),
        null,
        'r',
        expect.any(String),
        expect.any(String),
        expect.any(String),
      ],
    ]);
  });
});
