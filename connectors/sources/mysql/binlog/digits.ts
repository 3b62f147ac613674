/** Decimal digits of numbers written as ASCII bytes; each returns where it stopped. */

const ZERO = 0x30;

/** `value` is an integer of 0 to 2^32 - 1. */
export function writeUnsigned(out: Uint8Array, at: number, value: number): number {
  if (value < 10) {
    out[at] = ZERO + value;
    return at + 1;
  }
  const end = at + digitCount(value);
  let p = end;
  do {
    const rest = Math.floor(value / 10);
    out[--p] = ZERO + value - rest * 10;
    value = rest;
  } while (value > 0);
  return end;
}

/** Exactly `digits` digits, zeros in front. */
export function writePadded(out: Uint8Array, at: number, value: number, digits: number): number {
  for (let p = at + digits - 1; p >= at; p--) {
    const rest = Math.floor(value / 10);
    out[p] = ZERO + value - rest * 10;
    value = rest;
  }
  return at + digits;
}

/** Two digits; `value` is below 100. */
export function writeTwo(out: Uint8Array, at: number, value: number): number {
  const tens = (value * 205) >> 11;
  out[at] = ZERO + tens;
  out[at + 1] = ZERO + value - tens * 10;
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
