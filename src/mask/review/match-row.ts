import { DROPPED, type MaskedCell, type RawCell, UNCHANGED } from '../../model/cell.ts';
import { Image, Op } from '../../model/change.ts';
import type { TableSchema } from '../../model/table.ts';
import type { TableMasker } from '../masker.ts';

/** Whether a column of a raw row is the one behind a sealed cell. Says so without either value. */
export type ColumnMatch =
  | 'match'
  | 'differs'
  /** The raw row has no such column. */
  | 'not given'
  /** The source did not send the cell with this change. */
  | 'not sent'
  /** The policy drops the column, or the proof does not show it. */
  | 'not sealed';

/** Masks a raw row again and compares it with what was sealed. @param sealed by column; null: not shown */
export function matchRow(
  table: TableSchema,
  masker: TableMasker,
  raw: ReadonlyMap<string, string | null>,
  sealed: readonly (MaskedCell | null | undefined)[],
): readonly ColumnMatch[] {
  const cells = table.columns.map(({ name }): RawCell => (raw.has(name) ? raw.get(name)! : UNCHANGED));
  const masked = masker.mask({
    table,
    count: 1,
    ops: Uint8Array.of(Op.create),
    images: Uint8Array.of(Image.after),
    cells,
    firstOrdinal: 0,
    bytes: 0,
  }).cells;
  return table.columns.map((_, i): ColumnMatch => {
    const kept = sealed[i];
    if (kept === undefined || kept === DROPPED) return 'not sealed';
    if (kept === UNCHANGED) return 'not sent';
    if (cells[i] === UNCHANGED) return 'not given';
    return masked[i] === kept ? 'match' : 'differs';
  });
}
