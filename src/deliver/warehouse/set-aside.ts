import { displayName } from '../../model/table.ts';
import type { DeadLetter } from './dead-letters.ts';
import type { PartialRow } from './mirror-piece.ts';
import { type ProvenBlock, textOrNull, without } from './row-block.ts';
import type { Target, TargetColumn } from './target.ts';

/** A cell that its column cannot hold. */
export interface UnfitCell {
  readonly row: number;
  /** Index of the target column. */
  readonly column: number;
}

export interface Sifted {
  /** What can be loaded: cells that do not fit are null, rows whose key does not fit are not there. */
  readonly block: ProvenBlock;
  readonly letters: readonly DeadLetter[];
  /** Rows of the block as it was that are not in it any more. */
  readonly gone: ReadonlySet<number>;
}

/**
 * Takes cells that do not fit out of a block, with a dead letter for each.
 *
 * @param key positions of key columns
 * @param unfitKey a row whose key does not fit is kept `aside` whole, since nobody could find it again, or stays with a
 *   `null` (in a history)
 * @param cells what does not fit, and rows (column -1) that cannot be held as a whole
 */
export function setAside(
  target: Target,
  columns: readonly TargetColumn[],
  key: readonly number[],
  unfitKey: 'aside' | 'null',
  block: ProvenBlock,
  cells: readonly UnfitCell[],
): Sifted {
  const gone = new Set<number>();
  const letters: DeadLetter[] = [];
  const table = displayName(target.table);
  const copies = block.columns.map((column) => [...column]);
  for (const { row, column } of cells) {
    if (gone.has(row)) continue;
    const { group } = block.proofs[row]!;
    const keyText = key.length === 0 ? null : key.map((index) => block.columns[index]![row] ?? '').join();
    if (column < 0 || (unfitKey === 'aside' && key.includes(column))) {
      gone.add(row);
      const whole = Object.fromEntries(columns.map(({ name }, i) => [name, block.columns[i]![row] ?? null]));
      const reason =
        column < 0 ? 'the row cannot be held' : `the key does not fit: ${fitsNot(columns[column]!)}`;
      letters.push({ group, table, key: keyText, column: '', value: JSON.stringify(whole), reason });
    } else {
      copies[column]![row] = null;
      const { name } = columns[column]!;
      const value = block.columns[column]![row]!;
      letters.push({ group, table, key: keyText, column: name, value, reason: fitsNot(columns[column]!) });
    }
  }
  // Of a row that is kept whole, its single cells need not be kept beside it.
  return { block: without({ ...block, columns: copies }, gone), letters, gone };
}

function fitsNot({ type }: TargetColumn): string {
  return `does not fit ${type}`;
}

/**
 * Rows of an older version whose key the table does not have any more: nobody can find them in the mirror.
 *
 * @param replaced keys that were to be deleted or replaced, as columns
 */
export function unfindable(
  target: Target,
  replaced: readonly (readonly string[])[],
  whole: ProvenBlock,
  partial: readonly PartialRow[],
): readonly DeadLetter[] {
  const table = displayName(target.table);
  const reason = 'the column of its key was dropped in the same batch';
  const letter = (group: number, cells: readonly (string | null)[]): DeadLetter => ({
    group,
    table,
    key: null,
    column: '',
    value: JSON.stringify(cells),
    reason,
  });
  const group = whole.proofs[0]?.group ?? partial[0]?.proof.group ?? 0;
  return [
    ...whole.proofs.map((proof, row) =>
      letter(
        proof.group,
        whole.columns.map((cells) => cells[row]!),
      ),
    ),
    ...partial.map(({ proof, cells }) => letter(proof.group, cells.map(textOrNull))),
    ...(replaced[0] ?? []).map((_, row) =>
      letter(
        group,
        replaced.map((cells) => cells[row]!),
      ),
    ),
  ];
}
