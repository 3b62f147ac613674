import { tmpdir } from 'node:os';
import type { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { PostgresSourceOptions } from '../../connectors/sources/postgres/options.ts';
import { createPostgresSource } from '../../connectors/sources/postgres/source.ts';
import { SpillSpace } from '../../connectors/sources/postgres/spill-space.ts';
import type { MessageLog } from '../../src/model/message-log.ts';
import { type PostgresPosition, parseLsn } from '../../src/model/position.ts';
import { MirrorReader } from '../support/mirror-reader.ts';
import { noPostgres } from '../support/needs.ts';
import { type PostgresMajor, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { caughtUp, postgresOptions, postgresReader, resumed } from '../support/postgres-source.ts';
import { until } from '../support/project.ts';
import { slow } from '../support/slow.ts';

const MAJORS: readonly PostgresMajor[] = slow ? [18, 17, 16, 15, 14] : [18, 15];

const MESSAGES: readonly MessageLog[] = [
  { prefix: 'audit.', table: { namespace: 'logical_message', name: 'notes' } },
  { prefix: 'audit.export', table: { namespace: 'logical_message', name: 'exports' } },
];

describe.each(MAJORS)('the protocol of PostgreSQL %i', (major) => {
  const missing = noPostgres(major);
  let server: TestPostgres;
  let client: Client;
  let reader: MirrorReader | null = null;
  let made = 0;

  beforeAll(async () => {
    if (missing) return;
    // What is larger than the smallest memory comes before its end.
    server = await startPostgres(major, {
      logical_decoding_work_mem: '64kB',
      max_prepared_transactions: '10',
    });
    client = await server.client();
  });

  afterEach(async () => {
    await reader?.close();
    reader = null;
    await client?.query(
      'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active',
    );
  });

  afterAll(async () => {
    await client?.end();
    await server?.stop();
  });

  /** A reader of a table of its own, `(id int, note text)`, that has begun to stream. */
  const begin = async (
    more: Partial<PostgresSourceOptions> = {},
  ): Promise<{
    readonly table: string;
    readonly options: PostgresSourceOptions;
    readonly reader: MirrorReader;
  }> => {
    made++;
    const table = `t${made}`;
    await client.query(`CREATE TABLE ${table} (id int PRIMARY KEY, note text)`);
    const options = postgresOptions(server, [table], { slot: table, publication: table, ...more });
    reader = postgresReader(options);
    await caughtUp(client, reader);
    return { table, options, reader };
  };

  const again = async (options: PostgresSourceOptions, before: MirrorReader): Promise<MirrorReader> => {
    await before.close();
    expect(before.error).toBeNull();
    reader = resumed(options, before);
    return reader;
  };

  const expectEqual = async (from: MirrorReader, table: string): Promise<void> => {
    await caughtUp(client, from);
    expect(from.rows(`public.${table}`)).toEqual(await rowsOf(client, table));
  };

  it.skipIf(missing)(
    'makes records of messages, each once and at its place',
    { timeout: 300_000 },
    async () => {
      const { table, options, reader: first } = await begin({ messages: MESSAGES });
      const emit = (transactional: boolean, prefix: string, content: string): Promise<unknown> =>
        client.query(`SELECT pg_logical_emit_message($1, $2, convert_to($3, 'UTF8'))`, [
          transactional,
          prefix,
          content,
        ]);
      await emit(false, 'audit.login', 'outside');
      await client.query('BEGIN');
      await client.query(`INSERT INTO ${table} VALUES (1, 'a')`);
      await emit(true, 'audit.change', 'inside é');
      await emit(false, 'audit.seen', 'before the commit');
      await client.query('SAVEPOINT s');
      await emit(true, 'audit.change', 'taken back');
      await client.query('ROLLBACK TO s');
      await client.query('COMMIT');
      await client.query('BEGIN');
      await emit(true, 'audit.change', 'taken back');
      await emit(false, 'audit.attempt', 'stays');
      await client.query('ROLLBACK');
      await emit(true, 'audit.export.csv', 'to the longer prefix');
      await emit(true, 'other', 'unknown');
      await emit(true, 'rowseal.copy', 'ours');
      await client.query(`SELECT pg_logical_emit_message(false, 'audit.bytes', '\\x00ff'::bytea)`);
      await caughtUp(client, first);
      const notes = (from: MirrorReader, log: string): unknown[] =>
        [...from.tables.get(`logical_message.${log}`)!.rows.values()].map(({ cells }) => cells.slice(1));
      const all = [
        ['audit.login', 'f', hex('outside'), 'outside'],
        ['audit.seen', 'f', hex('before the commit'), 'before the commit'],
        ['audit.change', 't', hex('inside é'), 'inside é'],
        ['audit.attempt', 'f', hex('stays'), 'stays'],
        ['audit.bytes', 'f', '\\x00ff', null],
      ];
      expect(notes(first, 'notes')).toEqual(all);
      expect(notes(first, 'exports')).toEqual([
        ['audit.export.csv', 't', hex('to the longer prefix'), 'to the longer prefix'],
      ]);
      const before = first.positions.length;

      // Each place that a run could have ended at: what is sealed does not come again, what is not does.
      for (let i = 0; i < before; i++) {
        if ((first.positions[i] as PostgresPosition).phase !== 'stream') continue;
        expect((first.positions[i] as PostgresPosition).lsn).toBeGreaterThanOrEqual(
          (first.positions[i - 1] as PostgresPosition).lsn,
        );
      }
      const second = await again(options, first);
      await emit(false, 'audit.login', 'after');
      await caughtUp(client, second);
      expect(notes(second, 'notes')).toEqual([...all, ['audit.login', 'f', hex('after'), 'after']]);
      await expectEqual(second, table);
    },
  );

  it.skipIf(missing)(
    'goes on between two messages outside of transactions',
    { timeout: 300_000 },
    async () => {
      const { options, reader: first } = await begin({ messages: MESSAGES });
      // The server hears of nothing that is sealed from here on: it would send all of it again.
      first.source.confirm = () => {};
      await client.query(
        `SELECT pg_logical_emit_message(false, 'audit.n', n::text) FROM generate_series(1, 4) n`,
      );
      await caughtUp(client, first);
      await first.close();
      const told = [...first.tables.get('logical_message.notes')!.rows.values()].map(({ cells }) => cells[0]);
      expect(told).toHaveLength(4);
      for (const [index, lsn] of told.entries()) {
        const place = first.positions.find(
          (position) => (position as PostgresPosition).lsn === parseLsn(lsn as string),
        );
        const source = createPostgresSource(options);
        source.confirm = () => {};
        reader = new MirrorReader(source, place!);
        await caughtUp(client, reader);
        const rest = [...(reader.tables.get('logical_message.notes')?.rows.values() ?? [])];
        expect(rest.map(({ cells }) => cells[0])).toEqual(told.slice(index + 1));
        await reader.close();
      }
    },
  );

  it.skipIf(missing)(
    'reads large transactions before their end, without what was rolled back',
    { timeout: 300_000 },
    async () => {
      const { table, options, reader: first } = await begin({ streaming: true, messages: MESSAGES });
      const other = await server.client();
      try {
        await client.query('BEGIN');
        await other.query('BEGIN');
        await fill(client, table, 1, 3_000);
        await fill(other, table, 10_001, 13_000);
        await client.query('SAVEPOINT a');
        await fill(client, table, 20_001, 22_000);
        await client.query('SAVEPOINT b');
        await fill(client, table, 22_001, 24_000);
        await client.query('RELEASE b');
        await client.query('ROLLBACK TO a');
        await client.query(`UPDATE ${table} SET note = note || '!' WHERE id % 2 = 0`);
        await client.query(`SELECT pg_logical_emit_message(true, 'audit.large', 'inside')`);
        // Meanwhile others commit, and one gives up.
        const small = await server.client();
        await small.query(`INSERT INTO ${table} VALUES (30000, 'small')`);
        await small.query('BEGIN');
        await fill(small, table, 40_001, 43_000);
        await small.query('ROLLBACK');
        await small.end();
        await first.until('the small one', () => first.rows(`public.${table}`).length === 1);
        await other.query('COMMIT');
        await first.until('the other one', () => first.rows(`public.${table}`).length === 3_001);

        // Broken off while one is half here; it comes again from its beginning.
        const second = await again(options, first);
        await fill(client, table, 50_001, 52_000);
        await client.query('SAVEPOINT c');
        await client.query(`ALTER TABLE ${table} ADD COLUMN extra int DEFAULT 7`);
        await fill(client, table, 60_001, 62_000);
        await client.query('ROLLBACK TO c');
        await client.query(`ALTER TABLE ${table} ADD COLUMN more text`);
        await fill(client, table, 70_001, 72_000, 'more');
        await client.query('COMMIT');
        await expectEqual(second, table);
        expect(second.tables.get('logical_message.notes')!.rows.size).toBe(1);
        await client.query(`INSERT INTO ${table} VALUES (80000, 'after', 'x')`);
        await expectEqual(second, table);
        expect(second.largestBatchBytes).toBeLessThan(2_000_000);
        await until('it is counted that some were streamed', async () => {
          const { rows } = await client.query<{ streamed: boolean }>(
            'SELECT stream_txns > 0 AS streamed FROM pg_stat_replication_slots WHERE slot_name = $1',
            [table],
          );
          return rows[0]?.streamed === true;
        });
      } finally {
        await other.end();
      }
    },
  );

  it.skipIf(missing)(
    'takes rows by what the server said of their table last, whatever a large one had heard that was rolled back',
    { timeout: 300_000 },
    async () => {
      const { table, reader: from } = await begin({ streaming: true });
      const other = await server.client();
      // Large enough to be kept on the disk, which is seen. What is rolled back earlier the server does not tell.
      const kept = (): Promise<void> =>
        from.until('what is rolled back', () => from.source.stats().spill!.transactions > 0);
      try {
        await other.query('BEGIN; SAVEPOINT a');
        await fill(other, table, 1, 20_000);
        await kept();
        await other.query('ROLLBACK TO a');
        // Under a name of its own a column has rules of its own.
        await client.query(`ALTER TABLE ${table} DROP COLUMN note, ADD COLUMN secret text`);
        await client.query(`INSERT INTO ${table} VALUES (1, 'one')`);
        await expectEqual(from, table);
        await other.query('COMMIT');
        await client.query(`INSERT INTO ${table} VALUES (2, 'two')`);
        await expectEqual(from, table);
        expect(from.tables.get(`public.${table}`)!.schema.columns.map(({ name }) => name)).toEqual([
          'id',
          'secret',
        ]);
        // One that alters the table itself, and takes that back.
        await other.query('BEGIN; SAVEPOINT a');
        await other.query(`ALTER TABLE ${table} RENAME secret TO shown`);
        await other.query(`INSERT INTO ${table} SELECT g, md5(g::text) FROM generate_series(10001, 30000) g`);
        await kept();
        await other.query('ROLLBACK TO a');
        await client.query(`INSERT INTO ${table} VALUES (3, 'three')`);
        await other.query('COMMIT');
        await client.query(`INSERT INTO ${table} VALUES (4, 'four')`);
        await expectEqual(from, table);
        expect(from.tables.get(`public.${table}`)!.schema.columns.map(({ name }) => name)).toEqual([
          'id',
          'secret',
        ]);
      } finally {
        await other.end();
      }
    },
  );

  describe('leaves large ones to the server', () => {
    const onDisk = (from: MirrorReader) => from.source.stats().spill!;

    /** It has failed, once, and has nothing on the disk any more; the next one has what there is, each row once. */
    const goesOnWithout = async (
      { options, reader: first }: Awaited<ReturnType<typeof begin>>,
      failures: () => number,
      detail: string,
    ): Promise<MirrorReader> => {
      expect(await first.fails()).toMatchObject({ code: 'RS-PG-050', kind: 'transient', detail });
      expect(failures()).toBe(1);
      expect(onDisk(first)).toMatchObject({ bytes: 0, transactions: 0 });
      reader = resumed({ ...options, streaming: false }, first);
      return reader;
    };

    const beginOn = async (spill: SpillSpace) => {
      let failures = 0;
      const begun = await begin({ streaming: true, spill, onSpillFailure: () => failures++ });
      return { ...begun, failures: () => failures };
    };

    it.skipIf(missing)('when they cannot be kept', { timeout: 300_000 }, async () => {
      const { failures, ...begun } = await beginOn(new SpillSpace('/missing', async () => null));
      await fill(client, begun.table, 1, 6_000);
      await expectEqual(await goesOnWithout(begun, failures, 'ENOENT'), begun.table);
    });

    it.skipIf(missing)('when the floor of the volume is reached', { timeout: 300_000 }, async () => {
      // Room for one block, not for two.
      const spill: SpillSpace = new SpillSpace(tmpdir(), async (bytes) =>
        spill.stats.bytes + bytes > 400_000 ? 'below the floor' : null,
      );
      const { failures, ...begun } = await beginOn(spill);
      await client.query('BEGIN');
      await fill(client, begun.table, 1, 9_000);
      const next = await goesOnWithout(begun, failures, 'below the floor');
      expect(spill.stats.writtenBytes).toBeGreaterThan(200_000);
      expect(spill.stats.writtenBytes).toBeLessThanOrEqual(400_000);
      await fill(client, begun.table, 9_001, 9_100);
      await client.query('COMMIT');
      await client.query(`INSERT INTO ${begun.table} VALUES (50000, 'later')`);
      await expectEqual(next, begun.table);
    });

    it.skipIf(missing)('when the log needs the room, also halfway', { timeout: 300_000 }, async () => {
      const { table, options, reader: first } = await begin({ streaming: true });
      await first.close();
      await fill(client, table, 1, 20_000);
      const source = createPostgresSource(options);
      const batches = source.open(first.last, new AbortController().signal)[Symbol.asyncIterator]();
      try {
        for (let bytes = 0; bytes < 400_000; ) {
          const { value, done } = await batches.next();
          if (done) throw new Error('the source ended');
          bytes = value.bytes;
        }
        expect(source.stats().spill!.transactions).toBe(1);
        source.makeRoom!();
        await until('the disk is free', () => source.stats().spill!.transactions === 0);
        await expect(batches.next()).rejects.toMatchObject({
          code: 'RS-PG-050',
          detail: 'it was given up to make room',
        });
      } finally {
        await source.close();
      }
      reader = resumed({ ...options, streaming: false }, first);
      await expectEqual(reader, table);
    });
  });

  it.skipIf(missing)(
    'is not led astray by a change of a table that was rolled back with its part',
    { timeout: 300_000 },
    async () => {
      const { table, reader: from } = await begin({ streaming: true });
      await client.query('BEGIN');
      await client.query('SAVEPOINT a');
      await client.query(`ALTER TABLE ${table} RENAME TO ${table}_renamed`);
      await fill(client, `${table}_renamed`, 1, 3_000);
      await client.query('ROLLBACK TO a');
      await client.query('SAVEPOINT b');
      // The description of the table comes with these rows, and with them alone.
      await fill(client, table, 1, 3_000);
      await client.query('ROLLBACK TO b');
      await fill(client, table, 5_001, 5_003);
      await client.query('COMMIT');
      await client.query(`INSERT INTO ${table} VALUES (1, 'later')`);
      await expectEqual(from, table);
    },
  );

  it.skipIf(missing).each([false, true])(
    'has prepared transactions once, when they are committed; streaming %s',
    { timeout: 300_000 },
    async (streaming) => {
      const { table, options, reader: first } = await begin({ streaming });
      for (const [name, from] of [
        ['kept', 1],
        ['dropped', 10_001],
      ] as const) {
        await client.query('BEGIN');
        await fill(client, table, from, from + 2_999);
        await client.query(`PREPARE TRANSACTION '${table}_${name}'`);
      }
      await client.query(`INSERT INTO ${table} VALUES (50000, 'between')`);
      await caughtUp(client, first);
      expect(first.rows(`public.${table}`)).toHaveLength(1);
      const second = await again(options, first);
      await client.query(`COMMIT PREPARED '${table}_kept'`);
      await client.query(`ROLLBACK PREPARED '${table}_dropped'`);
      await expectEqual(second, table);
      expect(second.rows(`public.${table}`)).toHaveLength(3_001);
      const third = await again(options, second);
      await client.query(`INSERT INTO ${table} VALUES (50001, 'after')`);
      await expectEqual(third, table);
    },
  );

  it.skipIf(missing)('stops while its slot waits for open transactions', { timeout: 300_000 }, async () => {
    const holder = await server.client();
    try {
      await client.query('CREATE TABLE waits (id int PRIMARY KEY, note text)');
      await holder.query('BEGIN; SELECT pg_current_xact_id()');
      reader = postgresReader(postgresOptions(server, ['waits'], { slot: 'waits', publication: 'waits' }));
      await until('the slot', async () => {
        const { rowCount } = await client.query(
          "SELECT 1 FROM pg_replication_slots WHERE slot_name = 'waits'",
        );
        return rowCount === 1;
      });
      await reader.close();
      expect(reader.error).toBeNull();
    } finally {
      await holder.end();
    }
    await until('the slot is gone', async () => {
      const { rowCount } = await client.query("SELECT 1 FROM pg_replication_slots WHERE slot_name = 'waits'");
      return rowCount === 0;
    });
  });

  it.skipIf(missing)('leaves out what came by replication, from 16 on', { timeout: 300_000 }, async () => {
    if (major < 16) {
      const options = postgresOptions(server, ['none'], { origin: 'none' });
      reader = postgresReader(options);
      expect(await reader.fails()).toMatchObject({ code: 'RS-PG-051' });
      return;
    }
    const { table, reader: from } = await begin({ origin: 'none', messages: MESSAGES });
    const replica = await server.client();
    try {
      await replica.query(`SELECT pg_replication_origin_create('other_server')`);
      await replica.query(`SELECT pg_replication_origin_session_setup('other_server')`);
      await replica.query(`INSERT INTO ${table} VALUES (1, 'came from there')`);
      await replica.query(`SELECT pg_logical_emit_message(false, 'audit.x', 'came from there')`);
      await replica.query('SELECT pg_replication_origin_session_reset()');
      await replica.query(`SELECT pg_replication_origin_drop('other_server')`);
    } finally {
      await replica.end();
    }
    await client.query(`INSERT INTO ${table} VALUES (2, 'made here')`);
    await caughtUp(client, from);
    expect(from.rows(`public.${table}`)).toEqual([['2', 'made here']]);
    expect(from.tables.has('logical_message.notes')).toBe(false);
  });
});

async function fill(client: Client, table: string, from: number, to: number, more = ''): Promise<void> {
  await client.query(
    `INSERT INTO ${table} (id, note${more && `, ${more}`})
     SELECT g, md5(g::text) || 'é'${more && `, 'm' || g`} FROM generate_series(${from}, ${to}) g`,
  );
}

async function rowsOf(client: Client, table: string): Promise<(string | null)[][]> {
  const { rows } = await client.query({
    text: `SELECT * FROM ${table}`,
    rowMode: 'array',
    types: { getTypeParser: () => (value: string) => value } as never,
  });
  return (rows as (string | null)[][]).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}

const hex = (text: string): string => `\\x${Buffer.from(text).toString('hex')}`;
