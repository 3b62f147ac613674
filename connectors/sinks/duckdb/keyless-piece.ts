import type { MaskedCell } from '../../../src/model/cell.ts';
import { Image } from '../../../src/model/change.ts';
import type { MaskedRun } from '../../../src/model/masked.ts';
import { cellIndexes, type Target } from './target.ts';

interface Tally {
  readonly cells: readonly MaskedCell[];
  /** Copies to add, or to take away when negative. */
  net: number;
}

/**
 * A table without a key is a bag of rows: equal rows cannot be told apart, so a stretch of changes comes down to how many
 * copies of each row are added or taken away, in whatever order they happened.
 */
export class KeylessPiece {
  readonly #target: Target;
  readonly #tallies = new Map<string, Tally>();

  constructor(target: Target) {
    this.#target = target;
  }

  get size(): number {
    return this.#tallies.size;
  }

  clear(): void {
    this.#tallies.clear();
  }

  add(run: MaskedRun): void {
    const indexes = cellIndexes(this.#target.columns, run.table);
    const width = run.table.columns.length;
    let at = 0;
    for (let row = 0; row < run.count; row++) {
      const bits = run.images[row]!;
      if ((bits & Image.before) !== 0) {
        this.#count(run.cells, at, indexes, -1);
        at += width;
      }
      if ((bits & Image.after) !== 0) {
        this.#count(run.cells, at, indexes, 1);
        at += width;
      }
    }
  }

  /** Rows to add, as often as they are to be added. */
  *added(): Generator<readonly MaskedCell[]> {
    for (const { cells, net } of this.#tallies.values()) for (let i = 0; i < net; i++) yield cells;
  }

  /** Rows to take away, each once, with the number of copies. */
  *removed(): Generator<{ readonly cells: readonly MaskedCell[]; readonly copies: number }> {
    for (const { cells, net } of this.#tallies.values()) if (net < 0) yield { cells, copies: -net };
  }

  #count(cells: readonly MaskedCell[], at: number, indexes: readonly number[], change: 1 | -1): void {
    const picked = indexes.map((index) => (index < 0 ? null : cells[at + index]!));
    const key = picked.map((cell) => (typeof cell === 'string' ? `${cell.length}:${cell}` : 'n')).join();
    const tally = this.#tallies.get(key);
    if (tally === undefined) this.#tallies.set(key, { cells: picked, net: change });
    else tally.net += change;
  }
}
