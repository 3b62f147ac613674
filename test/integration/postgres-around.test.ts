import type { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Chunk } from '../../connectors/sources/postgres/chunk.ts';
import type { PostgresSourceOptions } from '../../connectors/sources/postgres/options.ts';
import { createPostgresSource } from '../../connectors/sources/postgres/source.ts';
import { TableReader } from '../../connectors/sources/postgres/table-reader.ts';
import { TableVersions } from '../../connectors/sources/postgres/table-versions.ts';
import { UnseenTransactions } from '../../connectors/sources/postgres/visibility.ts';
import { type RawCell, UNCHANGED } from '../../src/model/cell.ts';
import { Image } from '../../src/model/change.ts';
import type { MirrorReader } from '../support/mirror-reader.ts';
import { noPostgres } from '../support/needs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import {
  connectionTo,
  postgresOptions,
  postgresReader,
  resumed,
  steadyReader,
} from '../support/postgres-source.ts';
import { until } from '../support/project.ts';

/** What is done to server, publication and connections while the stream runs, and the stream does not tell. */
describe.skipIf(noPostgres(18))('around the stream of a Postgres source', () => {
  let server: TestPostgres;
  let client: Client;
  let database = 0;
  const readers: MirrorReader[] = [];

  beforeAll(async () => {
    server = await startPostgres(18);
  });

  afterAll(async () => {
    await server?.stop();
  });

  beforeEach(async () => {
    database++;
    await server.createDatabase(`around${database}`);
    client = await server.client(`around${database}`);
  });

  afterEach(async () => {
    for (const reader of readers.splice(0)) await reader.close().catch(() => {});
    await client.end();
  });

  const options = (
    tables: readonly string[],
    more: Partial<PostgresSourceOptions> = {},
  ): PostgresSourceOptions =>
    postgresOptions(server, tables, {
      database: `around${database}`,
      slot: `around${database}`,
      publication: 'around',
      ...more,
    });

  const kept = (reader: MirrorReader): MirrorReader => {
    readers.push(reader);
    return reader;
  };

  const streaming = async (reader: MirrorReader): Promise<MirrorReader> => {
    await kept(reader).until('streaming', () => reader.last?.phase === 'stream');
    return reader;
  };

  const errorsOf = async (tables: readonly string[]) => {
    const source = createPostgresSource(options(tables));
    const findings = await source.preflight();
    await source.close();
    return findings
      .filter(({ level }) => level === 'error')
      .map(({ code, subject, fix }) => [code, subject, fix]);
  };

  const warningsOf = (reader: MirrorReader) =>
    (reader.source.stats().warnings ?? []).map(({ code, fix }) => [code, fix]);

  describe('partitions that log less of a row than their table says', () => {
    const FULL = (table: string): string => `ALTER TABLE public.${table} REPLICA IDENTITY FULL;`;

    const beforeImages = (reader: MirrorReader): RawCell[][] => {
      const before: RawCell[][] = [];
      reader.watch = {
        version: () => {},
        event: (event) => {
          if (event.kind !== 'rows') return;
          const { images, cells, table, count } = event.run;
          const width = table.columns.length;
          let at = 0;
          for (let i = 0; i < count; i++) {
            if ((images[i]! & Image.before) !== 0) before.push(cells.slice(at, at + width));
            at += width * (images[i] === (Image.before | Image.after) ? 2 : 1);
          }
        },
      };
      return before;
    };

    it('are met before the application is, and when they come later', async () => {
      await client.query(
        `CREATE TABLE bag (id int, v text) PARTITION BY RANGE (id); CREATE TABLE bag1 PARTITION OF bag FOR VALUES FROM (0) TO (10);
         CREATE TABLE t (id int PRIMARY KEY, v text) PARTITION BY RANGE (id); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
         CREATE TABLE by_index (id int PRIMARY KEY, u int NOT NULL, UNIQUE (id, u)) PARTITION BY RANGE (id);
         CREATE TABLE by_index1 PARTITION OF by_index FOR VALUES FROM (0) TO (10);
         CREATE TABLE fine (id int PRIMARY KEY, v text) PARTITION BY RANGE (id); CREATE TABLE fine1 PARTITION OF fine FOR VALUES FROM (0) TO (10);
         ALTER TABLE fine1 REPLICA IDENTITY FULL;
         ALTER TABLE bag REPLICA IDENTITY FULL; ALTER TABLE t REPLICA IDENTITY FULL;
         ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_id_u_key`,
      );
      const tables = ['bag', 't', 'by_index', 'fine'];
      expect(await errorsOf(tables)).toEqual([
        ['RS-PG-007', 'public.bag', `${FULL('bag1')}   -- or add a primary key`],
        ['RS-PG-052', 'public.t', FULL('t1')],
        ['RS-PG-052', 'public.by_index', FULL('by_index1')],
      ]);
      await client.query(`${FULL('bag1')} ${FULL('t1')} ${FULL('by_index1')}`);
      expect(await errorsOf(tables)).toEqual([]);
      const reader = await streaming(postgresReader(options(tables)));
      expect(warningsOf(reader)).toEqual([]);
      await client.query('CREATE TABLE bag2 PARTITION OF bag FOR VALUES FROM (10) TO (20)');
      await until('the warning', () => warningsOf(reader).length > 0);
      expect(warningsOf(reader)).toEqual([['RS-PG-007', `${FULL('bag2')}   -- or add a primary key`]]);
      // The application cannot update it; what goes on must not stand still for that.
      expect(await errorsOf(tables)).toEqual([]);
      await client.query(FULL('bag2'));
      await until('nothing to warn of', () => warningsOf(reader).length === 0);
    });

    it('take nothing from the old rows of those that log all of them', async () => {
      await client.query(
        `CREATE TABLE bag (id int, v text) PARTITION BY RANGE (id); CREATE TABLE bag1 PARTITION OF bag FOR VALUES FROM (0) TO (10);
         CREATE TABLE t (id int PRIMARY KEY, v text, w text) PARTITION BY RANGE (id);
         CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10); CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (10) TO (20);
         ALTER TABLE bag REPLICA IDENTITY FULL; ALTER TABLE t REPLICA IDENTITY FULL; ${FULL('bag1')} ${FULL('t1')}
         INSERT INTO bag VALUES (1, 'a'), (2, 'b'); INSERT INTO t VALUES (1, 'a', NULL), (11, 'a', NULL)`,
      );
      const reader = await streaming(postgresReader(options(['bag', 't'])));
      const before = beforeImages(reader);
      await client.query('CREATE TABLE bag2 PARTITION OF bag FOR VALUES FROM (10) TO (20)');
      await client.query(
        `INSERT INTO bag VALUES (11, 'c'); UPDATE bag SET v = 'A' WHERE id = 1; DELETE FROM bag WHERE id = 2;
         UPDATE t SET v = 'A' WHERE id = 1; UPDATE t SET id = id + 1 WHERE id = 11; DELETE FROM t WHERE id = 1`,
      );
      await reader.until('the rows', () => reader.rows('public.t').length === 1 && before.length === 5);
      expect(before).toEqual([
        ['1', 'a'],
        ['2', 'b'],
        ['1', 'a', null],
        ['11', UNCHANGED, UNCHANGED],
        ['1', 'A', null],
      ]);
      expect(reader.rows('public.bag')).toEqual([
        ['1', 'A'],
        ['11', 'c'],
      ]);
      // One that can be mistaken: with a key, in a table without one.
      await client.query(
        'CREATE TABLE bag3 PARTITION OF bag (PRIMARY KEY (id)) FOR VALUES FROM (20) TO (30)',
      );
      await client.query("INSERT INTO bag VALUES (21, 'd'); DELETE FROM bag WHERE id = 1");
      await reader.until('the row', () => before.length === 6);
      expect(before[5]).toEqual(['1', 'A']);
    });

    it('may have another key than the table: what they log is known by its columns, also under another name', async () => {
      await client.query(
        `CREATE TABLE t (id int PRIMARY KEY, u int NOT NULL, v text) PARTITION BY RANGE (id); ALTER TABLE t REPLICA IDENTITY FULL;
         CREATE TABLE t1 PARTITION OF t (UNIQUE (id, u)) FOR VALUES FROM (0) TO (10); ALTER TABLE t1 REPLICA IDENTITY USING INDEX t1_id_u_key;
         INSERT INTO t VALUES (1, 5, 'a'), (2, 5, 'b')`,
      );
      const reader = await streaming(postgresReader(options(['t'])));
      const before = beforeImages(reader);
      await client.query('DELETE FROM t WHERE id = 1');
      await reader.until('the row', () => before.length === 1);
      await reader.close();
      await client.query('DELETE FROM t WHERE id = 2; ALTER TABLE t RENAME u TO w');
      const again = kept(resumed(options(['t']), reader));
      await again.until('the row', () => before.length === 2);
      expect(before).toEqual([
        ['1', UNCHANGED, UNCHANGED],
        ['2', UNCHANGED, UNCHANGED],
      ]);
    });

    it('are not taken at their word: what they did not log is not null', async () => {
      await client.query(
        `CREATE TABLE t (id int PRIMARY KEY, v text, big text) PARTITION BY RANGE (id);
         CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10); ALTER TABLE t1 ALTER big SET STORAGE EXTERNAL;
         ALTER TABLE t REPLICA IDENTITY FULL; INSERT INTO t VALUES (1, 'v', repeat('b', 5000)), (5, NULL, NULL)`,
      );
      const reader = await streaming(postgresReader(options(['t'])));
      const before = beforeImages(reader);
      const big = 'b'.repeat(5000);
      const mirror = async (...rows: (string | null)[][]): Promise<void> => {
        await reader.until(
          'the rows',
          () => JSON.stringify(reader.rows('public.t')) === JSON.stringify(rows),
          20_000,
        );
      };
      await client.query('UPDATE t SET id = 2 WHERE id = 1');
      await mirror(['2', 'v', big], ['5', null, null]);
      await client.query('DELETE FROM t WHERE id = 5');
      await mirror(['2', 'v', big]);
      expect(before).toEqual([
        ['1', UNCHANGED, UNCHANGED],
        ['5', UNCHANGED, UNCHANGED],
      ]);
      await reader.close();
      // Mended while the last of it is still to be read.
      await client.query(`UPDATE t SET id = 3 WHERE id = 2; ${FULL('t1')} UPDATE t SET id = 4 WHERE id = 3`);
      const again = kept(resumed(options(['t']), reader));
      await again.until(
        'the rows',
        () => JSON.stringify(again.rows('public.t')) === JSON.stringify([['4', 'v', big]]),
      );
      expect(before.slice(2)).toEqual([
        ['2', UNCHANGED, UNCHANGED],
        ['3', 'v', big],
      ]);
    });

    it('stop the stream where nobody can tell which row it was', async () => {
      await client.query(
        `CREATE TABLE t (id int, v text) PARTITION BY RANGE (id); ALTER TABLE t REPLICA IDENTITY FULL;
         CREATE TABLE t1 PARTITION OF t (PRIMARY KEY (id)) FOR VALUES FROM (0) TO (10)`,
      );
      const reader = await streaming(postgresReader(options(['t'])));
      await client.query("INSERT INTO t VALUES (1, 'v'); DELETE FROM t");
      expect(await reader.fails()).toMatchObject({ code: 'RS-PG-052', detail: 'public.t' });
    });
  });

  it.each(['t1', 't'])('goes on while somebody has locked %s, and leaves nobody waiting', async (locked) => {
    await client.query(
      `CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
       ALTER TABLE t REPLICA IDENTITY FULL; ALTER TABLE t1 REPLICA IDENTITY FULL; CREATE TABLE u (id int PRIMARY KEY)`,
    );
    const first = await streaming(postgresReader(options(['t', 'u'])));
    await first.close();
    const other = await server.client(`around${database}`);
    try {
      await other.query(`BEGIN; LOCK TABLE ${locked} IN ACCESS EXCLUSIVE MODE`);
      const reader = kept(resumed(options(['t', 'u'], { receiveTimeoutMs: 1_000 }), first));
      await client.query('INSERT INTO u VALUES (1)');
      await reader.until('the row', () => reader.rows('public.u').length === 1);
      const waiting = async (): Promise<number> => {
        const { rows } = await client.query<{ count: number }>(
          `SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        return rows[0]!.count;
      };
      // Some looks later.
      const most: number[] = [];
      for (let i = 0; i < 16; i++) {
        most.push(await waiting());
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
      expect(Math.max(...most)).toBeLessThanOrEqual(locked === 't' ? 1 : 0);
      await client.query('INSERT INTO u VALUES (2)');
      await reader.until('the row', () => reader.rows('public.u').length === 2);
    } finally {
      await other.end();
    }
  });

  describe('as a role with limits of its own', () => {
    const limited = (role: string): Partial<PostgresSourceOptions> => ({
      connection: connectionTo(`postgres://${role}:x@${server.host}:${server.port}/around${database}`),
    });

    it('waits while no connection is free', async () => {
      await client.query(
        `CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION around FOR TABLE t;
         CREATE ROLE few LOGIN REPLICATION PASSWORD 'x'; GRANT SELECT ON t TO few`,
      );
      const reader = await streaming(steadyReader(options(['t'], limited('few'))));
      await client.query('ALTER ROLE few CONNECTION LIMIT 0');
      await client.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'few'");
      await reader.until('a refusal', () => reader.retried.some((line) => line.includes('53300')));
      await client.query('ALTER ROLE few CONNECTION LIMIT -1; INSERT INTO t VALUES (1)');
      await reader.until('the row', () => reader.rows('public.t').length === 1);
    });

    it('has no limit of time for a transaction', async () => {
      await client.query(
        `CREATE TABLE bag (v int); ALTER TABLE bag REPLICA IDENTITY FULL; INSERT INTO bag SELECT generate_series(1, 5);
         CREATE PUBLICATION around FOR TABLE bag; CREATE ROLE hasty LOGIN REPLICATION PASSWORD 'x'; GRANT SELECT ON bag TO hasty;
         ALTER ROLE hasty SET transaction_timeout = '300ms'; ALTER ROLE hasty SET idle_session_timeout = '300ms'`,
      );
      const reader = kept(postgresReader(options(['bag'], limited('hasty'))));
      reader.watch = {
        version: () => {},
        event: ({ kind }) => {
          if (kind === 'snapshot') reader.pause(new Promise((resolve) => setTimeout(resolve, 700)));
        },
      };
      await reader.until('the copy', () => reader.lines.includes('snapshot end bag'));
      await client.query('INSERT INTO bag VALUES (6)');
      await reader.until('the row', () => reader.rows('public.bag').length === 6);
    });
  });

  it('sees what becomes of the publication, also after its connection for that was lost', async () => {
    await client.query(
      'CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY); CREATE PUBLICATION around FOR TABLE t, u',
    );
    const reader = await streaming(postgresReader(options(['t', 'u'])));
    await until('its end', async () => {
      const { rowCount } = await client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%FROM pg_publication_rel r%'`,
      );
      return (rowCount ?? 0) > 0;
    });
    await client.query('ALTER PUBLICATION around DROP TABLE u');
    expect(await reader.fails()).toMatchObject({ code: 'RS-PG-021' });
  });

  it('sees that rows are left out from now on', async () => {
    await client.query('CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION around FOR TABLE t');
    const reader = await streaming(postgresReader(options(['t'])));
    await client.query('ALTER PUBLICATION around SET TABLE t WHERE (id > 5)');
    expect(await reader.fails()).toMatchObject({ code: 'RS-PG-031' });
  });

  it('leaves no transaction behind when it is stopped while a copy connects', async () => {
    await client.query('CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)');
    const stop = new AbortController();
    const reader = new TableReader(options(['t']), new TableVersions(), stop.signal);
    const reading = reader.read(
      { namespace: 'public', name: 't' },
      new Chunk(new UnseenTransactions()),
      { order: '', last: null, exhausted: false, owed: [], rows: 0 },
      null,
    );
    reading.catch(() => {});
    stop.abort();
    reader.close();
    await expect(reading).rejects.toMatchObject({ code: 'RS-PG-016' });
    await until('nobody there', async () => {
      const { rows } = await client.query(
        'SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
      );
      return rows.length === 0;
    });
  });
});
