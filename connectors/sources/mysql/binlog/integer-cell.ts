import type { CellReader } from './cell-writer.ts';
import { writePadded, writeUnsigned } from './digits.ts';

const MINUS = 0x2d;
const TWO_32 = 4_294_967_296;

/** TINYINT to BIGINT, little-endian. */
export function integerReader(bytes: 1 | 2 | 3 | 4 | 8, unsigned: boolean): CellReader {
  switch (bytes) {
    case 1:
      return unsigned
        ? (source, at, writer) => {
            writer.written(writeUnsigned(writer.out, writer.at, source[at]!));
            return at + 1;
          }
        : (source, at, writer) => {
            writer.written(writeSigned(writer.out, writer.at, (source[at]! << 24) >> 24));
            return at + 1;
          };
    case 2:
      return unsigned
        ? (source, at, writer) => {
            writer.written(writeUnsigned(writer.out, writer.at, source[at]! | (source[at + 1]! << 8)));
            return at + 2;
          }
        : (source, at, writer) => {
            const value = ((source[at]! | (source[at + 1]! << 8)) << 16) >> 16;
            writer.written(writeSigned(writer.out, writer.at, value));
            return at + 2;
          };
    case 3:
      return unsigned
        ? (source, at, writer) => {
            const value = source[at]! | (source[at + 1]! << 8) | (source[at + 2]! << 16);
            writer.written(writeUnsigned(writer.out, writer.at, value));
            return at + 3;
          }
        : (source, at, writer) => {
            const value = ((source[at]! | (source[at + 1]! << 8) | (source[at + 2]! << 16)) << 8) >> 8;
            writer.written(writeSigned(writer.out, writer.at, value));
            return at + 3;
          };
    case 4:
      return unsigned
        ? (source, at, writer) => {
            writer.written(writeUnsigned(writer.out, writer.at, int32(source, at) >>> 0));
            return at + 4;
          }
        : (source, at, writer) => {
            writer.written(writeSigned(writer.out, writer.at, int32(source, at)));
            return at + 4;
          };
    case 8:
      return unsigned
        ? (source, at, writer) => {
            const low = int32(source, at) >>> 0;
            const high = int32(source, at + 4) >>> 0;
            writer.written(writeUnsigned64(writer.out, writer.at, high, low));
            return at + 8;
          }
        : (source, at, writer) => {
            const low = int32(source, at);
            const high = int32(source, at + 4);
            let p = writer.at;
            if (high >= 0) p = writeUnsigned64(writer.out, p, high, low >>> 0);
            else {
              writer.out[p] = MINUS;
              // Two's complement by halves: the carry reaches the upper half only from a lower half of 0.
              p = writeUnsigned64(writer.out, p + 1, (low === 0 ? -high : ~high) >>> 0, -low >>> 0);
            }
            writer.written(p);
            return at + 8;
          };
  }
}

/** YEAR: years since 1900 in one byte; 0 is the year 0000. */
export const readYear: CellReader = (source, at, writer) => {
  const value = source[at]!;
  writer.written(writePadded(writer.out, writer.at, value === 0 ? 0 : 1900 + value, 4));
  return at + 1;
};

/** BIT(n) as n digits 0 and 1, as Postgres prints bit(n); big-endian. */
export function bitReader(bits: number): CellReader {
  const bytes = (bits + 7) >> 3;
  return (source, at, writer) => {
    const { out } = writer;
    let p = writer.at;
    for (let bit = bits - 1; bit >= 0; bit--)
      out[p++] = 0x30 + ((source[at + bytes - 1 - (bit >> 3)]! >> (bit & 7)) & 1);
    writer.written(p);
    return at + bytes;
  };
}

export function int32(source: Uint8Array, at: number): number {
  return source[at]! | (source[at + 1]! << 8) | (source[at + 2]! << 16) | (source[at + 3]! << 24);
}

function writeSigned(out: Uint8Array, at: number, value: number): number {
  if (value >= 0) return writeUnsigned(out, at, value);
  out[at] = MINUS;
  return writeUnsigned(out, at + 1, -value);
}

/** Both halves unsigned. Exact without BigInt: long division by 10^9, sixteen bits at a time. */
export function writeUnsigned64(out: Uint8Array, at: number, high: number, low: number): number {
  if (high === 0) return writeUnsigned(out, at, low);
  const upper = Math.floor(high / 1e9);
  const first = (high - upper * 1e9) * 65_536 + (low >>> 16);
  const firstQuotient = Math.floor(first / 1e9);
  const second = (first - firstQuotient * 1e9) * 65_536 + (low & 0xffff);
  const secondQuotient = Math.floor(second / 1e9);
  const lowest = second - secondQuotient * 1e9;
  // What is left is below 2^64 / 10^9, so it is exact in a double.
  const rest = upper * TWO_32 + firstQuotient * 65_536 + secondQuotient;
  const billions = Math.floor(rest / 1e9);
  let p = at;
  if (billions > 0) {
    p = writeUnsigned(out, p, billions);
    p = writePadded(out, p, rest - billions * 1e9, 9);
  } else p = writeUnsigned(out, p, rest);
  return writePadded(out, p, lowest, 9);
}
