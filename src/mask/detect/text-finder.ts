import type { DataClass } from './data-class.ts';

/** Where in a text something was found; UTF-16 indexes. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly class: DataClass;
}

/** Finds one class of personal data inside running text, in time linear in the text. */
export interface TextFinder {
  readonly class: DataClass;
  /** The {@link Hint}s that a text must have, or'ed; without one of them there is nothing to find. */
  readonly needs: number;
  /** The first span that starts at `from` or later; null: none. */
  readonly next: (text: string, from: number) => Span | null;
}

/** What one pass over a text tells. Bits. */
export const Hint = {
  at: 1,
  capital: 2,
  /** Sixteen or more characters without a space, and somewhere what {@link MIXED} matches. */
  mixedWord: 4,
  digit: 8,
  /** In the whole text, as the next. */
  sixDigits: 16,
  /** Seven digits with at most two characters of ` .-/()+` between neighbours. */
  sevenTogether: 32,
  nineTogether: 64,
  fourteenTogether: 128,
  /** Nine together with at least one such character between; or fifteen; or seven after a plus. */
  grouped: 256,
  /** Six together right after a capital (or a capital and a space) or before one (or a dash and one); `A01H`, `A01 H`. */
  lettered: 512,
  threeDots: 1024,
  threeColons: 2048,
  /** Five colons or five dashes. */
  fivePairs: 4096,
} as const;

/** A text without any of this has nothing to find: every finder wants a digit, an `@`, or (names, keys) a capital. */
const TELLING = /[\dA-Z@\u0080-\uffff]/;

/** What may stand between the digits of one number. */
const JOINERS = new Uint8Array(128);
for (const joiner of ' .-/()+') JOINERS[joiner.charCodeAt(0)] = 1;

function joins(code: number): boolean {
  return code < 128 && JOINERS[code] === 1;
}

/**
 * A text without anything telling costs a fraction of a nanosecond a character, because V8 looks for a set of characters
 * sixteen at a time; any other text about two: what is not counted is passed over with one comparison.
 */
export function hintsOf(text: string): number {
  if (!TELLING.test(text)) return 0;
  let hints = 0;
  let beyond = 0;
  let digits = 0;
  let together = 0;
  let most = 0;
  let lastDigit = -4;
  let lastCapital = -2;
  let capitals = 0;
  let hasGap = false;
  let afterCapital = false;
  let afterPlus = false;
  let isMixed = false;
  let dots = 0;
  let colons = 0;
  let dashes = 0;
  const { length } = text;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    beyond |= code;
    // Only from the dash (0x2d) to Z (0x5a).
    if ((code - 0x2d) >>> 0 > 0x2d) continue;
    if (code <= 0x39 && code >= 0x30) {
      const start = i;
      while (isDigit(text.charCodeAt(i + 1))) i++;
      digits += i - start + 1;
      const before = text.charCodeAt(start - 1);
      const gap = start - lastDigit - 1;
      if (gap <= 2 && joins(before) && (gap === 1 || joins(text.charCodeAt(start - 2)))) {
        together += i - start + 1;
        hasGap = true;
      } else {
        together = i - start + 1;
        hasGap = false;
        afterPlus = before === 0x2b;
        afterCapital = isCapital(before) || (before === 0x20 && isCapital(text.charCodeAt(start - 2)));
      }
      lastDigit = i;
      if (before > 0x40 || text.charCodeAt(i + 1) > 0x40) isMixed = true;
      if (together < 6) continue;
      if (afterCapital) hints |= Hint.lettered;
      if (together > most) most = together;
      if (together >= 15 || (hasGap && together >= 9) || (afterPlus && together >= 7)) hints |= Hint.grouped;
    } else if (code > 0x40) {
      hints |= Hint.capital;
      const gap = i - lastDigit - 1;
      if (gap === 0 || (gap === 1 && (together === 2 || text.charCodeAt(i - 1) === 0x2d))) {
        if (together >= 6 || (together === 2 && afterCapital)) hints |= Hint.lettered;
      }
      capitals = i - lastCapital === 1 ? capitals + 1 : 1;
      lastCapital = i;
      if (capitals === 8 || (capitals === 1 && text.charCodeAt(i - 1) > 0x5a)) isMixed = true;
    } else if (code === 0x2e) dots++;
    else if (code === 0x2d) dashes++;
    else if (code === 0x3a) colons++;
    else if (code === 0x40) hints |= Hint.at;
  }
  // Letters outside ASCII: any of them may be a capital.
  if (beyond > 0x7f) hints |= Hint.capital;
  if (isMixed && hasLongWord(text)) hints |= Hint.mixedWord;
  if (digits > 0) hints |= digits >= 6 ? Hint.digit | Hint.sixDigits : Hint.digit;
  if (most >= 7) hints |= Hint.sevenTogether;
  if (most >= 9) hints |= Hint.nineTogether;
  if (most >= 14) hints |= Hint.fourteenTogether;
  if (dots >= 3) hints |= Hint.threeDots;
  if (colons >= 3) hints |= Hint.threeColons;
  if (colons >= 5 || dashes >= 5) hints |= Hint.fivePairs;
  return hints;
}

/** Letters beside digits, a capital after a small letter, or eight capitals: what words seldom have, and keys do. */
export const MIXED = /[A-Za-z_]\d|\d[A-Za-z_]|[a-z_][A-Z]|[A-Z]{8}/;

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isCapital(code: number): boolean {
  return code >= 0x41 && code <= 0x5a;
}

const LONG_WORD = 16;

/** A word of sixteen characters covers every sixteenth place once: only there it is looked for. */
function hasLongWord(text: string): boolean {
  const { length } = text;
  for (let i = LONG_WORD - 1; i < length; i += LONG_WORD) {
    if (text.charCodeAt(i) <= 0x20) continue;
    let from = i;
    while (from > 0 && i - from < LONG_WORD && text.charCodeAt(from - 1) > 0x20) from--;
    let to = i + 1;
    while (to < length && to - from < LONG_WORD && text.charCodeAt(to) > 0x20) to++;
    if (to - from >= LONG_WORD) return true;
  }
  return false;
}

/**
 * A finder by pattern. The pattern must have bounded repetitions only, none nested in another without a separator, and
 * look behind itself, so that a match cannot start in the middle of a word: then time is linear in the text although
 * the search goes on one character after a match that was refused.
 *
 * @param pattern global; where it begins with a bare set of characters, V8 passes over all others sixteen at a time.
 * What follows may then look at the whole from there, and name it `found`
 * @param endOf where the span ends for a match at `start`, or -1 to refuse it
 */
export function patternFinder(
  found: DataClass,
  needs: number,
  pattern: RegExp,
  endOf: (match: string, start: number, text: string) => number,
): TextFinder {
  return {
    class: found,
    needs,
    next: (text, from) => {
      pattern.lastIndex = from;
      for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
        const start = match.index;
        const end = endOf(match.groups?.['found'] ?? match[0], start, text);
        if (end > start) return { start, end, class: found };
        // By code points: from the middle of a pair a pattern with the flag `u` would step back, and never get on.
        pattern.lastIndex = start + (text.codePointAt(start)! > 0xffff ? 2 : 1);
      }
      return null;
    },
  };
}

/** For patterns whose matches are taken whole when they are valid. */
export function whole(valid: (match: string) => boolean): (match: string, start: number) => number {
  return (match, start) => (valid(match) ? start + match.length : -1);
}
