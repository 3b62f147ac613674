import type { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { PostgresSourceOptions } from '../../connectors/sources/postgres/options.ts';
import { createPostgresSource } from '../../connectors/sources/postgres/source.ts';
import type { Source } from '../../src/capture/source.ts';
import { type RawCell, UNCHANGED } from '../../src/model/cell.ts';
import { Image, type Op, opLetter } from '../../src/model/change.ts';
import { type Position, type PostgresPosition, parseLsn } from '../../src/model/position.ts';
import { noPostgres } from '../support/needs.ts';
import { type PostgresMajor, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { postgresOptions } from '../support/postgres-source.ts';
import { until } from '../support/project.ts';

/** Those a failed test left open: they would hold the slot against every test after it. */
const open = new Set<Reader>();

afterEach(async () => {
  for (const reader of open) await reader.close();
});

/** Pulls a source by hand and keeps what it emitted, flat. */
class Reader {
  readonly source: Source;
  readonly lines: string[] = [];
  readonly rows: { table: string; op: string; before: RawCell[] | null; after: RawCell[] | null }[] = [];
  /** Positions of commits and of idle progress, as they came. */
  readonly commits: PostgresPosition[] = [];
  /** Of commits alone. */
  readonly committed: PostgresPosition[] = [];
  readonly transactions: string[] = [];
  error: unknown = null;
  #stop = new AbortController();
  #done: Promise<void>;

  constructor(options: PostgresSourceOptions, after: Position | null, confirm = true) {
    const source = createPostgresSource(options);
    this.source = source;
    open.add(this);
    this.#done = (async () => {
      for await (const batch of source.open(after, this.#stop.signal)) {
        for (const event of batch.events) {
          if (event.kind === 'begin') this.transactions.push(event.transaction.id);
          if (event.kind === 'truncate') this.lines.push(`truncate ${event.table.name}`);
          if (event.kind === 'snapshot') this.lines.push(`snapshot ${event.phase} ${event.table.name}`);
          if (event.kind === 'commit') this.committed.push(event.position as PostgresPosition);
          if (event.kind === 'commit' || event.kind === 'idle') {
            this.commits.push(event.position as PostgresPosition);
            if (confirm) source.confirm(event.position);
          }
          if (event.kind !== 'rows') continue;
          const { run } = event;
          const width = run.table.columns.length;
          let at = 0;
          for (let i = 0; i < run.count; i++) {
            const take = (bit: number): RawCell[] | null => {
              if ((run.images[i]! & bit) === 0) return null;
              at += width;
              return run.cells.slice(at - width, at);
            };
            const before = take(Image.before);
            const after_ = take(Image.after);
            this.rows.push({ table: run.table.name, op: opLetter[run.ops[i]! as Op], before, after: after_ });
          }
        }
      }
    })().catch((error: unknown) => {
      this.error = error;
    });
  }

  async has(rows: number): Promise<void> {
    await this.until(`${rows} rows`, () => this.rows.length >= rows);
  }

  /** Ends at once with what ended the reader. */
  async until(what: string, condition: () => Promise<boolean> | boolean): Promise<void> {
    await until(what, () => {
      if (this.error !== null) throw this.error;
      return condition();
    });
  }

  async close(): Promise<void> {
    open.delete(this);
    this.#stop.abort();
    await this.#done;
    await this.source.close();
  }
}

const EVERY_TYPE = `
  CREATE TYPE mood AS ENUM ('sad', 'happy');
  CREATE DOMAIN cents AS numeric(10,2);
  CREATE TABLE every (
    id int PRIMARY KEY, b boolean, i2 smallint, i8 bigint, n numeric, n2 numeric(12,4), f4 real, f8 double precision, t text, v varchar(20), c char(6),
    ch "char", nm name, by bytea, d date, tm time, tz timetz, ts timestamp, tsz timestamptz, iv interval, u uuid, js json, jb jsonb, x xml,
    ip inet, cd cidr, mac macaddr, pt point, bx box, rng int4range, arr int[], tarr text[], bt bit(4), vb bit varying, ty tsvector, en mood, dom cents, mny money, ltz timestamptz
  );`;
const EVERY_ROW = `
  INSERT INTO every SELECT g, true, -32768, 9223372036854775807, '12345678901234567890.123456789012345678', 1.5, 1.1, 0.1, E'tab\\tnew\\nline "quote" \\\\ zoë 名', 'varchar', 'pad', 'x', 'a_name',
    '\\xdeadbeef00', '0044-03-15 BC', '23:59:59.999999', '12:00:00+05:30', '2026-02-29'::date - 1 + time '01:02:03.000004', 'infinity', '1 year 2 mons -3 days 04:05:06.789',
    'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a" : 1}', '{"b": 12345678901234567890}', '<a>1</a>', '10.0.0.1/8', '10.0.0.0/8', '08:00:2b:01:02:03', '(1,2)', '((3,4),(1,2))',
    '[1,10)', '{1,NULL,3}', '{"a,b",NULL,"c\\"d",""}', B'1010', B'101', 'a fat cat', 'happy', 12.5, 12.34, '2026-01-01 00:00:00+02' FROM generate_series($1::int, $1::int) g`.replace(
  '2026-02-29',
  '2028-02-29',
);

const majors = ([18, 17, 15, 14] as const).map((major) => [major, noPostgres(major)] as const);

describe.each(majors)('PostgreSQL %i', (major: PostgresMajor, missing) => {
  let server: TestPostgres;
  let client: Client;
  let options: PostgresSourceOptions;
  let last: PostgresPosition;

  beforeAll(async () => {
    server = await startPostgres(major);
    client = await server.client();
    await client.query(EVERY_TYPE);
    await client.query(
      'CREATE TABLE big (id int PRIMARY KEY, note text, toast text); ALTER TABLE big ALTER toast SET STORAGE EXTERNAL',
    );
    await client.query(
      'CREATE TABLE whole (a int, b text, toast text); ALTER TABLE whole ALTER toast SET STORAGE EXTERNAL; ALTER TABLE whole REPLICA IDENTITY FULL',
    );
    await client.query(
      'CREATE TABLE parts (id int, region text, PRIMARY KEY (id, region)) PARTITION BY LIST (region)',
    );
    await client.query(
      "CREATE TABLE parts_eu PARTITION OF parts FOR VALUES IN ('eu'); CREATE TABLE parts_us PARTITION OF parts FOR VALUES IN ('us')",
    );
    await client.query(EVERY_ROW, [1]);
    options = postgresOptions(server, ['every', 'big', 'whole', 'parts']);
  });

  afterAll(async () => {
    await client?.end();
    await server?.stop();
  });

  /** Everything that is committed now has come, and its commits: a row comes before its own. */
  const caughtUp = async (reader: Reader): Promise<void> => {
    const { rows } = await client.query<{ lsn: string }>('SELECT pg_current_wal_lsn()::text AS lsn');
    const end = parseLsn(rows[0]!.lsn)!;
    await reader.until('the end of the WAL', () => {
      const at = reader.commits.at(-1);
      return at?.phase === 'stream' && at.lsn >= end;
    });
  };

  it.skipIf(missing)('prints every type alike in the first copy and in the stream', async () => {
    const reader = new Reader(options, null);
    await reader.has(1);
    await reader.until('streaming', () => reader.commits.at(-1)?.phase === 'stream');
    await client.query(EVERY_ROW, [2]);
    await reader.has(2);
    await caughtUp(reader);
    const [copied, streamed] = [reader.rows[0]!.after!, reader.rows[1]!.after!];
    expect(streamed.slice(1)).toEqual(copied.slice(1));
    expect(copied.slice(0, 4)).toEqual(['1', 't', '-32768', '9223372036854775807']);
    expect(copied).toContain('\\xdeadbeef00');
    expect(copied).toContain('0044-03-15 BC');
    expect(copied).toContain('infinity');
    expect(copied).toContain('2025-12-31 22:00:00+00');
    expect(copied).toContain('tab\tnew\nline "quote" \\ zoë 名');
    expect(reader.lines.filter((line) => line.includes('every'))).toEqual([
      'snapshot begin every',
      'snapshot end every',
    ]);
    last = reader.commits.at(-1)!;
    await reader.close();
    expect(reader.error).toBeNull();
  });

  it.skipIf(missing)(
    'streams keys that change, unchanged TOAST, full identity, partitions and truncate',
    async () => {
      const reader = new Reader(options, last);
      const toast = 'x'.repeat(9_000);
      await client.query('INSERT INTO big VALUES (1, $1, $2)', ['n', toast]);
      await client.query("UPDATE big SET note = 'm'");
      await client.query('UPDATE big SET id = 2');
      await client.query('DELETE FROM big');
      await client.query('INSERT INTO whole VALUES (1, NULL, $1)', [toast]);
      await client.query("UPDATE whole SET b = 'set'");
      await client.query("INSERT INTO parts VALUES (1, 'eu'), (2, 'us')");
      await client.query('TRUNCATE big, whole');
      await reader.has(8);
      await reader.until('truncates', () => reader.lines.length === 2);
      await caughtUp(reader);
      expect(reader.rows).toEqual([
        { table: 'big', op: 'c', before: null, after: ['1', 'n', toast] },
        { table: 'big', op: 'u', before: null, after: ['1', 'm', UNCHANGED] },
        { table: 'big', op: 'u', before: ['1', UNCHANGED, UNCHANGED], after: ['2', 'm', UNCHANGED] },
        { table: 'big', op: 'd', before: ['2', UNCHANGED, UNCHANGED], after: null },
        { table: 'whole', op: 'c', before: null, after: ['1', null, toast] },
        { table: 'whole', op: 'u', before: ['1', null, toast], after: ['1', 'set', toast] },
        { table: 'parts', op: 'c', before: null, after: ['1', 'eu'] },
        { table: 'parts', op: 'c', before: null, after: ['2', 'us'] },
      ]);
      last = reader.commits.at(-1)!;
      await reader.close();
    },
  );

  it.skipIf(missing)('goes on after any commit, without repeats and without holes', async () => {
    await client.query('TRUNCATE big');
    for (let i = 0; i < 6; i++) await client.query('INSERT INTO big VALUES ($1, $2, NULL)', [100 + i, 'r']);
    const all = new Reader(options, last, false);
    await all.until('their commits', () => all.rows.length === 6 && all.committed.length === 7);
    await all.close();
    // The truncate's commit, then those of the rows.
    for (const [i, position] of all.committed.slice(-6).entries()) {
      const rest = new Reader(options, position, false);
      if (i < 5) await rest.has(5 - i);
      else await new Promise((resolve) => setTimeout(resolve, 300));
      expect(rest.rows.map((row) => row.after![0])).toEqual(
        [100, 101, 102, 103, 104, 105].slice(i + 1).map(String),
      );
      await rest.close();
    }
    last = all.commits.at(-1)!;
  });

  it.skipIf(missing)(
    'stays connected while nothing is pulled for longer than wal_sender_timeout',
    async () => {
      await client.query("ALTER ROLE postgres SET wal_sender_timeout = '4s'");
      const source = createPostgresSource(options);
      const stop = new AbortController();
      const batches = source.open(last, stop.signal)[Symbol.asyncIterator]();
      try {
        let next = batches.next();
        await client.query(
          "INSERT INTO big SELECT g, repeat('y', 200), NULL FROM generate_series(1000, 60000) g",
        );
        await next;
        // Not pulling is the backpressure; the server would hang up after 4 s of silence.
        await new Promise((resolve) => setTimeout(resolve, 7_000));
        let rows = 0;
        let largest = 0;
        while (rows < 59_001) {
          const { value, done } = await next;
          if (done === true) break;
          largest = Math.max(largest, value.bytes);
          for (const event of value.events) if (event.kind === 'rows') rows += event.run.count;
          next = batches.next();
        }
        expect(rows).toBe(59_001);
        expect(largest).toBeLessThan(2 << 20);
      } finally {
        stop.abort();
        await batches.return?.(undefined);
        await source.close();
        await client.query('ALTER ROLE postgres RESET wal_sender_timeout');
      }
    },
  );

  it.skipIf(missing)('refuses to go on over a hole: slot ahead, gone, or of another server', async () => {
    const failing = async (
      position: PostgresPosition,
      more: Partial<PostgresSourceOptions> = {},
    ): Promise<unknown> => {
      const reader = new Reader({ ...options, ...more }, position);
      await until('an error', () => reader.error !== null);
      await reader.close();
      return reader.error;
    };
    expect(await failing({ ...last, lsn: 1n })).toMatchObject({ code: 'RS-PG-009', kind: 'source-lost' });
    expect(await failing({ ...last, systemId: '1' })).toMatchObject({ code: 'RS-PG-010' });
    expect(await failing({ ...last, slot: 'gone' }, { slot: 'gone' })).toMatchObject({ code: 'RS-PG-008' });
    const foreign = new Reader(options, null);
    await until('an error', () => foreign.error !== null);
    expect(foreign.error).toMatchObject({ code: 'RS-PG-013' });
    await foreign.close();
  });

  it.skipIf(missing)('marks idle progress, so that WAL of other tables does not pile up', async () => {
    const before = await client.query<{ lsn: string }>(
      "SELECT confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name = 'rowseal_it'",
    );
    const reader = new Reader(options, last);
    await client.query('CREATE TABLE other (i int)');
    await client.query('INSERT INTO other SELECT generate_series(1, 50000)');
    await reader.until('the slot moves', async () => {
      const now = await client.query<{ moved: boolean }>(
        "SELECT confirmed_flush_lsn > $1::pg_lsn AS moved FROM pg_replication_slots WHERE slot_name = 'rowseal_it'",
        [before.rows[0]!.lsn],
      );
      return now.rows[0]!.moved;
    });
    await reader.close();
    last = reader.commits.at(-1)!;
  });

  it.skipIf(missing)(
    'copies tables again at a seam: what the copy shows first, then the copy, then the rest',
    async () => {
      await client.query("INSERT INTO parts VALUES (10, 'eu')");
      const copying = [{ namespace: 'public', name: 'parts' }];
      const reader = new Reader(options, { ...last, copying });
      await reader.until('the end of the copy', () => reader.lines.includes('snapshot end parts'));
      await client.query("INSERT INTO parts VALUES (11, 'us')");
      await reader.until('what follows', () => reader.rows.some(({ after }) => after?.[0] === '11'));
      await reader.close();
      expect(reader.lines).toEqual(expect.arrayContaining(['snapshot begin parts', 'snapshot end parts']));
      const rows = reader.rows.filter(({ table }) => table === 'parts' || table.startsWith('parts_'));
      expect(rows.map(({ op, after }) => `${op} ${String(after?.[0])}`)).toEqual(
        expect.arrayContaining(['c 10', 'r 1', 'r 2', 'r 10', 'c 11']),
      );
      const order = rows.map(({ op, after }) => `${op} ${String(after?.[0])}`);
      expect(order.indexOf('c 10')).toBeLessThan(order.indexOf('r 10'));
      expect(order.indexOf('r 10')).toBeLessThan(order.indexOf('c 11'));
      // Asked for until the copy is whole, no longer after it.
      const phases = reader.commits.map((position) => (position.copying ?? []).length);
      expect(phases.indexOf(0)).toBeGreaterThan(0);
      expect(phases.slice(phases.indexOf(0)).every((due) => due === 0)).toBe(true);
      // The server notices a moment later that it is let go of.
      await until('its slot is gone', async () => {
        const { rowCount } = await client.query(
          "SELECT 1 FROM pg_replication_slots WHERE slot_name LIKE '%_copy'",
        );
        return rowCount === 0;
      });
      last = reader.commits.at(-1)!;
    },
  );

  it.skipIf(missing)('finds the tables that could be captured and samples their rows', async () => {
    await client.query(
      `CREATE SCHEMA IF NOT EXISTS billing;
       CREATE TABLE billing.lines (id bigint PRIMARY KEY, every_id int REFERENCES every, note text);
       CREATE UNLOGGED TABLE fleeting (i int); CREATE VIEW seen AS SELECT 1 AS i;
       INSERT INTO billing.lines SELECT g, 1, repeat('n', 100) FROM generate_series(1, 40000) g; ANALYZE billing.lines`,
    );
    const source = createPostgresSource(options);
    try {
      const found = await source.discover();
      const names = found.map(({ table }) => `${table.namespace}.${table.name}`);
      expect(names).toEqual(expect.arrayContaining(['billing.lines', 'public.every', 'public.parts']));
      for (const name of ['public.fleeting', 'public.seen', 'public.parts_eu'])
        expect(names).not.toContain(name);
      const lines = found.find(({ table }) => table.name === 'lines')!;
      expect(lines.estimatedRows).toBe(40_000);
      expect(lines.table.columns[1]!.references).toEqual({
        namespace: 'public',
        name: 'every',
        column: 'id',
      });
      const sampled = await source.sample(lines.table, 500);
      expect(sampled.count).toBe(500);
      const ids = sampled.cells.filter((_, i) => i % 3 === 0).map(Number);
      expect(new Set(ids).size).toBe(500);
      // Pages from all over the table, not its first ones.
      expect(Math.max(...ids)).toBeGreaterThan(10_000);
      const every = found.find(({ table }) => table.name === 'every')!;
      const few = await source.sample(every.table, 500);
      expect(few.cells.slice(0, 4)).toEqual(['1', 't', '-32768', '9223372036854775807']);
      const parts = found.find(({ table }) => table.name === 'parts')!;
      expect((await source.sample(parts.table, 1)).count).toBe(1);
    } finally {
      await source.close();
    }
  });
});
