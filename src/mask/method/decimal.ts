/** A decimal number exactly: `units` × 10^-scale. */
export interface Decimal {
  readonly units: bigint;
  readonly scale: number;
}

const FORM = /^(-?)(\d{1,4000})(?:\.(\d{1,4000}))?(?:[eE]([+-]?\d{1,4}))?$/;
/** A double ends at 1.8e308; seven characters of JSON (1e9999) must not become ten thousand. */
const EXPONENT_MAX = 400;

/** Text of an integer, decimal or float; null for NaN, infinity, an exponent of four digits and what is no number. */
export function parseDecimal(text: string): Decimal | null {
  const match = FORM.exec(text);
  if (match === null) return null;
  const exponent = Number(match[4] ?? 0);
  if (Math.abs(exponent) > EXPONENT_MAX) return null;
  const fraction = match[3] ?? '';
  const units = BigInt(`${match[2]}${fraction}`);
  const scale = fraction.length - exponent;
  const signed = match[1] === '-' ? -units : units;
  return scale >= 0 ? { units: signed, scale } : { units: signed * 10n ** BigInt(-scale), scale: 0 };
}

/** Plain notation, no exponent, exactly `scale` digits after the point. */
export function formatDecimal({ units, scale }: Decimal): string {
  if (scale === 0) return String(units);
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0');
  return `${units < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** Both in units of the finer scale. */
export function align(a: Decimal, b: Decimal): readonly [bigint, bigint, number] {
  const scale = Math.max(a.scale, b.scale);
  return [a.units * 10n ** BigInt(scale - a.scale), b.units * 10n ** BigInt(scale - b.scale), scale];
}

export function compareDecimal(a: Decimal, b: Decimal): number {
  const [x, y] = align(a, b);
  return x < y ? -1 : x > y ? 1 : 0;
}

/** Towards minus infinity; the divisor is positive. */
export function floorDivide(dividend: bigint, divisor: bigint): bigint {
  const quotient = dividend / divisor;
  return dividend % divisor < 0n ? quotient - 1n : quotient;
}
