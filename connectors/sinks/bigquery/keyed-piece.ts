import type { RowProof } from '../../../src/deliver/warehouse/row-proof.ts';
import { UNCHANGED } from '../../../src/model/cell.ts';
import type { WrittenCell } from './row-reader.ts';

/** What becomes of one key in a stretch of changes. */
export interface PendingRow extends RowProof {
  readonly key: readonly string[];
  /** One cell per target column; null: the row is deleted. */
  readonly cells: readonly WrittenCell[] | null;
  /** Key of the warehouse's row that unchanged cells come from; null: no cell is unchanged. */
  readonly base: readonly string[] | null;
}

/** The final state of every key that a stretch of changes touches. */
export class KeyedPiece {
  readonly #rows = new Map<string, PendingRow>();
  #bytes = 0;

  get rows(): number {
    return this.#rows.size;
  }

  /** Roughly, of the cells that are held. */
  get bytes(): number {
    return this.#bytes;
  }

  clear(): void {
    this.#rows.clear();
    this.#bytes = 0;
  }

  values(): IterableIterator<PendingRow> {
    return this.#rows.values();
  }

  delete(key: readonly string[], proof: RowProof): void {
    this.#set(key, { ...proof, op: 'd', key, cells: null, base: null });
  }

  /**
   * @param oldKey key of the row before; the same as `key` where it did not change
   * @returns false when a cell is unchanged and its value known to be nowhere: it is null then
   */
  upsert(
    key: readonly string[],
    oldKey: readonly string[],
    cells: readonly WrittenCell[],
    proof: RowProof,
  ): boolean {
    const moved = oldKey !== key && keyText(oldKey) !== keyText(key);
    const filled = cells.includes(UNCHANGED) ? this.#fill(oldKey, cells) : { cells, base: null, known: true };
    if (moved) this.delete(oldKey, proof);
    this.#set(key, { ...proof, key, cells: filled.cells, base: filled.base });
    return filled.known;
  }

  /** Unchanged cells from the row's state in this piece, else from the warehouse. */
  #fill(
    key: readonly string[],
    cells: readonly WrittenCell[],
  ): {
    readonly cells: readonly WrittenCell[];
    readonly base: readonly string[] | null;
    readonly known: boolean;
  } {
    const previous = this.#rows.get(keyText(key));
    if (previous === undefined) return { cells, base: key, known: true };
    const filled = cells.map((cell, i) => (cell !== UNCHANGED ? cell : (previous.cells?.[i] ?? null)));
    return {
      cells: filled,
      base: filled.includes(UNCHANGED) ? previous.base : null,
      known: previous.cells !== null,
    };
  }

  #set(key: readonly string[], row: PendingRow): void {
    const text = keyText(key);
    const known = this.#rows.get(text);
    if (known !== undefined) this.#bytes -= sizeOf(known);
    this.#bytes += sizeOf(row);
    this.#rows.set(text, row);
  }
}

/** Joined with lengths, so that no two keys share a text. */
export function keyText(key: readonly string[]): string {
  return key.length === 1 ? key[0]! : key.map((part) => `${part.length}:${part}`).join('');
}

/** Of the row, its place in the map, and its texts, as V8 keeps them. */
function sizeOf({ cells, key }: PendingRow): number {
  let bytes = 240;
  for (const part of key) bytes += part.length + 24;
  if (cells !== null) for (const cell of cells) bytes += typeof cell === 'string' ? cell.length + 24 : 8;
  return bytes;
}
