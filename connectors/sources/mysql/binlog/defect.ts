import { RowsealError } from '../../../../src/error/rowseal-error.ts';

/** An event that is not what it says it is. `what` names form, never content. */
export function malformed(what: string): RowsealError {
  return new RowsealError('RS-MY-050', { detail: what });
}

/** @throws RowsealError RS-MY-050 when `to` lies behind the end of the event */
export function need(to: number, end: number): void {
  if (to > end) throw malformed('an event that is cut short');
}
