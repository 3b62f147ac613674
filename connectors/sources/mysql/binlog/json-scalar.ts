import { TypeCode } from './column-type-code.ts';
import { DECIMAL_PRECISION_MAX, DECIMAL_SCALE_MAX, decimalBytes, decimalText } from './decimal-cell.ts';
import { malformed } from './defect.ts';

/**
 * Scalars of JSON documents as MySQL's own text: what `SELECT document` gives, so that the first copy and the stream
 * agree.
 */

/**
 * Digits of the shortest text that reads back; plain up to 15 places before or behind the point (mysql:
 * strings/dtoa.cc, my_gcvt).
 */
export function jsonDouble(value: number): string {
  if (!Number.isFinite(value)) throw malformed('a JSON number that is none');
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const [mantissa, exponent] = Math.abs(value).toExponential().split('e') as [string, string];
  const digits = mantissa.replace('.', '');
  const point = Number(exponent) + 1;
  if (point < -14 || (point > 15 && digits.length <= point)) return `${sign}${mantissa}e${Number(exponent)}`;
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (point < digits.length) return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
  return `${sign}${digits}${'0'.repeat(point - digits.length)}.0`;
}

/**
 * `JSON.stringify` escapes what MySQL escapes: quote, backslash and what lies below U+0020, with the same short
 * forms.
 */
export function jsonString(text: string): string {
  return JSON.stringify(text);
}

/**
 * A value of a type that JSON has not, kept as MySQL keeps a field of that type.
 *
 * @throws RowsealError RS-MY-050
 */
export function jsonOpaque(source: Buffer, start: number, end: number, type: number): string {
  switch (type) {
    case TypeCode.newdecimal: {
      if (end - start < 2) throw malformed('a JSON decimal that is cut short');
      const precision = source[start]!;
      const scale = source[start + 1]!;
      const fits =
        precision >= 1 &&
        precision <= DECIMAL_PRECISION_MAX &&
        scale <= Math.min(precision, DECIMAL_SCALE_MAX);
      if (!fits || end - start !== 2 + decimalBytes(precision, scale))
        throw malformed('a JSON decimal of another size');
      return decimalText(source, start + 2, precision, scale);
    }
    case TypeCode.date:
    case TypeCode.datetime:
    case TypeCode.timestamp:
    case TypeCode.time:
      if (end - start !== 8) throw malformed('a JSON date of another size');
      return `"${temporalText(source.readBigInt64LE(start), type)}"`;
    default:
      return jsonString(`base64:type${type}:${base64Lines(source, start, end)}`);
  }
}

/**
 * Packed: year × 13 + month, day 5 bits, hour 5 (time: 10), minute 6, second 6, microsecond 24 (mysql: sql-
 * common/my_time.cc).
 */
function temporalText(packed: bigint, type: number): string {
  const sign = packed < 0n ? '-' : '';
  if (packed < 0n) packed = -packed;
  const micros = Number(packed & 0xff_ffffn);
  const whole = Number(packed >> 24n);
  const clock = whole % 131_072;
  const minute = (clock >> 6) & 63;
  const second = clock & 63;
  const fraction = `.${pad(micros, 6)}`;
  if (type === TypeCode.time)
    return `${sign}${pad(Math.floor(whole / 4096), 2)}:${pad(minute, 2)}:${pad(second, 2)}${fraction}`;
  const days = Math.floor(whole / 131_072);
  const months = Math.floor(days / 32);
  const date = `${pad(Math.floor(months / 13), 4)}-${pad(months % 13, 2)}-${pad(days % 32, 2)}`;
  if (type === TypeCode.date) return date;
  return `${date} ${pad(clock >> 12, 2)}:${pad(minute, 2)}:${pad(second, 2)}${fraction}`;
}

function pad(value: number, digits: number): string {
  return String(value).padStart(digits, '0');
}

/** Lines of 76 characters, as the server breaks them. */
function base64Lines(source: Buffer, start: number, end: number): string {
  const text = source.toString('base64', start, end);
  return text.replace(/.{76}(?=.)/g, '$&\n');
}
