import { Hint, patternFinder } from './text-finder.ts';

const ENGLISH =
  'street|st|road|rd|avenue|ave|lane|ln|drive|dr|court|ct|way|boulevard|blvd|place|pl|square|sq|terrace|close|crescent|parkway|pkwy|highway|hwy';

const forms: readonly RegExp[] = [
  new RegExp(`^\\d{1,5}[a-z]?,? [\\p{L}\\d'’. -]{2,60}\\b(?:${ENGLISH})\\b`, 'iu'),
  /^[\p{L}'’. -]{2,60}(?:straße|strasse|str\.|weg|platz|allee|gasse|ring|straat|laan|plein|gatan|vägen|gade|vej) ?\d{1,4}(?!\d)/iu,
  /^(?:\d{1,4}(?: bis)?,? )?(?:rue|avenue|boulevard|chemin|impasse|quai|via|viale|piazza|corso|calle|avenida|paseo|rua|praça|travessa|plaza|ul\.) [\p{L}'’. -]{2,60}(?:,? ?(?:n[°º.]? ?)?\d{1,4})?/iu,
  /^p\.?\s?o\.? box \d{1,6}/i,
];

/** A street with a house number, as English, German, Dutch, Nordic and Romance languages write it. */
export function isAddress(value: string): boolean {
  return value.length <= 160 && /\d/.test(value) && forms.some((form) => form.test(value));
}

/** In text only with a house number, one to three capitalised words, and a word for street. */
export const addressFinder = patternFinder(
  'address',
  Hint.capital | Hint.digit,
  /(?<![\p{L}\d.])(?:\d{1,5}[A-Za-z]? (?:\p{Lu}[\p{L}'’.]{0,24} ){1,3}(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Court|Ct|Boulevard|Blvd|Place|Square|Terrace|Crescent|Parkway)|\p{Lu}[\p{L}-]{2,30}(?:straße|strasse|str\.|weg|platz|allee|gasse|straat|laan) \d{1,4}[a-z]?|\d{1,4},? (?:rue|avenue|boulevard) (?:d[eu]s? |de la )?\p{Lu}[\p{L}'’-]{1,30})(?![\p{L}\d])/gu,
  (match, start) => start + match.length,
);
