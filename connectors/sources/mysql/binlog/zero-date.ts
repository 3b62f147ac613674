import { RowsealError } from '../../../../src/error/rowseal-error.ts';
import type { CellWriter } from './cell-writer.ts';

/** What becomes of a date that is in no calendar; see `DecoderOptions.zeroDates`. */
export type ZeroDates = 'text' | 'null' | 'error';

/** Year 0 is none of Postgres and of most warehouses. */
export function inCalendar(year: number, month: number, day: number): boolean {
  if (day < 1 || month < 1 || month > 12 || year < 1) return false;
  if (day <= 28) return true;
  if (month === 2) return day === 29 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  return day <= (month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31);
}

/**
 * Ends a cell that holds such a date, its text being written up to `at`.
 *
 * @throws RowsealError RS-MY-057
 */
export function endZeroDate(writer: CellWriter, at: number, rule: ZeroDates, column: string): void {
  if (rule === 'error') throw new RowsealError('RS-MY-057', { detail: `column ${column}` });
  if (rule === 'null') writer.null();
  else writer.written(at);
}
