import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { failureOf } from '../../duckdb-engine/failure.ts';

export function parquetError(thrown: unknown, doing: string): RowsealError {
  if (thrown instanceof RowsealError) return thrown;
  const errno = errnoOf(thrown);
  if (errno !== null) return new RowsealError('RS-PQT-006', { detail: `${doing} (${errno})`, origin: errno });
  const failure = failureOf(thrown);
  const fields = { detail: `${doing} (${failure})`, origin: failure };
  return new RowsealError(failure === 'io' || failure === 'memory' ? 'RS-PQT-006' : 'RS-PQT-007', fields);
}

export function errnoOf(thrown: unknown): string | null {
  if (!(thrown instanceof Error) || !('code' in thrown)) return null;
  return typeof thrown.code === 'string' && /^E[A-Z]+$/.test(thrown.code) ? thrown.code : null;
}
