/**
 * Text of a float as Postgres gives it under extra_float_digits=1 (src/common/d2s.c, f2s.c): the fewest digits that
 * lie strictly nearer to the number than to its neighbours, a tie between two such going to the even digit; plain for
 * exponents of -4 up to 14 (float4: 5), else `1e+20`.
 */
export function float64Text(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  const size = Math.abs(value);
  if (size >= 1e-4 && size < 1e15) return String(value);
  if (!Number.isFinite(value)) return String(value);
  return exponential(size < FIRST_WIDE_64 ? value.toExponential() : strict64(value));
}

/** `value` must be a 32-bit float. */
export function float32Text(value: number): string {
  if (value === 0) return Object.is(value, -0) ? '-0' : '0';
  if (!Number.isFinite(value)) return String(value);
  // Six digits or fewer that are the double itself are the shortest of the float too.
  const magnitude = Math.abs(value);
  if (magnitude >= 1e-4 && magnitude < 1e6) {
    const plain = String(value);
    if (plain.length <= 7) return plain;
  }
  const short = shortest32(value);
  const size = Math.abs(Number(short));
  return size >= 1e-4 && size < 1e6 ? String(Number(short)) : exponential(short);
}

/**
 * From here on neighbours are two apart or more, and a short decimal can lie midway between them. Below it needs
 * more digits.
 */
const FIRST_WIDE_64 = 2 ** 53;
const FIRST_WIDE_32 = 2 ** 24;

/** Below this a float4 has fewer than six digits that count. */
const FIRST_NORMAL_32 = 2 ** -126;

/**
 * JavaScript's shortest digits, or more of them where those lie midway: JavaScript takes a tie that reads back,
 * Postgres does not.
 */
function strict64(value: number): string {
  const exact = BigInt(value);
  const size = exact < 0n ? -exact : exact;
  const bits = size.toString(2).length;
  const gap = 1n << BigInt(bits - 53);
  let text = value.toExponential();
  for (let digits = text.replace(/e.*|[-.]/g, '').length; digits < 17; text = value.toExponential(digits++)) {
    const distance = 2n * (decimalInteger(text) - size);
    // Below a power of two the gap is half as wide.
    const isPower = size === 1n << BigInt(bits - 1);
    if (distance !== gap && distance !== (isPower ? -gap / 2n : -gap)) break;
  }
  return text;
}

/** `-1.25e+20` as the integer 125 × 10^18: of numbers so large that their digits end before the point. */
function decimalInteger(text: string): bigint {
  const [mantissa, exponent] = text.replace('-', '').split('e') as [string, string];
  const [whole, fraction = ''] = mantissa.split('.') as [string, string?];
  const places = Number(exponent) - fraction.length;
  const units = BigInt(whole + fraction);
  return places >= 0 ? units * 10n ** BigInt(places) : units / 10n ** BigInt(-places);
}

/** The shortest decimal in exponential form. */
function shortest32(value: number): string {
  // Of six digits or fewer only one decimal can be meant, and then it is the nearest of six digits.
  const size = Math.abs(value);
  const isPower = Number.isInteger(Math.log2(size));
  for (let digits = size < FIRST_NORMAL_32 ? 1 : 6; digits < 9; digits++) {
    const nearest = nearestOf(size, digits);
    if (readsBack32(nearest, size, isPower)) return signed(nearest, value);
    // At a power of two the gap above is twice the gap below: a decimal further away may read back.
    if (isPower) {
      const above = stepUp(nearest, size, digits);
      if (readsBack32(above, size, isPower)) return signed(above, value);
    }
  }
  return signed(nearestOf(size, 9), value);
}

/** Nearest decimal of so many digits; a tie goes to the even digit, where toExponential takes the larger one. */
function nearestOf(size: number, digits: number): string {
  const text = size.toExponential(digits - 1);
  const more = size.toExponential(digits + 17);
  const at = more.indexOf('e');
  const rest = more.slice(digits + (digits > 1 ? 1 : 2), at);
  if (!/^50*$/.test(digits > 1 ? rest : more.slice(2, at))) return text;
  const last = text.indexOf('e') - 1;
  if (Number(text[last]) % 2 === 0) return text;
  // Rounded up to an odd digit, so the even one is the digit before.
  return `${text.slice(0, last)}${Number(text[last]) - 1}${text.slice(last + 1)}`;
}

function readsBack32(text: string, size: number, isPower: boolean): boolean {
  const decimal = Number(text);
  if (Math.fround(decimal) !== size) return false;
  if (size < FIRST_WIDE_32) return true;
  const gap = 2 ** (Math.floor(Math.log2(size)) - 23);
  return decimal < size && isPower ? size - decimal < gap / 4 : Math.abs(decimal - size) < gap / 2;
}

/** The decimal of `digits` digits above the nearest, when that one lies below. */
function stepUp(nearest: string, size: number, digits: number): string {
  if (Number(nearest) >= size) return nearest;
  const [mantissa, exponent] = nearest.split('e') as [string, string];
  const units = Number(mantissa.replace('.', '')) + 1;
  return Number(`${units}e${Number(exponent) - (digits - 1)}`).toExponential();
}

function signed(text: string, value: number): string {
  return value < 0 ? `-${text}` : text;
}

/** `d.ddde+XX`: without zeros at the end of the digits, at least two digits of exponent. */
function exponential(text: string): string {
  const [mantissa, exponent] = text.split('e') as [string, string];
  const shown = mantissa.includes('.') ? mantissa.replace(/\.?0+$/, '') : mantissa;
  const digits = exponent.slice(1);
  return `${shown}e${exponent[0]}${digits.length < 2 ? `0${digits}` : digits}`;
}
