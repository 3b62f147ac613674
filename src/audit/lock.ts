import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { RowsealError } from '../error/rowseal-error.ts';
import { diskError } from './node-disk.ts';

const HOLDER = 'lock.holder';

/** SQLite's result codes, of which the low byte says what it is. */
const BUSY = 5;
const FULL = 13;

/**
 * One writer per directory. The lock is the kernel's (a POSIX lock, taken through SQLite because Node offers none), so
 * it is gone with the process however that ends, and it holds between containers that share a volume.
 *
 * @returns gives the lock back
 * @throws RowsealError RS-AUD-006 when another has it; RS-AUD-001, -002 when nobody could take it
 */
export function lockDirectory(directory: string): () => Promise<void> {
  const database = takeLock(directory);
  const holderFile = join(directory, HOLDER);
  try {
    writeFileSync(holderFile, `${process.pid}\n`);
  } catch (error) {
    database.close();
    throw diskError('write', holderFile, error);
  }
  return async () => database.close();
}

function takeLock(directory: string): DatabaseSync {
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(join(directory, 'lock'), { timeout: 0 });
    // Exclusive locking mode keeps the lock between transactions; no journal, so that no other file appears.
    database.exec(
      'PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; PRAGMA user_version = 1; COMMIT;',
    );
    return database;
  } catch (error) {
    database?.close();
    throw lockError(directory, error);
  }
}

function lockError(directory: string, error: unknown): RowsealError {
  const { errcode, errstr } = error as { readonly errcode?: number; readonly errstr?: string };
  const result = (errcode ?? 0) & 0xff;
  if (result === BUSY)
    return new RowsealError('RS-AUD-006', {
      detail: `${directory} is held by process ${readHolder(join(directory, HOLDER))}`,
    });
  return new RowsealError(result === FULL ? 'RS-AUD-002' : 'RS-AUD-001', {
    detail: `could not lock ${join(directory, 'lock')} (${errstr ?? 'unknown'})`,
  });
}

/** Process id of who took the lock last, in decimal; it may have ended since. `unknown`: nobody did. */
export function lockHolder(directory: string): string {
  return readHolder(join(directory, HOLDER));
}

function readHolder(file: string): string {
  try {
    const text = readFileSync(file, 'utf8').trim();
    return /^\d+$/.test(text) ? text : 'unknown';
  } catch {
    return 'unknown';
  }
}
