import { Hint, patternFinder, whole } from './text-finder.ts';

/**
 * A US social security number: area 001-665 or 667-899, group 01-99, serial 0001-9999 (SSA, POMS RM 10201.035). Areas
 * of 900 and more are taxpayer numbers of the IRS (ITIN), which stand for a person as well.
 */
export function isSsn(value: string): boolean {
  const match = /^(\d{3})([- ]?)(\d{2})\2(\d{4})$/.exec(value);
  if (match === null || NEVER_ISSUED.has(value.replace(/\D/g, ''))) return false;
  const [, area, , group, serial] = match;
  if (group === '00' || serial === '0000') return false;
  return area! >= '900' ? ITIN_GROUP.test(group!) : area !== '000' && area !== '666';
}

/** Printed on sample cards and advertisements; SSA lists them as void. */
const NEVER_ISSUED: ReadonlySet<string> = new Set(['078051120', '123456789']);

/** IRS Publication 1915: fourth and fifth digit of an ITIN. */
const ITIN_GROUP = /^(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])$/;

/** In text only with its dashes: nine digits alone are anything. */
export const ssnFinder = patternFinder(
  'us_ssn',
  Hint.grouped,
  /(?<![\w.]|[\dA-Za-z]-)\d{3}-\d{2}-\d{4}(?!\w|[-.]\d)/g,
  whole(isSsn),
);
