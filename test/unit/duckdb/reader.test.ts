import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closeDatabase, type Database, openDatabase } from '../../../connectors/sinks/duckdb/database.ts';
import { DuckdbReader } from '../../../connectors/sinks/duckdb/reader.ts';
import type { QueryLimits, QueryPart } from '../../../src/deliver/warehouse-reader.ts';

let path: string;
let database: Database;
let reader: DuckdbReader;

async function start(
  limits: Partial<QueryLimits & { tempBytes: number; memory: number }> = {},
): Promise<void> {
  database = await openDatabase({
    path,
    memoryLimitBytes: 40_000_000,
    readMemoryBytes: limits.memory ?? 40_000_000,
    threads: 1,
    snapshotDirectory: null,
  });
  await database.connection.run(`
    CREATE SCHEMA _rowseal; CREATE TABLE _rowseal.cursor (pipeline VARCHAR, epoch BIGINT, group_index BIGINT);
    INSERT INTO _rowseal.cursor VALUES ('p', 1, 7);
    CREATE SCHEMA s; CREATE TABLE s.t AS SELECT range AS id, 'row ' || range AS v FROM range(10000)`);
  reader = new DuckdbReader({ rows: 5_000, timeMs: 120_000, tempBytes: 100_000_000, ...limits });
  reader.opened(database);
}

beforeEach(() => {
  path = join(tmpdir(), `rowseal-reader-${randomUUID()}.duckdb`);
});

afterEach(async () => {
  await reader.closed();
  closeDatabase(database);
  for (const suffix of ['', '.wal', '.tmp']) await rm(`${path}${suffix}`, { recursive: true, force: true });
});

async function ask(
  sql: string,
  limits: Partial<QueryLimits> = {},
  signal = new AbortController().signal,
): Promise<{ parts: QueryPart[]; rows: unknown[][] }> {
  const parts: QueryPart[] = [];
  for await (const part of reader.query(sql, { rows: 1_000, timeMs: 120_000, ...limits }, signal))
    parts.push(part);
  return {
    parts,
    rows: parts.flatMap((part) => (part.kind === 'rows' ? part.rows.map((row) => [...row]) : [])),
  };
}

describe('reading while the file is written', () => {
  it('answers with columns, the cursor, rows in order, and an end', async () => {
    await start();
    const { parts, rows } = await ask('select id, v from s.t where id < 300 order by id desc;');
    expect(parts[0]).toEqual({
      kind: 'columns',
      group: 7,
      columns: [
        { name: 'id', type: 'BIGINT' },
        { name: 'v', type: 'VARCHAR' },
      ],
    });
    expect(rows.map(([id]) => id)).toEqual(Array.from({ length: 300 }, (_, i) => String(299 - i)));
    expect(parts.at(-1)).toEqual({ kind: 'end', rows: 300, more: false });
  });

  it('stops at the limit and says that there is more', async () => {
    await start();
    const { parts, rows } = await ask('from s.t', { rows: 10 });
    expect(rows).toHaveLength(10);
    expect(parts.at(-1)).toEqual({ kind: 'end', rows: 10, more: true });
    expect((await ask('from s.t', { rows: 1_000_000 })).parts.at(-1)).toEqual({
      kind: 'end',
      rows: 5_000,
      more: true,
    });
  });

  it('shows values as JSON has them, and names that meet', async () => {
    await start();
    const { parts, rows } = await ask(
      "select 1 as a, 2.5::decimal(10,2) as a, null as n, [1, 2] as l, {'x': date '2026-01-02'} as s, true as rowid",
    );
    expect(rows).toEqual([[1, '2.50', null, [1, 2], { x: '2026-01-02' }, true]]);
    expect(parts[0]).toMatchObject({ columns: [{ name: 'a' }, { name: 'a_1' }, { name: 'n' }, {}, {}, {}] });
  });

  it.each([
    ["select * from read_text('/etc/passwd')", 'RS-QRY-001'],
    ["select * from '/etc/passwd'", 'RS-QRY-002'],
    ["select * from 'nothing.parquet'", 'RS-QRY-001'],
    ['delete from s.t', 'RS-QRY-001'],
    ['select 1) limit 1; drop table s.t; select * from (select 1', 'RS-QRY-002'],
    ['select $1', 'RS-QRY-001'],
    ['select nothing from s.t', 'RS-QRY-002'],
    ['selec 1', 'RS-QRY-002'],
    ['select cast(v as int) from s.t', 'RS-QRY-002'],
  ])('refuses or fails: %s', async (sql, code) => {
    await start();
    await expect(ask(sql)).rejects.toMatchObject({ code });
    expect((await ask('select count(*) from s.t')).rows).toEqual([['10000']]);
  });

  it('cannot write whatever the guard says: the transaction is read-only and no other file opens', async () => {
    await start();
    await writeFile(`${path}.other`, 'secret');
    const connection = await database.instance.connect();
    const fails = (sql: string) => expect(connection.run(sql)).rejects.toThrow();
    await connection.run('BEGIN TRANSACTION READ ONLY');
    await fails('DELETE FROM s.t');
    await connection.run('ROLLBACK');
    await fails(`FROM read_text('${path}.other')`);
    await fails(`COPY s.t TO '${path}.copy'`);
    await fails(`ATTACH '${path}.attached'`);
    await fails('SET enable_external_access = true');
    await fails("SET allowed_directories = ['/']");
    await fails('INSTALL httpfs');
    connection.closeSync();
    await rm(`${path}.other`);
    expect(existsSync(`${path}.copy`)).toBe(false);
  });

  it('ends a query whose time is up, and the next one is answered', async () => {
    await start();
    const began = performance.now();
    await expect(
      ask('select count(*) from range(100000000) a, range(1000) b', { timeMs: 200 }),
    ).rejects.toMatchObject({
      code: 'RS-QRY-003',
    });
    await expect(ask('select sleep_ms(60000)', { timeMs: 200 })).rejects.toMatchObject({
      code: 'RS-QRY-003',
    });
    expect(performance.now() - began).toBeLessThan(45_000);
    expect((await ask('select 1')).rows).toEqual([[1]]);
  });

  it('ends a query that nobody waits for any more', async () => {
    await start();
    const left = new AbortController();
    setTimeout(() => left.abort(), 200);
    await expect(
      ask('select count(*) from range(100000000) a, range(1000) b', {}, left.signal),
    ).rejects.toMatchObject({
      code: 'RS-QRY-008',
    });
    for await (const part of reader.query(
      'from s.t',
      { rows: 100, timeMs: 120_000 },
      new AbortController().signal,
    ))
      if (part.kind === 'rows') break;
    expect((await ask('select 1')).rows).toEqual([[1]]);
  });

  it('a query that needs too much fails whole; it is never taken for its end', async () => {
    await start({ tempBytes: 8_000_000, memory: 1_000_000 });
    const heavy = 'select count(distinct md5(range::varchar)) from range(4000000)';
    await expect(ask(heavy)).rejects.toMatchObject({ code: 'RS-QRY-004' });
    const settings = "select current_setting('memory_limit'), current_setting('max_temp_directory_size')";
    const now = await database.connection.runAndReadAll(settings);
    expect(now.getRowsJS()[0]![0]).toBe('38.1 MiB');
    expect(now.getRowsJS()[0]![1]).not.toBe('7.6 MiB');
  });

  it('closing does not wait for whoever does not fetch the rest', async () => {
    await start();
    const parts = reader.query('from s.t', { rows: 5_000, timeMs: 60_000 }, new AbortController().signal);
    const first = await parts.next();
    expect(first.value).toMatchObject({ kind: 'columns' });
    const waiting = ask('select 1');
    await reader.closed();
    await expect(parts.next()).rejects.toMatchObject({ code: 'RS-QRY-008' });
    await expect(waiting).rejects.toMatchObject({ code: 'RS-QRY-008' });
  });

  it('closing stops what runs', async () => {
    await start();
    const running = ask('select count(*) from range(100000000) a, range(1000) b');
    const settled = expect(running).rejects.toMatchObject({ code: 'RS-QRY-008' });
    await new Promise((resolve) => setTimeout(resolve, 100));
    await reader.closed();
    await settled;
  });
});
