/**
 * Shortest text that reads back as the same number, in the form Postgres gives it under extra_float_digits=1
 * (src/common/d2s.c, f2s.c): plain digits for exponents of -4 up to 14 (float4: 5), else `1e+20`.
 */
export function float64Text(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const size = Math.abs(value);
  if (size >= 1e-4 && size < 1e15) return String(value);
  return exponential(value);
}

/** `value` must be a 32-bit float. */
export function float32Text(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  if (!Number.isFinite(value)) return exponential(value);
  const short = shortest32(value);
  const size = Math.abs(short);
  return size >= 1e-4 && size < 1e6 ? String(short) : exponential(short);
}

/** Below this a float4 has fewer than six digits that count. */
const FIRST_NORMAL_32 = 2 ** -126;

/** The double of the shortest decimal that rounds to `value` as a 32-bit float. */
function shortest32(value: number): number {
  // Of six digits or fewer only one decimal can be meant, and then it is the nearest of six digits.
  const size = Math.abs(value);
  const boundary = Number.isInteger(Math.log2(size));
  for (let digits = size < FIRST_NORMAL_32 ? 1 : 6; digits < 9; digits++) {
    const nearest = Number(value.toPrecision(digits));
    if (Math.fround(nearest) === value) return nearest;
    // At a power of two the gap above is twice the gap below: a decimal further away may round to it.
    if (boundary) {
      const above = stepUp(size, digits);
      if (Math.fround(above) === size) return value < 0 ? -above : above;
    }
  }
  return Number(value.toPrecision(9));
}

/** The decimal of `digits` digits above the one nearest to `size`. */
function stepUp(size: number, digits: number): number {
  const [mantissa, exponent] = size.toExponential(digits - 1).split('e') as [string, string];
  const units = Number(mantissa.replace('.', '')) + 1;
  return Number(`${units}e${Number(exponent) - (digits - 1)}`);
}

/** `d.ddde+XX`, at least two digits of exponent. */
function exponential(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const [mantissa, exponent] = value.toExponential().split('e') as [string, string];
  const digits = exponent.slice(1);
  return `${mantissa}e${exponent[0]}${digits.length < 2 ? `0${digits}` : digits}`;
}
