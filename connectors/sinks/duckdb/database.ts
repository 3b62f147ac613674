import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { failureOf } from '../../duckdb-engine/failure.ts';
import { quoteLiteral } from '../../duckdb-engine/identifier.ts';
import { EngineLimits } from './engine-limits.ts';

/** An open file: the writer's connection, and what readers share with it. */
export interface Database {
  readonly instance: DuckDBInstance;
  readonly connection: DuckDBConnection;
  readonly limits: EngineLimits;
}

export interface DatabaseOptions {
  readonly path: string;
  readonly memoryLimitBytes: number;
  /** On top, while queries or snapshots read. */
  readonly readMemoryBytes: number;
  readonly threads: number;
  /** Where files may be written beside the database; null: nowhere. */
  readonly snapshotDirectory: string | null;
}

/** @throws RowsealError RS-DUCK-001, -002 */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  await mkdir(dirname(options.path), { recursive: true });
  return opened(options, {
    preserve_insertion_order: 'false',
    checkpoint_threshold: `${Math.round(checkpointBytes(options.memoryLimitBytes) / 1e6)}MB`,
    // Give memory back after a few megabytes instead of 128: the process has other uses for it.
    allocator_flush_threshold: '8MB',
    allocator_bulk_deallocation_flush_threshold: '32MB',
  });
}

/**
 * Bytes of the write-ahead log after which DuckDB writes the tables themselves. Each time it does, it compresses the newest
 * rows anew, so more at a time cost less (inserts took a third less processor time at 64 MB than at DuckDB's own 16 MB). Until then
 * those rows are held in memory, of which there must be enough; after a crash the next start replays that much.
 */
function checkpointBytes(memoryLimitBytes: number): number {
  return Math.min(64_000_000, Math.max(16_000_000, memoryLimitBytes / 4));
}

/** For queries while no process delivers. @throws RowsealError RS-DUCK-001, -002 */
export function openForReading(options: DatabaseOptions): Promise<Database> {
  return opened(options, { access_mode: 'READ_ONLY' });
}

async function opened(options: DatabaseOptions, more: Readonly<Record<string, string>>): Promise<Database> {
  const { path, memoryLimitBytes, readMemoryBytes, threads, snapshotDirectory } = options;
  try {
    const instance = await DuckDBInstance.create(path, {
      memory_limit: `${Math.round(memoryLimitBytes / 1e6)}MB`,
      threads: String(threads),
      // Spilled rows are masked rows; they stay beside the database, not in a shared directory.
      temp_directory: `${path}.tmp`,
      ...more,
    });
    const connection = await instance.connect();
    await connection.run("SET TimeZone = 'UTC'");
    if (snapshotDirectory !== null)
      await connection.run(`SET allowed_directories = [${quoteLiteral(snapshotDirectory)}]`);
    // For good, and for every connection: no SQL reaches other files, the network or extensions.
    await connection.run('SET enable_external_access = false');
    const bytes = { writer: memoryLimitBytes, reader: readMemoryBytes };
    return { instance, connection, limits: new EngineLimits(await instance.connect(), bytes) };
  } catch (thrown) {
    throw openError(thrown, path);
  }
}

export function closeDatabase({ instance, connection, limits }: Database): void {
  limits.close();
  connection.closeSync();
  instance.closeSync();
}

export function openError(thrown: unknown, path: string): RowsealError {
  if (thrown instanceof RowsealError) return thrown;
  const lock = failureOf(thrown) === 'lock';
  const pid = thrown instanceof Error ? /\(PID (\d+)\)/.exec(thrown.message)?.[1] : undefined;
  return new RowsealError(lock ? 'RS-DUCK-002' : 'RS-DUCK-001', {
    detail: pid === undefined ? path : `${path}, held by process ${pid}`,
  });
}
