import { randomFillSync } from 'node:crypto';
import { RowsealError } from '../error/rowseal-error.ts';
import { Image, Op } from '../model/change.ts';
import { type Expiry, KEY_TAG_BYTES, type MaskedRun, type MaskedTable } from '../model/masked.ts';
import { ByteBuilder } from './bytes.ts';
import { columnsHash } from './disclosure/column-image.ts';
import type { Disclosure } from './disclosure/disclosure.ts';
import type { Disk } from './disk.ts';
import { parseErasure } from './erased.ts';
import { expiryPayload } from './expired.ts';
import { FrameType } from './frame.ts';
import {
  chainNextOf,
  chainStart,
  DIGEST_BYTES,
  type Digest,
  IMAGE_LABEL,
  leafInPlace,
  SALT_BYTES,
  sha256,
} from './hashing.ts';
import type { Extent, TouchedTable } from './journal-leaf.ts';
import { LeafBatch } from './leaf-batch.ts';
import { CompactRange } from './merkle.ts';
import type { TreeHead } from './note.ts';
import { encodeChange, encodeRecord, MAX_RECORD_BYTES, RecordKind } from './record.ts';
import { encodeImageBody } from './row-image.ts';
import { indexPayload } from './row-index/index-payload.ts';
import { type IndexMark, type IndexSpacing, RowIndex } from './row-index/row-index.ts';
import { SegmentAppender } from './segment.ts';
import { encodeSegmentHeader } from './segment-header.ts';
import { policyPayload, schemaPayload } from './table-payload.ts';

/** Where a table's log stands: all that is needed to go on from here. */
export interface TableState {
  readonly seq: number;
  readonly chain: Digest;
  readonly tree: CompactRange;
  readonly schema: { readonly seq: number; readonly payload: string } | null;
  readonly policy: { readonly seq: number; readonly payload: string } | null;
  readonly recordsEnd: { readonly segment: number; readonly offset: number };
  readonly rowsEnd: { readonly segment: number; readonly offset: number };
  readonly index: IndexMark;
}

/** What is the same for all groups of a table's log. */
export interface TableLogSettings {
  readonly segmentMaxBytes: number;
  /** The key as a C2SP vkey, for the genesis record. */
  readonly publicKey: string;
  readonly disclosure: Disclosure;
  readonly indexSpacing: IndexSpacing;
}

export function emptyTableState(origin: string): TableState {
  return {
    seq: 0,
    chain: chainStart(origin),
    tree: new CompactRange(),
    schema: null,
    policy: null,
    recordsEnd: { segment: 0, offset: 0 },
    rowsEnd: { segment: 0, offset: 0 },
    index: new RowIndex().mark(),
  };
}

/** A group's end in a table, but for the signed head. */
export interface EndedGroup {
  readonly touched: TouchedTable;
  readonly head: TreeHead;
  /** Puts the signed head into its place, before the group is written. */
  sign(note: string): void;
}

/** Fields of the transaction that records share, encoded once per transaction. */
export interface RecordTransaction {
  readonly fields: Uint8Array;
  readonly position: Uint8Array;
  readonly id: string;
  readonly commitTimeUs: bigint;
  readonly index: number;
}

/** A frame is closed at this size: what a reader holds in memory at a time. */
const FRAME_BYTES = 256 * 1024;
const SALT_POOL_BYTES = 64 * 1024;
/** Where the body stands in an image that is hashed: behind label, salt and length. */
const BODY_AT = IMAGE_LABEL.length + SALT_BYTES + 4;
const NO_TRANSACTION: RecordTransaction = {
  fields: new Uint8Array(),
  position: new Uint8Array(),
  id: '',
  commitTimeUs: 0n,
  index: 0,
};

/**
 * The log of one table: encodes records and row images, keeps chain and tree, places frames. Purely in memory until
 * `write`; the group writer decides when to write and sync.
 */
export class TableLog {
  readonly directory: string;
  readonly origin: string;
  readonly #records: SegmentAppender;
  readonly #rows: SegmentAppender;
  readonly #settings: TableLogSettings;
  #seq: number;
  /** Chain and tree are behind by the records of the open frame. */
  #chain: Digest;
  #tree: CompactRange;
  readonly #leaves = new LeafBatch();
  #index: RowIndex;
  #schema: TableState['schema'];
  #policy: TableState['policy'];
  /** The table version whose schema and policy records are in force. */
  #version: MaskedTable | null = null;
  #recordFrame = new ByteBuilder(FRAME_BYTES + 4096);
  #rowFrame = new ByteBuilder(FRAME_BYTES + 4096);
  #frameIsMeta = false;
  #recordExtents: Extent[] = [];
  #rowExtents: Extent[] = [];
  /** An image behind its label, as it is hashed. */
  readonly #image = new ByteBuilder(4096);
  /** Where the newest record begins in the open frame. */
  #recordAt = 0;
  readonly #salts = Buffer.alloc(SALT_POOL_BYTES);
  #saltAt = SALT_POOL_BYTES;

  constructor(
    disk: Disk,
    path: string,
    directory: string,
    origin: string,
    settings: TableLogSettings,
    state: TableState,
  ) {
    const { segmentMaxBytes } = settings;
    this.directory = directory;
    this.origin = origin;
    this.#settings = settings;
    this.#image.bytes(IMAGE_LABEL);
    this.#seq = state.seq;
    this.#chain = state.chain;
    this.#tree = state.tree.clone();
    this.#schema = state.schema;
    this.#policy = state.policy;
    this.#index = new RowIndex(state.index);
    this.#records = new SegmentAppender(disk, path, 'records', segmentMaxBytes, state.recordsEnd, (segment) =>
      this.#header('records', segment),
    );
    this.#rows = new SegmentAppender(disk, path, 'rows', segmentMaxBytes, state.rowsEnd, (segment) =>
      this.#header('rows', segment),
    );
  }

  get touched(): boolean {
    return this.#recordExtents.length > 0 || this.#recordFrame.length > 0;
  }

  get pendingBytes(): number {
    return (
      this.#recordFrame.length + this.#rowFrame.length + this.#records.plannedBytes + this.#rows.plannedBytes
    );
  }

  /** Everything here is sealed; call between groups. */
  state(): TableState {
    return {
      seq: this.#seq,
      chain: this.#chain,
      tree: this.#tree.clone(),
      schema: this.#schema,
      policy: this.#policy,
      recordsEnd: this.#records.end,
      rowsEnd: this.#rows.end,
      index: this.#index.mark(),
    };
  }

  /** @returns seq of the first row's record; those of the other rows follow without holes */
  appendRun(run: MaskedRun, transaction: RecordTransaction): number {
    this.#useVersion(run.table);
    this.#indexIfDue();
    const first = this.#seq;
    const schema = this.#schema!.seq;
    const policy = this.#policy!.seq;
    const width = run.table.columns.length;
    const keyTags = run.keyTags.length > 0 ? run.keyTags : null;
    let at = 0;
    for (let row = 0; row < run.count; row++) {
      const bits = run.images[row]!;
      let before: Digest | null = null;
      let after: Digest | null = null;
      if ((bits & Image.before) !== 0) {
        before = this.#appendImage(run, at, width);
        at += width;
      }
      if ((bits & Image.after) !== 0) {
        after = this.#appendImage(run, at, width);
        at += width;
      }
      const oldTag = run.oldKeyTags.size === 0 ? null : (run.oldKeyTags.get(row) ?? null);
      encodeChange(
        this.#beginRecord(),
        this.#seq,
        transaction.fields,
        run.firstOrdinal + row,
        run.ops[row]!,
        schema,
        policy,
        keyTags,
        row * KEY_TAG_BYTES,
        oldTag,
        before,
        after,
      );
      if (keyTags !== null) this.#index.add(keyTags, row * KEY_TAG_BYTES, this.#seq);
      if (oldTag !== null) this.#index.add(oldTag, 0, this.#seq);
      this.#commitRecord();
      if (this.#recordFrame.length >= FRAME_BYTES || this.#rowFrame.length >= FRAME_BYTES)
        this.#closeFrames();
    }
    return first;
  }

  /** Schema and policy records of this version, where it is not the one in force. */
  declare(table: MaskedTable): void {
    this.#useVersion(table);
  }

  appendTruncate(
    table: MaskedTable,
    payload: string,
    ordinal: number,
    transaction: RecordTransaction,
  ): number {
    return this.#appendEvent(table, RecordKind.truncate, Op.truncate, payload, ordinal, transaction);
  }

  appendSnapshot(
    table: MaskedTable,
    payload: string,
    ordinal: number,
    transaction: RecordTransaction,
  ): number {
    return this.#appendEvent(table, RecordKind.snapshot, 0, payload, ordinal, transaction);
  }

  /** A record outside transactions: what the leak guard met, or an erasure. */
  appendNotice(
    table: MaskedTable,
    kind: typeof RecordKind.finding | typeof RecordKind.erasure | typeof RecordKind.expiry,
    payload: string,
  ): void {
    this.#useVersion(table);
    if (kind === RecordKind.expiry) this.#index.addWide(this.#seq);
    if (kind === RecordKind.erasure)
      for (const tag of parseErasure(payload).tags) this.#index.add(Buffer.from(tag, 'hex'), 0, this.#seq);
    this.#appendMeta(kind, payload);
  }

  /** Row images that follow go into a new segment: those before it are replaced when the group is sealed. */
  appendExpiry(table: MaskedTable, expiry: Expiry): void {
    this.#closeFrames();
    this.#rows.roll();
    this.appendNotice(table, RecordKind.expiry, expiryPayload(expiry));
  }

  /**
   * Closes the group for this table with a trailer, which has its place and lacks the signed head. Nothing is written yet.
   *
   * @param noteLike a text of as many bytes as the signed head will have, given what it says
   */
  endGroup(group: number, noteLike: (head: TreeHead) => string): EndedGroup {
    this.#closeFrames();
    const root = this.#tree.root();
    const head = { origin: this.origin, size: this.#seq, root };
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
      directory: this.directory,
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
  async rewind(state: TableState): Promise<void> {
    this.#recordFrame.clear();
    this.#rowFrame.clear();
    this.#recordExtents = [];
    this.#rowExtents = [];
    this.#version = null;
    this.#seq = state.seq;
    this.#chain = state.chain;
    this.#tree = state.tree.clone();
    this.#schema = state.schema;
    this.#policy = state.policy;
    this.#index = new RowIndex(state.index);
    await this.#records.rewind(state.recordsEnd);
    await this.#rows.rewind(state.rowsEnd);
  }

  async close(): Promise<void> {
    await this.#records.close();
    await this.#rows.close();
  }

  /** Genesis, schema and policy records, when this version is not the one in force. */
  #useVersion(table: MaskedTable): void {
    if (this.#version === table) return;
    if (this.#seq === 0) {
      const payload = JSON.stringify({
        origin: this.origin,
        namespace: table.namespace,
        name: table.name,
        key: this.#settings.publicKey,
      });
      this.#appendMeta(RecordKind.genesis, payload);
    }
    const schema = schemaPayload(table, this.#settings.disclosure);
    if (this.#schema?.payload !== schema)
      this.#schema = { seq: this.#appendMeta(RecordKind.schema, schema), payload: schema };
    const policy = policyPayload(table);
    if (this.#policy?.payload !== policy)
      this.#policy = { seq: this.#appendMeta(RecordKind.policy, policy), payload: policy };
    this.#version = table;
  }

  /** Between runs, so that the rows of a run stay numbered without holes. */
  #indexIfDue(): void {
    const level = this.#index.due(this.#seq, this.#settings.indexSpacing);
    if (level === null) return;
    const seq = this.#appendMeta(RecordKind.index, indexPayload(this.#index.statement(level)));
    this.#index.recorded(level, seq, leafInPlace(this.#recordFrame.view(), this.#recordAt, this.#recordEnd));
  }

  /** Meta records have frames of their own, so that a reader finds table versions without reading the rows' records. */
  #appendMeta(kind: RecordKind, payload: string): number {
    if (!this.#frameIsMeta) this.#closeFrames();
    this.#frameIsMeta = true;
    return this.#appendRecord(kind, 0, payload, 0, NO_TRANSACTION, 0, 0);
  }

  #appendEvent(
    table: MaskedTable,
    kind: RecordKind,
    op: number,
    payload: string,
    ordinal: number,
    transaction: RecordTransaction,
  ): number {
    this.#useVersion(table);
    this.#indexIfDue();
    if (this.#frameIsMeta) this.#closeFrames();
    this.#index.addWide(this.#seq);
    return this.#appendRecord(kind, op, payload, ordinal, transaction, this.#schema!.seq, this.#policy!.seq);
  }

  #appendRecord(
    kind: RecordKind,
    op: number,
    payload: string,
    ordinal: number,
    transaction: RecordTransaction,
    schema: number,
    policy: number,
  ): number {
    const seq = this.#seq;
    encodeRecord(this.#beginRecord(), {
      kind,
      seq,
      position: transaction.position,
      transaction: transaction.id,
      commitTimeUs: transaction.commitTimeUs,
      transactionIndex: transaction.index,
      ordinal,
      op,
      schema,
      policy,
      keyTag: null,
      oldKeyTag: null,
      before: null,
      after: null,
      payload,
    });
    this.#commitRecord();
    return seq;
  }

  /** Hashes the image (label, salt, length, body) and copies it to the rows frame without its label. */
  #appendImage(run: MaskedRun, at: number, width: number): Digest {
    if (this.#frameIsMeta) this.#closeFrames();
    const image = this.#image;
    image.truncate(IMAGE_LABEL.length);
    image.part(this.#salts, this.#nextSalt(), SALT_BYTES);
    image.u32(0);
    encodeImageBody(image, run.cells, at, width);
    image.setU32(BODY_AT - 4, image.length - BODY_AT);
    this.#rowFrame.bytes(image.view(IMAGE_LABEL.length));
    return this.#settings.disclosure === 'row'
      ? sha256(image.view())
      : columnsHash(image.view(IMAGE_LABEL.length, BODY_AT - 4), image.view(BODY_AT), width);
  }

  #beginRecord(): ByteBuilder {
    const frame = this.#recordFrame;
    frame.gap(2);
    this.#recordAt = frame.length;
    return frame;
  }

  /** The record is as it will be; its chain value comes when the frame is closed. */
  #commitRecord(): void {
    const frame = this.#recordFrame;
    const length = frame.length - this.#recordAt;
    if (length > MAX_RECORD_BYTES) {
      frame.truncate(this.#recordAt - 2);
      throw new RowsealError('RS-AUD-009', { detail: `${length} bytes in the log ${this.origin}` });
    }
    frame.setU16(this.#recordAt - 2, length);
    frame.gap(DIGEST_BYTES);
    this.#seq++;
  }

  get #recordEnd(): number {
    return this.#recordFrame.length - DIGEST_BYTES;
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

  #closeFrames(): void {
    this.#chainFrame();
    if (this.#rowFrame.length > 0) {
      this.#addExtent(this.#rowExtents, this.#rows.place(FrameType.images, this.#rowFrame.take()));
      this.#rows.rollIfFull();
    }
    if (this.#recordFrame.length > 0) {
      const type = this.#frameIsMeta ? FrameType.meta : FrameType.records;
      this.#addExtent(this.#recordExtents, this.#records.place(type, this.#recordFrame.take()));
      this.#records.rollIfFull();
    }
    this.#frameIsMeta = false;
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
    return encodeSegmentHeader({
      kind,
      origin: this.origin,
      segment,
      next: this.#seq,
      chain: records ? this.#chain : '',
      peaks: records ? this.#tree.peaks : [],
      schema: records ? this.#schema : null,
      policy: records ? this.#policy : null,
      keys: null,
    });
  }
}
