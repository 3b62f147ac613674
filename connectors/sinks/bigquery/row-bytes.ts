/**
 * Rows as `google.cloud.bigquery.storage.v1.ProtoRows`: one after the other as elements of `repeated bytes
 * serialized_rows = 1`, written straight into one buffer. An object per field or a buffer per row would cost more than
 * the values.
 */
const ROWS_TAG = 0x0a;
/** Room for the length before a row's bytes: rows of 128 to 16,383 bytes need no move. */
const LENGTH_ROOM = 2;
/** Up to this length a text is written character by character; beyond, a native call is cheaper. */
const SHORT_TEXT = 48;

export class RowBytes {
  #buffer: Buffer;
  #at = 0;
  #rowStart = 0;

  readonly #initial: number;

  constructor(size = 1 << 14) {
    this.#initial = size;
    this.#buffer = Buffer.allocUnsafeSlow(size);
  }

  get capacity(): number {
    return this.#buffer.length;
  }

  /** Gives memory back; nothing may be written. */
  shrink(): void {
    if (this.#at === 0 && this.#buffer.length > this.#initial)
      this.#buffer = Buffer.allocUnsafeSlow(this.#initial);
  }

  get length(): number {
    return this.#at;
  }

  beginRow(): void {
    this.#reserve(16);
    this.#rowStart = this.#at;
    this.#buffer[this.#at] = ROWS_TAG;
    this.#at += 1 + LENGTH_ROOM;
  }

  /** @returns bytes of the row */
  endRow(): number {
    const body = this.#rowStart + 1 + LENGTH_ROOM;
    const length = this.#at - body;
    const room = varintLength(length);
    if (room !== LENGTH_ROOM) {
      this.#reserve(8);
      this.#buffer.copyWithin(this.#rowStart + 1 + room, body, this.#at);
      this.#at += room - LENGTH_ROOM;
    }
    this.#writeVarintAt(this.#rowStart + 1, length);
    return length;
  }

  /** Forgets the row that was begun. */
  undoRow(): void {
    this.#at = this.#rowStart;
  }

  /** Forgets what was written behind this length. */
  truncate(length: number): void {
    this.#at = length;
  }

  /** A copy of what was written; the writer is empty then. */
  take(): Buffer {
    const taken = Buffer.from(this.#buffer.subarray(0, this.#at));
    this.#at = 0;
    return taken;
  }

  /** Prepared bytes: tags, constants. */
  raw(bytes: Uint8Array): void {
    const { length } = bytes;
    this.#reserve(length);
    const buffer = this.#buffer;
    const at = this.#at;
    for (let i = 0; i < length; i++) buffer[at + i] = bytes[i]!;
    this.#at = at + length;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#at++] = value;
  }

  double(value: number): void {
    this.#reserve(8);
    this.#at = this.#buffer.writeDoubleLE(value, this.#at);
  }

  /** Two's complement, as int32 and int64 have it; exact below 2^53. */
  int(value: number): void {
    if (value < 0) {
      this.bigint(BigInt(value));
      return;
    }
    this.#reserve(10);
    this.#at = this.#writeVarintAt(this.#at, value);
  }

  bigint(value: bigint): void {
    this.#reserve(10);
    let rest = BigInt.asUintN(64, value);
    while (rest > 0x7fn) {
      this.#buffer[this.#at++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#buffer[this.#at++] = Number(rest);
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length + 10);
    this.#at = this.#writeVarintAt(this.#at, value.length);
    this.#buffer.set(value, this.#at);
    this.#at += value.length;
  }

  /** Length and UTF-8. @returns false when the text has half of a surrogate pair; nothing is written then */
  text(text: string): boolean {
    const { length } = text;
    this.#reserve(length * 3 + 10);
    const buffer = this.#buffer;
    const start = this.#at;
    if (length <= SHORT_TEXT) {
      let at = start + 1;
      let i = 0;
      for (; i < length; i++) {
        const code = text.charCodeAt(i);
        if (code > 0x7f) break;
        buffer[at++] = code;
      }
      if (i === length) {
        buffer[start] = length;
        this.#at = at;
        return true;
      }
    }
    const guess = varintLength(length);
    const written = buffer.utf8Write(text, start + guess, buffer.length - start - guess);
    // Every character was one byte, or it has to be looked at.
    if (written !== length && !text.isWellFormed()) return false;
    const room = varintLength(written);
    if (room !== guess) buffer.copyWithin(start + room, start + guess, start + guess + written);
    this.#writeVarintAt(start, written);
    this.#at = start + room + written;
    return true;
  }

  #writeVarintAt(at: number, value: number): number {
    const buffer = this.#buffer;
    let rest = value;
    while (rest > 0x7fff_ffff) {
      buffer[at++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest > 0x7f) {
      buffer[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    buffer[at++] = rest;
    return at;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#at + bytes));
    this.#buffer.copy(grown, 0, 0, this.#at);
    this.#buffer = grown;
  }
}

function varintLength(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5;
}
