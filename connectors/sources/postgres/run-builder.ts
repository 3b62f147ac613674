import type { RawCell } from '../../../src/model/cell.ts';
import type { RowRun } from '../../../src/model/change.ts';
import type { TableSchema } from '../../../src/model/table.ts';

/** Rows of one run at most: what the stages after this hold as a unit. */
const RUN_ROWS = 8192;
/** Cells of one run, more or less: an array beyond 16 k elements is a large object to V8, which is moved and freed at a price. */
const RUN_CELLS = 15_000;

/** Rows one after the other become runs of arrays: nothing is made for a row but its cells. */
export class RunBuilder {
  #table: TableSchema | null = null;
  #firstOrdinal = 0;
  readonly #ops = new Uint8Array(RUN_ROWS);
  readonly #images = new Uint8Array(RUN_ROWS);
  #count = 0;
  #cells: RawCell[] = [];
  #bytes = 0;

  /** Of the run being filled, and of no other. */
  get cells(): RawCell[] {
    return this.#cells;
  }

  /** Begins a row; its cells are to be appended. @returns the run that ends with the row before it; null: it goes on */
  row(table: TableSchema, op: number, images: number, bytes: number, ordinal: number): RowRun | null {
    let ended: RowRun | null = null;
    if (table !== this.#table || this.#count === RUN_ROWS || this.#cells.length >= RUN_CELLS) {
      ended = this.end();
      this.#table = table;
      this.#firstOrdinal = ordinal;
    }
    this.#ops[this.#count] = op;
    this.#images[this.#count] = images;
    this.#count++;
    this.#bytes += bytes;
    return ended;
  }

  /** The run being filled, which takes no more rows; null: there is none. */
  end(): RowRun | null {
    const table = this.#table;
    if (table === null) return null;
    const count = this.#count;
    const run: RowRun = {
      table,
      count,
      ops: this.#ops.slice(0, count),
      images: this.#images.slice(0, count),
      cells: this.#cells,
      firstOrdinal: this.#firstOrdinal,
      bytes: this.#bytes,
    };
    this.#table = null;
    this.#count = 0;
    this.#cells = [];
    this.#bytes = 0;
    return run;
  }
}
