import { swe7Letters, upperHalves } from './charset-tables.ts';
import { isMultiByte, multiByteDecoder } from './multi-byte-charset.ts';

/** Text of `buffer[start, end)`; null when the bytes are not valid in the character set. */
export type TextDecode = (buffer: Buffer, start: number, end: number) => string | null;

/**
 * How bytes below 0x80 relate to the text. `utf8`, `ascii` and `latin1`: they are ASCII, and more may be read
 * without a table; `superset`: they are ASCII when there are no others; `other`: not even that.
 */
export type CharsetFamily = 'utf8' | 'ascii' | 'latin1' | 'superset' | 'other';

export interface Charset {
  readonly name: string;
  readonly family: CharsetFamily;
  readonly decode: TextDecode;
}

const made = new Map<string, Charset>();

/** undefined: no decoder for this set. `binary` is none: its values are bytes. */
export function charsetOf(name: string): Charset | undefined {
  const known = made.get(name);
  if (known !== undefined) return known;
  const charset = makeCharset(name);
  if (charset !== undefined) made.set(name, charset);
  return charset;
}

function makeCharset(name: string): Charset | undefined {
  switch (name) {
    case 'utf8mb4':
    case 'utf8mb3':
    case 'utf8':
      return { name, family: 'utf8', decode: decodeUtf8 };
    case 'ascii':
      return { name, family: 'ascii', decode: (buffer, start, end) => ascii(buffer.latin1Slice(start, end)) };
    case 'utf16':
    case 'ucs2':
      return { name, family: 'other', decode: (buffer, start, end) => decodeUtf16(buffer, start, end, true) };
    case 'utf16le':
      return {
        name,
        family: 'other',
        decode: (buffer, start, end) => decodeUtf16(buffer, start, end, false),
      };
    case 'utf32':
      return { name, family: 'other', decode: decodeUtf32 };
    case 'swe7':
      return { name, family: 'other', decode: singleByte(swe7Table()) };
  }
  if (isMultiByte(name)) {
    const decode = multiByteDecoder(name);
    return { name, family: 'superset', decode: (buffer, start, end) => decode(buffer.subarray(start, end)) };
  }
  if (!Object.hasOwn(upperHalves, name)) return undefined;
  const lower = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code));
  const decode = singleByte([...lower, ...upperHalves[name]!]);
  return { name, family: name === 'latin1' ? 'latin1' : 'superset', decode };
}

/** U+FFFD stands in valid text too, as EF BF BD: only then are the bytes looked at again. */
function decodeUtf8(buffer: Buffer, start: number, end: number): string | null {
  const text = buffer.utf8Slice(start, end);
  if (!text.includes('\ufffd')) return text;
  return Buffer.from(text, 'utf8').equals(buffer.subarray(start, end)) ? text : null;
}

function ascii(text: string): string | null {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return null;
  return text;
}

/** A table of 256 characters; what is U+FFFD in it is no character. */
function singleByte(table: readonly string[]): TextDecode {
  return (buffer, start, end) => {
    let text = '';
    for (let at = start; at < end; at++) {
      const character = table[buffer[at]!]!;
      if (character === '\ufffd') return null;
      text += character;
    }
    return text;
  };
}

function swe7Table(): readonly string[] {
  const table = Array.from({ length: 256 }, (_, code) => (code < 128 ? String.fromCharCode(code) : '\ufffd'));
  for (const [byte, letter] of swe7Letters) table[byte] = letter;
  return table;
}

function decodeUtf16(buffer: Buffer, start: number, end: number, bigEndian: boolean): string | null {
  if ((end - start) % 2 !== 0) return null;
  const bytes = Buffer.from(buffer.subarray(start, end));
  if (bigEndian) bytes.swap16();
  const text = bytes.toString('utf16le');
  return text.isWellFormed() ? text : null;
}

function decodeUtf32(buffer: Buffer, start: number, end: number): string | null {
  if ((end - start) % 4 !== 0) return null;
  let text = '';
  for (let at = start; at < end; at += 4) {
    const code = buffer.readUInt32BE(at);
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return null;
    text += String.fromCodePoint(code);
  }
  return text;
}
