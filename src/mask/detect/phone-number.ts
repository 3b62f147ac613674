import { type CountryCode, parsePhoneNumberFromString } from 'libphonenumber-js';
import { isPossibleInternational } from '../method/phone.ts';
import { Hint, patternFinder, whole } from './text-finder.ts';

/** (202) 555-0143, 202-555-0143, 1 202.555.0143: the North American plan, area and exchange beginning with 2 to 9. */
const NORTH_AMERICAN = /^(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]?\d{4}$/;
/** 020 7946 0123, 06 12 34 56 78, 030/1234567: a trunk prefix 0, and groups. */
const TRUNK = /^(?:\(0\d{1,5}\) ?|0\d{1,4}[ ./-])\d{2,8}(?:[ .-]\d{2,4}){0,4}$/;
/** With a year of four digits, or of two at the end: 06 12 34 56 78 goes on. */
const DATE = /^\d{1,2}([./ -])\d{1,2}\1(?:(?:19|20)\d\d(?!\d)|\d\d$)/;

/**
 * A phone number by its form alone: with a plus and of a possible length; or in a national notation that nothing else
 * has. With a country (ISO 3166), whatever libphonenumber holds to be valid there.
 */
export function isPhone(value: string, country?: CountryCode): boolean {
  if (value.length > 40 || !/^\+?[\d\s().\-/]{7,40}$/.test(value)) return false;
  if (country !== undefined) return parsePhoneNumberFromString(value, country)?.isValid() === true;
  if (value.startsWith('+')) return isPossibleInternational(value);
  return NORTH_AMERICAN.test(value) || isTrunk(value);
}

/** Eight to twelve digits, seen as a phone number by a person who knows that the column holds phone numbers. */
export function mayBePhone(value: string): boolean {
  const digits = value.replace(/\D/g, '').length;
  return digits >= 6 && digits <= 17 && /^\+?[\d\s().\-/]+(?:(?:x|ext\.?) ?\d{1,6})?$/i.test(value);
}

function isTrunk(value: string): boolean {
  const digits = value.replace(/\D/g, '').length;
  return digits >= 9 && digits <= 12 && TRUNK.test(value) && !DATE.test(value);
}

export const phoneFinder = patternFinder(
  'phone',
  Hint.grouped,
  /(?<![\w+.]|[\dA-Za-z][-/])(?:\+\d(?:[ .()/-]{0,2}\d){6,14}|(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}|\(0\d{1,5}\) ?\d{2,8}(?:[ -]\d{2,4}){0,3}|0\d{1,4}([ .-])\d{2,4}(?:\1\d{2,4}){1,4})(?![\w]|[.,-]\d| \d)/g,
  whole((match) => isPhone(match)),
);
