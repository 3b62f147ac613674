import { RowsealError } from '../../../src/error/rowseal-error.ts';

/** @throws RowsealError RS-PG-014 unless the message reaches that far */
export function need(to: number, end: number): void {
  if (to > end) throw malformed('a message that is cut short');
}

/** @param what never a value */
export function malformed(what: string): RowsealError {
  return new RowsealError('RS-PG-014', { detail: what });
}
