import { stat } from 'node:fs/promises';
import type { QueryLimits, QueryPart } from '../../../src/deliver/warehouse-reader.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { closeDatabase, openForReading } from './database.ts';
import { DuckdbReader, type ReadingOptions } from './reader.ts';

export interface FileOptions extends ReadingOptions {
  readonly path: string;
  readonly readMemoryBytes: number;
  readonly memoryLimitBytes: number;
  readonly threads: number;
}

/** A query while no process delivers: the file is opened read-only, for as long as it takes. */
export async function* queryFile(
  options: FileOptions,
  sql: string,
  limits: QueryLimits,
): AsyncGenerator<QueryPart> {
  await stat(options.path).catch(() => {
    throw new RowsealError('RS-QRY-006', {
      detail: `${options.path} is not there yet`,
      fix: 'start `rowseal run`; it makes the file',
    });
  });
  const database = await openForReading({ ...options, snapshotDirectory: null }).catch((thrown: unknown) => {
    if (!(thrown instanceof RowsealError) || thrown.code !== 'RS-DUCK-002') throw thrown;
    throw new RowsealError('RS-QRY-005', { detail: thrown.detail ?? options.path });
  });
  const reader = new DuckdbReader(options);
  reader.opened(database);
  try {
    yield* reader.query(sql, limits, new AbortController().signal);
  } finally {
    await reader.closed();
    closeDatabase(database);
  }
}
