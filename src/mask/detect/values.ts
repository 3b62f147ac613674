import { validateIBAN } from 'ibantools';
import { parsePhoneNumberFromString } from 'libphonenumber-js';
import { parseDate } from '../calendar.ts';
import { parseIp } from '../ip.ts';
import { luhn } from './check-digit.ts';
import type { DataClass } from './data-class.ts';
import { isFamilyName, isGivenName, isPersonName } from './names.ts';
import { nationalId } from './national-id.ts';
import { isSecret } from './secret.ts';

/** Recognises a whole value. The strength says how little a match can be chance. */
export interface ValueDetector {
  readonly class: DataClass;
  /** Evidence, «198 of 200 sampled values …». */
  readonly says: string;
  readonly strength: number;
  readonly matches: (value: string) => boolean;
}

const EMAIL = /^[^\s@"<>(),;:\\[\]]{1,64}@(?:[\p{L}\d](?:[\p{L}\d-]{0,61}[\p{L}\d])?\.){1,8}[\p{L}]{2,24}$/u;

export const valueDetectors: readonly ValueDetector[] = [
  { class: 'email', says: 'are e-mail addresses', strength: 0.99, matches: (value) => EMAIL.test(value) },
  { class: 'iban', says: 'are IBANs (mod 97 holds)', strength: 0.99, matches: isIban },
  {
    class: 'pan',
    says: 'are card numbers (issuer range and Luhn digit hold)',
    strength: 0.97,
    matches: isPan,
  },
  {
    class: 'secret',
    says: 'have the form of keys, tokens or password hashes',
    strength: 0.98,
    matches: isSecret,
  },
  { class: 'us_ssn', says: 'have the form of US social security numbers', strength: 0.9, matches: isSsn },
  {
    class: 'national_id',
    says: 'satisfy the check digits of a national identity number',
    strength: 0.85,
    matches: (value) => nationalId(value) !== null,
  },
  {
    class: 'mac',
    says: 'are MAC addresses',
    strength: 0.97,
    matches: (value) => /^[0-9a-f]{2}(?:([:-])[0-9a-f]{2})(?:\1[0-9a-f]{2}){4}$/i.test(value),
  },
  {
    class: 'ip',
    says: 'are IP addresses',
    strength: 0.97,
    matches: (value) => /[.:]/.test(value) && parseIp(value.split('/')[0]!) !== null,
  },
  { class: 'phone', says: 'are phone numbers', strength: 0.9, matches: isPhone },
  { class: 'coordinates', says: 'are pairs of coordinates', strength: 0.9, matches: isCoordinates },
  {
    class: 'vehicle',
    says: 'are vehicle identification numbers (check digit holds)',
    strength: 0.95,
    matches: isVin,
  },
  {
    class: 'date_of_birth',
    says: 'are dates of birth by their spread of years',
    strength: 0.4,
    matches: isBirthDate,
  },
  {
    class: 'url',
    says: 'are web addresses',
    strength: 0.9,
    matches: (value) => /^https?:\/\/[^\s]{3,2000}$/i.test(value),
  },
  {
    class: 'user_agent',
    says: 'are names of browsers',
    strength: 0.9,
    matches: (value) => /^Mozilla\/\d\.\d \(/.test(value),
  },
  { class: 'person_name', says: 'look like names of people', strength: 0.85, matches: isPersonName },
  { class: 'first_name', says: 'are common given names', strength: 0.8, matches: isGivenName },
  { class: 'last_name', says: 'are common family names', strength: 0.75, matches: isFamilyName },
  { class: 'address', says: 'look like streets with house numbers', strength: 0.8, matches: isAddress },
];

function isIban(value: string): boolean {
  return (
    /^[A-Z]{2}\d{2}[A-Z\d ]{11,42}$/i.test(value) &&
    validateIBAN(value.replaceAll(' ', '').toUpperCase()).valid
  );
}

/** Issuer ranges of ISO/IEC 7812: 34, 37, 36, 38, 39, 300-305, 35, 4, 51-55, 2221-2720, 6. */
const ISSUER = /^(?:3[4-9]|30[0-5]|4|5[0-9]|6|2(?:22[1-9]|2[3-9]|[3-6]|7[01]|720))/;

export function isPan(value: string): boolean {
  if (!/^\d(?:[ -]?\d){12,18}$/.test(value)) return false;
  const digits = value.replace(/[ -]/g, '');
  return ISSUER.test(digits) && !/^(\d)\1+$/.test(digits) && luhn(digits);
}

export function isSsn(value: string): boolean {
  const match = /^(\d{3})-(\d{2})-(\d{4})$/.exec(value);
  return match !== null && !/^(?:000|666|9)/.test(match[1]!) && match[2] !== '00' && match[3] !== '0000';
}

function isPhone(value: string): boolean {
  if (value.length > 40 || !/^\+?[\d\s().\-/]{7,40}$/.test(value)) return false;
  if (value.startsWith('+')) return parsePhoneNumberFromString(value)?.isPossible() === true;
  // Without a country, only punctuation tells a phone number from any other.
  return (
    /^(?:\(\d{2,5}\) ?|\d{2,5}[-/. ])\d{2,4}[-. ]?\d{3,5}$/.test(value) ||
    /^0\d{1,4}[ /-]\d{5,9}$/.test(value)
  );
}

function isCoordinates(value: string): boolean {
  const match = /^\(?(-?\d{1,2}\.\d{3,15}), ?(-?\d{1,3}\.\d{3,15})\)?$/.exec(value);
  return match !== null && Math.abs(Number(match[1])) <= 90 && Math.abs(Number(match[2])) <= 180;
}

const VIN_WEIGHTS = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
const VIN_VALUES = new Map([...'ABCDEFGH'].map((letter, i) => [letter, i + 1]));
for (const [i, letter] of [...'JKLMN'].entries()) VIN_VALUES.set(letter, i + 1);
for (const [letter, value] of [
  ['P', 7],
  ['R', 9],
] as const)
  VIN_VALUES.set(letter, value);
for (const [i, letter] of [...'STUVWXYZ'].entries()) VIN_VALUES.set(letter, i + 2);

/** 49 CFR 565.15: weighted sum modulo 11, X for ten. */
function isVin(value: string): boolean {
  if (!/^[A-HJ-NPR-Z\d]{17}$/.test(value) || /^\d+$/.test(value)) return false;
  const sum = VIN_WEIGHTS.reduce(
    (total, weight, i) => total + weight * (VIN_VALUES.get(value[i]!) ?? Number(value[i])),
    0,
  );
  return value[8] === (sum % 11 === 10 ? 'X' : String(sum % 11));
}

/** A day between 1900 and 2020; what makes a column of them telling is their spread, which the caller judges. */
function isBirthDate(value: string): boolean {
  const date = parseDate(value);
  return date !== null && date.time === '' && date.year >= 1900 && date.year <= 2020;
}

function isAddress(value: string): boolean {
  if (value.length > 120) return false;
  return (
    /^\d{1,5}[a-z]? [\p{L}'. -]{2,60}\b(?:street|st|road|rd|avenue|ave|lane|ln|drive|dr|court|ct|way|boulevard|blvd|place|square)\b/iu.test(
      value,
    ) ||
    /^[\p{L}'. -]{2,60}(?:straße|strasse|str\.|weg|platz|allee|gasse|ring|straat|laan) ?\d{1,4}\b/iu.test(
      value,
    ) ||
    /^(?:\d{1,4},? )?(?:rue|avenue|boulevard|via|viale|piazza|calle|avenida|rua|plaza) [\p{L}'. -]{2,60}(?:,? ?\d{1,4})?/iu.test(
      value,
    )
  );
}
