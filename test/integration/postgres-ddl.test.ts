import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createPostgresSource } from '../../connectors/sources/postgres/source.ts';
import type { PostgresPosition } from '../../src/model/position.ts';
import { MirrorReader } from '../support/mirror-reader.ts';
import { noPostgres } from '../support/needs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { postgresOptions, postgresReader, resumed } from '../support/postgres-source.ts';

interface Step {
  readonly ddl: string;
  /** Changes under the new definition. */
  readonly dml: string;
  /** Columns as the source must describe them then: name and identity (attnum). */
  readonly columns: readonly string[];
  readonly key?: readonly string[];
}

/** One definition after the other of one table. */
const STEPS: readonly Step[] = [
  {
    ddl: 'ALTER TABLE t ADD COLUMN c int',
    dml: 'UPDATE t SET c = id; INSERT INTO t VALUES (100, 1, 5)',
    columns: ['id 1', 'a 2', 'c 3'],
  },
  {
    ddl: "ALTER TABLE t ADD COLUMN d text DEFAULT 'there'",
    dml: "INSERT INTO t VALUES (101, 1, 5, 'x'); UPDATE t SET c = 0",
    columns: ['id 1', 'a 2', 'c 3', 'd 4'],
  },
  {
    ddl: 'ALTER TABLE t ADD COLUMN r double precision DEFAULT random()',
    dml: 'UPDATE t SET c = 1',
    columns: ['id 1', 'a 2', 'c 3', 'd 4', 'r 5'],
  },
  {
    ddl: 'ALTER TABLE t RENAME COLUMN a TO b',
    dml: 'UPDATE t SET b = b + 1',
    columns: ['id 1', 'b 2', 'c 3', 'd 4', 'r 5'],
  },
  {
    ddl: 'ALTER TABLE t DROP COLUMN r',
    dml: 'UPDATE t SET b = b + 1',
    columns: ['id 1', 'b 2', 'c 3', 'd 4'],
  },
  {
    ddl: 'ALTER TABLE t ALTER c TYPE numeric(10,2) USING c + 0.5',
    dml: 'UPDATE t SET b = b + 1',
    columns: ['id 1', 'b 2', 'c 3', 'd 4'],
  },
  {
    ddl: "ALTER TABLE t ALTER d SET DEFAULT 'other', ALTER d SET NOT NULL",
    dml: 'INSERT INTO t (id, b, c) VALUES (102, 1, 1)',
    columns: ['id 1', 'b 2', 'c 3', 'd 4'],
  },
  // Reordered: dropped and added at the end, under the same name another column.
  {
    ddl: 'ALTER TABLE t DROP COLUMN b; ALTER TABLE t ADD COLUMN b int',
    dml: 'UPDATE t SET b = id',
    columns: ['id 1', 'c 3', 'd 4', 'b 6'],
  },
  {
    ddl: 'ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (id, d)',
    dml: "UPDATE t SET d = d || 'x'; DELETE FROM t WHERE id = 3",
    columns: ['id 1', 'c 3', 'd 4', 'b 6'],
    key: ['id', 'd'],
  },
  {
    ddl: 'ALTER TABLE t REPLICA IDENTITY FULL',
    dml: 'UPDATE t SET b = b + 1; DELETE FROM t WHERE id = 4',
    columns: ['id 1', 'c 3', 'd 4', 'b 6'],
    key: ['id', 'd'],
  },
  {
    ddl: 'ALTER TABLE t ADD UNIQUE (id); ALTER TABLE t REPLICA IDENTITY USING INDEX t_id_key',
    dml: 'UPDATE t SET id = id + 1000 WHERE id = 5; UPDATE t SET b = 0',
    columns: ['id 1', 'c 3', 'd 4', 'b 6'],
    key: ['id'],
  },
  {
    ddl: 'ALTER TABLE t REPLICA IDENTITY DEFAULT; ALTER TABLE t ALTER id TYPE bigint',
    dml: 'UPDATE t SET b = b + 1',
    columns: ['id 1', 'c 3', 'd 4', 'b 6'],
    key: ['id', 'd'],
  },
];

describe.skipIf(noPostgres(18))('schema changes', () => {
  let server: TestPostgres;
  let client: Client;

  beforeAll(async () => {
    server = await startPostgres(18);
  });

  afterAll(async () => {
    await client?.end();
    await server?.stop();
  });

  const fresh = async (name: string): Promise<void> => {
    await client?.end();
    await server.createDatabase(name);
    client = await server.client(name);
    await client.query(
      'CREATE TABLE t (id int PRIMARY KEY, a int); INSERT INTO t SELECT g, g FROM generate_series(1, 20) g; CREATE TABLE mark (id int PRIMARY KEY)',
    );
  };

  /** Everything that is committed now has come. */
  let marks = 0;
  const caughtUp = async (reader: MirrorReader): Promise<void> => {
    const mark = String(++marks);
    await client.query(`INSERT INTO mark VALUES (${mark})`);
    await reader.until(`mark ${mark}`, () => reader.rows('public.mark').some(([id]) => id === mark));
  };

  /** Also when the table is being copied again meanwhile. */
  const expectEqual = (reader: MirrorReader, step: Step): Promise<void> =>
    vi.waitFor(() => compare(reader, step), { timeout: 120_000, interval: 100 });

  const compare = async (reader: MirrorReader, step: Step): Promise<void> => {
    expect(reader.error).toBeNull();
    const { schema } = reader.tables.get('public.t')!;
    expect(
      schema.columns.map(({ name, id }) => `${name} ${id}`),
      step.ddl,
    ).toEqual(step.columns);
    expect(
      schema.key.map((index) => schema.columns[index]!.name),
      step.ddl,
    ).toEqual(step.key ?? ['id']);
    const { rows } = await client.query({
      text: `SELECT ${schema.columns.map(({ name }) => name).join(', ')} FROM t`,
      rowMode: 'array',
      types: { getTypeParser: () => (value: string) => value } as never,
    });
    const byId = (table: unknown[][]): string[] => table.map((row) => row.join('|')).sort();
    expect(byId(reader.rows('public.t')), step.ddl).toEqual(byId(rows as string[][]));
  };

  it('are followed while streaming, each version with its rows', async () => {
    await fresh('live');
    const reader = postgresReader(
      postgresOptions(server, ['t', 'mark'], { database: 'live', slot: 'live', publication: 'live' }),
    );
    await reader.until('streaming', () => reader.last?.phase === 'stream');
    for (const step of STEPS) {
      await client.query(step.ddl);
      await client.query(step.dml);
      await caughtUp(reader);
      await expectEqual(reader, step);
    }
    await reader.close();
    expect(reader.error).toBeNull();
  });

  it('are followed across a restart, one by one', { timeout: 300_000 }, async () => {
    await fresh('down');
    const options = postgresOptions(server, ['t', 'mark'], {
      database: 'down',
      slot: 'down',
      publication: 'down',
    });
    let reader = postgresReader(options);
    await reader.until('streaming', () => reader.last?.phase === 'stream');
    for (const step of STEPS) {
      await reader.close();
      await client.query(step.dml.replace(/.*/s, 'UPDATE t SET id = id'));
      await client.query(step.ddl);
      await client.query(step.dml);
      reader = resumed(options, reader);
      await caughtUp(reader);
      await expectEqual(reader, step);
    }
    await reader.close();
    expect(reader.error).toBeNull();
  });

  it('are followed when all of them wait in the WAL, under definitions that are gone', async () => {
    await fresh('backlog');
    const options = postgresOptions(server, ['t', 'mark'], {
      database: 'backlog',
      slot: 'backlog',
      publication: 'backlog',
    });
    const first = postgresReader(options);
    await first.until('streaming', () => first.last?.phase === 'stream');
    await first.close();
    for (const step of STEPS) {
      await client.query(step.ddl);
      await client.query(step.dml);
    }
    const reader = resumed(options, first);
    await caughtUp(reader);
    await expectEqual(reader, STEPS.at(-1)!);
    await reader.close();
    expect(reader.error).toBeNull();
  });

  it('restart the copy that they meet with another key, and go on with another shape', {
    timeout: 300_000,
  }, async () => {
    await fresh('copying');
    await client.query('INSERT INTO t SELECT g, g FROM generate_series(100, 30000) g');
    const options = postgresOptions(server, ['t', 'mark'], {
      database: 'copying',
      slot: 'copying',
      publication: 'copying',
    });
    const reader = postgresReader(options);
    // Stopped behind its first rows, when no more than the next ones can have been read.
    const altered = Promise.withResolvers<void>();
    reader.watch = {
      event: ({ kind }) => {
        if (kind === 'rows') reader.pause(altered.promise);
      },
      version: () => {},
    };
    await reader.until('a chunk', () => reader.rows('public.t').length > 0);
    await client.query('ALTER TABLE t ADD COLUMN c int DEFAULT 7');
    await client.query('ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (a, id)');
    await client.query('UPDATE t SET a = -a WHERE id % 7 = 0');
    altered.resolve();
    await reader.until('the end', () => (reader.last as PostgresPosition).phase === 'stream');
    await caughtUp(reader);
    await expectEqual(reader, { ddl: '', dml: '', columns: ['id 1', 'a 2', 'c 3'], key: ['id', 'a'] });
    expect(reader.lines.filter((line) => line === 'snapshot begin t')).toHaveLength(2);
    await reader.close();
    expect(reader.error).toBeNull();
  });

  it('copy a table again when every row of it became another without a word', async () => {
    await fresh('retyped');
    const reader = postgresReader(
      postgresOptions(server, ['t', 'mark'], {
        database: 'retyped',
        slot: 'retyped',
        publication: 'retyped',
      }),
    );
    await reader.until('streaming', () => reader.last?.phase === 'stream');
    await client.query('ALTER TABLE t ALTER a TYPE numeric(12,2) USING a * 1.5');
    await reader.until(
      'the copy',
      () => reader.lines.filter((line) => line === 'snapshot end t').length === 2,
    );
    await expectEqual(reader, { ddl: '', dml: '', columns: ['id 1', 'a 2'] });
    await reader.close();
    expect(reader.error).toBeNull();
  });

  it('have that copy due with the first row of the new type, so that a restart does not forget it', async () => {
    await fresh('forgotten');
    const options = postgresOptions(server, ['t', 'mark'], {
      database: 'forgotten',
      slot: 'forgotten',
      publication: 'forgotten',
      // It looks every ten seconds.
      idleIntervalMs: 1_000,
    });
    const reader = postgresReader(options);
    await reader.until('streaming', () => reader.last?.phase === 'stream');
    const stopped = Promise.withResolvers<void>();
    let met = false;
    let sealed: PostgresPosition | null = null;
    reader.watch = {
      version: (table, _, cells) => {
        if (table.name === 't' && cells[0] === '100') met = true;
      },
      event: (event) => {
        if (!met || sealed !== null || event.kind !== 'commit') return;
        sealed = event.position as PostgresPosition;
        // Killed here.
        reader.pause(stopped.promise);
      },
    };
    await client.query(
      'ALTER TABLE t ALTER a TYPE numeric(12,2) USING a * 1.5; INSERT INTO t VALUES (100, 1)',
    );
    await reader.until('the row', () => sealed !== null);
    expect(sealed!.copying).toEqual([{ namespace: 'public', name: 't' }]);
    const killed = reader.close();
    stopped.resolve();
    await killed;
    const again = new MirrorReader(createPostgresSource(options), sealed, reader);
    await again.until('the copy', () => again.lines.filter((line) => line === 'snapshot end t').length === 2);
    await expectEqual(again, { ddl: '', dml: '', columns: ['id 1', 'a 2'] });
    await again.close();
    expect(again.error).toBeNull();
  });

  it('copy it also when it happened between two connections of one process', async () => {
    await fresh('between');
    const options = postgresOptions(server, ['t', 'mark'], {
      database: 'between',
      slot: 'between',
      publication: 'between',
    });
    const before = postgresReader(options);
    await before.until('streaming', () => before.last?.phase === 'stream');
    await before.close();
    await client.query('ALTER TABLE t ALTER a TYPE numeric(12,2) USING a * 1.5');
    const reader = resumed(options, before);
    await reader.until(
      'the copy',
      () => reader.lines.filter((line) => line === 'snapshot end t').length === 2,
    );
    await expectEqual(reader, { ddl: '', dml: '', columns: ['id 1', 'a 2'] });
    await reader.close();
    expect(reader.error).toBeNull();
  });
});
