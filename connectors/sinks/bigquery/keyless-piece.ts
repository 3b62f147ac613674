import type { RowProof } from '../../../src/deliver/warehouse/row-proof.ts';
import type { WrittenCell } from './row-reader.ts';

interface Tally {
  readonly cells: readonly (string | null)[];
  /** Copies that are added and not taken away again. */
  readonly added: RowProof[];
  /** Copies that the warehouse holds and loses. */
  removed: number;
}

/**
 * A table without a key is a bag of rows: equal rows cannot be told apart, so a stretch of changes comes down to how many
 * copies of each row are added or taken away, in whatever order they happened.
 */
export class KeylessPiece {
  readonly #tallies = new Map<string, Tally>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get empty(): boolean {
    return this.#tallies.size === 0;
  }

  clear(): void {
    this.#tallies.clear();
    this.#bytes = 0;
  }

  add(cells: readonly WrittenCell[], proof: RowProof): void {
    const tally = this.#tally(cells);
    if (tally.removed > 0) tally.removed--;
    else tally.added.push(proof);
  }

  take(cells: readonly WrittenCell[]): void {
    const tally = this.#tally(cells);
    if (tally.added.length > 0) tally.added.pop();
    else tally.removed++;
  }

  *added(): Generator<{ readonly cells: readonly (string | null)[]; readonly proof: RowProof }> {
    for (const { cells, added } of this.#tallies.values()) for (const proof of added) yield { cells, proof };
  }

  /** Rows to take away, each once, with the number of copies. */
  *removed(): Generator<{ readonly cells: readonly (string | null)[]; readonly copies: number }> {
    for (const { cells, removed } of this.#tallies.values())
      if (removed > 0) yield { cells, copies: removed };
  }

  #tally(cells: readonly WrittenCell[]): Tally {
    const known = cells.map((cell) => (typeof cell === 'string' ? cell : null));
    const key = known.map((cell) => (cell === null ? 'n' : `${cell.length}:${cell}`)).join();
    let tally = this.#tallies.get(key);
    if (tally === undefined) {
      tally = { cells: known, added: [], removed: 0 };
      this.#tallies.set(key, tally);
      this.#bytes += 2 * key.length + 64;
    }
    this.#bytes += 32;
    return tally;
  }
}
