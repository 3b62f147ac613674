import { join } from 'node:path';
import type { MaskedCell } from '../model/cell.ts';
import { Image } from '../model/change.ts';
import { MASK_WARRANT } from '../model/mask-warrant.ts';
import { KEY_TAG_BYTES, MaskedRun, type MaskedTable } from '../model/masked.ts';
import { ByteReader, MalformedBytes } from './bytes.ts';
import type { Disk } from './disk.ts';
import { isErased } from './erased.ts';
import { FrameType } from './frame.ts';
import { SALT_BYTES } from './hashing.ts';
import type { Extent, TouchedTable } from './journal-leaf.ts';
import { readFrames } from './journal-reader.ts';
import { type AuditRecord, RecordKind } from './record.ts';
import { decodeImageBody } from './row-image.ts';
import { type SegmentKind, segmentName } from './segment.ts';
import { decodeRecordsFrame, type TableVersions } from './table-versions.ts';

/** A run of rows, or another event of one table, with the record that says where it belongs. */
export interface TablePiece {
  readonly record: AuditRecord;
  readonly table: MaskedTable;
  /** null: the event is what the record says. */
  readonly run: MaskedRun | null;
}

/** Rows of a run read back at a time. */
const RUN_ROWS = 4096;

/**
 * One table's part of a group, in order.
 *
 * @param gone changes whose images are erased or expired are told too, without a run
 * @throws MalformedBytes
 */
export async function* readTableEvents(
  disk: Disk,
  path: string,
  touched: TouchedTable,
  versions: TableVersions,
  gone: 'skip' | 'tell' = 'skip',
): AsyncGenerator<TablePiece> {
  // Learns the versions that the records will name.
  await versions.inGroup(touched);
  const images = new ImageStream(disk, path, touched.rows);
  let run: RunBuilder | null = null;
  for (const extent of touched.records) {
    const file = join(path, segmentName('records', extent.segment));
    for await (const frame of readFrames(disk, file, extent.start, extent.end)) {
      if (frame.type !== FrameType.records) continue;
      for (const record of decodeRecordsFrame(frame.payload)) {
        if (record.kind !== RecordKind.change) {
          if (run !== null) yield run.finish();
          run = null;
          if (record.kind === RecordKind.truncate || record.kind === RecordKind.snapshot) {
            yield { record, table: versions.of(record), run: null };
          }
          continue;
        }
        if (run !== null && !run.continues(record)) {
          yield run.finish();
          run = null;
        }
        const bodies = await images.take(record);
        if (bodies === null) {
          // Erased: who asks for a person's data to be gone does not want it replayed into another warehouse.
          if (run !== null) yield run.finish();
          run = null;
          if (gone === 'tell') yield { record, table: versions.of(record), run: null };
          continue;
        }
        run ??= new RunBuilder(record, versions.of(record));
        run.add(record, bodies);
      }
    }
  }
  if (run !== null) yield run.finish();
}

/** Collects consecutive rows of one transaction and table version. */
class RunBuilder {
  readonly #first: AuditRecord;
  readonly #table: MaskedTable;
  readonly #ops: number[] = [];
  readonly #images: number[] = [];
  readonly #cells: MaskedCell[] = [];
  readonly #tags: Uint8Array[] = [];
  readonly #oldTags = new Map<number, Uint8Array>();
  #bytes = 0;

  constructor(first: AuditRecord, table: MaskedTable) {
    this.#first = first;
    this.#table = table;
  }

  continues(record: AuditRecord): boolean {
    return (
      record.transactionIndex === this.#first.transactionIndex &&
      record.ordinal === this.#first.ordinal + this.#ops.length &&
      // A notice may lie between; the rows of a run are numbered without holes.
      record.seq === this.#first.seq + this.#ops.length &&
      record.schema === this.#first.schema &&
      record.policy === this.#first.policy &&
      this.#ops.length < RUN_ROWS
    );
  }

  add(record: AuditRecord, bodies: readonly Buffer[]): void {
    const width = this.#table.columns.length;
    const bits = (record.before === null ? 0 : Image.before) | (record.after === null ? 0 : Image.after);
    for (const body of bodies) {
      decodeImageBody(body, width, this.#cells);
      this.#bytes += body.length;
    }
    if (record.keyTag !== null) this.#tags.push(record.keyTag);
    if (record.oldKeyTag !== null) this.#oldTags.set(this.#ops.length, Buffer.from(record.oldKeyTag));
    this.#ops.push(record.op);
    this.#images.push(bits);
  }

  finish(): TablePiece {
    const keyTags = Buffer.alloc(this.#tags.length * KEY_TAG_BYTES);
    this.#tags.forEach((tag, row) => {
      keyTags.set(tag, row * KEY_TAG_BYTES);
    });
    const run = new MaskedRun(MASK_WARRANT, {
      table: this.#table,
      count: this.#ops.length,
      ops: Uint8Array.from(this.#ops),
      images: Uint8Array.from(this.#images),
      cells: this.#cells,
      firstOrdinal: this.#first.ordinal,
      keyTags,
      oldKeyTags: this.#oldTags,
      bytes: this.#bytes,
    });
    return { record: this.#first, table: this.#table, run };
  }
}

interface StoredImage {
  readonly salt: Buffer;
  readonly body: Buffer;
}

/** Row images in the order of the records that name them. */
class ImageStream {
  readonly #frames: AsyncGenerator<Buffer>;
  #reader: ByteReader | null = null;

  constructor(disk: Disk, path: string, extents: readonly Extent[]) {
    this.#frames = payloads(disk, path, 'rows', extents);
  }

  /** The images of a record; null: one of them was erased. */
  async take(record: AuditRecord): Promise<readonly Buffer[] | null> {
    const bodies: Buffer[] = [];
    let erased = false;
    for (const hash of [record.before, record.after]) {
      if (hash === null) continue;
      const image = this.#buffered() ?? (await this.#load());
      erased ||= isErased(image.salt);
      bodies.push(image.body);
    }
    return erased ? null : bodies;
  }

  /** The next image if it is in memory. */
  #buffered(): StoredImage | null {
    if (this.#reader === null || this.#reader.done) return null;
    const salt = this.#reader.bytes(SALT_BYTES);
    return { salt, body: this.#reader.bytes(this.#reader.u32()) };
  }

  /** The next image, after reading on. */
  async #load(): Promise<StoredImage> {
    const next = await this.#frames.next();
    if (next.done === true) throw new MalformedBytes('a row image is missing');
    this.#reader = new ByteReader(next.value);
    const image = this.#buffered();
    if (image === null) throw new MalformedBytes('a frame of row images is empty');
    return image;
  }
}

async function* payloads(
  disk: Disk,
  path: string,
  kind: SegmentKind,
  extents: readonly Extent[],
): AsyncGenerator<Buffer> {
  for (const extent of extents) {
    for await (const frame of readFrames(
      disk,
      join(path, segmentName(kind, extent.segment)),
      extent.start,
      extent.end,
    )) {
      if (frame.type === FrameType.images) yield frame.payload;
    }
  }
}
