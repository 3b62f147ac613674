import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { RowsealError } from '../error/rowseal-error.ts';

const HOLDER = 'lock.holder';

/**
 * One writer per directory. The lock is the kernel's (a POSIX lock, taken through SQLite because Node offers none), so
 * it is gone with the process however that ends, and it holds between containers that share a volume.
 *
 * @returns gives the lock back
 * @throws RowsealError RS-AUD-006
 */
export function lockDirectory(directory: string): () => Promise<void> {
  const holderFile = join(directory, HOLDER);
  const database = new DatabaseSync(join(directory, 'lock'), { timeout: 0 });
  try {
    // Exclusive locking mode keeps the lock between transactions; no journal, so that no other file appears.
    database.exec(
      'PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; PRAGMA user_version = 1; COMMIT;',
    );
  } catch {
    database.close();
    throw new RowsealError('RS-AUD-006', {
      detail: `${directory} is held by process ${readHolder(holderFile)}`,
    });
  }
  writeFileSync(holderFile, `${process.pid}\n`);
  return async () => database.close();
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
