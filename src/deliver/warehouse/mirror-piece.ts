import { type MaskedCell, UNCHANGED } from '../../model/cell.ts';
import { Op } from '../../model/change.ts';
import type { MaskedRun, MaskedTable } from '../../model/masked.ts';
import { imagePlaces } from './row-images.ts';
import { proofOf, type RowProof, type RunPlace } from './row-proof.ts';
import { cellIndexes, keyColumns, type Target } from './target.ts';

/** What becomes of one key in a piece of a batch. */
interface PendingRow {
  /** One cell per target column; null: the row is deleted. */
  cells: MaskedCell[] | null;
  /** The target may hold rows under this key. */
  replaces: boolean;
  /** Key of the target row that unchanged cells come from; null: no cell is unchanged. */
  base: readonly string[] | null;
  /** Of the last change. */
  proof: RowProof | null;
}

/** A row of which all cells are known. */
function isWhole(row: PendingRow): row is PendingRow & WholeRow {
  return row.cells !== null && row.base === null;
}

export interface WholeRow {
  readonly cells: readonly MaskedCell[];
  readonly proof: RowProof;
}

export interface PartialRow extends WholeRow {
  /** Key of the target row that the unchanged cells come from. */
  readonly base: readonly string[];
}

/** The final state of every key that a stretch of changes touches, in order of first touch. */
export class MirrorPiece {
  readonly #target: Target;
  readonly #rows = new Map<string, PendingRow>();
  #keyColumns: readonly number[];
  #layout: Layout | null = null;

  constructor(target: Target) {
    this.#target = target;
    this.#keyColumns = keyColumns(target, target.table);
  }

  /** Positions of the key among the target's columns, for what is pending. */
  get key(): readonly number[] {
    return this.#keyColumns;
  }

  get size(): number {
    return this.#rows.size;
  }

  clear(): void {
    this.#rows.clear();
  }

  /**
   * A version with another key is pending: flush before rows of this one are added. Older versions too are found by
   * the key that they had.
   */
  isKeyedOtherwise(table: MaskedTable): boolean {
    return this.#rows.size > 0 && !sameNumbers(this.#layoutFor(table).keyColumns, this.#keyColumns);
  }

  add(run: MaskedRun, place: RunPlace): void {
    const { indexes, key, keyColumns } = this.#layoutFor(run.table);
    this.#keyColumns = keyColumns;
    const places = imagePlaces(run);
    for (let row = 0; row < run.count; row++) {
      const before = places.before[row]!;
      const after = places.after[row]!;
      if (after < 0) {
        this.#delete(keyText(run.cells, before, key));
        continue;
      }
      const op = run.ops[row]!;
      const newKey = keyText(run.cells, after, key);
      const oldKey = op === Op.update && before >= 0 ? keyText(run.cells, before, key) : newKey;
      this.#upsert(run, op, after, indexes, newKey, oldKey, proofOf(place, op, row));
    }
  }

  /** Keys under which the target may hold rows, as columns in key order; `deleted`: only those that have no row any more. */
  replacedKeys(which: 'all' | 'deleted' = 'all'): readonly (readonly string[])[] {
    const keys: string[][] = this.#keyColumns.map(() => []);
    for (const [text, row] of this.#rows) {
      if (!row.replaces || (which === 'deleted' && row.cells !== null)) continue;
      const parts = splitKey(text, keys.length);
      for (let i = 0; i < keys.length; i++) keys[i]!.push(parts[i]!);
    }
    return keys;
  }

  /** Rows to insert whose cells are all known: under keys that the target does not hold, under those that it may, or both. */
  *wholeRows(which: 'all' | 'new' | 'replacing' = 'all'): Generator<WholeRow> {
    for (const row of this.#rows.values())
      if (isWhole(row) && (which === 'all' || row.replaces === (which === 'replacing'))) yield row;
  }

  /** Rows to insert with cells that come from the target. */
  *partialRows(): Generator<PartialRow> {
    for (const { cells, base, proof } of this.#rows.values())
      if (cells !== null && base !== null) yield { cells, base, proof: proof! };
  }

  #upsert(
    run: MaskedRun,
    op: number,
    at: number,
    indexes: readonly number[],
    newKey: string,
    oldKey: string,
    proof: RowProof,
  ): void {
    const cells = new Array<MaskedCell>(indexes.length);
    let unchanged = false;
    for (let i = 0; i < indexes.length; i++) {
      const index = indexes[i]!;
      // A column younger than this row's version: an update leaves it as it is, a new row has no value for it.
      const cell = index >= 0 ? run.cells[at + index]! : op === Op.update ? UNCHANGED : null;
      if (cell === UNCHANGED) unchanged = true;
      cells[i] = cell;
    }
    const known = this.#rows.get(newKey);
    let base: readonly string[] | null = null;
    if (unchanged) {
      const previous = oldKey === newKey ? known : this.#rows.get(oldKey);
      if (previous?.cells != null) {
        for (let i = 0; i < cells.length; i++) if (cells[i] === UNCHANGED) cells[i] = previous.cells[i]!;
        base = cells.includes(UNCHANGED) ? previous.base : null;
      } else base = splitKey(oldKey, this.#keyColumns.length);
    }
    if (oldKey !== newKey) this.#delete(oldKey);
    if (known === undefined) {
      const replaces = op !== Op.create && op !== Op.read;
      this.#rows.set(newKey, { cells, replaces, base, proof });
      return;
    }
    known.cells = cells;
    known.base = base;
    known.proof = proof;
  }

  #delete(key: string): void {
    const known = this.#rows.get(key);
    if (known === undefined) {
      this.#rows.set(key, { cells: null, replaces: true, base: null, proof: null });
      return;
    }
    known.cells = null;
    known.replaces = true;
    known.base = null;
    known.proof = null;
  }

  #layoutFor(table: MaskedTable): Layout {
    if (this.#layout?.table !== table) {
      const indexes = cellIndexes(this.#target.columns, table);
      this.#layout = { table, indexes, key: table.key, keyColumns: keyColumns(this.#target, table) };
    }
    return this.#layout;
  }
}

/** Where a table version has its cells and its key. */
interface Layout {
  readonly table: MaskedTable;
  /** For each target column, the place of its cell in a row; -1: the version does not have it. */
  readonly indexes: readonly number[];
  /** Places of the key's cells in a row. */
  readonly key: readonly number[];
  /** Positions of the key among the target's columns. */
  readonly keyColumns: readonly number[];
}

function sameNumbers(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

/** A composite key is joined with lengths, so that no two keys share a text. */
function keyText(cells: readonly MaskedCell[], at: number, key: readonly number[]): string {
  if (key.length === 1) return String(cells[at + key[0]!]);
  let text = '';
  for (const index of key) {
    const cell = String(cells[at + index]);
    text += `${cell.length}:${cell}`;
  }
  return `\u0000${text}`;
}

function splitKey(text: string, columns: number): readonly string[] {
  if (columns === 1) return [text];
  const parts: string[] = [];
  for (let at = 1; at < text.length; ) {
    const colon = text.indexOf(':', at);
    const length = Number(text.slice(at, colon));
    parts.push(text.slice(colon + 1, colon + 1 + length));
    at = colon + 1 + length;
  }
  return parts;
}
