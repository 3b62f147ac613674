import type { ByteReader } from './byte-reader.ts';
import { malformed } from './defect.ts';

/** Primitive fields of mysql::serialization (mysql: libs/mysql/serialization/variable_length_integers.h). */

/**
 * As many ones at the low end of the first byte as bytes follow it; what remains of the bits, little-endian, is the
 * value.
 */
export function readUnsigned(reader: ByteReader): bigint {
  const first = reader.u8();
  let more = 0;
  while (more < 8 && ((first >> more) & 1) === 1) more++;
  if (more === 8) return reader.u64();
  let value = BigInt(first) >> BigInt(more + 1);
  for (let i = 0; i < more; i++) value |= BigInt(reader.u8()) << BigInt(7 - more + 8 * i);
  return value;
}

/** Signed: 0, -1, 1, -2, … are 0, 1, 2, 3, … */
export function readZigzag(reader: ByteReader): bigint {
  const value = readUnsigned(reader);
  return (value & 1n) === 0n ? value >> 1n : -(value >> 1n) - 1n;
}

/** A tag has at most 32 characters of a-z, 0-9 and underscore. */
export function readString(reader: ByteReader): string {
  const length = readUnsigned(reader);
  if (length > 32n) throw malformed('a tag that is too long');
  return reader.latin1(Number(length));
}
