/**
 * Canonical dates and timestamps (`YYYY-MM-DD[ HH:MM:SS[.f]][+00][ BC]`, as Postgres prints them under ISO and UTC), as
 * days of the proleptic Gregorian calendar. Years are astronomical here: 0 is 1 BC.
 */
export interface CanonicalDate {
  /** Days since 1970-01-01. */
  readonly days: number;
  readonly year: number;
  readonly month: number;
  readonly day: number;
  /** What follows the date: ' HH:MM:SS.ffffff+00', or nothing. */
  readonly time: string;
}

const FORM = /^(\d{4,7})-(\d\d)-(\d\d)( \d\d:\d\d:\d\d(?:\.\d{1,6})?(?:[+-]\d\d(?::\d\d){0,2})?)?( BC)?$/;

/** null: not a canonical date; infinity is none. */
export function parseDate(text: string): CanonicalDate | null {
  const match = FORM.exec(text);
  if (match === null) return null;
  const year = match[5] === undefined ? Number(match[1]) : 1 - Number(match[1]);
  const month = Number(match[2]);
  const day = Number(match[3]);
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return null;
  return { days: daysOf(year, month, day), year, month, day, time: match[4] ?? '' };
}

export function formatDate(days: number, time: string): string {
  const { year, month, day } = civilOf(days);
  const shown = year > 0 ? year : 1 - year;
  const date = `${String(shown).padStart(4, '0')}-${two(month)}-${two(day)}`;
  return date + time + (year > 0 ? '' : ' BC');
}

export function isInfinite(text: string): boolean {
  return (
    text === 'infinity' ||
    text === '-infinity' ||
    text === 'Infinity' ||
    text === '-Infinity' ||
    text === 'NaN'
  );
}

/** Days since 1970-01-01; the year begins in March here, so that the leap day is its last. */
export function daysOf(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

export function civilOf(days: number): {
  readonly year: number;
  readonly month: number;
  readonly day: number;
} {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * fromMarch + 2) / 5) + 1;
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9;
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day };
}

/** First and last day of Postgres's `date` (4713-01-01 BC to 5874897-12-31) and `timestamp` (to 294276-12-31). */
export function fitsType(days: number, kind: 'date' | 'timestamp'): boolean {
  return days >= daysOf(-4712, 1, 1) && days <= daysOf(kind === 'date' ? 5_874_897 : 294_276, 12, 31);
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

function two(number: number): string {
  return number < 10 ? `0${number}` : String(number);
}
