import { isRepeated, luhn } from './check-digit.ts';
import { Hint, patternFinder, whole } from './text-finder.ts';

/** First four digits, from and to, and digits of the whole number, least and most. */
type Issuer = readonly [from: number, to: number, least: number, most: number];

/** Ranges that the networks publish under ISO/IEC 7812-1. */
const issuers: readonly Issuer[] = [
  [4000, 4999, 13, 19], // Visa
  [5100, 5599, 16, 16], // Mastercard
  [2221, 2720, 16, 16], // Mastercard
  [3400, 3499, 15, 15], // American Express
  [3700, 3799, 15, 15], // American Express
  [6000, 6999, 16, 19], // Discover, UnionPay, RuPay, Maestro
  [3000, 3059, 14, 19], // Diners Club
  [3090, 3099, 14, 19], // Diners Club
  [3600, 3699, 14, 19], // Diners Club
  [3800, 3999, 14, 19], // Diners Club
  [3528, 3589, 16, 19], // JCB
  [8100, 8299, 16, 19], // UnionPay, RuPay
  [5000, 5099, 16, 19], // Maestro, Elo, Verve
  [5600, 5999, 16, 19], // Maestro
  [2200, 2204, 16, 19], // Mir
  [9792, 9792, 16, 16], // Troy
];

const BARE = /^\d{13,19}$/;
const GROUPED = /^\d(?:[ -]?\d){12,18}$/;

/** A payment card number: issuer range, length of that range, Luhn digit. */
export function isPan(value: string): boolean {
  const bare = BARE.test(value);
  if (!bare && !GROUPED.test(value)) return false;
  const digits = bare ? value : value.replace(/[ -]/g, '');
  const prefix = Number(digits.slice(0, 4));
  const { length } = digits;
  for (const [from, to, least, most] of issuers) {
    if (prefix >= from && prefix <= to)
      return length >= least && length <= most && luhn(digits) && !isRepeated(digits);
  }
  return false;
}

/**
 * In text a card number is one run of digits, or grouped as cards are printed: 4-4-4-4(-3), 4-6-5, 4-6-4. Thirteen
 * digits are left out: an EAN bar code is far more likely than one of Visa's first numbers.
 */
export const cardFinder = patternFinder(
  'pan',
  Hint.fourteenTogether,
  /(?=\d{4})(?<![\w.]|\d-)(?:\d{14,19}|\d{4}([ -])(?:\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|\d{6}\1\d{4,5}))(?!\w|\.\d)/g,
  whole(isPan),
);
