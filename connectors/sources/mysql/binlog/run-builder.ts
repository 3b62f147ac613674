import { type RawCell, UNCHANGED } from '../../../../src/model/cell.ts';
import { Image } from '../../../../src/model/change.ts';
import type { TableSchema } from '../../../../src/model/table.ts';
import type { EventHeader, RowsEvent } from './binlog-event.ts';
import { CellWriter } from './cell-writer.ts';
import type { RowReader } from './row-reader.ts';
import type { DecodedTableMap } from './table-map.ts';

/** A table map with the table it was bound to and the reader of its rows. */
export interface BoundTable {
  readonly map: DecodedTableMap;
  readonly table: TableSchema;
  readonly reader: RowReader;
}

/** A run is handed out when its rows took as many bytes in the binlog, so that large rows do not pile up, */
const RUN_BYTES = 4 << 20;
/** or when it has as many cells: a longer array is a large object to V8, and costs twice as much a cell. */
const RUN_CELLS = 15_000;

/** The run being filled: rows of consecutive events of one table. */
export class RunBuilder {
  readonly writer = new CellWriter();
  readonly #maxRows: number;
  readonly #ops: Uint8Array;
  readonly #images: Uint8Array;
  #bound: BoundTable | null = null;
  #header: EventHeader | null = null;
  #count = 0;
  #cells = 0;
  #bytes = 0;
  #complete = true;

  constructor(maxRows: number) {
    this.#maxRows = maxRows;
    this.#ops = new Uint8Array(maxRows);
    this.#images = new Uint8Array(maxRows);
  }

  get bound(): BoundTable | null {
    return this.#bound;
  }

  get header(): EventHeader | null {
    return this.#header;
  }

  get isFull(): boolean {
    return this.#count >= this.#maxRows || this.#bytes >= RUN_BYTES || this.#cells >= RUN_CELLS;
  }

  /** Rows of `bound` follow; the run before must have been taken if it was of another table. */
  open(bound: BoundTable, header: EventHeader): void {
    this.#bound = bound;
    this.#header = header;
  }

  /** Counts a row whose cells are in the writer. */
  row(op: number, images: number, cells: number, bytes: number): void {
    this.#ops[this.#count] = op;
    this.#images[this.#count] = images;
    this.#count++;
    this.#cells += cells;
    this.#bytes += bytes;
  }

  incomplete(): void {
    this.#complete = false;
  }

  /** null: there are no rows. */
  take(): RowsEvent | null {
    const bound = this.#bound;
    this.#bound = null;
    if (bound === null || this.#count === 0) return null;
    const cells = this.writer.take();
    const images = this.#images.slice(0, this.#count);
    if (!this.#complete) fillFromBefore(cells, images, bound.map.width);
    const event: RowsEvent = {
      kind: 'rows',
      header: this.#header!,
      map: bound.map,
      table: bound.table,
      count: this.#count,
      ops: this.#ops.slice(0, this.#count),
      images,
      cells,
      bytes: this.#bytes,
      complete: this.#complete,
    };
    this.#count = 0;
    this.#cells = 0;
    this.#bytes = 0;
    this.#complete = true;
    return event;
  }
}

/** What the after image of an update leaves out is as it was before, where the before image has it. */
function fillFromBefore(cells: RawCell[], images: Uint8Array, width: number): void {
  let at = 0;
  for (const image of images) {
    const isUpdate = image === (Image.before | Image.after);
    if (isUpdate) {
      for (let i = at; i < at + width; i++) if (cells[i + width] === UNCHANGED) cells[i + width] = cells[i]!;
    }
    at += isUpdate ? 2 * width : width;
  }
}
