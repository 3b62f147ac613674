import { parseDate } from '../method/calendar.ts';
import { Hint, patternFinder } from './text-finder.ts';

const NUMERIC = /^(\d{1,2})([./-])(\d{1,2})\2((?:19|20)\d\d)$/;

/** The year of a date in canonical or day/month/year form without a time; null: none, or no calendar date. */
export function yearOfDate(value: string): number | null {
  if (value.length > 10) return value.endsWith(' 00:00:00') ? yearOfDate(value.slice(0, -9)) : null;
  const canonical = parseDate(value);
  if (canonical !== null) return canonical.time === '' ? canonical.year : null;
  const match = NUMERIC.exec(value);
  if (match === null) return null;
  const [first, second] = [Number(match[1]), Number(match[3])];
  const plausible = first >= 1 && second >= 1 && first <= 31 && second <= 31 && (first <= 12 || second <= 12);
  return plausible ? Number(match[4]) : null;
}

/** A day on which somebody now alive may have been born. Whether days are birthdays, a column's spread of years tells. */
export function mayBeBirthDate(value: string): boolean {
  const year = yearOfDate(value);
  return year !== null && year >= 1900 && year <= 2035;
}

const CUE =
  /(?:^|[^\p{L}\d])(?:born(?: on)?|d\.?o\.?b\.?|date of birth|birth ?da(?:te|y)|geb\.|geboren(?: am| op)?|geburtsdatum|geboortedatum|n[ée]e? le|date de naissance|nacid[oa] el|fecha de nacimiento|nat[oa] il|data di nascita|data de nascimento)[ :="]{0,5}$/iu;
const CUE_CHARACTERS_MAX = 32;

/** In text a date is one of birth when a word before it says so. */
export const birthDateFinder = patternFinder(
  'date_of_birth',
  Hint.digit,
  /(?=\d)(?<![\w./-])(?:\d{4}-\d{2}-\d{2}|\d{1,2}([./-])\d{1,2}\1\d{2,4})(?!\d)/g,
  (match, start, text) =>
    CUE.test(text.slice(Math.max(0, start - CUE_CHARACTERS_MAX), start)) ? start + match.length : -1,
);
