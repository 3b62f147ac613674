import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Client } from 'pg';
import { parse } from 'yaml';
import { parseLsn } from '../../src/model/position.ts';
import type { TestProject } from '../support/project.ts';

const run = promisify(execFile);
const CHILD = fileURLToPath(new URL('./rowseal-child.ts', import.meta.url));

/** A server that is not what is measured. */
export const BENCH_SERVER: Readonly<Record<string, string>> = {
  shared_buffers: '512MB',
  max_wal_size: '8GB',
  max_replication_slots: '40',
  max_wal_senders: '40',
  synchronous_commit: 'off',
  logical_decoding_work_mem: '256MB',
};

/** What one drain by one process took. */
export interface Child {
  readonly rows: number;
  readonly seconds: number;
  readonly cpu_seconds: number;
  readonly peak_rss_bytes: number;
  readonly groups: number;
}

/** Streams until as many rows are durable in the sink; 0: until the stream is reached. As the container runs it (Dockerfile). */
export async function child(project: TestProject, rows: number): Promise<Child> {
  const { stdout } = await run(
    process.execPath,
    ['--max-semi-space-size=4', CHILD, project.configFile, String(rows)],
    { maxBuffer: 1 << 24, env: { ...process.env, MALLOC_ARENA_MAX: '2' } },
  );
  return parse(stdout) as Child;
}

/** Where the stream is now, with a transaction of its own so that every reader sees a commit at or after the end. */
export async function endOfStream(client: Client, table: string): Promise<bigint> {
  await client.query(`INSERT INTO ${table} (id) VALUES (-1)`);
  await client.query(`DELETE FROM ${table} WHERE id = -1`);
  const { rows } = await client.query<{ lsn: string }>('SELECT pg_current_wal_flush_lsn()::text AS lsn');
  return parseLsn(rows[0]!.lsn)!;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

export function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
