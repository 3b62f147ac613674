import { birthDateFinder } from './birth-date.ts';
import { cardFinder } from './card.ts';
import { coordinatesFinder } from './coordinates.ts';
import type { DataClass } from './data-class.ts';
import { emailFinder } from './email.ts';
import { ibanFinder } from './iban.ts';
import { nameFinder } from './names.ts';
import { nationalIdFinders } from './national-id.ts';
import { ipFinders, macFinder } from './network-address.ts';
import { phoneFinder } from './phone-number.ts';
import { secretFinders } from './secret.ts';
import { addressFinder } from './street-address.ts';
import { hintsOf, type Span, type TextFinder } from './text-finder.ts';
import { ssnFinder } from './us-ssn.ts';
import { vinFinder } from './vehicle-id.ts';

export type { Span } from './text-finder.ts';

/** What can be found inside running text. */
export const TEXT_CLASSES = [
  'email',
  'iban',
  'pan',
  'us_ssn',
  'phone',
  'secret',
  'ip',
  'mac',
  'national_id',
  'vehicle',
  'coordinates',
  'date_of_birth',
  'address',
  'person_name',
] as const satisfies readonly DataClass[];

export type TextClass = (typeof TEXT_CLASSES)[number];

/** The most telling first: where finds overlap, the first of these names them. */
export const textFinders: readonly TextFinder[] = [
  ...secretFinders,
  emailFinder,
  ibanFinder,
  cardFinder,
  ssnFinder,
  macFinder,
  ...ipFinders,
  vinFinder,
  ...nationalIdFinders,
  coordinatesFinder,
  birthDateFinder,
  phoneFinder,
  addressFinder,
  nameFinder,
];

/**
 * Finds personal data in running text. Numbers count only with the right length, range and check digits, and only when
 * no letter or further digit touches them, so that an order number is seldom taken for a card.
 *
 * Cost: one pass over the characters (about 1 ns each) tells which finders have a chance; most texts have nothing to
 * find and cost no more. Each finder that has a chance makes one more pass of its own, in time linear in the text
 * whatever it holds (any UTF-16, lone surrogates too). test/unit/mask/detect/text-scanner.test.ts holds the proofs.
 */
export class TextScanner {
  readonly #finders: readonly TextFinder[];

  constructor(classes: readonly TextClass[]) {
    const wanted: ReadonlySet<DataClass> = new Set(classes);
    this.#finders = textFinders.filter((finder) => wanted.has(finder.class));
  }

  /** The class of something found, the most telling first; null: nothing. @param hints of the text, where known */
  has(text: string, hints: number = hintsOf(text)): TextClass | null {
    if (hints === 0) return null;
    for (const finder of this.#finders) {
      if ((finder.needs & hints) === finder.needs && finder.next(text, 0) !== null)
        return finder.class as TextClass;
    }
    return null;
  }

  /**
   * Everything found, in order, not overlapping. Finds that overlap are joined, under the most telling one's class, so
   * that no part of any stays behind.
   */
  find(text: string): readonly Span[] {
    const hints = hintsOf(text);
    const spans: Span[] = [];
    for (const finder of this.#finders) {
      if ((finder.needs & hints) !== finder.needs) continue;
      for (let span = finder.next(text, 0); span !== null; span = finder.next(text, span.end))
        spans.push(span);
    }
    return withoutOverlaps(spans);
  }
}

/** Spans that overlap become one that covers them all, with the other members of the one earliest in the list. */
export function withoutOverlaps<T extends { readonly start: number; readonly end: number }>(
  spans: readonly T[],
): readonly T[] {
  if (spans.length < 2) return spans;
  const ranked = spans.map((span, rank) => ({ span, rank })).sort((a, b) => a.span.start - b.span.start);
  const joined: T[] = [];
  let best = -1;
  for (const { span, rank } of ranked) {
    const last = joined.at(-1);
    if (last === undefined || last.end <= span.start) {
      joined.push(span);
      best = rank;
      continue;
    }
    const end = Math.max(last.end, span.end);
    joined[joined.length - 1] = { ...(rank < best ? span : last), start: last.start, end };
    best = Math.min(best, rank);
  }
  return joined;
}
