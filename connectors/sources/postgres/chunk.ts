import { rowKey } from '../../../src/capture/row-key.ts';
import type { TouchedKeys } from '../../../src/capture/touched-keys.ts';
import { type RawCell, UNCHANGED } from '../../../src/model/cell.ts';
import { Image, Op, type RowRun } from '../../../src/model/change.ts';
import type { TableSchema } from '../../../src/model/table.ts';
import { type CopyCursor, type KeyOrder, type KeyValues, keyOf } from './key-cursor.ts';
import type { UnseenTransactions, Visibility } from './visibility.ts';

/** Changes that may come by before the rows are read; a chunk that meets more is read again, smaller. */
const MAX_WAITING = 200_000;

/** A change of one row that came by in the stream. */
interface Touch {
  readonly kind: 'row';
  readonly xid: number;
  /** Key of the old image; null: the update did not change it, or there was no row. */
  readonly before: string | null;
  /** Key of the new image; null: the row was deleted. */
  readonly after: string | null;
  /** The new image when cells are unchanged in it; null: it is whole. */
  readonly partial: readonly RawCell[] | null;
}

interface Emptied {
  readonly kind: 'emptied';
  readonly xid: number;
}

/** What the stream has said of a key since the snapshot. */
type Fate =
  /** The whole row, or that it is gone. */
  | { readonly kind: 'told' }
  /** A row without what did not change: that is as in the row which had the key `base` in the snapshot. */
  | { readonly kind: 'partly'; readonly base: string; readonly cells: readonly RawCell[] };

const TOLD: Fate = { kind: 'told' };

/**
 * A piece of a table, read under one snapshot while the stream goes on, and handed on when the stream has come to a
 * transaction of ours (the mark) that commits after the snapshot was taken. Why each of its rows is then the row as it
 * stands at the mark:
 *
 * - What the snapshot shows was committed before the mark, so the stream has told it: the chunk runs ahead of nothing.
 * - A change before the mark that the snapshot does not show came by after this object was made (`predecessors`: what came
 *   earlier is waited for), so it went through {@link touch}: its row is dropped in favour of the stream.
 * - Where the stream told a row only in part, because a TOASTed value did not change, the rest is in the snapshot: the row is
 *   put together and handed on whole.
 * - When that rest is not in this chunk, and the key changed, the row may have moved from rows that are still to be copied to
 *   rows that have been: its new key is `owed`, and read once more.
 *
 * The table is locked in ACCESS SHARE mode, as by any SELECT, from before the snapshot until after the mark: no TRUNCATE,
 * ALTER TABLE or VACUUM FULL comes in between, whose new table could look empty to the snapshot.
 */
export class Chunk {
  /** `begin`: the copy of the table begins at the mark; there are no rows. */
  kind: 'begin' | 'rows' = 'rows';
  readonly cells: RawCell[] = [];
  count = 0;
  bytes = 0;
  /** What the rows were read behind; null: they are a beginning. */
  behind: CopyCursor | null = null;
  /** Last key read in the order of the copy; null: none. */
  last: KeyValues | null = null;
  /** No row lies behind `last`. */
  exhausted = false;
  /** Transaction id of the mark as the stream will give it; null: not set yet. */
  mark: string | null = null;
  /** Must all be shown by the snapshot. */
  readonly predecessors: UnseenTransactions;
  /** Keys that were asked for, being owed; null: the rows behind a cursor. */
  readonly requested: ReadonlyMap<string, KeyValues> | null;
  readonly owed = new Map<string, KeyValues>();
  #table: TableSchema | null = null;
  #order: KeyOrder | null = null;
  #visibility: Visibility | null = null;
  /** What came by while the rows were read; null: they are. */
  #waiting: (Touch | Emptied)[] | null = [];
  #overwhelmed = false;
  readonly #rows = new Map<string, number>();
  readonly #fates = new Map<string, Fate>();

  constructor(predecessors: UnseenTransactions, requested: ReadonlyMap<string, KeyValues> | null = null) {
    this.predecessors = predecessors;
    this.requested = requested;
  }

  get table(): TableSchema {
    return this.#table!;
  }

  get order(): KeyOrder {
    return this.#order!;
  }

  /** More came by while the rows were read than is remembered: they must be read again. */
  get overwhelmed(): boolean {
    return this.#overwhelmed;
  }

  /** What it is read of. */
  under(visibility: Visibility, table: TableSchema, order: KeyOrder): void {
    this.#visibility = visibility;
    this.#table = table;
    this.#order = order;
  }

  /** The rows are read: what came by in the meantime is applied to them. */
  complete(): void {
    const width = this.table.columns.length;
    for (let row = 0; row < this.count; row++)
      this.#rows.set(rowKey(this.cells, row * width, this.table.key)!, row);
    const waiting = this.#waiting!;
    this.#waiting = null;
    for (const touch of waiting) this.#apply(touch);
  }

  /** Changes of the table in a transaction that commits before the mark. */
  touch(run: RowRun, xid: number): void {
    eachKey(run, (before, after, at) => {
      const cells = at < 0 ? [] : run.cells.slice(at, at + run.table.columns.length);
      const partial = cells.includes(UNCHANGED) ? cells : null;
      this.#take({ kind: 'row', xid, before, after, partial });
    });
  }

  /** The table was emptied by a transaction that commits before the mark. */
  empty(xid: number): void {
    this.#take({ kind: 'emptied', xid });
  }

  /**
   * The rows that are left; null: none.
   *
   * @param touched keys that the sinks may have: such a row replaces what is there
   */
  rows(touched: TouchedKeys): RowRun | null {
    const { table } = this;
    const width = table.columns.length;
    const cells: RawCell[] = [];
    const ops: number[] = [];
    for (const [key, row] of this.#rows) {
      if (this.#fates.has(key)) continue;
      for (let i = 0; i < width; i++) cells.push(this.cells[row * width + i]!);
      ops.push(touched.mayHave(key) ? Op.update : Op.read);
    }
    for (const fate of this.#fates.values()) {
      if (fate.kind === 'told') continue;
      const row = this.#rows.get(fate.base)!;
      for (let i = 0; i < width; i++) {
        const cell = fate.cells[i]!;
        cells.push(cell === UNCHANGED ? this.cells[row * width + i]! : cell);
      }
      ops.push(Op.update);
    }
    if (ops.length === 0) return null;
    return {
      table,
      count: ops.length,
      ops: Uint8Array.from(ops),
      images: new Uint8Array(ops.length).fill(Image.after),
      cells,
      firstOrdinal: 0,
      bytes: this.bytes,
    };
  }

  #take(touch: Touch | Emptied): void {
    if (this.#waiting === null) this.#apply(touch);
    else if (!this.#overwhelmed && this.#waiting.push(touch) > MAX_WAITING) {
      this.#overwhelmed = true;
      this.#waiting = [];
    }
  }

  #apply(touch: Touch | Emptied): void {
    const shown = this.#visibility!.shows(touch.xid);
    if (touch.kind === 'emptied') {
      if (shown) return;
      this.#rows.clear();
      this.#fates.clear();
      this.owed.clear();
      return;
    }
    const { before, after, partial } = touch;
    const base = before ?? after;
    const moved = before !== null && after !== null && before !== after;
    if (shown) {
      // In the rows as it is; or the row has moved to where the copy has been.
      if (moved && partial !== null && !this.#rows.has(after))
        this.owed.set(after, keyOf(this.order, partial, 0));
      return;
    }
    if (after === null) {
      this.#tell(before!, TOLD);
      return;
    }
    const known = this.#fates.get(base!);
    const lacking = this.owed.has(base!);
    if (moved) this.#tell(before, TOLD);
    if (partial !== null && lacking) {
      // What did not change is still not here.
      this.#owe(after, partial);
      return;
    }
    if (partial === null || known?.kind === 'told') {
      this.#tell(after, TOLD);
      return;
    }
    const cells =
      known === undefined ? partial : partial.map((cell, i) => (cell === UNCHANGED ? known.cells[i]! : cell));
    this.#tell(
      after,
      cells.includes(UNCHANGED) ? { kind: 'partly', base: known?.base ?? base!, cells } : TOLD,
    );
  }

  /** Kept only where it concerns rows of this chunk. */
  #tell(key: string, fate: Fate): void {
    this.owed.delete(key);
    if (this.#rows.has(fate.kind === 'partly' ? fate.base : key)) this.#fates.set(key, fate);
    // Under the same key it is either copied already, and what is left out is there, or still to be copied.
    else if (fate.kind === 'told' || key === fate.base) this.#fates.delete(key);
    else this.#owe(key, fate.cells);
  }

  /** A row came to this key from one that is not here. What the snapshot has under the key was another row, which is gone. */
  #owe(key: string, cells: readonly RawCell[]): void {
    if (this.#rows.has(key)) this.#fates.set(key, TOLD);
    this.owed.set(key, keyOf(this.order, cells, 0));
  }
}

/**
 * Keys of the old and new image of every row, null where there is none; and where the new image begins, -1 without one.
 * An update without an old image has its key in the new one.
 */
export function eachKey(
  run: RowRun,
  take: (before: string | null, after: string | null, at: number) => void,
): void {
  const { key, columns } = run.table;
  let at = 0;
  for (let row = 0; row < run.count; row++) {
    const bits = run.images[row]!;
    const before = (bits & Image.before) !== 0 ? at : -1;
    if (before >= 0) at += columns.length;
    const after = (bits & Image.after) !== 0 ? at : -1;
    if (after >= 0) at += columns.length;
    take(
      before < 0 ? null : rowKey(run.cells, before, key),
      after < 0 ? null : rowKey(run.cells, after, key),
      after,
    );
  }
}
