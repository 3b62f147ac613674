import type { GtidFields } from './binlog-event.ts';
import type { ByteReader } from './byte-reader.ts';
import { malformed } from './defect.ts';
import { readString, readUnsigned, readZigzag } from './tagged-serialization.ts';
import { uuidText } from './uuid-text.ts';

export interface DecodedGtid extends GtidFields {
  readonly uuid: string;
  readonly tag: string;
  readonly number: bigint;
}

const UUID_BYTES = 16;
const LOGICAL_CLOCK = 2;
/** Top bit of the seven bytes of the commit time, and of the server version: the original one follows. */
const HAS_ORIGINAL_TIME = 1n << 55n;
const HAS_ORIGINAL_VERSION = 0x8000_0000;
/** A server version that is not known (UNDEFINED_SERVER_VERSION). */
const UNKNOWN_VERSION = 999_999;

/**
 * GTID_LOG_EVENT and ANONYMOUS_GTID_LOG_EVENT: flags 1, UUID 16, number 8, then, each since a later version: logical
 * clock 17 (5.7), commit times, length of the transaction, server versions (8.0), commit group ticket.
 *
 * @throws RowsealError RS-MY-050
 */
export function decodeGtid(reader: ByteReader): DecodedGtid {
  reader.skip(1);
  const uuid = uuidText(reader.bytes(UUID_BYTES));
  const number = reader.i64();
  let lastCommitted = 0n;
  let sequenceNumber = 0n;
  let immediateCommitUs: bigint | null = null;
  let originalCommitUs: bigint | null = null;
  let transactionBytes: bigint | null = null;
  let immediateServerVersion: number | null = null;
  let originalServerVersion: number | null = null;
  if (reader.left >= 17 && reader.u8() === LOGICAL_CLOCK) {
    lastCommitted = reader.i64();
    sequenceNumber = reader.i64();
    if (reader.left >= 7) {
      const time = bigint56(reader);
      immediateCommitUs = time & (HAS_ORIGINAL_TIME - 1n);
      originalCommitUs = (time & HAS_ORIGINAL_TIME) === 0n ? immediateCommitUs : bigint56(reader);
      if (reader.left > 0) transactionBytes = BigInt(reader.length());
      if (reader.left >= 4) {
        const version = reader.u32();
        immediateServerVersion = known(version & ~HAS_ORIGINAL_VERSION);
        originalServerVersion =
          (version & HAS_ORIGINAL_VERSION) === 0 ? immediateServerVersion : known(reader.u32());
      }
    }
  }
  return {
    uuid,
    tag: '',
    number,
    lastCommitted,
    sequenceNumber,
    immediateCommitUs,
    originalCommitUs,
    transactionBytes,
    immediateServerVersion,
    originalServerVersion,
  };
}

/** Of a tag (MySQL manual, "GTID Format and Storage"); it becomes part of the text of a set. */
const TAG = /^[a-z_][a-z0-9_]{0,31}$/;

/** Fields of GTID_TAGGED_LOG_EVENT (mysql: libs/mysql/binlog/event/control_events.h, Gtid_event::define_fields). */
const FIELD = {
  flags: 0,
  uuid: 1,
  number: 2,
  tag: 3,
  lastCommitted: 4,
  sequenceNumber: 5,
  immediateCommit: 6,
  originalCommit: 7,
  transactionBytes: 8,
  immediateServerVersion: 9,
  originalServerVersion: 10,
  commitGroupTicket: 11,
} as const;

/**
 * GTID_TAGGED_LOG_EVENT, a message of mysql::serialization: version, size, the last field that may not be ignored,
 * then fields by number. Fields of their default value are left out; the originals default to the immediate ones.
 *
 * @throws RowsealError RS-MY-050
 */
export function decodeTaggedGtid(reader: ByteReader): DecodedGtid {
  const version = readUnsigned(reader);
  if (version !== 1n) throw malformed('a tagged GTID of an unknown version');
  readUnsigned(reader);
  const lastRequired = Number(readUnsigned(reader));
  const uuid = Buffer.alloc(UUID_BYTES);
  let hasUuid = false;
  let tag = '';
  const values = new Map<number, bigint>();
  while (reader.left > 0) {
    const field = Number(readUnsigned(reader));
    if (field === FIELD.uuid) {
      for (let i = 0; i < UUID_BYTES; i++) {
        const byte = readUnsigned(reader);
        if (byte > 0xffn) throw malformed('a tagged GTID with a UUID of another form');
        uuid[i] = Number(byte);
      }
      hasUuid = true;
    } else if (field === FIELD.tag) tag = readString(reader);
    else if (field === FIELD.number || field === FIELD.lastCommitted || field === FIELD.sequenceNumber)
      values.set(field, readZigzag(reader));
    else if (field <= FIELD.commitGroupTicket) values.set(field, readUnsigned(reader));
    else if (field <= lastRequired) throw malformed('a tagged GTID with a field that is not known');
    // Fields have no length of their own: what follows an unknown one cannot be read, and may be ignored.
    else break;
  }
  const number = values.get(FIELD.number);
  if (!hasUuid || number === undefined) throw malformed('a tagged GTID without a UUID or a number');
  if (tag !== '' && !TAG.test(tag)) throw malformed('a tagged GTID with a tag of another form');
  const immediateCommitUs = values.get(FIELD.immediateCommit) ?? null;
  const immediateVersion = values.get(FIELD.immediateServerVersion);
  const originalVersion = values.get(FIELD.originalServerVersion) ?? immediateVersion;
  return {
    uuid: uuidText(uuid),
    tag,
    number,
    lastCommitted: values.get(FIELD.lastCommitted) ?? 0n,
    sequenceNumber: values.get(FIELD.sequenceNumber) ?? 0n,
    immediateCommitUs,
    originalCommitUs: values.get(FIELD.originalCommit) ?? immediateCommitUs,
    transactionBytes: values.get(FIELD.transactionBytes) ?? null,
    immediateServerVersion: immediateVersion === undefined ? null : known(Number(immediateVersion)),
    originalServerVersion: originalVersion === undefined ? null : known(Number(originalVersion)),
  };
}

/** A transaction's own GTID. @throws RowsealError RS-MY-050 for a number that no transaction has */
export function numberedGtid(gtid: DecodedGtid): DecodedGtid {
  if (gtid.number < 1n) throw malformed('a GTID without a number');
  return gtid;
}

export function gtidText({ uuid, tag, number }: Pick<DecodedGtid, 'uuid' | 'tag' | 'number'>): string {
  return tag === '' ? `${uuid}:${number}` : `${uuid}:${tag}:${number}`;
}

/** The format in the highest byte of the count: 0 without tags, 1 with. */
const TAGGED_FORMAT = 1n;

/**
 * PREVIOUS_GTIDS_LOG_EVENT: how many sources, then for each its UUID, tag (tagged format only), how many intervals,
 * and their first number and the one behind their last.
 *
 * @throws RowsealError RS-MY-050
 */
export function decodePreviousGtids(reader: ByteReader): string {
  const head = reader.u64();
  const format = head >> 56n;
  if (format > TAGGED_FORMAT) throw malformed('a set of GTIDs of an unknown format');
  const isTagged = format === TAGGED_FORMAT;
  const sources = isTagged ? (head >> 8n) & 0xffff_ffff_ffffn : head;
  let text = '';
  let lastUuid = '';
  for (let i = 0n; i < sources; i++) {
    const uuid = uuidText(reader.bytes(UUID_BYTES));
    const tag = isTagged ? readString(reader) : '';
    // As the server prints it: a source's tags follow its untagged numbers.
    if (uuid !== lastUuid) text += `${text === '' ? '' : ','}${uuid}`;
    lastUuid = uuid;
    if (tag !== '') text += `:${tag}`;
    const intervals = reader.u64();
    for (let k = 0n; k < intervals; k++) {
      const first = reader.u64();
      const last = reader.u64() - 1n;
      if (last < first) throw malformed('a set of GTIDs with an empty interval');
      text += first === last ? `:${first}` : `:${first}-${last}`;
    }
  }
  return text;
}

function bigint56(reader: ByteReader): bigint {
  const low = reader.u32();
  return BigInt(low) | (BigInt(reader.uint(3)) << 32n);
}

function known(version: number): number | null {
  return version === UNKNOWN_VERSION ? null : version;
}
