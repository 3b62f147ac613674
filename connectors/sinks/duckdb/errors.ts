import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { failureOf } from '../../duckdb-engine/failure.ts';

export function duckdbError(thrown: unknown, doing: string): RowsealError {
  if (thrown instanceof RowsealError) return thrown;
  const failure = failureOf(thrown);
  if (failure === 'cut') return new RowsealError('RS-REC-005', { detail: doing });
  const fields = { detail: `${doing} (${failure})`, origin: failure };
  if (failure === 'io' || failure === 'memory' || failure === 'transaction')
    return new RowsealError('RS-DUCK-006', fields);
  if (failure === 'lock') return new RowsealError('RS-DUCK-002', fields);
  return new RowsealError('RS-DUCK-007', fields);
}
