import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Client } from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { noPostgres } from '../support/needs.ts';
import { freePort, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { until } from '../support/project.ts';
import { RowsealProcess, rowseal } from '../support/rowseal-process.ts';
import { queryWarehouse } from '../support/warehouse.ts';

let server: TestPostgres;
let client: Client;
let directory: string;

beforeAll(async () => {
  server = await startPostgres(18);
  await server.createDatabase('shop');
  client = await server.client('shop');
  directory = await mkdtemp(join(tmpdir(), 'rowseal-example-'));
});

afterAll(async () => {
  await client?.end();
  await server?.stop();
  await rm(directory, { recursive: true, force: true });
});

it.skipIf(noPostgres(18))('examples/postgres-to-duckdb does what its page says', async () => {
  await cp(fileURLToPath(new URL('../../examples/postgres-to-duckdb', import.meta.url)), directory, {
    recursive: true,
  });
  const readme = await readFile(join(directory, 'README.md'), 'utf8');
  await client.query(/```sql\n([\s\S]*?)```/.exec(readme)![1]!);
  await client.query(
    "INSERT INTO customers VALUES (1, ' Ada@Example.com ', 'Ada', '555-0199', 'Cork'); INSERT INTO orders VALUES (7, 'ada@example.com', 12.5)",
  );
  const port = await freePort();
  const file = join(directory, 'rowseal.yaml');
  // Only what a machine decides is changed: where the server is, and a free port for the page.
  const text = (await readFile(file, 'utf8')).replace(
    'postgres://rowseal@127.0.0.1:5432/shop',
    `postgres://postgres@127.0.0.1:${server.port}/shop`,
  );
  await writeFile(file, `${text}http: { port: ${port} }\n`);
  expect((await rowseal(['keys', 'generate', '--dir', join(directory, 'keys')])).code).toBe(0);
  expect((await rowseal(['keys', 'generate', '--dir', join(directory, 'keys')])).stderr).toContain(
    'RS-CLI-002',
  );
  const env = { SHOP_PASSWORD: server.password };
  const check = await rowseal(['check', '--config', file], env);
  expect(check.stdout).toMatch(/8\/8 columns decided/);
  expect(check.code).toBe(0);
  const run = new RowsealProcess(['run', '--config', file], env);
  const status = async (): Promise<{ sinks: { rows: number }[] } | null> =>
    fetch(`http://127.0.0.1:${port}/status.json`).then(
      (response) => response.json() as Promise<{ sinks: { rows: number }[] }>,
      () => null,
    );
  await until('two rows', async () => ((await status())?.sinks[0]?.rows ?? 0) >= 2);
  const live = await rowseal(['status', '--config', file], env);
  expect(live.stdout).toMatch(/^shop: streaming/);
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
