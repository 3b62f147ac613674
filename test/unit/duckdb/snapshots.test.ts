import { randomUUID } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { closeDatabase, type Database, openDatabase } from '../../../connectors/sinks/duckdb/database.ts';
import { EngineLimits } from '../../../connectors/sinks/duckdb/engine-limits.ts';
import { Snapshots } from '../../../connectors/sinks/duckdb/snapshots.ts';
import type { RowsealError } from '../../../src/error/rowseal-error.ts';

let root: string;
let directory: string;
let database: Database;
let errors: RowsealError[];
let snapshots: Snapshots;

beforeEach(async () => {
  root = join(tmpdir(), `rowseal-snapshots-${randomUUID()}`);
  directory = join(root, 'snapshots');
  database = await openDatabase({
    path: join(root, 'w.duckdb'),
    memoryLimitBytes: 40_000_000,
    readMemoryBytes: 40_000_000,
    threads: 1,
    snapshotDirectory: directory,
  });
  const known = (name: string): string => JSON.stringify({ table: { namespace: 's', name } });
  await database.connection.run(`
    CREATE SCHEMA _rowseal; CREATE TABLE _rowseal.cursor (pipeline VARCHAR, epoch BIGINT, group_index BIGINT);
    INSERT INTO _rowseal.cursor VALUES ('p', 1, 7);
    CREATE TABLE _rowseal.tables (table_key VARCHAR, known VARCHAR);
    INSERT INTO _rowseal.tables VALUES ('1', '${known('there')}'), ('2', '${known('gone')}');
    CREATE SCHEMA s; CREATE TABLE s.there AS SELECT range AS id FROM range(1000)`);
  errors = [];
  snapshots = new Snapshots({ directory, intervalMs: 10, keep: 2 }, (error) => errors.push(error));
});

afterEach(async () => {
  await snapshots.closed();
  closeDatabase(database);
  await rm(root, { recursive: true, force: true });
});

const failures = (n: number): Promise<void> =>
  expect.poll(() => errors.length, { timeout: 30_000 }).toBeGreaterThanOrEqual(n);

describe('snapshots that fail', () => {
  it('leave nothing behind, and are tried again', async () => {
    await snapshots.opened(database, 'p');
    await failures(3);
    expect(errors.map(({ code }) => code)).toContain('RS-QRY-010');
    // At most what the attempt of this moment makes.
    expect((await readdir(directory)).length).toBeLessThanOrEqual(1);
    await database.connection.run('CREATE TABLE s.gone AS SELECT 1 AS id');
    await expect.poll(() => readdir(directory), { timeout: 30_000 }).toContain('current');
    await snapshots.closed();
    expect((await readdir(directory)).sort()).toEqual(['current', 'group-0000000000000007']);
  });

  it('leave nothing behind when the sink closes', async () => {
    await snapshots.opened(database, 'p');
    await failures(1);
    await snapshots.closed();
    expect(await readdir(directory)).toEqual([]);
  });

  it.each([
    [
      'no connection is to be had',
      { instance: { connect: () => Promise.reject(new Error('IO Error: no more')) } },
    ],
    [
      'there is no memory for a reader',
      {
        limits: {
          readerCame: () => Promise.reject(new Error('Out of Memory Error: no')),
          readerLeft: async () => {},
        },
      },
    ],
    [
      'the reader cannot leave',
      { limits: { readerCame: async () => {}, readerLeft: () => Promise.reject(new Error('IO Error: no')) } },
    ],
  ])('are reported, and end neither the process nor a close: %s', async (_, broken) => {
    await snapshots.opened({ ...database, ...broken } as unknown as Database, 'p');
    await failures(2);
    await snapshots.closed();
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(['RS-QRY-010']));
    expect(await readdir(directory)).toEqual([]);
  });
});

it('a reader leaves whatever becomes of the settings', async () => {
  const connection = await database.instance.connect();
  const limits = new EngineLimits(connection, { writer: 40_000_000, reader: 40_000_000 });
  await limits.readerCame(1_000_000);
  limits.close();
  await limits.readerLeft();
});
