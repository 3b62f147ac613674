import { rowKey } from '../../../src/capture/row-key.ts';
import type { TouchedKeys } from '../../../src/capture/touched-keys.ts';
import type { RawCell } from '../../../src/model/cell.ts';
import { type ChangeEvent, Image, Op } from '../../../src/model/change.ts';
import type { BinlogPlace } from '../../../src/model/position.ts';
import type { TableSchema } from '../../../src/model/table.ts';
import type { KeyCursor } from './key-cursor.ts';

/**
 * Rows of one SELECT, waiting for the stream to reach the place up to which the SELECT may have seen. Rows that the
 * stream names before that are taken out: it tells them better. What is left is true at that place.
 */
export class Chunk {
  readonly table: TableSchema;
  readonly cells: RawCell[] = [];
  /** Cursor of the last row; null: the table was empty from the cursor on. */
  cursor: KeyCursor | null = null;
  /** No row lies behind it. */
  last = false;
  /** The binlog ended here after the SELECT. */
  until: BinlogPlace = { file: '', offset: 0 };
  count = 0;
  bytes = 0;
  #removed: Set<number> | null = null;
  /** Rows that the open transaction named, and at which of its operations. */
  #named: { readonly row: number; readonly ordinal: number }[] = [];
  #rows: Map<string, number> | null = null;

  constructor(table: TableSchema) {
    this.table = table;
  }

  /** A change of this key came by, at this operation of the open transaction. */
  touch(key: string, ordinal: number): void {
    if (this.#rows === null) {
      const width = this.table.columns.length;
      this.#rows = new Map();
      for (let row = 0; row < this.count; row++)
        this.#rows.set(rowKey(this.cells, row * width, this.table.key)!, row);
    }
    const row = this.#rows.get(key);
    if (row !== undefined) this.#named.push({ row, ordinal });
  }

  /** The open transaction took back its operations from `ordinal` on: it did not tell of their rows after all. */
  undo(ordinal: number): void {
    this.#named = this.#named.filter((named) => named.ordinal < ordinal);
  }

  /** The open transaction ended: the stream tells what it named. */
  settle(): void {
    if (this.#named.length === 0) return;
    this.#removed ??= new Set();
    for (const { row } of this.#named) this.#removed.add(row);
    this.#named = [];
  }

  /** The table was emptied after the SELECT, or before it: then the stream names every row. */
  empty(): void {
    this.#removed = new Set(Array.from({ length: this.count }, (_, row) => row));
  }

  /** The rows that are left; null: none. One that the sinks may have replaces it there. */
  rows(touched: TouchedKeys): ChangeEvent | null {
    const width = this.table.columns.length;
    const { key } = this.table;
    let { cells, count } = this;
    if (this.#removed !== null) {
      cells = [];
      count = 0;
      for (let row = 0; row < this.count; row++) {
        if (this.#removed.has(row)) continue;
        for (let i = 0; i < width; i++) cells.push(this.cells[row * width + i]!);
        count++;
      }
    }
    if (count === 0) return null;
    const ops = new Uint8Array(count);
    for (let row = 0; row < count; row++) {
      const known = key.length > 0 && touched.mayHave(rowKey(cells, row * width, key)!);
      ops[row] = known ? Op.update : Op.read;
    }
    return {
      kind: 'rows',
      run: {
        table: this.table,
        count,
        ops,
        images: new Uint8Array(count).fill(Image.after),
        cells,
        firstOrdinal: 0,
        bytes: this.bytes,
      },
    };
  }
}
