import { Image, Op } from '../model/change.ts';
import { type Expiry, KEY_TAG_BYTES, type MaskedRun, type MaskedTable } from '../model/masked.ts';
import type { Disclosure } from './disclosure/disclosure.ts';
import type { Disk } from './disk.ts';
import { parseErasure } from './erased.ts';
import { expiryPayload } from './expired.ts';
import { chainStart, type Digest } from './hashing.ts';
import { CompactRange } from './merkle.ts';
import type { TreeHead } from './note.ts';
import { encodeChange, encodeRecord, RecordKind } from './record.ts';
import { indexPayload } from './row-index/index-payload.ts';
import { type IndexMark, type IndexSpacing, RowIndex } from './row-index/row-index.ts';
import { type EndedGroup, type FramesState, TableFrames, type VersionInForce } from './table-frames.ts';
import { policyPayload, schemaPayload } from './table-payload.ts';

/** Where a table's log stands: all that is needed to go on from here. */
export interface TableState extends FramesState, VersionInForce {
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

/** Fields of the transaction that records share, encoded once per transaction. */
export interface RecordTransaction {
  readonly fields: Uint8Array;
  readonly position: Uint8Array;
  readonly id: string;
  readonly commitTimeUs: bigint;
  readonly index: number;
}

const NO_TRANSACTION: RecordTransaction = {
  fields: new Uint8Array(),
  position: new Uint8Array(),
  id: '',
  commitTimeUs: 0n,
  index: 0,
};

/**
 * The log of one table: which records say what happened to it, and which versions of it they speak of. They go into its
 * frames; the group writer decides when these are written and synced.
 */
export class TableLog {
  readonly directory: string;
  readonly origin: string;
  readonly #settings: TableLogSettings;
  readonly #frames: TableFrames;
  #index: RowIndex;
  #schema: TableState['schema'];
  #policy: TableState['policy'];
  /** The table version whose schema and policy records are in force. */
  #version: MaskedTable | null = null;

  constructor(
    disk: Disk,
    path: string,
    directory: string,
    origin: string,
    settings: TableLogSettings,
    state: TableState,
  ) {
    this.directory = directory;
    this.origin = origin;
    this.#settings = settings;
    this.#schema = state.schema;
    this.#policy = state.policy;
    this.#index = new RowIndex(state.index);
    this.#frames = new TableFrames(
      disk,
      path,
      directory,
      origin,
      settings.segmentMaxBytes,
      settings.disclosure,
      () => ({ schema: this.#schema, policy: this.#policy }),
      state,
    );
  }

  get touched(): boolean {
    return this.#frames.touched;
  }

  get pendingBytes(): number {
    return this.#frames.pendingBytes;
  }

  /** Everything here is sealed; call between groups. */
  state(): TableState {
    return {
      ...this.#frames.state(),
      schema: this.#schema,
      policy: this.#policy,
      index: this.#index.mark(),
    };
  }

  /** @returns seq of the first row's record; those of the other rows follow without holes */
  appendRun(run: MaskedRun, transaction: RecordTransaction): number {
    this.#useVersion(run.table);
    this.#indexIfDue();
    const frames = this.#frames;
    frames.useMeta(false);
    const first = frames.seq;
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
        before = frames.appendImage(run.cells, at, width);
        at += width;
      }
      if ((bits & Image.after) !== 0) {
        after = frames.appendImage(run.cells, at, width);
        at += width;
      }
      const oldTag = run.oldKeyTags.size === 0 ? null : (run.oldKeyTags.get(row) ?? null);
      const seq = frames.seq;
      encodeChange(
        frames.beginRecord(),
        seq,
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
      if (keyTags !== null) this.#index.add(keyTags, row * KEY_TAG_BYTES, seq);
      if (oldTag !== null) this.#index.add(oldTag, 0, seq);
      frames.commitRecord();
      frames.closeFull();
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
    if (kind === RecordKind.expiry) this.#index.addWide(this.#frames.seq);
    if (kind === RecordKind.erasure)
      for (const tag of parseErasure(payload).tags)
        this.#index.add(Buffer.from(tag, 'hex'), 0, this.#frames.seq);
    this.#appendMeta(kind, payload);
  }

  /** Row images that follow go into a new segment: those before it are replaced when the group is sealed. */
  appendExpiry(table: MaskedTable, expiry: Expiry): void {
    this.#frames.rollRows();
    this.appendNotice(table, RecordKind.expiry, expiryPayload(expiry));
  }

  /**
   * Closes the group for this table with a trailer, which has its place and lacks the signed head. Nothing is written yet.
   *
   * @param noteLike a text of as many bytes as the signed head will have, given what it says
   */
  endGroup(group: number, noteLike: (head: TreeHead) => string): EndedGroup {
    return this.#frames.endGroup(group, noteLike);
  }

  /** Work for the disk: what is closed so far. The frame being filled stays. */
  takeWrites(): () => Promise<void> {
    return this.#frames.takeWrites();
  }

  sync(): Promise<void> {
    return this.#frames.sync();
  }

  /** Back to where the last sealed group ended. */
  async rewind(state: TableState): Promise<void> {
    this.#version = null;
    this.#schema = state.schema;
    this.#policy = state.policy;
    this.#index = new RowIndex(state.index);
    await this.#frames.rewind(state);
  }

  close(): Promise<void> {
    return this.#frames.close();
  }

  /** Genesis, schema and policy records, when this version is not the one in force. */
  #useVersion(table: MaskedTable): void {
    if (this.#version === table) return;
    if (this.#frames.seq === 0) {
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
    const level = this.#index.due(this.#frames.seq, this.#settings.indexSpacing);
    if (level === null) return;
    const seq = this.#appendMeta(RecordKind.index, indexPayload(this.#index.statement(level)));
    this.#index.recorded(level, seq, this.#frames.newestLeaf());
  }

  /** Meta records have frames of their own, so that a reader finds table versions without reading the rows' records. */
  #appendMeta(kind: RecordKind, payload: string): number {
    this.#frames.useMeta(true);
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
    this.#frames.useMeta(false);
    this.#index.addWide(this.#frames.seq);
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
    const frames = this.#frames;
    const seq = frames.seq;
    encodeRecord(frames.beginRecord(), {
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
    frames.commitRecord();
    return seq;
  }
}
