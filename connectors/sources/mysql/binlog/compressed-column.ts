import type { CellWriter } from './cell-writer.ts';
import { malformed } from './defect.ts';
import type { ValueWriter } from './text-cell.ts';
import { inflate } from './unpack.ts';

const METHOD = { none: 0, zlib: 8 } as const;

/**
 * A value of a COMPRESSED column of MariaDB (sql/field.cc): a byte with the method in its upper half; then the value
 * itself, or (zlib) its length in as many big-endian bytes as the lower three bits say, and zlib data. No bytes at
 * all: the empty value.
 *
 * @throws RowsealError RS-MY-050, RS-MY-056
 */
export function compressedWriter(write: ValueWriter, maxUnpackedBytes: number): ValueWriter {
  return (source, start, end, writer: CellWriter) => {
    if (start === end) return write(source, start, end, writer);
    const head = source[start]!;
    const method = head >> 4;
    if (method === METHOD.none) return write(source, start + 1, end, writer);
    const lengthBytes = head & 7;
    const data = start + 1 + lengthBytes;
    if (method !== METHOD.zlib || lengthBytes === 0 || lengthBytes > 6 || data > end)
      throw malformed('a compressed column of an unknown form');
    const length = source.readUIntBE(start + 1, lengthBytes);
    const raw = (head & 8) !== 0;
    const value = inflate(source.subarray(data, end), length, maxUnpackedBytes, raw);
    write(value, 0, value.length, writer);
  };
}
