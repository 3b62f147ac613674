import type { CellReader, CellWriter } from './cell-writer.ts';
import { malformed } from './defect.ts';

/**
 * ENUM: the number of the label from 1, in one or two bytes; 0 is the empty text that stands for an invalid value.
 */
export function enumReader(bytes: number, labels: readonly string[]): CellReader {
  const texts = ['', ...labels];
  return (source, at, writer) => {
    const index = bytes === 1 ? source[at]! : source[at]! | (source[at + 1]! << 8);
    const text = texts[index];
    if (text === undefined) throw malformed('an enum beyond its labels');
    writer.aside(text);
    return at + bytes;
  };
}

/** Sets seen often are few; beyond this many they are put together anew. */
const KNOWN_SETS = 1024;

/** SET: one bit a member, lowest first, in up to eight bytes; members with commas between, as MySQL prints it. */
export function setReader(bytes: number, labels: readonly string[]): CellReader {
  const known = new Map<number, string>();
  const put = (low: number, high: number, writer: CellWriter): void => {
    const key = high * 4_294_967_296 + low;
    // Beyond 53 bits a number is not a key.
    const exact = high < 0x20_0000;
    let text = exact ? known.get(key) : undefined;
    if (text === undefined) {
      text = members(low, high, labels);
      if (exact && known.size < KNOWN_SETS) known.set(key, text);
    }
    writer.aside(text);
  };
  return (source, at, writer) => {
    let low = 0;
    let high = 0;
    for (let i = 0; i < bytes; i++) {
      if (i < 4) low |= source[at + i]! << (i * 8);
      else high |= source[at + i]! << ((i - 4) * 8);
    }
    put(low >>> 0, high >>> 0, writer);
    return at + bytes;
  };
}

function members(low: number, high: number, labels: readonly string[]): string {
  const found: string[] = [];
  for (let bit = 0; bit < 64; bit++) {
    const half = bit < 32 ? low : high;
    if (((half >>> (bit & 31)) & 1) === 0) continue;
    const label = labels[bit];
    if (label === undefined) throw malformed('a set beyond its members');
    found.push(label);
  }
  return found.join(',');
}
