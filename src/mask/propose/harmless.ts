import { doubtOf, wordsOf } from '../detect/column-name.ts';
import { CODE_WORDS, NUMBER_WORDS } from '../detect/column-words.ts';
import type { Shape } from '../detect/value-shape.ts';

/** What may be kept although nobody knows what it is. */

/** Fewer values say nothing by what is not among them. */
export const TELLING_MIN = 20;
const CATEGORIES_MAX = 50;
const CATEGORY_CHARACTERS_MAX = 40;
/** Share of values with a name, or a date, in them from which on a category may be of people. */
const NAMED_SHARE = 0.15;

/**
 * Few different short values, each of them often: a status, a type, a country. Null: it is not one, or it may be one of
 * people (`handled_by`, a list of colleagues).
 */
export function categoryOf(table: string, name: string, shape: Shape): string | null {
  const { filled, distinct, longest, named } = shape;
  const few = distinct <= Math.min(CATEGORIES_MAX, filled / 4) && longest <= CATEGORY_CHARACTERS_MAX;
  if (filled < TELLING_MIN || !few) return null;
  if (areDates(shape)) return null;
  const ofPeople = named > filled * NAMED_SHARE || wordsOf(name).at(-1) === 'by';
  if (ofPeople && !isAboutThing(table, name)) return null;
  return `a category: ${distinct} different value${distinct === 1 ? '' : 's'} in ${filled}`;
}

/** Dates among texts. */
export function areDates({ filled, dated }: Shape): boolean {
  return dated > filled * NAMED_SHARE;
}

/** Whether names of people are unlikely here, because name or table speak of a thing. */
export function isAboutThing(table: string, name: string): boolean {
  return doubtOf(table, name)('person_name') < 1;
}

/** Long numbers that do not repeat, and whose name does not say that they number things. */
export function numbersRows(name: string, { filled, distinct, longest }: Shape): boolean {
  return isCoded(name) && filled >= 5 && distinct === filled && longest >= 5;
}

/** Numbers of orders, invoices, articles: each of them once, and so that of somebody, perhaps. */
export function numbersThings(name: string, { filled, distinct }: Shape): boolean {
  const numbered = wordsOf(name).some((word) => NUMBER_WORDS.has(word) && !QUANTITIES.has(word));
  return numbered && filled >= 5 && distinct > filled * 0.9;
}

/** `external_ref`, `member_no`; not `order_no`. */
export function isCoded(name: string): boolean {
  const words = wordsOf(name);
  return words.some((word) => CODE_WORDS.has(word)) && !words.some((word) => NUMBER_WORDS.has(word));
}

/** `created_at`, `epoch_ms`: a number that is a time. */
export function saysWhen(name: string): boolean {
  return wordsOf(name).some((word) => TIMES.has(word));
}

const TIMES: ReadonlySet<string> = new Set(
  'at on date time timestamp ts epoch unix day year month datum fecha'.split(' '),
);

/** Words of numbers that measure, not name. */
const QUANTITIES: ReadonlySet<string> = new Set([
  'price',
  'amount',
  'total',
  'quantity',
  'qty',
  'version',
  'versions',
]);
