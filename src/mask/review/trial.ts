import type { ErrorCode } from '../../error/codes.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import type { MaskedCell, RawCell } from '../../model/cell.ts';
import { Image, Op } from '../../model/change.ts';
import type { TableSchema } from '../../model/table.ts';
import type { LeakKind } from '../leak-guard.ts';
import type { TableMasker } from '../masker.ts';
import type { UnfitReason } from '../method.ts';
import type { SinkView } from '../sink-mask.ts';

/** What becomes of one cell of a row that is tried, not streamed. */
export type TriedCell =
  | {
      readonly kind: 'cell';
      readonly cell: MaskedCell;
      /** Why its method could not take the value, or a part of it; empty: it could. */
      readonly unfit: readonly UnfitReason[];
      /** What the leak guard met in it. */
      readonly leaks: readonly LeakKind[];
    }
  /** The pipeline would stop here. */
  | { readonly kind: 'halt'; readonly code: ErrorCode; readonly reason: string };

/** What a row is tried with: a table's masker, or that and what a sink does on top of it. */
export type RowMasker = Pick<TableMasker, 'columns' | 'mask' | 'takeUnfit' | 'takeLeaks'>;

/** The masker of a run with a sink's own rules behind it. */
export function maskerFor(masker: TableMasker, view: SinkView): RowMasker {
  return {
    columns: masker.columns,
    mask: (run) => view.mask(masker.mask(run)),
    takeUnfit: () => [...masker.takeUnfit(), ...view.takeUnfit()],
    takeLeaks: () => masker.takeLeaks(),
  };
}

/**
 * Masks one row image by the masker of a run. A run stops at the first value that halts; here the row is masked again
 * without that value, so that every cell has an answer.
 */
export function tryRow(
  masker: RowMasker,
  table: TableSchema,
  cells: readonly RawCell[],
): readonly TriedCell[] {
  const halted = new Map<number, Extract<TriedCell, { kind: 'halt' }>>();
  const row = [...cells];
  for (;;) {
    try {
      const masked = masker.mask({
        table,
        count: 1,
        ops: Uint8Array.of(Op.create),
        images: Uint8Array.of(Image.after),
        cells: row,
        firstOrdinal: 0,
        bytes: 0,
      });
      const [unfit, leaks] = [masker.takeUnfit(), masker.takeLeaks()];
      return table.columns.map(
        ({ name }, i) =>
          halted.get(i) ?? {
            kind: 'cell',
            cell: masked.cells[i]!,
            unfit: unfit.filter((count) => count.column === name).map((count) => count.reason),
            leaks: leaks.filter((count) => count.column === name).map((count) => count.kind),
          },
      );
    } catch (thrown) {
      const stop = stopOf(thrown, masker);
      // What was counted belongs to this attempt.
      masker.takeUnfit();
      masker.takeLeaks();
      if (stop === null || halted.has(stop.column)) throw thrown;
      halted.set(stop.column, stop.cell);
      row[stop.column] = null;
    }
  }
}

const STOPS: ReadonlySet<ErrorCode> = new Set(['RS-MASK-010', 'RS-MASK-012']);

/** Which column stopped the row; its name is the first thing in the error's detail. */
function stopOf(
  thrown: unknown,
  masker: RowMasker,
): { readonly column: number; readonly cell: Extract<TriedCell, { kind: 'halt' }> } | null {
  if (!(thrown instanceof RowsealError) || !STOPS.has(thrown.code) || thrown.detail === null) return null;
  const { detail, code } = thrown;
  const column = masker.columns.findIndex(({ where }) => detail.startsWith(`${where}: `));
  if (column < 0) return null;
  return {
    column,
    cell: { kind: 'halt', code, reason: detail.slice(masker.columns[column]!.where.length + 2) },
  };
}
