import type { CellReader } from './cell-writer.ts';
import { malformed } from './defect.ts';

/** Bytes for 0 to 9 digits of a part of a group (mysql: strings/decimal.cc, dig2bytes). */
const BYTES_OF_DIGITS = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4] as const;
const ZERO = 0x30;

/** One group of digits: `bytes` big-endian bytes hold `digits` decimal digits. */
interface DigitGroup {
  readonly bytes: number;
  readonly digits: number;
}

function groups(digits: number, partFirst: boolean): readonly DigitGroup[] {
  const whole = Array.from({ length: Math.floor(digits / 9) }, () => ({ bytes: 4, digits: 9 }));
  const rest = digits % 9;
  if (rest === 0) return whole;
  const part = { bytes: BYTES_OF_DIGITS[rest]!, digits: rest };
  return partFirst ? [part, ...whole] : [...whole, part];
}

export const DECIMAL_PRECISION_MAX = 65;
export const DECIMAL_SCALE_MAX = 30;

export function decimalBytes(precision: number, scale: number): number {
  return [...groups(precision - scale, true), ...groups(scale, false)].reduce((sum, g) => sum + g.bytes, 0);
}

/** Characters at most: sign, a zero before the point, the point. */
export function decimalCharacters(precision: number): number {
  return precision + 3;
}

/**
 * DECIMAL(precision, scale): digits in groups of nine, big-endian, the first bit set for a positive number, every bit
 * turned for a negative one. Text with exactly `scale` digits behind the point. The source bytes stay as they are.
 *
 * @throws RowsealError RS-MY-050 (in the reader) for a group that holds more digits than it may
 */
export function decimalReader(precision: number, scale: number): CellReader {
  const whole = groups(precision - scale, true);
  const fraction = groups(scale, false);
  const size = decimalBytes(precision, scale);
  return (source, at, writer) => {
    writer.written(writeDecimal(source, at, writer.out, writer.at, whole, fraction));
    return at + size;
  };
}

/** For a decimal inside a JSON document. */
export function decimalText(source: Uint8Array, at: number, precision: number, scale: number): string {
  const out = Buffer.alloc(decimalCharacters(precision));
  const end = writeDecimal(source, at, out, 0, groups(precision - scale, true), groups(scale, false));
  return out.latin1Slice(0, end);
}

function writeDecimal(
  source: Uint8Array,
  at: number,
  out: Uint8Array,
  p: number,
  whole: readonly DigitGroup[],
  fraction: readonly DigitGroup[],
): number {
  const positive = (source[at]! & 0x80) !== 0;
  const turned = positive ? 0 : 0xff;
  // The first byte's first bit is the sign, set for positive: after turning it is always set and goes.
  let sign = 0x80;
  if (!positive) out[p++] = 0x2d;
  const start = p;
  for (const group of whole) {
    let value = 0;
    for (let i = 0; i < group.bytes; i++) {
      value = value * 256 + (source[at++]! ^ turned ^ sign);
      sign = 0;
    }
    p = writeGroup(out, p, value, group.digits, p === start);
  }
  if (p === start) out[p++] = ZERO;
  if (fraction.length === 0) return p;
  out[p++] = 0x2e;
  for (const group of fraction) {
    let value = 0;
    for (let i = 0; i < group.bytes; i++) {
      value = value * 256 + (source[at++]! ^ turned ^ sign);
      sign = 0;
    }
    p = writeGroup(out, p, value, group.digits, false);
  }
  return p;
}

/** `leading`: no digit was written yet, so zeros in front are left out. */
function writeGroup(out: Uint8Array, at: number, value: number, digits: number, leading: boolean): number {
  let end = at + digits;
  let rest = value;
  for (let q = end - 1; q >= at; q--) {
    const next = Math.floor(rest / 10);
    out[q] = ZERO + rest - next * 10;
    rest = next;
  }
  if (rest !== 0) throw malformed('a decimal with too many digits in a group');
  if (!leading) return end;
  let zeros = 0;
  while (zeros < digits && out[at + zeros] === ZERO) zeros++;
  if (zeros > 0) {
    out.copyWithin(at, at + zeros, end);
    end -= zeros;
  }
  return end;
}
