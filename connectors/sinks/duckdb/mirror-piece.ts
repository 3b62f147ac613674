import { type MaskedCell, UNCHANGED } from '../../../src/model/cell.ts';
import { Image, Op } from '../../../src/model/change.ts';
import type { MaskedRun } from '../../../src/model/masked.ts';
import { cellIndexes, type Target } from './target.ts';

/** What becomes of one key in a piece of a batch. */
interface PendingRow {
  /** One cell per target column; null: the row is deleted. */
  cells: MaskedCell[] | null;
  /** The target may hold rows under this key. */
  replaces: boolean;
  /** Key of the target row that unchanged cells come from; null: no cell is unchanged. */
  base: readonly string[] | null;
}

/** The final state of every key that a stretch of changes touches, in order of first touch. */
export class MirrorPiece {
  readonly #target: Target;
  readonly #keyColumns: readonly number[];
  readonly #rows = new Map<string, PendingRow>();
  #indexesOf: {
    readonly table: object;
    readonly indexes: readonly number[];
    readonly key: readonly number[];
  } | null = null;

  constructor(target: Target) {
    this.#target = target;
    this.#keyColumns = keyColumns(target);
  }

  get size(): number {
    return this.#rows.size;
  }

  clear(): void {
    this.#rows.clear();
  }

  add(run: MaskedRun): void {
    const width = run.table.columns.length;
    const { indexes, key } = this.#layout(run);
    let at = 0;
    for (let row = 0; row < run.count; row++) {
      const bits = run.images[row]!;
      const before = (bits & Image.before) !== 0 ? at : -1;
      if (before >= 0) at += width;
      const after = (bits & Image.after) !== 0 ? at : -1;
      if (after >= 0) at += width;
      if (after < 0) {
        this.#set(keyText(run.cells, before, key), { cells: null, replaces: true, base: null });
        continue;
      }
      const op = run.ops[row]!;
      const newKey = keyText(run.cells, after, key);
      const oldKey = op === Op.update && before >= 0 ? keyText(run.cells, before, key) : newKey;
      this.#upsert(run, op, after, indexes, newKey, oldKey);
    }
  }

  /** Keys under which the target may hold rows, as columns in key order. */
  replacedKeys(): readonly (readonly string[])[] {
    const keys: string[][] = this.#keyColumns.map(() => []);
    for (const [text, row] of this.#rows) {
      if (!row.replaces) continue;
      const parts = splitKey(text);
      for (let i = 0; i < keys.length; i++) keys[i]!.push(parts[i]!);
    }
    return keys;
  }

  /** Rows to insert whose cells are all known. */
  *wholeRows(): Generator<readonly MaskedCell[]> {
    for (const row of this.#rows.values()) if (row.cells !== null && row.base === null) yield row.cells;
  }

  /** Rows to insert with cells that come from the target. */
  *partialRows(): Generator<{ readonly cells: readonly MaskedCell[]; readonly base: readonly string[] }> {
    for (const row of this.#rows.values())
      if (row.cells !== null && row.base !== null) yield { cells: row.cells, base: row.base };
  }

  #upsert(
    run: MaskedRun,
    op: number,
    at: number,
    indexes: readonly number[],
    newKey: string,
    oldKey: string,
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
    const previous = this.#rows.get(oldKey);
    let base: readonly string[] | null = null;
    if (unchanged) {
      if (previous?.cells != null) {
        for (let i = 0; i < cells.length; i++) if (cells[i] === UNCHANGED) cells[i] = previous.cells[i]!;
        base = cells.includes(UNCHANGED) ? previous.base : null;
      } else base = splitKey(oldKey);
    }
    if (oldKey !== newKey) this.#set(oldKey, { cells: null, replaces: true, base: null });
    const known = this.#rows.get(newKey);
    const replaces = known?.replaces ?? (op !== Op.create && op !== Op.read);
    this.#set(newKey, { cells, replaces, base });
  }

  #set(key: string, row: PendingRow): void {
    const known = this.#rows.get(key);
    if (known === undefined) this.#rows.set(key, row);
    else {
      known.cells = row.cells;
      known.replaces ||= row.replaces;
      known.base = row.base;
    }
  }

  #layout(run: MaskedRun): { readonly indexes: readonly number[]; readonly key: readonly number[] } {
    if (this.#indexesOf?.table !== run.table) {
      const indexes = cellIndexes(this.#target.columns, run.table);
      this.#indexesOf = {
        table: run.table,
        indexes,
        key: this.#keyColumns.map((column) => indexes[column]!),
      };
    }
    return this.#indexesOf;
  }
}

/** Positions of the key among the target's columns. */
export function keyColumns(target: Target): readonly number[] {
  const { table, columns } = target;
  return table.key.map((index) => {
    const column = table.columns[index]!;
    const identity = column.id === null ? `n:${column.name}` : `i:${column.id}`;
    return columns.findIndex((candidate) => candidate.identity === identity);
  });
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

function splitKey(text: string): readonly string[] {
  if (!text.startsWith('\u0000')) return [text];
  const parts: string[] = [];
  for (let at = 1; at < text.length; ) {
    const colon = text.indexOf(':', at);
    const length = Number(text.slice(at, colon));
    parts.push(text.slice(colon + 1, colon + 1 + length));
    at = colon + 1 + length;
  }
  return parts;
}
