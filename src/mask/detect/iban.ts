import { countrySpecs, validateIBAN } from 'ibantools';
import { mod97 } from './check-digit.ts';
import { Hint, patternFinder } from './text-finder.ts';

/** Characters of an IBAN by country (ISO 13616 registry, through ibantools). */
const lengths: ReadonlyMap<string, number> = new Map(
  Object.entries(countrySpecs).flatMap(([country, { chars }]) =>
    typeof chars === 'number' ? [[country, chars] as const] : [],
  ),
);

/** With or without spaces, either case; form, length and check digits of the country's registry entry. */
export function isIban(value: string): boolean {
  return (
    /^[A-Z]{2}\d{2}[A-Z\d ]{11,42}$/i.test(value) &&
    validateIBAN(value.replaceAll(' ', '').toUpperCase()).valid
  );
}

/** As the hint says. */
const DIGITS_MIN = 6;

/** In text the country says where the number ends; what follows may be the next word. */
export const ibanFinder = patternFinder(
  'iban',
  Hint.sixDigits,
  /(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?: ?[A-Za-z0-9]){11,30}/g,
  (match, start, text) => {
    const length = lengths.get(match.slice(0, 2).toUpperCase());
    if (length === undefined) return -1;
    let end = 0;
    for (let count = 0; count < length && end < match.length; end++) if (match[end] !== ' ') count++;
    const bare = match.slice(0, end).replaceAll(' ', '');
    if (bare.length !== length || isAlphanumeric(text.charCodeAt(start + end))) return -1;
    // Accounts that are all letters do not occur; words do.
    if (bare.replace(/\D/g, '').length < DIGITS_MIN) return -1;
    return mod97(bare.slice(4) + bare.slice(0, 4)) === 1 ? start + end : -1;
  },
);

function isAlphanumeric(code: number): boolean {
  return (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
}
