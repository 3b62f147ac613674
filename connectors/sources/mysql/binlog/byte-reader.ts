import { malformed, need } from './defect.ts';

/**
 * A cursor over the fields of one event; every step is checked against its end. Not for rows, which have their own
 * loops.
 */
export class ByteReader {
  readonly buffer: Buffer;
  readonly end: number;
  at: number;

  constructor(buffer: Buffer, at: number, end: number) {
    this.buffer = buffer;
    this.at = at;
    this.end = end;
  }

  get left(): number {
    return this.end - this.at;
  }

  /** Moves on by `bytes`. @returns where it was */
  skip(bytes: number): number {
    const from = this.at;
    need(from + bytes, this.end);
    this.at = from + bytes;
    return from;
  }

  u8(): number {
    return this.buffer[this.skip(1)]!;
  }

  u16(): number {
    return this.buffer.readUInt16LE(this.skip(2));
  }

  u32(): number {
    return this.buffer.readUInt32LE(this.skip(4));
  }

  /** Little-endian, 1 to 6 bytes. */
  uint(bytes: number): number {
    return this.buffer.readUIntLE(this.skip(bytes), bytes);
  }

  u64(): bigint {
    return this.buffer.readBigUInt64LE(this.skip(8));
  }

  i64(): bigint {
    return this.buffer.readBigInt64LE(this.skip(8));
  }

  /** Length-encoded integer (MySQL protocol) that fits a number. */
  length(): number {
    const first = this.u8();
    if (first < 0xfb) return first;
    if (first === 0xfc) return this.u16();
    if (first === 0xfd) return this.uint(3);
    if (first === 0xfe) {
      const value = this.u64();
      if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw malformed('a length beyond 53 bits');
      return Number(value);
    }
    throw malformed('a length of an unknown form');
  }

  bytes(length: number): Buffer {
    const from = this.skip(length);
    return this.buffer.subarray(from, from + length);
  }

  utf8(length: number): string {
    const from = this.skip(length);
    return this.buffer.utf8Slice(from, from + length);
  }

  latin1(length: number): string {
    const from = this.skip(length);
    return this.buffer.latin1Slice(from, from + length);
  }

  /** A part with a reader of its own. */
  part(length: number): ByteReader {
    const from = this.skip(length);
    return new ByteReader(this.buffer, from, from + length);
  }
}
