import type { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PostgresSourceOptions } from '../../connectors/sources/postgres/options.ts';
import { createPostgresSource } from '../../connectors/sources/postgres/source.ts';
import { Op } from '../../src/model/change.ts';
import type { PostgresPosition } from '../../src/model/position.ts';
import type { MirrorReader } from '../support/mirror-reader.ts';
import { noPostgres } from '../support/needs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { postgresOptions, postgresReader, resumed } from '../support/postgres-source.ts';
import { until } from '../support/project.ts';

/** The traps of research/cdc.md §4 by their numbers, on a server. Those of versions run on each of them elsewhere. */
describe.skipIf(noPostgres(18))('the traps of a Postgres source', () => {
  let server: TestPostgres;
  let client: Client;
  let database = 0;
  const readers: MirrorReader[] = [];

  beforeAll(async () => {
    server = await startPostgres(18, { synchronous_standby_names: '' });
  });

  afterAll(async () => {
    await server?.stop();
  });

  beforeEach(async () => {
    database++;
    await server.createDatabase(`trap${database}`);
    client = await server.client(`trap${database}`);
  });

  afterEach(async () => {
    for (const reader of readers.splice(0)) await reader.close().catch(() => {});
    await client.query(
      'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database() AND NOT active',
    );
    await client.end();
  });

  const options = (
    tables: readonly string[],
    more: Partial<PostgresSourceOptions> = {},
  ): PostgresSourceOptions =>
    postgresOptions(server, tables, {
      database: `trap${database}`,
      slot: `trap${database}`,
      publication: 'trap',
      ...more,
    });

  const kept = (reader: MirrorReader): MirrorReader => {
    readers.push(reader);
    return reader;
  };

  /** Streams, everything copied. */
  const streaming = async (
    tables: readonly string[],
    more: Partial<PostgresSourceOptions> = {},
  ): Promise<MirrorReader> => {
    const reader = kept(postgresReader(options(tables, more)));
    await reader.until('streaming', () => reader.last?.phase === 'stream');
    return reader;
  };

  const fails = async (position: PostgresPosition, tables: readonly string[]): Promise<unknown> =>
    kept(postgresReader(options(tables), position)).fails();

  const lastOf = (reader: MirrorReader): PostgresPosition => reader.last as PostgresPosition;
  const ids = (reader: MirrorReader, table: string): string[] =>
    reader.rows(`public.${table}`).map(([id]) => String(id));

  it('1: a position below what the slot has confirmed is a hole, not a place to begin', async () => {
    await client.query('CREATE TABLE t (id int PRIMARY KEY)');
    const reader = await streaming(['t']);
    await reader.close();
    expect(await fails({ ...lastOf(reader), lsn: 1n }, ['t'])).toMatchObject({
      code: 'RS-PG-009',
      kind: 'source-lost',
    });
  });

  it('2: a slot that was made again under the same name is another one', async () => {
    await client.query('CREATE TABLE t (id int PRIMARY KEY)');
    const reader = await streaming(['t']);
    await reader.close();
    await until('the slot is free', async () => {
      const { rows } = await client.query(
        'SELECT 1 FROM pg_replication_slots WHERE active AND slot_name = $1',
        [`trap${database}`],
      );
      return rows.length === 0;
    });
    await client.query('SELECT pg_drop_replication_slot($1)', [`trap${database}`]);
    await client.query('INSERT INTO t VALUES (1)');
    expect(await fails(lastOf(reader), ['t'])).toMatchObject({ code: 'RS-PG-008' });
    await client.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [`trap${database}`]);
    expect(await fails(lastOf(reader), ['t'])).toMatchObject({ code: 'RS-PG-009' });
    await client.query('SELECT pg_drop_replication_slot($1)', [`trap${database}`]);
    await client
      .query("SELECT pg_create_logical_replication_slot($1, 'test_decoding')", [`trap${database}`])
      .catch(() => {});
  });

  it('5: WAL of others moves the slot on, and only what was confirmed', async () => {
    await client.query('CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE other (i int)');
    const reader = await streaming(['t']);
    const before = await confirmedFlush();
    await client.query('INSERT INTO other SELECT generate_series(1, 20000)');
    await until('the slot moves', async () => (await confirmedFlush()) > before);
    expect(await confirmedFlush()).toBeLessThanOrEqual(lastOf(reader).lsn);
  });

  it('6: what is not confirmed stays with the server, whatever was read', async () => {
    await client.query('CREATE TABLE t (id int PRIMARY KEY)');
    const first = await streaming(['t']);
    await first.close();
    // What it told last, the server may hear a moment later.
    await until('the slot is free', async () => {
      const { rows } = await client.query(
        'SELECT 1 FROM pg_replication_slots WHERE active AND slot_name = $1',
        [`trap${database}`],
      );
      return rows.length === 0;
    });
    const before = await confirmedFlush();
    const source = createPostgresSource(options(['t']));
    const stop = new AbortController();
    let rows = 0;
    const reading = (async () => {
      for await (const batch of source.open(first.last, stop.signal))
        for (const event of batch.events) if (event.kind === 'rows') rows += event.run.count;
    })();
    await client.query('INSERT INTO t SELECT generate_series(1, 1000)');
    await until('rows', () => rows === 1000);
    // Longer than a keepalive and a status take.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect(await confirmedFlush()).toBe(before);
    stop.abort();
    await reading;
    await source.close();
    expect(await confirmedFlush()).toBe(before);
    const again = kept(resumed(options(['t']), first));
    await again.until('the rows again', () => ids(again, 't').length === 1000);
  });

  it('7: transactions come in the order of their commits, not of their changes', async () => {
    await client.query('CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 0), (2, 0)');
    const reader = await streaming(['t']);
    const other = await server.client(`trap${database}`);
    await client.query('BEGIN; UPDATE t SET v = 1 WHERE id = 1');
    await other.query('BEGIN; UPDATE t SET v = 2 WHERE id = 2; COMMIT');
    await other.query('UPDATE t SET v = 3 WHERE id = 2');
    await client.query('UPDATE t SET v = 4 WHERE id = 2; COMMIT');
    await other.end();
    await reader.until('the end', () => reader.rows('public.t').join() === '1,1,2,4');
    const lsns = reader.positions.map((position) => (position as PostgresPosition).lsn);
    expect(lsns).toEqual([...lsns].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
  });

  it('8: an update that changes the key takes the old row away, also along a chain and for a TOASTed key', async () => {
    await client.query(
      `CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c');
       CREATE TABLE long (id text PRIMARY KEY, v int); ALTER TABLE long ALTER id SET STORAGE EXTERNAL`,
    );
    const reader = await streaming(['t', 'long']);
    await client.query(
      'BEGIN; UPDATE t SET id = 10 WHERE id = 1; UPDATE t SET id = 1 WHERE id = 2; UPDATE t SET id = 2 WHERE id = 10; COMMIT',
    );
    // Out of line in the table, yet short enough for the index.
    await client.query(
      "INSERT INTO long SELECT string_agg(md5(g::text), ''), 0 FROM generate_series(1, 80) g",
    );
    await client.query('UPDATE long SET v = 1');
    await client.query("UPDATE long SET v = 2, id = 'short'");
    await reader.until('the end', () => reader.rows('public.long').join() === 'short,2');
    expect(reader.rows('public.t')).toEqual([
      ['1', 'b'],
      ['2', 'a'],
      ['3', 'c'],
    ]);
    expect(reader.error).toBeNull();
  });

  it('9: an unchanged TOASTed value is no null, under every replica identity', async () => {
    await client.query(
      ['d', 'f', 'i', 'n']
        .map(
          (name) =>
            `CREATE TABLE t_${name} (id int NOT NULL, u int NOT NULL, v int, big text${name === 'd' ? ', PRIMARY KEY (id)' : name === 'n' ? '' : ', UNIQUE (u)'});
             ALTER TABLE t_${name} ALTER big SET STORAGE EXTERNAL; INSERT INTO t_${name} VALUES (1, 1, 0, repeat('x', 5000));`,
        )
        .join('') +
        'ALTER TABLE t_f REPLICA IDENTITY FULL; ALTER TABLE t_i REPLICA IDENTITY USING INDEX t_i_u_key; ALTER TABLE t_n REPLICA IDENTITY NOTHING',
    );
    const tables = ['t_d', 't_f', 't_i', 't_n'];
    const reader = await streaming(tables);
    for (const table of ['t_d', 't_f', 't_i']) {
      await client.query(`INSERT INTO ${table} VALUES (2, 2, 0, repeat('y', 5000))`);
      await client.query(`UPDATE ${table} SET v = v + 1`);
    }
    await client.query('UPDATE t_i SET u = u + 10');
    await expect(client.query('UPDATE t_n SET v = 1')).rejects.toMatchObject({ code: '55000' });
    await client.query("INSERT INTO t_n VALUES (2, 2, 1, repeat('y', 5000))");
    await reader.until('the end', () => reader.rows('public.t_n').length === 2);
    const [x, y] = ['x'.repeat(5000), 'y'.repeat(5000)];
    expect(reader.rows('public.t_d')).toEqual([
      ['1', '1', '1', x],
      ['2', '2', '1', y],
    ]);
    expect(reader.rows('public.t_f')).toEqual([
      ['1', '1', '1', x],
      ['2', '2', '1', y],
    ]);
    expect(reader.rows('public.t_i')).toEqual([
      ['1', '11', '1', x],
      ['2', '12', '1', y],
    ]);
  });

  it('10: a generated column in the replica identity is met before it breaks the application; published, it is copied and streamed', async () => {
    await client.query(
      `CREATE TABLE t (id int, v int, twice int GENERATED ALWAYS AS (v * 2) STORED); ALTER TABLE t REPLICA IDENTITY FULL; INSERT INTO t VALUES (1, 1);
       CREATE TABLE plain (id int PRIMARY KEY, v int, twice int GENERATED ALWAYS AS (v * 2) STORED); INSERT INTO plain VALUES (1, 1)`,
    );
    const checked = createPostgresSource(options(['t', 'plain']));
    const findings = await checked.preflight();
    await checked.close();
    expect(findings.filter(({ level }) => level === 'error')).toMatchObject([
      { code: 'RS-PG-027', subject: 'public.t' },
    ]);
    const reader = await streaming(['plain']);
    await client.query('UPDATE plain SET v = 5');
    await reader.until('the update', () => reader.rows('public.plain').join() === '1,5');
    await reader.close();
    await client.query(
      'CREATE PUBLICATION stored FOR TABLE t, plain WITH (publish_generated_columns = stored)',
    );
    const full = await streaming(['t', 'plain'], { publication: 'stored', slot: `trap${database}_full` });
    expect([full.rows('public.t').join(), full.rows('public.plain').join()]).toEqual(['1,1,2', '1,5,10']);
    await client.query('UPDATE t SET v = 7; UPDATE plain SET v = 7');
    await full.until('the updates', () => full.rows('public.plain').join() === '1,7,14');
    expect(full.rows('public.t').join()).toBe('1,7,14');
  });

  it('11: TRUNCATE of several tables, CASCADE and RESTART IDENTITY, is told of each', async () => {
    await client.query(
      'CREATE TABLE a (id serial PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a); CREATE TABLE c (id int PRIMARY KEY); INSERT INTO a DEFAULT VALUES; INSERT INTO b VALUES (1, 1); INSERT INTO c VALUES (1)',
    );
    const reader = await streaming(['a', 'b', 'c']);
    await client.query(
      'BEGIN; TRUNCATE a RESTART IDENTITY CASCADE; INSERT INTO a DEFAULT VALUES; TRUNCATE c; COMMIT',
    );
    await client.query('BEGIN; TRUNCATE b, c; ROLLBACK');
    await client.query('INSERT INTO b VALUES (2, 1)');
    await reader.until('the end', () => ids(reader, 'b').join() === '2');
    expect(reader.lines.filter((line) => line.startsWith('truncate'))).toEqual([
      'truncate a',
      'truncate b',
      'truncate c',
    ]);
    expect([ids(reader, 'a'), ids(reader, 'c')]).toEqual([['1'], []]);
  });

  it('12: a table taken out of the publication stops the stream; one that nobody captures is passed over', async () => {
    await client.query('CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE secret (id int PRIMARY KEY)');
    await client.query('CREATE PUBLICATION trap FOR TABLE t, secret');
    const reader = await streaming(['t']);
    await client.query('INSERT INTO secret VALUES (1); INSERT INTO t VALUES (1)');
    await reader.until('the row', () => ids(reader, 't').length === 1);
    expect(reader.tables.has('public.secret')).toBe(false);
    await client.query('ALTER PUBLICATION trap DROP TABLE t');
    expect(await reader.fails()).toMatchObject({ code: 'RS-PG-021' });
    await client.query('ALTER PUBLICATION trap ADD TABLE t WHERE (id > 5)');
    const filtered = createPostgresSource(options(['t']));
    expect((await filtered.preflight()).filter(({ level }) => level === 'error')).toMatchObject([
      { code: 'RS-PG-031' },
    ]);
    await filtered.close();
  });

  it('13: partitions publish as their root or as themselves; rows that come or go with one are reported', async () => {
    await client.query(
      `CREATE TABLE root (id int, region text, PRIMARY KEY (id, region)) PARTITION BY LIST (region);
       CREATE TABLE eu PARTITION OF root FOR VALUES IN ('eu'); CREATE TABLE us PARTITION OF root FOR VALUES IN ('us');
       CREATE TABLE late (id int, region text NOT NULL, PRIMARY KEY (id, region)); INSERT INTO late VALUES (9, 'late'); INSERT INTO root VALUES (1, 'eu')`,
    );
    const reader = await streaming(['root']);
    await client.query("INSERT INTO root VALUES (2, 'us'); UPDATE root SET region = 'us' WHERE id = 1");
    await reader.until('the move', () => reader.rows('public.root').join() === '1,us,2,us');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(reader.source.stats().warnings).toEqual([]);
    await client.query(
      "CREATE TABLE asia PARTITION OF root FOR VALUES IN ('asia'); INSERT INTO root VALUES (3, 'asia')",
    );
    await reader.until('a new partition', () => reader.rows('public.root').length === 3);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(reader.source.stats().warnings).toEqual([]);
    await client.query("ALTER TABLE root ATTACH PARTITION late FOR VALUES IN ('late')");
    await until('the warning', () => (reader.source.stats().warnings ?? []).length > 0);
    expect(reader.source.stats().warnings![0]).toMatchObject({
      code: 'RS-PG-028',
      fix: 'rowseal resnapshot --table public.root',
    });
    await reader.close();
    // The command's doing: copied again, with what came along.
    const again = kept(
      postgresReader(options(['root']), {
        ...lastOf(reader),
        copying: [{ namespace: 'public', name: 'root' }],
      }),
    );
    await again.until('the copy', () => ids(again, 'root').join() === '1,2,3,9');
    let watch = again;
    for (const statement of ['ALTER TABLE root DETACH PARTITION eu', 'TRUNCATE us']) {
      await watch.close();
      const next = kept(resumed(options(['root']), watch));
      watch = next;
      await next.until('it streams', () => next.positions.length > 0);
      await new Promise((resolve) => setTimeout(resolve, 1_500));
      expect([watch.error, watch.source.stats().warnings]).toEqual([null, []]);
      await client.query(statement);
      await until('the warning', () => (watch.source.stats().warnings ?? []).length > 0);
    }
    await client.query('CREATE PUBLICATION leaves FOR TABLE root WITH (publish_via_partition_root = false)');
    const leaves = await streaming(['us', 'asia'], { publication: 'leaves', slot: `trap${database}_leaves` });
    await client.query("INSERT INTO root VALUES (20, 'us')");
    await leaves.until('the leaf', () => ids(leaves, 'us').join() === '20');
    expect(ids(leaves, 'asia')).toEqual(['3']);
  });

  it('14: a huge transaction comes in pieces, and its aborted parts not at all', {
    timeout: 300_000,
  }, async () => {
    await client.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
    const reader = await streaming(['t']);
    await client.query("BEGIN; INSERT INTO t SELECT g, repeat('v', 100) FROM generate_series(1, 200000) g");
    await client.query(
      "SAVEPOINT s; INSERT INTO t SELECT g, repeat('a', 100) FROM generate_series(200001, 250000) g; ROLLBACK TO s; DELETE FROM t WHERE id > 100000; COMMIT",
    );
    await reader.until('its end', () => reader.ops[Op.delete] === 100_000);
    expect(reader.ops[Op.create]).toBe(200_000);
    expect(reader.largestBatchBytes).toBeLessThan(2 << 20);
  });

  it('17: a reader that takes nothing keeps its connection', { timeout: 300_000 }, async () => {
    await client.query(`ALTER DATABASE trap${database} SET wal_sender_timeout = '4s'`);
    await client.query('CREATE TABLE t (id int PRIMARY KEY, v text)');
    const reader = await streaming(['t'], { receiveTimeoutMs: 6_000 });
    let go = (): void => {};
    reader.pause(
      new Promise((resolve) => {
        go = resolve;
      }),
    );
    await client.query("INSERT INTO t SELECT g, repeat('v', 200) FROM generate_series(1, 60000) g");
    // Longer than wal_sender_timeout, and than a silent server is given.
    await new Promise((resolve) => setTimeout(resolve, 9_000));
    go();
    await reader.until('the rows', () => ids(reader, 't').length === 60_000);
    expect(reader.error).toBeNull();
  });

  async function confirmedFlush(): Promise<bigint> {
    const { rows } = await client.query<{ lsn: string }>(
      "SELECT (confirmed_flush_lsn - '0/0'::pg_lsn)::text AS lsn FROM pg_replication_slots WHERE slot_name = $1",
      [`trap${database}`],
    );
    return BigInt(rows[0]!.lsn);
  }
});
