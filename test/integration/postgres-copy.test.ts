import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KeylessCopy } from '../../connectors/sources/postgres/keyless-copy.ts';
import type { PostgresSourceOptions } from '../../connectors/sources/postgres/options.ts';
import { openSlotSnapshot } from '../../connectors/sources/postgres/slot-snapshot.ts';
import { createPostgresSource } from '../../connectors/sources/postgres/source.ts';
import { TableVersions } from '../../connectors/sources/postgres/table-versions.ts';
import type { PostgresPosition } from '../../src/model/position.ts';
import { MirrorReader } from '../support/mirror-reader.ts';
import { noPostgres } from '../support/needs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { postgresOptions, postgresReader, resumed } from '../support/postgres-source.ts';
import { until } from '../support/project.ts';

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
    timeout: 300_000,
  }, async () => {
    const mixedCase = "CASE n % 2 WHEN 0 THEN 'K' ELSE 'k' END";
    const kinds: Record<string, [columns: string, expression: string, primary?: string]> = {
      k_int: ['id int', 'n'],
      k_big: ['id bigint', '9000000000000000000 + n'],
      k_num: ['id numeric', 'n / 8.0'],
      k_dbl: ['id double precision', 'n / 7.0'],
      k_txt: ['id text', `${mixedCase} || n || 'é'`],
      k_chr: ['id char(12)', "'c' || n"],
      k_uid: ['id uuid', 'md5(n::text)::uuid'],
      k_byt: ['id bytea', "decode(md5(n::text), 'hex')"],
      k_ts: ['id timestamptz', "timestamptz '2000-01-01' + n * interval '1 hour'"],
      k_two: ['b text, a int', "'x' || n % 10, n", '(a, b)'],
      // Ordered by operators of extensions, which no search path leads to.
      k_cit: ['id citext', `(${mixedCase} || n || 'é')::citext`],
      k_lpt: ['id ltree', "('a' || n % 7 || '.b' || n)::ltree"],
      k_mix: ['b citext, a int', `(${mixedCase} || n % 10)::citext, n`, '(b, a)'],
      k_inc: ['id int', 'n', '(id) INCLUDE (note)'],
    };
    const tables = Object.keys(kinds);
    let sql = 'CREATE EXTENSION citext; CREATE EXTENSION ltree;';
    for (const [table, [columns, expression, primary = '(id)']] of Object.entries(kinds)) {
      sql += `CREATE TABLE ${table} (v int, ${columns}, note text, big text, PRIMARY KEY ${primary});
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
        const [columns, expression] = kinds[table]!;
        const n = (i * 7919) % 3000;
        const key = columns.includes(',') ? '(b, a)' : 'id';
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
    // The copies go on, and end, under changes.
    reader.pause(until('some changes', () => moved > 100));
    await reader.until('the end of the copies', () => (reader.last as PostgresPosition).phase === 'stream');
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

  it('waits for a commit that the stream has told of and a snapshot does not show yet', async () => {
    await fresh(
      'unseen',
      `CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT g, 0 FROM generate_series(1, 100) g`,
    );
    const options = postgresOptions(server, ['t'], { database: 'unseen', slot: 's2', publication: 's2' });
    const first = postgresReader(options);
    await first.until('streaming', () => first.last?.phase === 'stream');
    const slow = await server.client('unseen');
    const pid = (await slow.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')).rows[0]!.pid;
    try {
      // A commit waits for a standby that is not there: in the WAL, decoded, and shown by no snapshot.
      await client.query("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
      await client.query('SET synchronous_commit = local; SELECT pg_reload_conf()');
      await slow.query('SET synchronous_commit = on');
      // Sessions ask a flag that the checkpointer sets after it has read the settings: commits do not wait until then.
      await until('a commit that waits for the standby', async () => {
        let committed = false;
        const probe = slow.query('UPDATE t SET v = 0 WHERE id = 7').then(() => {
          committed = true;
        });
        let waiting = false;
        while (!committed && !waiting) {
          const { rows } = await client.query<{ wait_event: string | null }>(
            'SELECT wait_event FROM pg_stat_activity WHERE pid = $1',
            [pid],
          );
          waiting = rows[0]?.wait_event === 'SyncRep';
        }
        if (waiting) await client.query('SELECT pg_cancel_backend($1)', [pid]);
        await probe;
        return waiting;
      });
      const hanging = slow.query('UPDATE t SET v = 1 WHERE id = 7');
      await first.until('the change in the stream', () =>
        first.rows('public.t').some((row) => row.join() === '7,1'),
      );
      await first.close();
      expect((await client.query('SELECT v FROM t WHERE id = 7')).rows).toEqual([{ v: 0 }]);
      const due = { ...(first.last as PostgresPosition), copying: [{ namespace: 'public', name: 't' }] };
      const second = postgresReader(options, due);
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      expect([second.error, second.lines]).toEqual([null, []]);
      await client.query('SELECT pg_cancel_backend($1)', [pid]);
      await hanging;
      await second.until('the copy', () => second.lines.includes('snapshot end t'));
      await equal(second, ['t']);
      await second.close();
    } finally {
      await client.query('ALTER SYSTEM RESET synchronous_standby_names');
      await client.query('SELECT pg_reload_conf()');
      await slow.end();
    }
  });

  describe('of a table without a key, when it is broken off as it begins', { timeout: 240_000 }, () => {
    const options = (): PostgresSourceOptions =>
      postgresOptions(server, ['bag'], { database: 'begins', slot: 'begins', publication: 'begins' });
    const OURS = "datname = 'begins' AND application_name <> ''";
    const copyDue = (at: PostgresPosition): PostgresPosition => ({
      ...at,
      copying: [{ namespace: 'public', name: 'bag' }],
    });
    const nobodyThere = (): Promise<void> =>
      until('nobody there', async () => {
        const { rows } = await client.query(`SELECT FROM pg_stat_activity WHERE ${OURS}`);
        return rows.length === 0;
      });
    let at: PostgresPosition;

    beforeAll(async () => {
      await fresh('begins', `CREATE TABLE bag (v int); INSERT INTO bag VALUES (1), (1)`);
      const first = postgresReader(options());
      await first.until('streaming', () => first.last?.phase === 'stream');
      await first.close();
      at = first.last as PostgresPosition;
    });

    it('keeps neither connection nor slot after a connection was lost, and goes on at the next try', async () => {
      const holder = await server.client('begins');
      await holder.query('BEGIN; SELECT pg_current_xact_id()');
      const reader = postgresReader(options(), copyDue(at));
      await until('the slot that waits for the open transaction', async () => {
        const { rows } = await client.query(
          "SELECT FROM pg_replication_slots WHERE slot_name = 'begins_copy'",
        );
        return rows.length === 1;
      });
      // The first one; the slot and its snapshot have others.
      await client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${OURS} AND backend_type = 'client backend' ORDER BY backend_start LIMIT 1`,
      );
      await holder.query('COMMIT');
      await holder.end();
      await reader.until('the end', () => false).catch(() => {});
      expect(reader.error).toMatchObject({ kind: 'transient' });
      // Before it is closed: who tries again makes the same slot, in the same process.
      const again = postgresReader(options(), copyDue(at));
      await again.until('the copy', () => again.lines.includes('snapshot end bag'));
      await reader.close();
      await again.close();
      at = again.last as PostgresPosition;
      await nobodyThere();
    });

    it('does not wait for whoever alters the table', async () => {
      const holder = await server.client('begins');
      const stop = new AbortController();
      const snapshot = await openSlotSnapshot(options(), 'begins_other', 'temporary', stop.signal);
      await holder.query('BEGIN; LOCK TABLE bag');
      const opening = KeylessCopy.open(
        snapshot,
        options().tables,
        new TableVersions(),
        options(),
        stop.signal,
      );
      opening.catch(() => {});
      await until('the lock that is waited for', async () => {
        const { rows } = await client.query(
          "SELECT FROM pg_locks WHERE relation = 'bag'::regclass AND NOT granted",
        );
        return rows.length === 1;
      });
      stop.abort();
      await expect(opening).rejects.toThrow();
      await until('the end of the slot', async () => {
        const { rows } = await client.query(
          "SELECT FROM pg_replication_slots WHERE slot_name = 'begins_other'",
        );
        return rows.length === 0;
      });
      await holder.query('COMMIT');
      await holder.end();
      await nobodyThere();
    });

    it('keeps neither after it was stopped, whenever that is', async () => {
      for (let i = 0; i < 20; i++) {
        const reader = postgresReader(options(), copyDue(at));
        await new Promise((resolve) => setTimeout(resolve, i * 7));
        await reader.close();
        expect(reader.error).toBeNull();
        at = reader.last as PostgresPosition;
        await nobodyThere();
      }
    });
  });

  it('15: VACUUM FULL, CLUSTER, ALTER TABLE and TRUNCATE between two chunks lose and repeat nothing', {
    timeout: 300_000,
  }, async () => {
    await fresh(
      'rewrites',
      `CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT g, 'v' FROM generate_series(1, 20000) g;
      CREATE TABLE u (id int PRIMARY KEY, v text); INSERT INTO u SELECT g, 'v' FROM generate_series(1, 20000) g; DELETE FROM t WHERE id % 3 = 0`,
    );
    const options = postgresOptions(server, ['t', 'u'], {
      database: 'rewrites',
      slot: 's3',
      publication: 's3',
      copyRowsPerSecond: 6_000,
    });
    const reader = postgresReader(options);
    let step = 0;
    // From one of the first transactions to the next nothing is taken before the statement between them is done.
    let statementDone = Promise.withResolvers<void>();
    reader.watch = {
      event: ({ kind }) => {
        if (kind === 'begin') reader.pause(statementDone.promise);
      },
      version: () => {},
    };
    for (const statement of [
      'VACUUM FULL t',
      'UPDATE t SET id = -id WHERE id % 5 = 0',
      'CLUSTER t USING t_pkey',
      'ALTER TABLE t ALTER id TYPE bigint',
      'ALTER TABLE t ADD COLUMN added int DEFAULT 5',
      "INSERT INTO t SELECT g, 'late', 1 FROM generate_series(30000, 30010) g",
      'TRUNCATE u',
      "INSERT INTO u VALUES (5, 'after'), (50000, 'after')",
    ]) {
      const seen = reader.transactions.length;
      step++;
      await reader.until('a chunk', () => reader.transactions.length > seen || step > 6);
      await client.query(statement);
      statementDone.resolve();
      if (step < 8) statementDone = Promise.withResolvers();
    }
    // That it was retyped is noticed by looking, now and then: only the copy after that has the default of the new column.
    await reader.until('the copy of the table that was retyped', () => {
      const rows = [...(reader.tables.get('public.t')?.rows.values() ?? [])];
      return rows.length > 0 && rows.every(({ cells }) => cells.length === 3 && cells[2] !== null);
    });
    await caughtUp(reader);
    await equal(reader, ['t', 'u']);
    await reader.close();
    expect(reader.error).toBeNull();
  });

  it('copies tables without a key in one snapshot, and again when one was rewritten under it', async () => {
    await fresh(
      'keyless',
      `CREATE TABLE t (v int); ALTER TABLE t REPLICA IDENTITY FULL; INSERT INTO t SELECT g % 10 FROM generate_series(1, 5000) g`,
    );
    const options = postgresOptions(server, ['t'], { database: 'keyless', slot: 's4', publication: 's4' });
    const snapshot = await openSlotSnapshot(options, 's4_other', 'temporary', new AbortController().signal);
    await client.query('ALTER TABLE t ALTER v TYPE bigint');
    // What the copy would have found: nothing.
    expect((await snapshot.reader.query('SELECT count(*)::int AS n FROM t')).rows).toEqual([{ n: 0 }]);
    await expect(
      KeylessCopy.open(snapshot, options.tables, new TableVersions(), options, new AbortController().signal),
    ).rejects.toMatchObject({
      code: 'RS-PG-025',
      kind: 'transient',
    });
    const reader = postgresReader(options);
    await client.query('INSERT INTO t VALUES (77); DELETE FROM t WHERE v = 3');
    await caughtUp(reader);
    await equal(reader, ['t']);
    await reader.close();
    await client.query('UPDATE t SET v = v + 100 WHERE v < 5');
    const due = { ...(reader.last as PostgresPosition), copying: options.tables };
    // As a process leaves it that was killed while it copied, until the server notices.
    const left = await openSlotSnapshot(options, 's4_copy', 'temporary', new AbortController().signal);
    const early = new MirrorReader(createPostgresSource(options), due);
    expect(await early.fails()).toMatchObject({ code: 'RS-PG-012', kind: 'transient' });
    await left.close();
    await until('the slot is gone', async () => {
      const { rowCount } = await client.query(
        "SELECT 1 FROM pg_replication_slots WHERE slot_name = 's4_copy' OR (slot_name = 's4' AND active)",
      );
      return rowCount === 0;
    });
    const again = new MirrorReader(createPostgresSource(options), due, reader);
    await again.until('the copy', () => again.lines.filter((line) => line === 'snapshot end t').length === 2);
    await caughtUp(again);
    await equal(again, ['t']);
    await again.close();
    expect(again.error).toBeNull();
  });

  it('copies a table again when it was dropped and created again, and stops when it was renamed', async () => {
    await fresh(
      'replaced',
      `CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT g, 'old' FROM generate_series(1, 500) g; CREATE TABLE u (id int PRIMARY KEY)`,
    );
    await client.query('CREATE PUBLICATION s5 FOR ALL TABLES');
    const options = postgresOptions(server, ['t', 'u'], {
      database: 'replaced',
      slot: 's5',
      publication: 's5',
    });
    const reader = postgresReader(options);
    await reader.until('streaming', () => reader.last?.phase === 'stream');
    await client.query(
      'BEGIN; DROP TABLE t; CREATE TABLE t (id bigint PRIMARY KEY, other int); INSERT INTO t VALUES (7, 7); COMMIT',
    );
    await reader.until(
      'the copy',
      () => reader.lines.filter((line) => line === 'snapshot end t').length === 2,
    );
    await caughtUp(reader);
    await equal(reader, ['t']);
    await client.query('ALTER TABLE u RENAME TO v; INSERT INTO v VALUES (1)');
    expect(await reader.fails()).toMatchObject({ code: 'RS-PG-030', kind: 'schema' });
  });

  it('keeps a copy under its limit, and tells how far it is', { timeout: 300_000 }, async () => {
    await fresh(
      'paced',
      `CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT g, 'v' FROM generate_series(1, 10000) g; ANALYZE t`,
    );
    const options = postgresOptions(server, ['t'], {
      database: 'paced',
      slot: 's6',
      publication: 's6',
      copyRowsPerSecond: 4_000,
    });
    const began = performance.now();
    const reader = postgresReader(options);
    await until('progress', () => (reader.source.stats().snapshot?.rows ?? 0) > 0);
    const progress = reader.source.stats().snapshot!;
    expect(progress).toMatchObject({ table: 'public.t', estimatedRows: 10_000 });
    expect(progress.secondsLeft).toBeGreaterThanOrEqual(0);
    await caughtUp(reader);
    expect(performance.now() - began).toBeGreaterThan(1_000);
    await equal(reader, ['t']);
    expect(reader.source.stats().snapshot).toBeNull();
    await reader.close();
  });
});
