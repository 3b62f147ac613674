import { type ByteBuilder, ByteReader, MalformedBytes } from './bytes.ts';
import { DIGEST_BYTES, type Digest } from './hashing.ts';

/** docs/audit-format.md §4: what a record says. Numbers are the format's and never change. */
export const RecordKind = {
  genesis: 1,
  change: 2,
  snapshot: 3,
  truncate: 4,
  schema: 5,
  policy: 6,
  key: 7,
  gap: 8,
  erasure: 9,
  finding: 10,
  index: 11,
  expiry: 12,
} as const;
export type RecordKind = (typeof RecordKind)[keyof typeof RecordKind];

export const FORMAT_VERSION = 1;
export const MAX_RECORD_BYTES = 65_535;
const TAG_BYTES = 16;

/** Field numbers of message `Record` (docs/record.proto); all before 16, so that every tag takes one byte. */
const F = {
  version: (1 << 3) | 0,
  kind: (2 << 3) | 0,
  seq: (3 << 3) | 0,
  position: (4 << 3) | 2,
  transaction: (5 << 3) | 2,
  commitTimeUs: (6 << 3) | 1,
  transactionIndex: (7 << 3) | 0,
  ordinal: (8 << 3) | 0,
  op: (9 << 3) | 0,
  schema: (10 << 3) | 0,
  policy: (11 << 3) | 0,
  keyTag: (12 << 3) | 2,
  oldKeyTag: (13 << 3) | 2,
  before: (14 << 3) | 2,
  after: (15 << 3) | 2,
  payload: [0x82, 0x01], // field 16, length-delimited
} as const;

export interface AuditRecord {
  readonly kind: RecordKind;
  readonly seq: number;
  /** Postgres: the eight big-endian bytes of the commit LSN. MySQL: the GTID's UTF-8. Empty: none. */
  readonly position: Uint8Array;
  readonly transaction: string;
  /** Microseconds since 1970-01-01 UTC; 0: none. */
  readonly commitTimeUs: bigint;
  /** Number of the transaction in its group, from 0. */
  readonly transactionIndex: number;
  /** Number of the operation in its transaction, over all tables, from 0. */
  readonly ordinal: number;
  /** `Op`, 0: none. */
  readonly op: number;
  /** seq of the schema and policy record in force; 0 where none is (the genesis record has seq 0). */
  readonly schema: number;
  readonly policy: number;
  readonly keyTag: Uint8Array | null;
  readonly oldKeyTag: Uint8Array | null;
  /** Hashes of the row images. */
  readonly before: Digest | null;
  readonly after: Digest | null;
  /** What genesis, schema, policy, snapshot, truncate, erasure, finding, index, expiry carry: canonical JSON in UTF-8. */
  readonly payload: string;
}

/** What all records of a transaction share, encoded once. */
export function encodeTransactionFields(
  builder: ByteBuilder,
  record: Pick<AuditRecord, 'position' | 'transaction' | 'commitTimeUs' | 'transactionIndex'>,
): void {
  if (record.position.length > 0) {
    builder.byte(F.position);
    builder.varint(record.position.length);
    builder.bytes(record.position);
  }
  if (record.transaction !== '') {
    builder.byte(F.transaction);
    builder.text(record.transaction);
  }
  if (record.commitTimeUs !== 0n) {
    builder.byte(F.commitTimeUs);
    builder.u64(swap64(record.commitTimeUs));
  }
  if (record.transactionIndex !== 0) {
    builder.byte(F.transactionIndex);
    builder.varint(record.transactionIndex);
  }
}

/**
 * The parts of a change record that differ from row to row; hot path.
 *
 * @param keyTags holds the row's tag from `keyTagAt` on; null: the table has no key
 */
export function encodeChange(
  builder: ByteBuilder,
  seq: number,
  transactionFields: Uint8Array,
  ordinal: number,
  op: number,
  schema: number,
  policy: number,
  keyTags: Uint8Array | null,
  keyTagAt: number,
  oldKeyTag: Uint8Array | null,
  before: Digest | null,
  after: Digest | null,
): void {
  encodeStart(builder, RecordKind.change, seq);
  builder.bytes(transactionFields);
  if (ordinal !== 0) {
    builder.byte(F.ordinal);
    builder.varint(ordinal);
  }
  builder.byte(F.op);
  builder.byte(op);
  builder.byte(F.schema);
  builder.varint(schema);
  builder.byte(F.policy);
  builder.varint(policy);
  if (keyTags !== null) {
    builder.byte(F.keyTag);
    builder.byte(TAG_BYTES);
    builder.part(keyTags, keyTagAt, TAG_BYTES);
  }
  encodeTag(builder, F.oldKeyTag, oldKeyTag);
  encodeDigest(builder, F.before, before);
  encodeDigest(builder, F.after, after);
}

/** Any record; `encodeChange` gives the same bytes for a change. */
export function encodeRecord(builder: ByteBuilder, record: AuditRecord): void {
  encodeStart(builder, record.kind, record.seq);
  encodeTransactionFields(builder, record);
  encodeNumber(builder, F.ordinal, record.ordinal);
  encodeNumber(builder, F.op, record.op);
  encodeNumber(builder, F.schema, record.schema);
  encodeNumber(builder, F.policy, record.policy);
  encodeTag(builder, F.keyTag, record.keyTag);
  encodeTag(builder, F.oldKeyTag, record.oldKeyTag);
  encodeDigest(builder, F.before, record.before);
  encodeDigest(builder, F.after, record.after);
  if (record.payload !== '') {
    builder.byte(F.payload[0]);
    builder.byte(F.payload[1]);
    builder.text(record.payload);
  }
}

function encodeStart(builder: ByteBuilder, kind: RecordKind, seq: number): void {
  builder.byte(F.version);
  builder.byte(FORMAT_VERSION);
  builder.byte(F.kind);
  builder.byte(kind);
  encodeNumber(builder, F.seq, seq);
}

function encodeNumber(builder: ByteBuilder, tag: number, value: number): void {
  if (value === 0) return;
  builder.byte(tag);
  builder.varint(value);
}

function encodeTag(builder: ByteBuilder, tag: number, value: Uint8Array | null): void {
  if (value === null) return;
  builder.byte(tag);
  builder.byte(TAG_BYTES);
  builder.bytes(value);
}

function encodeDigest(builder: ByteBuilder, tag: number, value: Digest | null): void {
  if (value === null) return;
  builder.byte(tag);
  builder.byte(DIGEST_BYTES);
  builder.binary(value);
}

/** protobuf's fixed64 is little-endian, the builder's u64 big-endian. */
function swap64(value: bigint): bigint {
  scratch.setBigUint64(0, BigInt.asUintN(64, value), true);
  return scratch.getBigUint64(0, false);
}
const scratch = new DataView(new ArrayBuffer(8));

/**
 * Strict decoder. Accepts the canonical form only as far as it can see it; a verifier also re-encodes and compares.
 *
 * @throws MalformedBytes
 */
export function decodeRecord(bytes: Buffer): AuditRecord {
  const reader = new ByteReader(bytes);
  let previous = 0;
  let version = 0;
  let kind = 0;
  let seq = 0;
  let position: Uint8Array = NO_BYTES;
  let transaction = '';
  let commitTimeUs = 0n;
  let transactionIndex = 0;
  let ordinal = 0;
  let op = 0;
  let schema = 0;
  let policy = 0;
  let keyTag: Uint8Array | null = null;
  let oldKeyTag: Uint8Array | null = null;
  let before: Digest | null = null;
  let after: Digest | null = null;
  let payload = '';
  while (!reader.done) {
    const tag = reader.varint();
    if (tag <= previous) throw new MalformedBytes('record fields are out of order');
    previous = tag;
    switch (tag) {
      case F.version:
        version = reader.varint();
        break;
      case F.kind:
        kind = reader.varint();
        break;
      case F.seq:
        seq = reader.varint();
        break;
      case F.position:
        position = reader.bytes(reader.varint());
        break;
      case F.transaction:
        transaction = reader.text();
        break;
      case F.commitTimeUs:
        commitTimeUs = BigInt.asIntN(64, swap64(reader.u64()));
        break;
      case F.transactionIndex:
        transactionIndex = reader.varint();
        break;
      case F.ordinal:
        ordinal = reader.varint();
        break;
      case F.op:
        op = reader.varint();
        break;
      case F.schema:
        schema = reader.varint();
        break;
      case F.policy:
        policy = reader.varint();
        break;
      case F.keyTag:
        keyTag = reader.bytes(exactly(reader.varint(), TAG_BYTES));
        break;
      case F.oldKeyTag:
        oldKeyTag = reader.bytes(exactly(reader.varint(), TAG_BYTES));
        break;
      case F.before:
        before = reader.binary(exactly(reader.varint(), DIGEST_BYTES));
        break;
      case F.after:
        after = reader.binary(exactly(reader.varint(), DIGEST_BYTES));
        break;
      case PAYLOAD_TAG:
        payload = reader.text();
        break;
      default:
        throw new MalformedBytes('a record has an unknown field');
    }
  }
  if (version !== FORMAT_VERSION) throw new MalformedBytes('the record has another format version');
  if (!KINDS.has(kind) || op > 5) throw new MalformedBytes('the record has an unknown kind or operation');
  return {
    kind: kind as RecordKind,
    seq,
    position,
    transaction,
    commitTimeUs,
    transactionIndex,
    ordinal,
    op,
    schema,
    policy,
    keyTag,
    oldKeyTag,
    before,
    after,
    payload,
  };
}

const KINDS: ReadonlySet<number> = new Set(Object.values(RecordKind));
const NO_BYTES = new Uint8Array();
const PAYLOAD_TAG = (16 << 3) | 2;

function exactly(length: number, expected: number): number {
  if (length !== expected) throw new MalformedBytes('a tag or digest of a record has a wrong length');
  return length;
}
