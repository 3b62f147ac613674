import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PostgresPosition } from '../../src/model/position.ts';
import type { MirrorReader } from '../support/mirror-reader.ts';
import { noPostgres } from '../support/needs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { postgresOptions, postgresReader, resumed } from '../support/postgres-source.ts';

describe.skipIf(noPostgres(18))('copies woven into the stream', () => {
  let server: TestPostgres;
  let client: Client;

  beforeAll(async () => {
    server = await startPostgres(18);
  });

  afterAll(async () => {
    await server?.stop();
  });

  /** A database of its own for each test. */
  const fresh = async (name: string, sql: string): Promise<void> => {
    await client?.end();
    await server.createDatabase(name);
    client = await server.client(name);
    await client.query(sql);
  };

  const texts = async (table: string): Promise<(string | null)[][]> => {
    const { rows } = await client.query({
      text: `SELECT * FROM ${table}`,
      rowMode: 'array',
      types: { getTypeParser: () => (value: string) => value } as never,
    });
    return (rows as (string | null)[][]).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  };

  const equal = async (reader: MirrorReader, tables: readonly string[]): Promise<void> => {
    for (const table of tables) {
      const [mirror, source] = [reader.rows(`public.${table}`), await texts(table)].map((rows) =>
        rows.map((row) => row.map((cell) => String(cell).slice(0, 40)).join('|')),
      );
      const [here, there] = [new Set(mirror), new Set(source)];
      const wrong = [
        ...mirror!.filter((row) => !there.has(row)).map((row) => `+ ${row}`),
        ...source!.filter((row) => !here.has(row)).map((row) => `- ${row}`),
      ];
      expect(wrong.slice(0, 10), table).toEqual([]);
      expect(mirror!.length, table).toBe(source!.length);
    }
  };

  /** The stream has come to what is committed now. */
  const caughtUp = async (reader: MirrorReader): Promise<void> => {
    const { rows } = await client.query<{ lsn: string }>(
      "SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::text AS lsn",
    );
    await reader.until('the end of the WAL', () => {
      const last = reader.last as PostgresPosition | null;
      return (
        last !== null &&
        last.phase === 'stream' &&
        (last.copying ?? []).length === 0 &&
        last.lsn >= BigInt(rows[0]!.lsn)
      );
    });
  };

  it('keeps every row, TOAST and all, while keys of every kind change under the copy and it is broken off', {
    timeout: 180_000,
  }, async () => {
    const kinds: Record<string, [string, string]> = {
      k_int: ['id int', 'n'],
      k_big: ['id bigint', '9000000000000000000 + n'],
      k_num: ['id numeric', 'n / 8.0'],
      k_dbl: ['id double precision', 'n / 7.0'],
      k_txt: ['id text', "CASE n % 2 WHEN 0 THEN 'K' ELSE 'k' END || n || 'é'"],
      k_chr: ['id char(12)', "'c' || n"],
      k_uid: ['id uuid', 'md5(n::text)::uuid'],
      k_byt: ['id bytea', "decode(md5(n::text), 'hex')"],
      k_ts: ['id timestamptz', "timestamptz '2000-01-01' + n * interval '1 hour'"],
      k_two: ['b text, a int', "'x' || n % 10, n"],
    };
    const tables = Object.keys(kinds);
    let sql = '';
    for (const [table, [columns, expression]] of Object.entries(kinds)) {
      const key = table === 'k_two' ? 'a, b' : 'id';
      sql += `CREATE TABLE ${table} (v int, ${columns}, note text, big text, PRIMARY KEY (${key}));
        ALTER TABLE ${table} ALTER big SET STORAGE EXTERNAL;
        INSERT INTO ${table} SELECT n, ${expression}, 'first', repeat(md5(n::text), 80) FROM generate_series(1, 3000) n;`;
    }
    await fresh('kinds', sql);
    const options = postgresOptions(server, tables, {
      database: 'kinds',
      copyTables: 3,
      slot: 's1',
      publication: 's1',
    });
    let working = true;
    const writer = await server.client('kinds');
    let moved = 0;
    const work = (async (): Promise<void> => {
      for (let i = 0; working; i++) {
        const table = tables[i % tables.length]!;
        const [, expression] = kinds[table]!;
        const n = (i * 7919) % 3000;
        const key = table === 'k_two' ? '(b, a)' : 'id';
        const other = `(${expression.replaceAll(/\bn\b/g, String(10_000 + ((i * 31) % 90_000)))})`;
        // Left alone: the TOASTed value. From anywhere to anywhere.
        await writer.query(`UPDATE ${table} SET note = 'second' WHERE v % 97 = ${n % 97}`);
        await writer.query(
          `UPDATE ${table} SET v = v + 10000, ${key} = ${other} WHERE v = ${n} AND NOT EXISTS (SELECT FROM ${table} WHERE ${key} = ${other})`,
        );
        moved++;
        await writer.query(`DELETE FROM ${table} WHERE v % 211 = ${n % 211}`);
        await writer.query(
          `INSERT INTO ${table} SELECT n, ${expression}, 'new', repeat(md5(n::text), 80) FROM generate_series(${100_000 + i * 3}, ${100_002 + i * 3}) n`,
        );
      }
    })();
    work.catch(() => {});
    let reader = postgresReader(options);
    for (let i = 0; i < 5; i++) {
      const chunks = reader.transactions.filter((id) => id === 'snapshot').length;
      await reader.until(
        'some chunks',
        () => reader.transactions.filter((id) => id === 'snapshot').length >= chunks + 6,
      );
      await reader.close();
      expect(reader.error).toBeNull();
      reader = resumed(options, reader);
    }
    await reader.until(
      'the end of the copies',
      () => (reader.last as PostgresPosition).phase === 'stream',
      120_000,
    );
    working = false;
    await work;
    await writer.end();
    expect(moved).toBeGreaterThan(100);
    await caughtUp(reader);
    await equal(reader, tables);
    // Begun once each, whatever was broken off; ended once.
    for (const table of tables)
      expect(reader.lines.filter((line) => line.endsWith(` ${table}`)).sort()).toEqual([
        `snapshot begin ${table}`,
        `snapshot end ${table}`,
      ]);
    await reader.close();
    expect(reader.error).toBeNull();
  });
});
