import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isBeginning, type PostgresPosition } from '../../src/model/position.ts';
import type { MirrorReader } from '../support/mirror-reader.ts';
import { noPostgres } from '../support/needs.ts';
import { type PostgresMajor, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { CHAOS_TABLES, PostgresChaos } from '../support/postgres-chaos.ts';
import { postgresOptions, postgresReader, resumed } from '../support/postgres-source.ts';

const SLOW = process.env['ROWSEAL_SLOW_TESTS'] === '1';
const FIRST_SEED = Number(process.env['ROWSEAL_SEED'] ?? 1);
const MAJORS: readonly (readonly [PostgresMajor, number])[] = SLOW
  ? [
      [18, 200],
      [17, 200],
      [16, 200],
      [15, 200],
      [14, 200],
    ]
  : [
      [18, 4],
      [17, 2],
      [16, 2],
      [15, 2],
      [14, 2],
    ];

describe.each(MAJORS)('a random workload on PostgreSQL %i, %i seeds', (major, seeds) => {
  let server: TestPostgres;

  beforeAll(async () => {
    if (!noPostgres(major)) server = await startPostgres(major);
  });

  afterAll(async () => {
    await server?.stop();
  });

  const run = async (seed: number): Promise<void> => {
    const name = `seed${seed}`;
    await server.createDatabase(name);
    const client = await server.client(name);
    const chaos = new PostgresChaos(client, seed);
    await chaos.create();
    const options = postgresOptions(server, CHAOS_TABLES, {
      database: name,
      slot: name,
      publication: name,
      copyTables: 1 + (seed % 3),
    });
    let reader = postgresReader(options);
    try {
      for (let i = 0; i < 30; i++) {
        await chaos.step();
        // Broken off now and then, also in the middle of the copy.
        if (i % 10 !== 9 || reader.last === null || isBeginning(reader.last)) continue;
        await reader.close();
        expect(reader.error, `seed ${seed}`).toBeNull();
        reader = resumed(options, reader);
      }
      await caughtUp(client, reader);
      for (const table of CHAOS_TABLES) await compare(client, reader, table, seed);
    } finally {
      await reader.close();
      await client.query(
        'SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active AND database = current_database()',
      );
      await client.end();
    }
    expect(reader.error, `seed ${seed}`).toBeNull();
  };

  it.skipIf(noPostgres(major))(
    'leaves the mirror equal to the source',
    { timeout: SLOW ? 3_600_000 : 180_000 },
    async () => {
      for (let seed = FIRST_SEED; seed < FIRST_SEED + seeds; seed++) await run(seed);
    },
  );
});

async function caughtUp(client: Client, reader: MirrorReader): Promise<void> {
  const { rows } = await client.query<{ lsn: string }>(
    "SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::text AS lsn",
  );
  await reader.until(
    'the end of the WAL',
    () => {
      const last = reader.last as PostgresPosition | null;
      return last?.phase === 'stream' && last.copying === undefined && last.lsn >= BigInt(rows[0]!.lsn);
    },
    60_000,
  );
}

async function compare(client: Client, reader: MirrorReader, table: string, seed: number): Promise<void> {
  await client.query("SET TimeZone = 'UTC'");
  const { rows, fields } = await client.query({
    text: `SELECT * FROM ${table}`,
    rowMode: 'array',
    types: { getTypeParser: () => (value: string) => value } as never,
  });
  // A column that no row was told of since it came is not known to the mirror, and null in every row.
  const mirrored = reader.tables.get(`public.${table}`)!;
  const known = fields.map(({ name }) => mirrored.schema.columns.findIndex((column) => column.name === name));
  const source = (rows as (string | null)[][])
    .map((row) => JSON.stringify(row.filter((cell, i) => known[i]! >= 0 || cell !== null)))
    .sort();
  const mirror = reader
    .rows(`public.${table}`)
    .map((row) => JSON.stringify(known.filter((index) => index >= 0).map((index) => row[index])))
    .sort();
  expect(mirror, `seed ${seed}, ${table}`).toEqual(source);
}
