import { type Append, AppendStream, type WriteChannel } from './append-stream.ts';
import type { Patience } from './options.ts';
import { RowEncoder } from './row-encoder.ts';
import type { Holder, SharedBytes } from './shared-bytes.ts';
import { type Relation, storedTable, UNCHANGED_COLUMN } from './target.ts';

/** A request is sent when it has this many bytes of rows. */
const REQUEST_BYTES = 1 << 20;
/**
 * A request has fewer than 10 MB (https://cloud.google.com/bigquery/quotas#write-api-limits), with its schema and its names:
 * 10,000 columns with names of 300 bytes would be 3 MB, a usual table's is some kilobytes.
 */
const MAX_ROW_BYTES = 9_500_000;

/** A row that BigQuery itself did not take. */
export interface RefusedRow {
  readonly seq: number;
  readonly key: string;
}

interface RowMark extends RefusedRow {
  /** Where the row ends in the request. */
  readonly end: number;
}

/** Encoder and stream of one table: rows are written one after the other and sent in requests. */
export class CdcStream implements Holder {
  readonly encoder: RowEncoder;
  readonly maxRowBytes = MAX_ROW_BYTES;
  readonly #stream: AppendStream;
  readonly #memory: SharedBytes;
  readonly #marks = new WeakMap<Append, readonly RowMark[]>();
  #pending: RowMark[] = [];
  #refused: RefusedRow[] = [];

  constructor(
    channel: WriteChannel,
    place: { readonly project: string; readonly dataset: string },
    relation: Relation,
    history: boolean,
    patience: Patience,
    memory: SharedBytes,
  ) {
    this.#memory = memory;
    this.encoder = new RowEncoder(relation, history ? [UNCHANGED_COLUMN] : []);
    this.#stream = new AppendStream(
      channel,
      { ...place, table: storedTable(relation) },
      this.encoder.fields,
      patience,
      (append, indexes) => this.#withoutRows(append, indexes),
    );
  }

  /** The encoder wrote a whole row. */
  rowDone(seq: number, key: string): void {
    this.#pending.push({ seq, key, end: this.encoder.bytes.length });
  }

  get full(): boolean {
    return this.encoder.bytes.length >= REQUEST_BYTES;
  }

  async flush(): Promise<void> {
    if (this.#pending.length === 0) return;
    const marks = this.#pending;
    const rows = this.encoder.bytes.take();
    this.#pending = [];
    // The last one made it full: should it be huge, it goes alone.
    const before = marks.length < 2 ? 0 : marks.at(-2)!.end;
    if (rows.length <= MAX_ROW_BYTES || before === 0) return this.#append(rows, marks);
    await this.#append(rows.subarray(0, before), marks.slice(0, -1));
    await this.#append(rows.subarray(before), [{ ...marks.at(-1)!, end: rows.length - before }]);
  }

  #append(rows: Buffer, marks: readonly RowMark[]): Promise<void> {
    const append: Append = { rows, count: marks.length };
    this.#marks.set(append, marks);
    return this.#stream.append(append);
  }

  async settled(): Promise<void> {
    await this.letGo();
    this.#memory.forget(this);
  }

  /** Of rows that wait to be sent, and of those that wait for an answer. */
  get heldBytes(): number {
    return this.encoder.bytes.capacity + this.#stream.unansweredBytes;
  }

  async letGo(): Promise<void> {
    await this.flush();
    await this.#stream.settled();
    this.encoder.bytes.shrink();
  }

  /** Rows were written or sent: the streams of all tables share their memory. */
  changed(): Promise<void> {
    return this.#memory.changed(this);
  }

  /** Rows that were refused since the last call. */
  takeRefused(): readonly RefusedRow[] {
    const refused = this.#refused;
    this.#refused = [];
    return refused;
  }

  close(): void {
    this.#stream.close();
    this.#memory.forget(this);
  }

  #withoutRows(append: Append, indexes: readonly number[]): Append | null {
    const marks = this.#marks.get(append)!;
    const bad = new Set(indexes);
    const kept: Buffer[] = [];
    const left: RowMark[] = [];
    let start = 0;
    let length = 0;
    marks.forEach((mark, i) => {
      if (bad.has(i)) this.#refused.push({ seq: mark.seq, key: mark.key });
      else {
        const row = append.rows.subarray(start, mark.end);
        length += row.length;
        kept.push(row);
        left.push({ ...mark, end: length });
      }
      start = mark.end;
    });
    if (left.length === 0) return null;
    const rest: Append = { rows: Buffer.concat(kept), count: left.length };
    this.#marks.set(rest, left);
    return rest;
  }
}
