import { randomFillSync } from 'node:crypto';
import { RowsealError } from '../error/rowseal-error.ts';
import type { MaskedCell } from '../model/cell.ts';
import { ByteBuilder } from './bytes.ts';
import { columnsHash } from './disclosure/column-image.ts';
import type { Disclosure } from './disclosure/disclosure.ts';
import type { Disk } from './disk.ts';
import { FrameType } from './frame.ts';
import {
  chainNextOf,
  DIGEST_BYTES,
  type Digest,
  IMAGE_LABEL,
  leafInPlace,
  SALT_BYTES,
  sha256,
} from './hashing.ts';
import type { Extent, TouchedTable } from './journal-leaf.ts';
import { LeafBatch } from './leaf-batch.ts';
import type { CompactRange } from './merkle.ts';
import type { TreeHead } from './note.ts';
import { MAX_RECORD_BYTES } from './record.ts';
import { encodeImageBody } from './row-image.ts';
import { SegmentAppender } from './segment.ts';
import { encodeSegmentHeader, type SegmentHeader } from './segment-header.ts';

/** Where a table's frames stand: what is needed to append the next one. */
export interface FramesState {
  /** Of the next record. */
  readonly seq: number;
  readonly chain: Digest;
  readonly tree: CompactRange;
  readonly recordsEnd: { readonly segment: number; readonly offset: number };
  readonly rowsEnd: { readonly segment: number; readonly offset: number };
}

/** The table version in force, of which the header of a segment of records speaks. */
export type VersionInForce = Pick<SegmentHeader, 'schema' | 'policy'>;

/** A group's end in a table, but for the signed head. */
export interface EndedGroup {
  readonly touched: TouchedTable;
  readonly head: TreeHead;
  /** Puts the signed head into its place, before the group is written. */
  sign(note: string): void;
}

/** A frame is closed at this size: what a reader holds in memory at a time. */
const FRAME_BYTES = 256 * 1024;
const SALT_POOL_BYTES = 64 * 1024;
/** Where the body stands in an image that is hashed: behind label, salt and length. */
const BODY_AT = IMAGE_LABEL.length + SALT_BYTES + 4;

/**
 * The frames of one table's log, records and row images: fills them, closes them, and keeps chain and tree over the records
 * whatever these say. Purely in memory until what `takeWrites` gives is run.
 */
export class TableFrames {
  readonly #directory: string;
  readonly #origin: string;
  readonly #disclosure: Disclosure;
  readonly #version: () => VersionInForce;
  readonly #records: SegmentAppender;
  readonly #rows: SegmentAppender;
  #seq: number;
  /** Chain and tree are behind by the records of the open frame. */
  #chain: Digest;
  #tree: CompactRange;
  readonly #leaves = new LeafBatch();
  #recordFrame = new ByteBuilder(FRAME_BYTES + 4096);
  #rowFrame = new ByteBuilder(FRAME_BYTES + 4096);
  #isMeta = false;
  #recordExtents: Extent[] = [];
  #rowExtents: Extent[] = [];
  /** An image behind its label, as it is hashed. */
  readonly #image = new ByteBuilder(4096);
  /** Where the newest record begins in the open frame. */
  #recordAt = 0;
  readonly #salts = Buffer.alloc(SALT_POOL_BYTES);
  #saltAt = SALT_POOL_BYTES;

  /** @param version asked when a segment begins */
  constructor(
    disk: Disk,
    path: string,
    directory: string,
    origin: string,
    segmentMaxBytes: number,
    disclosure: Disclosure,
    version: () => VersionInForce,
    state: FramesState,
  ) {
    this.#directory = directory;
    this.#origin = origin;
    this.#disclosure = disclosure;
    this.#version = version;
    this.#image.bytes(IMAGE_LABEL);
    this.#seq = state.seq;
    this.#chain = state.chain;
    this.#tree = state.tree.clone();
    this.#records = new SegmentAppender(disk, path, 'records', segmentMaxBytes, state.recordsEnd, (segment) =>
      this.#header('records', segment),
    );
    this.#rows = new SegmentAppender(disk, path, 'rows', segmentMaxBytes, state.rowsEnd, (segment) =>
      this.#header('rows', segment),
    );
  }

  /** Number of the next record. */
  get seq(): number {
    return this.#seq;
  }

  get touched(): boolean {
    return this.#recordExtents.length > 0 || this.#recordFrame.length > 0;
  }

  get pendingBytes(): number {
    return (
      this.#recordFrame.length + this.#rowFrame.length + this.#records.plannedBytes + this.#rows.plannedBytes
    );
  }

  state(): FramesState {
    return {
      seq: this.#seq,
      chain: this.#chain,
      tree: this.#tree.clone(),
      recordsEnd: this.#records.end,
      rowsEnd: this.#rows.end,
    };
  }

  /** Records that follow are meta records, or are not: the two never share a frame. */
  useMeta(isMeta: boolean): void {
    if (this.#isMeta === isMeta) return;
    this.closeFrames();
    this.#isMeta = isMeta;
  }

  /** Hashes the image (label, salt, length, body) and copies it to the rows frame without its label. */
  appendImage(cells: readonly MaskedCell[], at: number, width: number): Digest {
    const image = this.#image;
    image.truncate(IMAGE_LABEL.length);
    image.part(this.#salts, this.#nextSalt(), SALT_BYTES);
    image.u32(0);
    encodeImageBody(image, cells, at, width);
    image.setU32(BODY_AT - 4, image.length - BODY_AT);
    this.#rowFrame.bytes(image.view(IMAGE_LABEL.length));
    return this.#disclosure === 'row'
      ? sha256(image.view())
      : columnsHash(image.view(IMAGE_LABEL.length, BODY_AT - 4), image.view(BODY_AT), width);
  }

  /** Where the bytes of the next record go; then {@link commitRecord}. */
  beginRecord(): ByteBuilder {
    const frame = this.#recordFrame;
    frame.gap(2);
    this.#recordAt = frame.length;
    return frame;
  }

  /** The record is as it will be; its chain value comes when the frame is closed. @throws RowsealError RS-AUD-009 */
  commitRecord(): void {
    const frame = this.#recordFrame;
    const length = frame.length - this.#recordAt;
    if (length > MAX_RECORD_BYTES) {
      frame.truncate(this.#recordAt - 2);
      throw new RowsealError('RS-AUD-009', { detail: `${length} bytes in the log ${this.#origin}` });
    }
    frame.setU16(this.#recordAt - 2, length);
    frame.gap(DIGEST_BYTES);
    this.#seq++;
  }

  /** Closes the frames when either is full. */
  closeFull(): void {
    if (this.#recordFrame.length >= FRAME_BYTES || this.#rowFrame.length >= FRAME_BYTES) this.closeFrames();
  }

  /** Leaf hash of the newest record; its frame must be open. */
  newestLeaf(): Digest {
    const frame = this.#recordFrame;
    return leafInPlace(frame.view(), this.#recordAt, frame.length - DIGEST_BYTES);
  }

  closeFrames(): void {
    this.#chainFrame();
    if (this.#rowFrame.length > 0) {
      this.#addExtent(this.#rowExtents, this.#rows.place(FrameType.images, this.#rowFrame.take()));
      this.#rows.rollIfFull();
    }
    if (this.#recordFrame.length > 0) {
      const type = this.#isMeta ? FrameType.meta : FrameType.records;
      this.#addExtent(this.#recordExtents, this.#records.place(type, this.#recordFrame.take()));
      this.#records.rollIfFull();
    }
    this.#isMeta = false;
  }

  /** Row images that follow go into a new segment. */
  rollRows(): void {
    this.closeFrames();
    this.#rows.roll();
  }

  /**
   * Closes the group for this table with a trailer, which has its place and lacks the signed head. Nothing is written yet.
   *
   * @param noteLike a text of as many bytes as the signed head will have, given what it says
   */
  endGroup(group: number, noteLike: (head: TreeHead) => string): EndedGroup {
    this.closeFrames();
    const root = this.#tree.root();
    const head = { origin: this.#origin, size: this.#seq, root };
    const rows = this.#rows.end;
    const facts = {
      group,
      size: this.#seq,
      chain: Buffer.from(this.#chain, 'latin1').toString('hex'),
      rows: [rows.segment, rows.offset],
    };
    const trailer = (note: string): Buffer => Buffer.from(JSON.stringify({ ...facts, note }), 'utf8');
    const frame = this.#records.placeOpen(FrameType.trailer, trailer(noteLike(head)).length);
    this.#addExtent(this.#recordExtents, frame.extent);
    const touched = {
      directory: this.#directory,
      size: this.#seq,
      root,
      chain: this.#chain,
      records: this.#recordExtents,
      rows: this.#rowExtents,
    };
    this.#recordExtents = [];
    this.#rowExtents = [];
    return { touched, head, sign: (note) => frame.fill(trailer(note)) };
  }

  /** Work for the disk: what is closed so far. The frame being filled stays. */
  takeWrites(): () => Promise<void> {
    const records = this.#records.takePlanned();
    const rows = this.#rows.takePlanned();
    return async () => {
      await this.#rows.write(rows);
      await this.#records.write(records);
    };
  }

  async sync(): Promise<void> {
    await Promise.all([this.#rows.sync(), this.#records.sync()]);
  }

  /** Back to where the last sealed group ended. */
  async rewind(state: FramesState): Promise<void> {
    this.#recordFrame.clear();
    this.#rowFrame.clear();
    this.#recordExtents = [];
    this.#rowExtents = [];
    this.#seq = state.seq;
    this.#chain = state.chain;
    this.#tree = state.tree.clone();
    await this.#records.rewind(state.recordsEnd);
    await this.#rows.rewind(state.rowsEnd);
  }

  async close(): Promise<void> {
    await this.#records.close();
    await this.#rows.close();
  }

  /** The records of the frame become leaves of the tree and links of the chain. */
  #chainFrame(): void {
    const payload = this.#recordFrame.view();
    const leaves = this.#leaves;
    for (let at = 0; at < payload.length; ) {
      const seq = this.#tree.size;
      const count = leaves.hash(payload, at, Number.POSITIVE_INFINITY, seq);
      for (let i = 0; i < count; i++) {
        this.#chain = chainNextOf(this.#chain, seq + i, leaves, i);
        payload.latin1Write(this.#chain, leaves.end(i), DIGEST_BYTES);
      }
      at = leaves.end(count - 1) + DIGEST_BYTES;
      leaves.appendTo(this.#tree);
    }
  }

  #addExtent(extents: Extent[], extent: Extent): void {
    const last = extents.at(-1);
    if (last !== undefined && last.segment === extent.segment && last.end === extent.start) {
      extents[extents.length - 1] = { ...last, end: extent.end };
    } else extents.push(extent);
  }

  /** Where in the pool a salt stands that was never used. */
  #nextSalt(): number {
    if (this.#saltAt === SALT_POOL_BYTES) {
      randomFillSync(this.#salts);
      this.#saltAt = 0;
    }
    this.#saltAt += SALT_BYTES;
    return this.#saltAt - SALT_BYTES;
  }

  #header(kind: 'records' | 'rows', segment: number): Buffer {
    const records = kind === 'records';
    const { schema, policy } = this.#version();
    return encodeSegmentHeader({
      kind,
      origin: this.#origin,
      segment,
      next: this.#seq,
      chain: records ? this.#chain : '',
      peaks: records ? this.#tree.peaks : [],
      schema: records ? schema : null,
      policy: records ? policy : null,
      keys: null,
    });
  }
}
