/** Bytes that are copied one by one. */
const MAX_LOOPED = 40;
/** Characters that are written one by one: V8 keeps longer strings as parts of others, which makes a look at each dear. */
const MAX_FLAT = 12;

/**
 * A growing byte buffer with the primitives of the log's formats. Integers are numbers up to 2^53; varints are
 * protobuf's (little-endian base 128, encoding.html "Base 128 Varints").
 */
export class ByteBuilder {
  #buffer: Buffer;
  #length = 0;

  constructor(capacity = 1024) {
    this.#buffer = Buffer.allocUnsafeSlow(capacity);
  }

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
  }

  /** A view; valid until the next write. */
  view(from = 0, to = this.#length): Buffer {
    return this.#buffer.subarray(from, to);
  }

  /** The bytes, for keeps; the builder starts anew. */
  take(): Buffer {
    const bytes = this.#buffer.subarray(0, this.#length);
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(1024, Math.min(this.#length, 1 << 20)));
    this.#length = 0;
    return bytes;
  }

  truncate(length: number): void {
    this.#length = length;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#length++] = value;
  }

  bytes(value: Uint8Array): void {
    this.#reserve(value.length);
    this.#buffer.set(value, this.#length);
    this.#length += value.length;
  }

  /** Room that is filled later. */
  gap(length: number): void {
    this.#reserve(length);
    this.#length += length;
  }

  /** Part of `source`; short ones are copied by a loop, which is faster than a call. */
  part(source: Uint8Array, from: number, length: number): void {
    this.#reserve(length);
    const buffer = this.#buffer;
    const at = this.#length;
    if (length <= MAX_LOOPED) for (let i = 0; i < length; i++) buffer[at + i] = source[from + i]!;
    else buffer.set(source.subarray(from, from + length), at);
    this.#length = at + length;
  }

  /** One byte a character (latin1), for digests as strings. */
  binary(value: string): void {
    this.#reserve(value.length);
    this.#length += this.#buffer.latin1Write(value, this.#length, value.length);
  }

  utf8(value: string): void {
    this.#reserve(value.length * 3);
    this.#length += this.#buffer.utf8Write(value, this.#length, value.length * 3);
  }

  varint(value: number): void {
    this.#reserve(10);
    const buffer = this.#buffer;
    let at = this.#length;
    while (value > 0x7fff_ffff) {
      buffer[at++] = (value % 128) | 0x80;
      value = Math.floor(value / 128);
    }
    while (value > 0x7f) {
      buffer[at++] = (value & 0x7f) | 0x80;
      value >>>= 7;
    }
    buffer[at++] = value;
    this.#length = at;
  }

  u16(value: number): void {
    this.#reserve(2);
    this.#length = this.#buffer.writeUInt16BE(value, this.#length);
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#length = this.#buffer.writeUInt32BE(value, this.#length);
  }

  u64(value: bigint): void {
    this.#reserve(8);
    this.#length = this.#buffer.writeBigUInt64BE(value, this.#length);
  }

  /** Varint length, then UTF-8. Hot path: a loop writes a short ASCII text faster than a call does. */
  text(value: string): void {
    const { length } = value;
    if (length >= 42) {
      this.varint(Buffer.byteLength(value));
      this.utf8(value);
      return;
    }
    this.#reserve(1 + length * 3);
    const buffer = this.#buffer;
    const start = this.#length + 1;
    let written = length <= MAX_FLAT ? 0 : length + 1;
    while (written < length) {
      const code = value.charCodeAt(written);
      if (code > 0x7f) break;
      buffer[start + written++] = code;
    }
    // At most 126 bytes of UTF-8: the length takes one byte, written afterwards.
    if (written !== length) written = buffer.utf8Write(value, start, length * 3);
    buffer[start - 1] = written;
    this.#length = start + written;
  }

  setU16(at: number, value: number): void {
    this.#buffer.writeUInt16BE(value, at);
  }

  setU32(at: number, value: number): void {
    this.#buffer.writeUInt32BE(value, at);
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** null: the bytes are no UTF-8. Node's own decoding puts U+FFFD for what is none, and so makes different bytes one text. */
export function strictUtf8(bytes: Uint8Array): string | null {
  try {
    return strict.decode(bytes);
  } catch {
    return null;
  }
}

/** Reads what {@link ByteBuilder} wrote; every breach is a `MalformedBytes`, never another exception. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at: number;
  readonly #end: number;

  constructor(bytes: Buffer, from = 0, to = bytes.length) {
    this.#bytes = bytes;
    this.#at = from;
    this.#end = to;
  }

  get offset(): number {
    return this.#at;
  }

  get done(): boolean {
    return this.#at === this.#end;
  }

  byte(): number {
    this.#need(1);
    return this.#bytes[this.#at++]!;
  }

  bytes(length: number): Buffer {
    this.#need(length);
    const value = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return value;
  }

  /** Passes over so many bytes. */
  skip(length: number): void {
    this.#need(length);
    this.#at += length;
  }

  binary(length: number): string {
    this.#need(length);
    const value = this.#bytes.latin1Slice(this.#at, this.#at + length);
    this.#at += length;
    return value;
  }

  utf8(length: number): string {
    this.#need(length);
    const value = this.#bytes.utf8Slice(this.#at, this.#at + length);
    this.#at += length;
    return value;
  }

  /** Shortest form only, up to 2^53 - 1. */
  varint(): number {
    let value = 0;
    let factor = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        if ((byte === 0 && i > 0) || !Number.isSafeInteger(value)) break;
        return value;
      }
      factor *= 128;
    }
    throw new MalformedBytes('a varint is not in its shortest form or too large');
  }

  u16(): number {
    this.#need(2);
    this.#at += 2;
    return this.#bytes.readUInt16BE(this.#at - 2);
  }

  u32(): number {
    this.#need(4);
    this.#at += 4;
    return this.#bytes.readUInt32BE(this.#at - 4);
  }

  u64(): bigint {
    this.#need(8);
    this.#at += 8;
    return this.#bytes.readBigUInt64BE(this.#at - 8);
  }

  text(): string {
    return this.utf8(this.varint());
  }

  #need(length: number): void {
    if (this.#at + length > this.#end) throw new MalformedBytes('the bytes end too early');
  }
}

/** Bytes that are not what the format says. Callers turn it into an error that names file and offset. */
export class MalformedBytes extends Error {
  override readonly name = 'MalformedBytes';
}
