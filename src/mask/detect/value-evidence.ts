import type { ColumnType } from '../../model/type.ts';
import { yearOfDate } from './birth-date.ts';
import { fits } from './column-name.ts';
import type { DataClass } from './data-class.ts';
import { nationalIdSchemesOf } from './national-id.ts';
import { nationalIdSchemes } from './national-id-schemes.ts';
import { TEXT_CLASSES, type TextClass, TextScanner } from './text-scanner.ts';
import { valueDetectors } from './value-detector.ts';

/** What sampled values, as wholes, say of their column. */
export interface ValueEvidence {
  readonly class: DataClass;
  /** 0: too few matches to be more than chance. */
  readonly confidence: number;
  readonly matched: number;
  readonly says: readonly [one: string, many: string];
}

/**
 * The classes that whole values match.
 *
 * @param values trimmed, not empty
 */
export function evidenceOf(values: readonly string[], type: ColumnType): readonly ValueEvidence[] {
  const found: ValueEvidence[] = [];
  for (const detector of valueDetectors) {
    if (!fits(detector.class, type)) continue;
    const matching = values.filter(detector.matches);
    if (matching.length === 0) continue;
    const { strength, share, distinct, says } = detector;
    const confidence = confidenceOf(matching, values.length, strength, share, distinct);
    found.push({ class: detector.class, confidence, matched: matching.length, says });
  }
  if (fits('national_id', type)) found.push(...nationalIds(values));
  return found;
}

/** How many values may be of a class, seen by somebody who knows that the column says so; null: no value can tell. */
export function plausibleCount(values: readonly string[], wanted: DataClass): number | null {
  if (wanted === 'national_id' || wanted === 'tax_id')
    return values.filter((value) => /^[\dA-Za-z][\dA-Za-z ./-]{4,24}$/.test(value) && /\d{3}/.test(value))
      .length;
  const detector = valueDetectors.find((candidate) => candidate.class === wanted);
  if (detector === undefined) return null;
  return values.filter(detector.plausible ?? detector.matches).length;
}

function confidenceOf(
  matching: readonly string[],
  values: number,
  strength: number,
  share: number,
  distinct: number,
): number {
  const matched = matching.length / values;
  if (matched < share || new Set(matching).size < distinct) return 0;
  const certainty = 0.8 + 0.2 * Math.min(1, matched / 0.9);
  // One value may be anything once; ten say it.
  return strength * certainty * (values / (values + 0.5));
}

/** Schemes share forms: the one that most values satisfy counts. */
function nationalIds(values: readonly string[]): readonly ValueEvidence[] {
  const byScheme = new Map(nationalIdSchemes.map((scheme) => [scheme, [] as string[]]));
  for (const value of values)
    for (const scheme of nationalIdSchemesOf(value)) byScheme.get(scheme)!.push(value);
  const found: ValueEvidence[] = [];
  for (const [{ country, title, strength }, matching] of byScheme) {
    if (matching.length === 0) continue;
    const [formOnly, what] = [strength < 0.8, `${country} ${title}`];
    found.push({
      class: 'national_id',
      confidence: confidenceOf(matching, values.length, formOnly ? 0.4 : 0.92, 0.9, 5),
      matched: matching.length,
      says: formOnly
        ? [`has the form of a national number (${what})`, `have the form of national numbers (${what})`]
        : [
            `satisfies the check digits of a national number (${what})`,
            `satisfy the check digits of national numbers (${what})`,
          ],
    });
  }
  return found.sort((a, b) => b.confidence - a.confidence || b.matched - a.matched).slice(0, 1);
}

const BIRTHS_MIN = 20;
const SPREAD_YEARS = 20;
/** Half of the people a database knows were born before this; half of its events happened later. */
const MEDIAN_YEAR_MAX = 1998;

/** Whether days lie as far apart and as far back as births do. */
export function spreadLikeBirths(values: readonly string[]): boolean {
  const years = values.map(yearOfDate).filter((year) => year !== null);
  if (years.length < BIRTHS_MIN || years.length < values.length * 0.9) return false;
  years.sort((a, b) => a - b);
  const at = (share: number): number => years[Math.floor((years.length - 1) * share)]!;
  return at(0.05) >= 1900 && at(0.9) - at(0.1) >= SPREAD_YEARS && at(0.5) <= MEDIAN_YEAR_MAX;
}

/** In how many of the texts something of each class was found. */
export function contentsOf(texts: readonly string[]): ReadonlyMap<TextClass, number> {
  const counts = new Map<TextClass, number>();
  for (const text of texts) {
    const classes = new Set(scanner.find(text).map((span) => span.class as TextClass));
    for (const found of classes) counts.set(found, (counts.get(found) ?? 0) + 1);
  }
  return new Map([...counts].sort(([, a], [, b]) => b - a));
}

const scanner = new TextScanner(TEXT_CLASSES);

/** Plural, for «14 of 200 texts contain …». */
export const contentTitles: Readonly<Record<TextClass, readonly [one: string, many: string]>> = {
  email: ['an e-mail address', 'e-mail addresses'],
  iban: ['an IBAN', 'IBANs'],
  pan: ['a card number', 'card numbers'],
  us_ssn: ['a US social security number', 'US social security numbers'],
  phone: ['a phone number', 'phone numbers'],
  secret: ['a key or token', 'keys or tokens'],
  ip: ['an IP address', 'IP addresses'],
  mac: ['a MAC address', 'MAC addresses'],
  national_id: ['a national identity number', 'national identity numbers'],
  vehicle: ['a vehicle identification number', 'vehicle identification numbers'],
  coordinates: ['coordinates', 'coordinates'],
  date_of_birth: ['a date of birth', 'dates of birth'],
  address: ['a street address', 'street addresses'],
  person_name: ['the name of a person', 'names of people'],
};
