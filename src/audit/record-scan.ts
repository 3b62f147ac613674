import { MalformedBytes } from './bytes.ts';
import { type AuditRecord, decodeRecord, RecordKind } from './record.ts';

/** Tags of message `Record` (docs/record.proto), as in record.ts. */
const VERSION = 0x08;
const KIND = 0x10;
const SEQ = 0x18;
const POSITION = 0x22;
const TRANSACTION = 0x2a;
const COMMIT_TIME = 0x31;
const TRANSACTION_INDEX = 0x38;
const ORDINAL = 0x40;
const OP = 0x48;
const SCHEMA = 0x50;
const POLICY = 0x58;
const KEY_TAG = 0x62;
const OLD_KEY_TAG = 0x6a;
const BEFORE = 0x72;
const AFTER = 0x7a;
const TAG_BYTES = 16;
const DIGEST_BYTES = 32;

/**
 * Reads change records where they lie, without an object for each: what a verifier and a row's look-up do a million times.
 * A change that it accepts is in canonical form; `decodeRecord` says what is wrong with one that it does not.
 */
export class RecordScan {
  seq = 0;
  schema = 0;
  policy = 0;
  /** Offsets in the bytes scanned; -1: the record has none. */
  keyTagAt = -1;
  oldKeyTagAt = -1;
  beforeAt = -1;
  afterAt = -1;
  #at = 0;

  /** Whether the bytes from `from` to `to` are a change record in canonical form. */
  change(bytes: Buffer, from: number, to: number): boolean {
    this.seq = 0;
    this.schema = 0;
    this.policy = 0;
    this.keyTagAt = -1;
    this.oldKeyTagAt = -1;
    this.beforeAt = -1;
    this.afterAt = -1;
    if (to - from < 4 || bytes[from] !== VERSION || bytes[from + 1] !== 1) return false;
    if (bytes[from + 2] !== KIND || bytes[from + 3] !== RecordKind.change) return false;
    let at = from + 4;
    let previous = KIND;
    while (at < to) {
      const tag = bytes[at++]!;
      if (tag <= previous) return false;
      previous = tag;
      switch (tag) {
        case SEQ:
        case TRANSACTION_INDEX:
        case ORDINAL:
        case OP:
        case SCHEMA:
        case POLICY: {
          const value = this.#number(bytes, at, to);
          // Zero is left out in canonical form.
          if (value <= 0) return false;
          at = this.#at;
          if (tag === SEQ) this.seq = value;
          else if (tag === SCHEMA) this.schema = value;
          else if (tag === POLICY) this.policy = value;
          else if (tag === OP && value > 5) return false;
          break;
        }
        case POSITION:
        case TRANSACTION: {
          const length = this.#number(bytes, at, to);
          if (length <= 0 || length > to - this.#at) return false;
          if (tag === TRANSACTION && !isAscii(bytes, this.#at, this.#at + length)) return false;
          at = this.#at + length;
          break;
        }
        case COMMIT_TIME:
          if (to - at < 8 || isZero(bytes, at)) return false;
          at += 8;
          break;
        case KEY_TAG:
        case OLD_KEY_TAG:
          if (bytes[at] !== TAG_BYTES || to - at - 1 < TAG_BYTES) return false;
          if (tag === KEY_TAG) this.keyTagAt = at + 1;
          else this.oldKeyTagAt = at + 1;
          at += 1 + TAG_BYTES;
          break;
        case BEFORE:
        case AFTER:
          if (bytes[at] !== DIGEST_BYTES || to - at - 1 < DIGEST_BYTES) return false;
          if (tag === BEFORE) this.beforeAt = at + 1;
          else this.afterAt = at + 1;
          at += 1 + DIGEST_BYTES;
          break;
        default:
          return false;
      }
    }
    return true;
  }

  /** A varint in its shortest form, up to 2^53 - 1; -1: it is none. Where it ends is in `#at`. */
  #number(bytes: Buffer, at: number, to: number): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 8 && at < to; i++) {
      const byte = bytes[at++]!;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        this.#at = at;
        return (byte === 0 && i > 0) || value > Number.MAX_SAFE_INTEGER ? -1 : value;
      }
      factor *= 128;
    }
    return -1;
  }
}

/** The records of a frame that are not about a row, which are few: the others are passed over. @throws MalformedBytes */
export function* recordsButChanges(payload: Buffer): Generator<AuditRecord> {
  const scan = new RecordScan();
  for (let at = 0; at < payload.length; ) {
    const from = at + 2;
    const to = from <= payload.length ? from + payload.readUInt16BE(at) : from;
    at = to + DIGEST_BYTES;
    if (at > payload.length) throw new MalformedBytes('a frame of records is cut short');
    if (scan.change(payload, from, to)) continue;
    const record = decodeRecord(payload.subarray(from, to));
    if (record.kind !== RecordKind.change) yield record;
  }
}

/** Other text is for `decodeRecord` and a comparison, which see whether it is UTF-8. */
function isAscii(bytes: Buffer, from: number, to: number): boolean {
  for (let i = from; i < to; i++) if (bytes[i]! > 0x7f) return false;
  return true;
}

function isZero(bytes: Buffer, from: number): boolean {
  for (let i = from; i < from + 8; i++) if (bytes[i] !== 0) return false;
  return true;
}
