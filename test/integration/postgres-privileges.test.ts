import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createPostgresSource } from '../../connectors/sources/postgres/source.ts';
import { noPostgres } from '../support/needs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { connectionTo, postgresOptions, postgresReader } from '../support/postgres-source.ts';
import { makeProject, readStatus, type TestProject, until } from '../support/project.ts';
import { RowsealProcess, rowseal } from '../support/rowseal-process.ts';
import { queryWarehouse } from '../support/warehouse.ts';

const PASSWORD = 'canary:of\\the role';

let server: TestPostgres;
let project: TestProject;

/** The statements that docs/postgres.md has for the role, as they stand there. */
async function documented(): Promise<string> {
  const page = await readFile(new URL('../../docs/postgres.md', import.meta.url), 'utf8');
  const block = /## What the role needs[\s\S]*?```sql\n([\s\S]*?)```/.exec(page)![1]!;
  return block.replace("'…'", `'${PASSWORD}'`);
}

beforeAll(async () => {
  if (noPostgres(18)) return;
  server = await startPostgres(18);
  await server.createDatabase('shop');
  const owner = await server.client('shop');
  await owner.query(`
    REVOKE ALL ON DATABASE shop FROM PUBLIC;
    REVOKE ALL ON SCHEMA public FROM PUBLIC;
    CREATE SCHEMA shop;
    CREATE TABLE shop.orders (id int PRIMARY KEY, note text);
    CREATE TABLE shop.customers (id int, name text);
    ALTER TABLE shop.customers REPLICA IDENTITY FULL;
    INSERT INTO shop.orders SELECT g, 'note ' || g FROM generate_series(1, 100) g;
    INSERT INTO shop.customers VALUES (1, 'Zoë'), (1, 'Zoë');`);
  await owner.query(await documented());
  await owner.end();
});

afterAll(async () => {
  await server?.stop();
  await project?.remove();
});

it.skipIf(noPostgres(18))(
  'a role with just what the documentation says runs the whole pipeline, found through a service and a password file',
  { timeout: 300_000 },
  async () => {
    project = await makeProject({
      url: 'postgres:///?service=shop',
      tables: ['shop.orders', 'shop.customers'],
      mask: {
        tables: {
          'shop.orders': { id: 'keep', note: 'keep' },
          'shop.customers': { id: 'keep', name: 'redact' },
        },
      },
    });
    await project.configure({
      source: {
        type: 'postgres',
        url: 'postgres:///?service=shop',
        tables: ['shop.orders', 'shop.customers'],
        publication: 'rowseal_shop',
        idle_interval_ms: 300,
      },
    });
    const service = `[shop]\nhost=127.0.0.1\nport=${server.port}\ndbname=shop\nuser=rowseal\n`;
    const env = {
      PGSERVICEFILE: join(project.directory, 'pg_service.conf'),
      PGPASSFILE: join(project.directory, 'pgpass'),
    };
    await writeFile(env.PGSERVICEFILE, service);
    await writeFile(env.PGPASSFILE, `127.0.0.1:*:shop:rowseal:${PASSWORD.replace(/[\\:]/g, '\\$&')}\n`, {
      mode: 0o600,
    });
    const config = ['--config', project.configFile];
    const checked = await rowseal(['check', ...config], env);
    expect(checked.code, checked.stdout + checked.stderr).toBe(0);
    const owner = await server.client('shop');
    let output = checked.stdout + checked.stderr;
    const runUntil = async (rows: number): Promise<void> => {
      const process = new RowsealProcess(['run', ...config], env);
      await until('everything is delivered', async () => {
        expect(process.running, process.output).toBe(true);
        const status = (await readStatus(project)) as unknown as {
          state: string;
          sinks: { behind_groups: number; rows: number }[];
        } | null;
        return (
          status?.state === 'streaming' &&
          status.sinks.every(({ behind_groups, rows: delivered }) => behind_groups === 0 && delivered >= rows)
        );
      });
      expect((await process.terminate()).code).toBe(0);
      output += process.output;
    };
    await runUntil(102);
    await owner.query(
      "INSERT INTO shop.orders VALUES (101, 'streamed'); DELETE FROM shop.customers WHERE ctid = '(0,1)'",
    );
    await runUntil(2);
    const [[orders], [customers]] = [
      await queryWarehouse(project.warehouseFile, 'SELECT count(*) FROM shop.orders'),
      await queryWarehouse(project.warehouseFile, 'SELECT count(*) FROM shop.customers'),
    ] as [string[][], string[][]];
    expect([orders, customers]).toEqual([['101'], ['1']]);
    expect(output).not.toContain('canary');
    await owner.end();
  },
);

it.skipIf(noPostgres(18))('names each right that is missing, with the statement that gives it', async () => {
  const owner = await server.client('shop');
  const url = `postgres://rowseal:${encodeURIComponent(PASSWORD)}@127.0.0.1:${server.port}/shop`;
  const options = {
    ...postgresOptions(server, []),
    connection: connectionTo(url),
    tables: [{ namespace: 'shop', name: 'orders' }],
    publication: 'rowseal_shop',
    slot: 'rowseal_privileges',
  };
  const problems = async (): Promise<readonly (readonly [string | null, string | null])[]> => {
    const source = createPostgresSource(options);
    const findings = await source.preflight();
    await source.close();
    return findings.filter(({ level }) => level === 'error').map(({ code, fix }) => [code, fix]);
  };
  expect(await problems()).toEqual([]);
  for (const [take, give, code, fix] of [
    [
      'ALTER ROLE rowseal NOREPLICATION',
      'ALTER ROLE rowseal REPLICATION',
      'RS-PG-003',
      'ALTER ROLE "rowseal" REPLICATION',
    ],
    [
      'REVOKE CONNECT ON DATABASE shop FROM rowseal',
      'GRANT CONNECT ON DATABASE shop TO rowseal',
      'RS-PG-002',
      'GRANT CONNECT ON DATABASE',
    ],
    [
      'REVOKE USAGE ON SCHEMA shop FROM rowseal',
      'GRANT USAGE ON SCHEMA shop TO rowseal',
      'RS-PG-015',
      'GRANT USAGE ON SCHEMA shop TO "rowseal";',
    ],
    [
      'REVOKE SELECT ON shop.orders FROM rowseal',
      'GRANT SELECT ON shop.orders TO rowseal',
      'RS-PG-015',
      'GRANT SELECT ON shop.orders TO "rowseal";',
    ],
  ] as const) {
    await owner.query(take);
    const found = await problems();
    expect(found, take).toHaveLength(1);
    expect(found[0], take).toEqual([code, expect.stringContaining(fix)]);
    await owner.query(give);
  }
  expect(await problems()).toEqual([]);
  await owner.end();
});

it.skipIf(noPostgres(18))(
  'asks for the schema of an extension whose type is in a key, which a copy of one chunk does without',
  async () => {
    const owner = await server.client('shop');
    await owner.query(
      `CREATE SCHEMA ext; CREATE EXTENSION citext SCHEMA ext; CREATE TABLE shop.names (name ext.citext PRIMARY KEY);
       INSERT INTO shop.names VALUES ('Zoë'), ('adam'); GRANT SELECT ON shop.names TO rowseal;
       CREATE PUBLICATION rowseal_names FOR TABLE shop.names`,
    );
    const url = `postgres://rowseal:${encodeURIComponent(PASSWORD)}@127.0.0.1:${server.port}/shop`;
    const options = {
      ...postgresOptions(server, []),
      connection: connectionTo(url),
      tables: [{ namespace: 'shop', name: 'names' }],
      publication: 'rowseal_names',
      slot: 'rowseal_names',
    };
    const reader = postgresReader(options);
    const missing = async (): Promise<readonly (string | null)[]> =>
      (await reader.source.preflight()).filter(({ code }) => code === 'RS-PG-015').map(({ fix }) => fix);
    try {
      await reader.until('the copy', () => reader.last?.phase === 'stream');
      expect(reader.rows('shop.names')).toHaveLength(2);
      expect(await missing()).toEqual(['GRANT USAGE ON SCHEMA ext TO "rowseal";']);
      await owner.query('GRANT USAGE ON SCHEMA ext TO rowseal');
      expect(await missing()).toEqual([]);
    } finally {
      await reader.close();
      await owner.end();
    }
  },
);
