import type { MaskedCell } from '../../model/cell.ts';
import { Image } from '../../model/change.ts';
import type { MaskedRun } from '../../model/masked.ts';
import type { WholeRow } from './mirror-piece.ts';
import { proofOf, type RowProof, type RunPlace } from './row-proof.ts';
import { cellIndexes, type Target } from './target.ts';

interface Tally {
  readonly cells: readonly MaskedCell[];
  /** One for each copy to add; a copy that is taken away again is not among them. */
  readonly added: RowProof[];
  /** Copies to take away from the target. */
  removed: number;
  /** Of the last removal. */
  removal: RowProof | null;
}

/**
 * A table without a key is a bag of rows: equal rows cannot be told apart, so a stretch of changes comes down to how many
 * copies of each row are added or taken away, in whatever order they happened.
 */
export class KeylessPiece {
  readonly #target: Target;
  readonly #tallies = new Map<string, Tally>();
  #changes = 0;

  constructor(target: Target) {
    this.#target = target;
  }

  /** Changes, not different rows: a million copies of one row need memory too. */
  get size(): number {
    return this.#changes;
  }

  clear(): void {
    this.#tallies.clear();
    this.#changes = 0;
  }

  add(run: MaskedRun, place: RunPlace): void {
    const indexes = cellIndexes(this.#target.columns, run.table);
    const width = run.table.columns.length;
    this.#changes += run.count;
    let at = 0;
    for (let row = 0; row < run.count; row++) {
      const bits = run.images[row]!;
      const proof = proofOf(place, run.ops[row]!, row);
      if ((bits & Image.before) !== 0) {
        const tally = this.#tally(run.cells, at, indexes);
        if (tally.added.pop() === undefined) {
          tally.removed++;
          tally.removal = proof;
        }
        at += width;
      }
      if ((bits & Image.after) !== 0) {
        this.#tally(run.cells, at, indexes).added.push(proof);
        at += width;
      }
    }
  }

  /** Rows to add, as often as they are to be added. */
  *added(): Generator<WholeRow> {
    for (const { cells, added } of this.#tallies.values()) for (const proof of added) yield { cells, proof };
  }

  /** Rows to take away, each once, with the number of copies. */
  *removed(): Generator<WholeRow & { readonly copies: number }> {
    for (const { cells, removed, removal } of this.#tallies.values())
      if (removed > 0) yield { cells, copies: removed, proof: removal! };
  }

  #tally(cells: readonly MaskedCell[], at: number, indexes: readonly number[]): Tally {
    const picked = indexes.map((index) => (index < 0 ? null : cells[at + index]!));
    const key = picked.map((cell) => (typeof cell === 'string' ? `${cell.length}:${cell}` : 'n')).join();
    let tally = this.#tallies.get(key);
    if (tally === undefined) {
      tally = { cells: picked, added: [], removed: 0, removal: null };
      this.#tallies.set(key, tally);
    }
    return tally;
  }
}
