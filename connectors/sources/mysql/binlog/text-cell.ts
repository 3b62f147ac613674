import { RowsealError } from '../../../../src/error/rowseal-error.ts';
import type { CellReader, CellWriter } from './cell-writer.ts';
import type { Charset } from './charset.ts';
import { malformed } from './defect.ts';

/** What becomes of bytes that are no text of their character set; see `DecoderOptions.invalidText`. */
export type InvalidText = 'error' | 'hex';

/** Longer text is decoded by itself: one native call is then cheaper than a look at every byte. */
export const INLINE_TEXT_BYTES = 96;

/** Longer byte strings are turned into hexadecimal by themselves. */
export const INLINE_BYTES = 32;

/** Adds the value in `source[start, end)` as a cell. */
export type ValueWriter = (source: Buffer, start: number, end: number, writer: CellWriter) => void;

/**
 * CHAR, VARCHAR, TEXT, and the values of MariaDB's compressed columns.
 *
 * @throws RowsealError RS-MY-059 (in the writer)
 */
export function textWriter(charset: Charset, invalid: InvalidText, column: string): ValueWriter {
  const whole: ValueWriter = (source, start, end, writer) => {
    const text = charset.decode(source, start, end);
    if (text !== null) writer.aside(text);
    else if (invalid === 'hex') writer.aside(hexText(source, start, end));
    else throw new RowsealError('RS-MY-059', { detail: `column ${column}, character set ${charset.name}` });
  };
  if (charset.family === 'other') return whole;
  // Bytes of latin1 (cp1252) are the code points themselves, but for 0x80 to 0x9f.
  const isLatin1 = charset.family === 'latin1';
  return (source, start, end, writer) => {
    if (end - start > INLINE_TEXT_BYTES) return whole(source, start, end, writer);
    const { out } = writer;
    let p = writer.at;
    for (let at = start; at < end; at++) {
      const byte = source[at]!;
      if (byte > 0x7f && !(isLatin1 && byte > 0x9f)) return whole(source, start, end, writer);
      out[p++] = byte;
    }
    writer.written(p);
  };
}

const HEX_DIGITS = Buffer.from('0123456789abcdef', 'latin1');
const BACKSLASH = 0x5c;
const LETTER_X = 0x78;

/** VARBINARY, BLOB: `\x` and hexadecimal digits. */
export const writeBytes: ValueWriter = (source, start, end, writer) => {
  if (end - start > INLINE_BYTES) writer.aside(hexText(source, start, end));
  else writer.written(writeHex(source, start, end, writer.out, writer.at));
};

/** BINARY(n): the server leaves out the zero bytes at the end. */
export function paddedBytesWriter(length: number): ValueWriter {
  return (source, start, end, writer) => {
    if (end - start > length) throw malformed('a binary value that is longer than its column');
    if (length > INLINE_BYTES) {
      writer.aside(hexText(source, start, end) + '00'.repeat(length - (end - start)));
      return;
    }
    let p = writeHex(source, start, end, writer.out, writer.at);
    const last = writer.at + 2 + length * 2;
    while (p < last) writer.out[p++] = 0x30;
    writer.written(p);
  };
}

function writeHex(source: Uint8Array, start: number, end: number, out: Uint8Array, at: number): number {
  out[at] = BACKSLASH;
  out[at + 1] = LETTER_X;
  let p = at + 2;
  for (let i = start; i < end; i++) {
    const byte = source[i]!;
    out[p++] = HEX_DIGITS[byte >> 4]!;
    out[p++] = HEX_DIGITS[byte & 15]!;
  }
  return p;
}

/** @throws RowsealError RS-MY-056 for more than a string can hold */
export function hexText(source: Buffer, start: number, end: number): string {
  // V8's longest string has 2^29 - 24 characters.
  if (end - start > 268_435_440)
    throw new RowsealError('RS-MY-056', { detail: 'a binary value of 256 MiB or more' });
  return `\\x${source.toString('hex', start, end)}`;
}

/** CHAR, VARCHAR, BINARY, VARBINARY: a length of one byte, or two where the column can hold more than 255. */
export function shortLengthReader(maxBytes: number, write: ValueWriter): CellReader {
  if (maxBytes < 256)
    return (source, at, writer) => {
      const start = at + 1;
      const end = start + source[at]!;
      if (!(end <= writer.end)) throw malformed('a value that is cut short');
      write(source, start, end, writer);
      return end;
    };
  return (source, at, writer) => {
    const start = at + 2;
    const end = start + (source[at]! | (source[at + 1]! << 8));
    if (end > writer.end || start > writer.end) throw malformed('a value that is cut short');
    write(source, start, end, writer);
    return end;
  };
}

/** BLOB, TEXT, JSON, GEOMETRY, VECTOR: a length of one to four bytes, little-endian. */
export function longLengthReader(lengthBytes: number, write: ValueWriter): CellReader {
  return (source, at, writer) => {
    const start = at + lengthBytes;
    let length = 0;
    for (let i = lengthBytes - 1; i >= 0; i--) length = length * 256 + source[at + i]!;
    const end = start + length;
    // Not `>`: bytes behind the buffer make the length NaN.
    if (!(end <= writer.end)) throw malformed('a value that is cut short');
    write(source, start, end, writer);
    return end;
  };
}
