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
  /** Sixteen or more characters without a space. */
  longWord: 2,
  capital: 4,
  /** Digits in the whole text. */
  digit: 1024,
  sixDigits: 8,
  /** Digits with at most two other characters than letters, colons and `@` between neighbours. */
  sevenTogether: 16,
  nineTogether: 32,
  fourteenTogether: 64,
  threeDots: 128,
  threeColons: 256,
  /** Five colons or five dashes. */
  fivePairs: 512,
} as const;

export const LONG_WORD = 16;

/** Long texts of this only have nothing to find: every finder wants a digit, an `@`, or (names, keys) a capital. */
const TELLING = /[\dA-Z@\u0080-\uffff]/;

/**
 * About 1.5 ns a character: lower-case letters, the usual case, are passed over with one comparison. A long text without
 * anything telling costs less, because V8 looks for a set of characters sixteen at a time.
 */
export function hintsOf(text: string): number {
  if (text.length > 64 && !TELLING.test(text)) return 0;
  let hints = 0;
  let wordStart = 0;
  let longestWord = 0;
  let digits = 0;
  let together = 0;
  let mostTogether = 0;
  let lastDigit = -4;
  let dots = 0;
  let colons = 0;
  let dashes = 0;
  let beyond = 0;
  const length = text.length;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x5a) {
      beyond |= code;
      continue;
    }
    if (code > 0x40) hints |= Hint.capital;
    else if (code <= 0x20) {
      if (i - wordStart > longestWord) longestWord = i - wordStart;
      wordStart = i + 1;
    } else if (code >= 0x30 && code <= 0x39) {
      digits++;
      const gap = i - lastDigit - 1;
      const joined =
        gap === 0 ||
        (gap <= 2 && text.charCodeAt(i - 1) < 0x3a && (gap === 1 || text.charCodeAt(i - 2) < 0x3a));
      together = joined ? together + 1 : 1;
      if (together > mostTogether) mostTogether = together;
      lastDigit = i;
    } else if (code === 0x2e) dots++;
    else if (code === 0x2d) dashes++;
    else if (code === 0x3a) colons++;
    else if (code === 0x40) hints |= Hint.at;
  }
  // Letters outside ASCII: any of them may be a capital.
  if (beyond > 0x7f) hints |= Hint.capital;
  if (length - wordStart > longestWord) longestWord = length - wordStart;
  if (longestWord >= LONG_WORD) hints |= Hint.longWord;
  if (digits > 0) hints |= digits >= 6 ? Hint.digit | Hint.sixDigits : Hint.digit;
  if (mostTogether >= 7) {
    hints |= Hint.sevenTogether;
    if (mostTogether >= 9) hints |= Hint.nineTogether;
    if (mostTogether >= 14) hints |= Hint.fourteenTogether;
  }
  if (dots >= 3) hints |= Hint.threeDots;
  if (colons >= 3) hints |= Hint.threeColons;
  if (colons >= 5 || dashes >= 5) hints |= Hint.fivePairs;
  return hints;
}

/**
 * A finder by pattern. The pattern must have bounded repetitions only, none nested in another without a separator, and
 * look behind itself, so that a match cannot start in the middle of a word: then time is linear in the text although
 * the search goes on one character after a match that was refused.
 *
 * @param pattern global
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
        const end = endOf(match[0], start, text);
        if (end > start) return { start, end, class: found };
        pattern.lastIndex = start + 1;
      }
      return null;
    },
  };
}

/** For patterns whose matches are taken whole when they are valid. */
export function whole(valid: (match: string) => boolean): (match: string, start: number) => number {
  return (match, start) => (valid(match) ? start + match.length : -1);
}
