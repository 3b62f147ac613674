/** Decimal digits of numbers written as ASCII bytes; each returns where it stopped. */

const ZERO = 0x30;

/** `00` to `99`: two digits a step halve the divisions. */
const PAIRS = Uint8Array.from({ length: 200 }, (_, i) => {
  const pair = i >> 1;
  return ZERO + ((i & 1) === 0 ? Math.floor(pair / 10) : pair % 10);
});

/** `value` is an integer of 0 to 2^32 - 1. */
export function writeUnsigned(out: Uint8Array, at: number, value: number): number {
  if (value < 10) {
    out[at] = ZERO + value;
    return at + 1;
  }
  const end = at + digitCount(value);
  let p = end;
  let rest = value;
  // Beyond 31 bits a division is one of doubles.
  if (rest > 0x7fff_ffff) {
    const next = Math.floor(rest / 100);
    const pair = rest - next * 100;
    out[--p] = PAIRS[pair * 2 + 1]!;
    out[--p] = PAIRS[pair * 2]!;
    rest = next;
  }
  while (rest >= 100) {
    const next = (rest / 100) | 0;
    const pair = rest - next * 100;
    out[--p] = PAIRS[pair * 2 + 1]!;
    out[--p] = PAIRS[pair * 2]!;
    rest = next;
  }
  if (rest >= 10) {
    out[--p] = PAIRS[rest * 2 + 1]!;
    out[--p] = PAIRS[rest * 2]!;
  } else out[--p] = ZERO + rest;
  return end;
}

/** Exactly `digits` digits, zeros in front; `value` is below 2^31. */
export function writePadded(out: Uint8Array, at: number, value: number, digits: number): number {
  let p = at + digits;
  while (p - at >= 2) {
    const next = (value / 100) | 0;
    const pair = value - next * 100;
    out[--p] = PAIRS[pair * 2 + 1]!;
    out[--p] = PAIRS[pair * 2]!;
    value = next;
  }
  if (p > at) out[at] = ZERO + (value % 10);
  return at + digits;
}

/** Two digits; `value` is below 100. */
export function writeTwo(out: Uint8Array, at: number, value: number): number {
  out[at] = PAIRS[value * 2]!;
  out[at + 1] = PAIRS[value * 2 + 1]!;
  return at + 2;
}

/** `.` and the digits of a fraction of `digits` digits, without the zeros at its end; nothing for none. */
export function writeFraction(out: Uint8Array, at: number, value: number, digits: number): number {
  if (value === 0) return at;
  out[at] = 0x2e;
  let end = writePadded(out, at + 1, value, digits);
  while (out[end - 1] === ZERO) end--;
  return end;
}

function digitCount(value: number): number {
  if (value < 100_000) return value < 100 ? 2 : value < 1000 ? 3 : value < 10_000 ? 4 : 5;
  if (value < 10_000_000) return value < 1_000_000 ? 6 : 7;
  return value < 100_000_000 ? 8 : value < 1_000_000_000 ? 9 : 10;
}
