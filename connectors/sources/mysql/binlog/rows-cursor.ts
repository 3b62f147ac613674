import { RowsealError } from '../../../../src/error/rowseal-error.ts';
import { Image, Op } from '../../../../src/model/change.ts';
import type { EventHeader } from './binlog-event.ts';
import { ByteReader } from './byte-reader.ts';
import { malformed, need } from './defect.ts';
import { EventType } from './event-type.ts';
import { jsonTree } from './json-binary.ts';
import { applyJsonDiffs } from './json-diff.ts';
import type { BoundTable, RunBuilder } from './run-builder.ts';
import { unpackMariadbBody } from './unpack.ts';

/** How each kind of rows event is laid out. */
interface RowsForm {
  readonly op: typeof Op.create | typeof Op.update | typeof Op.delete;
  /** Version 2 has extra data behind the flags. */
  readonly extra: boolean;
  readonly compressed: boolean;
  /** Value options and bits of partial columns precede each after image. */
  readonly partial: boolean;
}

const form = (op: RowsForm['op'], extra: boolean, compressed = false, partial = false): RowsForm => ({
  op,
  extra,
  compressed,
  partial,
});

export const rowsForms: ReadonlyMap<number, RowsForm> = new Map([
  [EventType.writeRowsV1, form(Op.create, false)],
  [EventType.updateRowsV1, form(Op.update, false)],
  [EventType.deleteRowsV1, form(Op.delete, false)],
  [EventType.writeRows, form(Op.create, true)],
  [EventType.updateRows, form(Op.update, true)],
  [EventType.deleteRows, form(Op.delete, true)],
  [EventType.partialUpdateRows, form(Op.update, true, false, true)],
  [EventType.writeRowsCompressedV1, form(Op.create, false, true)],
  [EventType.updateRowsCompressedV1, form(Op.update, false, true)],
  [EventType.deleteRowsCompressedV1, form(Op.delete, false, true)],
  [EventType.writeRowsCompressed, form(Op.create, true, true)],
  [EventType.updateRowsCompressed, form(Op.update, true, true)],
  [EventType.deleteRowsCompressed, form(Op.delete, true, true)],
]);

const imagesOf = {
  [Op.create]: Image.after,
  [Op.update]: Image.before | Image.after,
  [Op.delete]: Image.before,
} as const;

/** Bit of the value options of an after image (mysql: enum_binlog_row_value_options). */
const PARTIAL_JSON = 1;

/** Walks the rows of one event into a run, and can stop between two rows when the run is full. */
export class RowsCursor {
  readonly #run: RunBuilder;
  #bound: BoundTable | null = null;
  #form: RowsForm | null = null;
  #source: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;
  /** Bits of the columns that the images have; null: all. One for each image, before first. */
  #present: (Uint8Array | null)[] = [];

  constructor(run: RunBuilder) {
    this.#run = run;
  }

  get isDone(): boolean {
    return this.#bound === null;
  }

  /**
   * Begins with the body behind table id and flags: extra data (version 2), number of columns, bits of the columns
   * present in the image (update: in each of both), rows.
   *
   * @throws RowsealError RS-MY-050, RS-MY-056
   */
  open(
    bound: BoundTable,
    header: EventHeader,
    form: RowsForm,
    body: ByteReader,
    maxUnpackedBytes: number,
  ): void {
    if (form.extra) {
      const length = body.u16();
      if (length < 2) throw malformed('a rows event with extra data of no length');
      body.skip(length - 2);
    }
    const width = body.length();
    if (width !== bound.map.width) throw malformed('rows of another width than their table');
    const bytes = (width + 7) >> 3;
    this.#present = [];
    for (let image = form.op === Op.update ? 2 : 1; image > 0; image--)
      this.#present.push(presence(body.bytes(bytes), width));
    this.#source = body.buffer;
    this.#at = body.at;
    this.#end = body.end;
    if (form.compressed) {
      this.#source = unpackMariadbBody(body.buffer, body.at, body.end, maxUnpackedBytes);
      this.#at = 0;
      this.#end = this.#source.length;
    }
    // What no row says would be a change that is missed.
    if (this.#at >= this.#end) throw malformed('a rows event without rows');
    this.#bound = bound;
    this.#form = form;
    this.#run.open(bound, header);
    if (this.#present.some((present) => present !== null)) this.#run.incomplete();
  }

  /** Adds rows until the event ends or the run is full. @throws RowsealError */
  fill(): void {
    const form = this.#form!;
    this.#run.writer.end = this.#end;
    if (form.partial || this.#present.some((present) => present !== null)) this.#fillSlowly(form);
    else this.#fillWhole(form);
    if (this.#at >= this.#end) this.#bound = null;
  }

  /** Every image has every column: nearly all events. */
  #fillWhole(form: RowsForm): void {
    const { reader, map } = this.#bound!;
    const readers = reader.cells;
    const width = map.width;
    const nullBytes = (width + 7) >> 3;
    const images = imagesOf[form.op];
    const imageCount = form.op === Op.update ? 2 : 1;
    const source = this.#source;
    const end = this.#end;
    const run = this.#run;
    const writer = run.writer;
    let at = this.#at;
    while (at < end && !run.isFull) {
      writer.reserve(width * imageCount, reader.characters * imageCount);
      const start = at;
      for (let image = 0; image < imageCount; image++) {
        let nullAt = at;
        at += nullBytes;
        need(at, end);
        let bits = 0;
        for (let column = 0; column < width; column++) {
          // Eight null bits at a time.
          bits = (column & 7) === 0 ? source[nullAt++]! : bits >> 1;
          if ((bits & 1) === 1) writer.null();
          else at = readers[column]!(source, at, writer);
        }
        // Also for cells of fixed length, which do not look where the event ends.
        if (!(at <= end)) throw malformed('a row that is cut short');
      }
      run.row(form.op, images, width * imageCount, at - start);
    }
    this.#at = at;
  }

  #fillSlowly(form: RowsForm): void {
    const run = this.#run;
    const bound = this.#bound!;
    const { width } = bound.map;
    const imageCount = form.op === Op.update ? 2 : 1;
    const characters = bound.reader.characters * imageCount;
    while (this.#at < this.#end && !run.isFull) {
      const start = this.#at;
      run.writer.reserve(width * imageCount, characters);
      const documents = form.partial ? new Map<number, readonly [number, number]>() : null;
      this.#image(bound, this.#present[0]!, documents, null);
      if (imageCount === 2) {
        const partial = form.partial ? this.#partialBits(bound.reader.jsonColumns) : null;
        this.#image(bound, this.#present[1]!, documents, partial);
      }
      if (this.#at === start) throw malformed('a row of no bytes');
      run.row(form.op, imagesOf[form.op], width * imageCount, this.#at - start);
    }
  }

  /** Bits of the JSON columns, of all in the table, that are diffs in this row's after image; null: none. */
  #partialBits(jsonColumns: number): Uint8Array | null {
    const reader = new ByteReader(this.#source, this.#at, this.#end);
    const options = reader.length();
    if ((options & ~PARTIAL_JSON) !== 0) throw malformed('a row with value options that are not known');
    const bits = (options & PARTIAL_JSON) !== 0 ? reader.bytes((jsonColumns + 7) >> 3) : null;
    this.#at = reader.at;
    return bits;
  }

  /**
   * One image: null bits of the columns present, then their cells. `documents` gets, or has, the place of each JSON
   * document of the before image.
   */
  #image(
    { map, reader }: BoundTable,
    present: Uint8Array | null,
    documents: Map<number, readonly [number, number]> | null,
    partial: Uint8Array | null,
  ): void {
    const source = this.#source;
    const end = this.#end;
    const writer = this.#run.writer;
    const isBefore = partial === null;
    const nullAt = this.#at;
    let at = nullAt + ((presentCount(present, map.width) + 7) >> 3);
    need(at, end);
    let place = 0;
    let json = 0;
    for (let column = 0; column < map.width; column++) {
      const lengthBytes = reader.jsonLengthBytes[column]!;
      const isDiff = partial !== null && lengthBytes > 0 && bit(partial, json);
      if (lengthBytes > 0) json++;
      if (present !== null && !bit(present, column)) {
        writer.unchanged();
        continue;
      }
      const isNull = ((source[nullAt + (place >> 3)]! >> (place & 7)) & 1) === 1;
      place++;
      if (isNull) {
        writer.null();
        continue;
      }
      if (isDiff) {
        at = this.#diff(at, lengthBytes, documents!.get(column), `${map.label}.${map.columns[column]!.name}`);
        continue;
      }
      const from = at;
      at = reader.cells[column]!(source, at, writer);
      if (isBefore && lengthBytes > 0 && documents !== null && !documents.has(column))
        documents.set(column, [from + lengthBytes, at]);
    }
    if (!(at <= end)) throw malformed('a row that is cut short');
    this.#at = at;
  }

  #diff(
    at: number,
    lengthBytes: number,
    before: readonly [number, number] | undefined,
    column: string,
  ): number {
    need(at + lengthBytes, this.#end);
    const start = at + lengthBytes;
    const end = start + this.#source.readUIntLE(at, lengthBytes);
    need(end, this.#end);
    if (before === undefined) throw new RowsealError('RS-MY-060', { detail: `column ${column}` });
    const tree = jsonTree(this.#source, before[0], before[1]);
    this.#run.writer.aside(applyJsonDiffs(tree, this.#source, start, end));
    return end;
  }
}

function bit(bits: Uint8Array, index: number): boolean {
  return ((bits[index >> 3]! >> (index & 7)) & 1) === 1;
}

/** null when every column is there; bits behind the last column say nothing. */
function presence(bits: Uint8Array, width: number): Uint8Array | null {
  return presentCount(bits, width) === width ? null : bits;
}

function presentCount(bits: Uint8Array | null, width: number): number {
  if (bits === null) return width;
  let count = 0;
  for (let i = 0; i < width; i++) if (bit(bits, i)) count++;
  return count;
}
