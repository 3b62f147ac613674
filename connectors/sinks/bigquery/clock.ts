/**
 * Canonical dates and times (`YYYY-MM-DD`, `HH:MM:SS[.ffffff]`), read by character code: these run once per cell. NaN
 * stands for what BigQuery cannot hold: years outside 0001–9999, BC, infinity, 24:00:00.
 */

const DAY_US = 86_400_000_000;

/** Days since 1970-01-01 of the date at `at`, which must be followed by nothing or by a space. */
export function daysAt(text: string, at: number): number {
  if (text.charCodeAt(at + 4) !== 45 || text.charCodeAt(at + 7) !== 45) return Number.NaN;
  const year = two(text, at) * 100 + two(text, at + 2);
  const month = two(text, at + 5);
  const day = two(text, at + 8);
  if (!(year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month)))
    return Number.NaN;
  return daysFromCivil(year, month, day);
}

/** Days since 1970-01-01 of a whole text `YYYY-MM-DD`. */
export function parseDays(text: string): number {
  return text.length === 10 ? daysAt(text, 0) : Number.NaN;
}

/** Microseconds since midnight of `HH:MM:SS[.ffffff]` between `at` and `end`. */
export function microsecondsAt(text: string, at: number, end: number): number {
  if (end - at < 8 || text.charCodeAt(at + 2) !== 58 || text.charCodeAt(at + 5) !== 58) return Number.NaN;
  const hour = two(text, at);
  const minute = two(text, at + 3);
  const second = two(text, at + 6);
  if (!(hour < 24 && minute < 60 && second < 60)) return Number.NaN;
  let fraction = 0;
  if (end > at + 8) {
    const digits = end - at - 9;
    if (text.charCodeAt(at + 8) !== 46 || digits < 1 || digits > 6) return Number.NaN;
    for (let i = at + 9; i < end; i++) {
      const digit = text.charCodeAt(i) - 48;
      if (digit < 0 || digit > 9) return Number.NaN;
      fraction = fraction * 10 + digit;
    }
    for (let i = digits; i < 6; i++) fraction *= 10;
  }
  return ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction;
}

/** Length of a timestamp without its offset; canonical timestamps with a zone end in `+00`. −1: another offset. */
export function clockEnd(text: string, withZone: boolean): number {
  if (!withZone) return text.length;
  return text.endsWith('+00') ? text.length - 3 : -1;
}

/** Microseconds since 1970-01-01 of a timestamp whose clock ends at `end`; exact only below 2^53 (year 2255). */
export function parseMicroseconds(text: string, end: number): number {
  if (end < 19 || text.charCodeAt(10) !== 32) return Number.NaN;
  return daysAt(text, 0) * DAY_US + microsecondsAt(text, 11, end);
}

/** As `parseMicroseconds`, exact everywhere; the text was found to be one. */
export function parseMicrosecondsExactly(text: string, end: number): bigint {
  return BigInt(daysAt(text, 0)) * BigInt(DAY_US) + BigInt(microsecondsAt(text, 11, end));
}

function two(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 48;
  const ones = text.charCodeAt(at + 1) - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** The proleptic Gregorian calendar, counted in years that begin in March. */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
