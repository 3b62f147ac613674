import { expect } from 'vitest';
import { type MysqlRelease, startMysql, type TestMysql } from './mysql.ts';
import { startPostgres, type TestPostgres } from './postgres.ts';
import { makeProject, readStatus, type TestProject, until } from './project.ts';
import { ReferenceMask } from './reference-mask.ts';
import { RowsealProcess, rowseal } from './rowseal-process.ts';
import { queryWarehouse } from './warehouse.ts';

/** A small source of either kind: `shop.t` has a key and a masked column, `shop.bag` no key. */
export interface GapShop {
  readonly url: string;
  readonly tables: readonly string[];
  run(...statements: readonly string[]): Promise<void>;
  rows(sql: string): Promise<(string | null)[][]>;
  /** A position that a stream must have reached to have everything that was run so far. */
  end(): Promise<string>;
  stop(): Promise<void>;
}

export async function mysqlShop(
  release: MysqlRelease,
  options: readonly string[] = [],
  keyless = true,
): Promise<GapShop & { readonly server: TestMysql }> {
  const server = await startMysql(release, options);
  const rows = async (sql: string): Promise<(string | null)[][]> => {
    const client = await server.client();
    try {
      const [found] = (await client.query({ sql, rowsAsArray: true })) as unknown as [(string | null)[][]];
      return Array.isArray(found)
        ? found.map((row) => row.map((cell) => (cell === null ? null : String(cell))))
        : [];
    } finally {
      await client.end();
    }
  };
  const shop = {
    server,
    url: server.url,
    tables: keyless ? ['shop.t', 'shop.bag'] : ['shop.t'],
    run: async (...statements: readonly string[]) => {
      for (const sql of statements) await rows(sql);
    },
    rows,
    end: async () => {
      const [[file, offset]] = (await rows((await server.statements()).binlogEnd)) as [[string, string]];
      return `${file}:${offset}`;
    },
    stop: () => server.stop(),
  };
  await shop.run('CREATE DATABASE shop', ...SCHEMA);
  return shop;
}

export async function postgresShop(): Promise<GapShop & { readonly server: TestPostgres }> {
  const server = await startPostgres(18);
  const client = await server.client();
  const shop = {
    server,
    url: server.url(),
    tables: ['shop.t', 'shop.bag'],
    run: async (...statements: readonly string[]) => {
      for (const sql of statements) await client.query(sql);
    },
    rows: async (sql: string) =>
      (await client.query({ text: sql, rowMode: 'array' })).rows.map((row: unknown[]) =>
        row.map((cell) => (cell === null ? null : String(cell))),
      ),
    end: async () =>
      (await client.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn')).rows[0]!.lsn,
    stop: async () => {
      await client.end();
      await server.stop();
    },
  };
  await shop.run('CREATE SCHEMA shop', ...SCHEMA, 'ALTER TABLE shop.bag REPLICA IDENTITY FULL');
  return shop;
}

const SCHEMA = [
  'CREATE TABLE shop.t (id int PRIMARY KEY, v varchar(40), email varchar(80))',
  'CREATE TABLE shop.bag (n int, w varchar(20))',
  ...Array.from(
    { length: 40 },
    (_, i) => `INSERT INTO shop.t VALUES (${i}, 'value ${i}', 'p${i}@example.com')`,
  ),
  "INSERT INTO shop.bag VALUES (1, 'one'), (1, 'one'), (2, 'two')",
];

export const SHOP_MASK = {
  'shop.t': { id: 'keep', v: 'keep', email: { domain: 'email' } },
  'shop.bag': { n: 'keep', w: 'keep' },
  'shop.later': { id: 'keep', v: 'keep', n: 'keep' },
} as const;

export function shopProject(shop: GapShop, tables = shop.tables): Promise<TestProject> {
  const mask = Object.fromEntries(Object.entries(SHOP_MASK).filter(([name]) => tables.includes(name)));
  return makeProject({
    url: shop.url,
    tables,
    mask: { domains: { email: { method: 'token' } }, tables: mask },
    history: true,
  });
}

/** Runs until everything that was committed before is in the warehouse, then stops. */
export async function runToTheEnd(shop: GapShop, project: TestProject): Promise<RowsealProcess> {
  const end = comparable(await shop.end());
  const run = new RowsealProcess(['run', '--config', project.configFile]);
  await until('the warehouse has caught up', async () => {
    if (!run.running) throw new Error(`the process ended:\n${run.output.slice(-3_000)}`);
    const status = (await readStatus(project)) as unknown as {
      state: string;
      source: { position: string | null };
      sinks: { behind_groups: number }[];
    } | null;
    if (status?.state === 'halted') throw new Error(`halted:\n${run.output.slice(-3_000)}`);
    return (
      status?.state === 'streaming' &&
      comparable(status.source.position?.split(' ')[0] ?? '') >= end &&
      status.sinks.every((sink) => sink.behind_groups === 0)
    );
  });
  expect((await run.terminate()).code, run.output).toBe(0);
  return run;
}

/** Numbers of one width, so that text compares as they do: `0/1A2B` and `binlog.000002:1234`. */
function comparable(place: string): string {
  const lsn = /^([0-9A-F]+)\/([0-9A-F]+)$/.exec(place);
  if (lsn !== null) return lsn[1]!.padStart(8, '0') + lsn[2]!.padStart(8, '0');
  const [file = '', offset = ''] = place.split(':');
  return file + offset.padStart(16, '0');
}

/** Row by row; what vanished from the source is gone from the mirror too. */
export async function expectMirrorEqualsSource(
  shop: GapShop,
  project: TestProject,
  tables = shop.tables,
): Promise<void> {
  const mask = new ReferenceMask(project.maskKey);
  const sorted = (rows: readonly (readonly (string | null)[])[]): string[] =>
    rows.map((row) => JSON.stringify(row)).sort();
  for (const table of tables) {
    const columns = Object.keys(SHOP_MASK[table as keyof typeof SHOP_MASK]);
    const sql = `SELECT ${columns.join(', ')} FROM ${table}`;
    const expected = (await shop.rows(sql)).map((row) =>
      row.map((cell, i) => (columns[i] === 'email' ? mask.token('domain:email', cell) : cell)),
    );
    expect(sorted(await queryWarehouse(project.warehouseFile, sql)), table).toEqual(sorted(expected));
  }
  expect(await queryWarehouse(project.warehouseFile, 'SELECT * FROM _rowseal.dead_letters')).toEqual([]);
}

export interface Verified {
  readonly code: number | null;
  readonly groups: number;
  readonly gaps: readonly {
    readonly cause: string;
    readonly from: string;
    readonly to: string;
    readonly actor: string;
    readonly reason: string;
    readonly copied: boolean;
    readonly group: number;
  }[];
  readonly problems: readonly unknown[];
}

export async function verify(project: TestProject): Promise<Verified> {
  const { code, stdout } = await rowseal(['audit', 'verify', '--dir', project.auditDirectory, '--json']);
  return { code, ...(JSON.parse(stdout) as Omit<Verified, 'code'>) };
}
