import { UNCHANGED } from '../../model/cell.ts';
import type { MaskedRun } from '../../model/masked.ts';
import { type RowBlock, textOrNull } from './row-block.ts';
import { imagePlaces } from './row-images.ts';
import { proofCells, proofOf, type RowProof, type RunPlace } from './row-proof.ts';
import { cellIndexes, PROOF_COLUMNS, type Target, type TargetColumn } from './target.ts';

/** Columns that a history has before the row's own: the proof, and what was not sent. */
export const HISTORY_LEAD = PROOF_COLUMNS.length + 1;

/** Every version of every row, in order, for the history table. */
export class HistoryPiece {
  readonly #columns: readonly TargetColumn[];
  #cells: (string | null)[][];
  #layout: { readonly table: object; readonly indexes: readonly number[] } | null = null;

  constructor(target: Target) {
    this.#columns = target.historyColumns;
    this.#cells = this.#empty();
  }

  get size(): number {
    return this.#cells[0]!.length;
  }

  /** The rows so far: op, group, seq, commit time (µs), names not sent, then the history's columns. */
  take(): RowBlock {
    const columns = this.#cells;
    this.#cells = this.#empty();
    return { count: columns[0]!.length, columns };
  }

  /** The table was emptied here: t (truncate) or s (the beginning of a copy). */
  mark(op: 't' | 's', { group, seq, commitTimeUs }: RunPlace): void {
    this.#lead({ op, group, seq, commitTimeUs }, null);
    for (let i = 0; i < this.#columns.length; i++) this.#cells[i + HISTORY_LEAD]!.push(null);
  }

  add(run: MaskedRun, place: RunPlace): void {
    if (this.#layout?.table !== run.table)
      this.#layout = { table: run.table, indexes: cellIndexes(this.#columns, run.table) };
    const { indexes } = this.#layout;
    const places = imagePlaces(run);
    for (let row = 0; row < run.count; row++) {
      const before = places.before[row]!;
      const after = places.after[row]!;
      const from = after >= 0 ? after : before;
      let unchanged: string | null = null;
      for (let i = 0; i < indexes.length; i++) {
        const index = indexes[i]!;
        const cell = index < 0 ? null : run.cells[from + index]!;
        if (cell === UNCHANGED) {
          const { name } = this.#columns[i]!;
          unchanged = unchanged === null ? name : `${unchanged},${name}`;
        }
        this.#cells[i + HISTORY_LEAD]!.push(textOrNull(cell));
      }
      this.#lead(proofOf(place, run.ops[row]!, row), unchanged);
    }
  }

  #lead(proof: RowProof, unchanged: string | null): void {
    const cells = proofCells(proof);
    for (let i = 0; i < cells.length; i++) this.#cells[i]!.push(cells[i]!);
    this.#cells[cells.length]!.push(unchanged);
  }

  #empty(): (string | null)[][] {
    return Array.from({ length: this.#columns.length + HISTORY_LEAD }, () => []);
  }
}
