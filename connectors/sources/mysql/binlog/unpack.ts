import { constants, inflateRawSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import { RowsealError } from '../../../../src/error/rowseal-error.ts';
import { ByteReader } from './byte-reader.ts';
import { malformed } from './defect.ts';

/**
 * Unpacking of what a server compressed. The declared size is checked before anything is unpacked, the real one
 * while.
 */

/** @throws RowsealError RS-MY-050, RS-MY-056 */
export function inflate(data: Buffer, declared: number, limit: number, raw = false): Buffer {
  return unpack(data, declared, limit, (bytes, maxOutputLength) =>
    // A damaged end is an error, never a shorter value.
    (raw ? inflateRawSync : inflateSync)(bytes, { maxOutputLength, finishFlush: constants.Z_FINISH }),
  );
}

/** @throws RowsealError RS-MY-050, RS-MY-056 */
export function unpackZstd(data: Buffer, declared: number, limit: number): Buffer {
  return unpack(data, declared, limit, (bytes, maxOutputLength) =>
    zstdDecompressSync(bytes, { maxOutputLength }),
  );
}

function unpack(
  data: Buffer,
  declared: number,
  limit: number,
  run: (data: Buffer, maxOutputLength: number) => Buffer,
): Buffer {
  if (declared > limit)
    throw new RowsealError('RS-MY-056', { detail: `${declared} bytes, ${limit} allowed` });
  let unpacked: Buffer;
  try {
    // One more, so that a longer result is seen as such; zlib accepts no limit of 0.
    unpacked = run(data, declared + 1);
  } catch {
    // The errors of zlib tell where the data breaks, which helps nobody; more than declared is one of them.
    throw malformed('compressed data that cannot be unpacked to its declared size');
  }
  if (unpacked.length !== declared) throw malformed('compressed data of another size than declared');
  return unpacked;
}

/**
 * Body of a compressed event of MariaDB (sql/log_event.cc, binlog_buf_uncompress): a byte (first bit set, method 0
 * in the next three, then a count), the length in so many big-endian bytes, zlib data.
 *
 * @throws RowsealError RS-MY-050, RS-MY-056
 */
export function unpackMariadbBody(buffer: Buffer, start: number, end: number, limit: number): Buffer {
  const reader = new ByteReader(buffer, start, end);
  const head = reader.u8();
  const lengthBytes = head & 7;
  if ((head & 0xf0) !== 0x80 || lengthBytes < 1 || lengthBytes > 4)
    throw malformed('a compressed event of an unknown form');
  const length = buffer.readUIntBE(reader.skip(lengthBytes), lengthBytes);
  return inflate(buffer.subarray(reader.at, end), length, limit);
}
