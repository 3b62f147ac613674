import { countrySpecs } from 'ibantools';
import { parseIp } from '../ip.ts';
import { isPossibleInternational } from '../phone.ts';
import { mod97 } from './check-digit.ts';
import type { DataClass } from './data-class.ts';
import { isFamilyName, isGivenName } from './names.ts';
import { nationalId } from './national-id.ts';
import { isSecret, SECRET_CHARACTERS_MIN } from './secret.ts';
import { isPan, isSsn } from './values.ts';

/** Where in a text something was found; UTF-16 indexes. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly class: DataClass;
}

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
  'coordinates',
  'person_name',
] as const satisfies readonly DataClass[];

export type TextClass = (typeof TEXT_CLASSES)[number];

/** What one pass over a text tells: enough to rule most finders out. */
interface Traits {
  digits: number;
  at: boolean;
  dots: number;
  colons: number;
  dashes: number;
  /** Longest run without a space. */
  run: number;
}

interface Finder {
  readonly class: TextClass;
  readonly possible: (traits: Traits) => boolean;
  readonly find: (text: string, add: (start: number, end: number) => void) => void;
}

/**
 * Finds personal data in running text. Each finder is linear in the length of the text (bounded repetition, no nesting),
 * and checks digits, ranges and lengths, so that an order number is seldom taken for a card. A short text without
 * digits, `@` or long words is ruled out by one pass over its characters.
 */
export class TextScanner {
  readonly #finders: readonly Finder[];

  constructor(classes: readonly TextClass[]) {
    this.#finders = finders.filter((finder) => classes.includes(finder.class));
  }

  /** The class of something found; null: nothing. */
  has(text: string): TextClass | null {
    const traits = traitsOf(text);
    for (const finder of this.#finders) {
      if (!finder.possible(traits)) continue;
      let found = false;
      finder.find(text, () => {
        found = true;
      });
      if (found) return finder.class;
    }
    return null;
  }

  /** Everything found, in order, not overlapping; of two that overlap the earlier finder, then the longer, wins. */
  find(text: string): readonly Span[] {
    const traits = traitsOf(text);
    const spans: Span[] = [];
    for (const finder of this.#finders) {
      if (finder.possible(traits))
        finder.find(text, (start, end) => spans.push({ start, end, class: finder.class }));
    }
    return withoutOverlaps(spans);
  }
}

/** Earlier in the list wins; then they are put in order. */
export function withoutOverlaps<T extends { readonly start: number; readonly end: number }>(
  spans: readonly T[],
): readonly T[] {
  if (spans.length < 2) return spans;
  const ranked = spans
    .map((span, rank) => ({ span, rank }))
    .sort((a, b) => a.span.start - b.span.start || a.rank - b.rank);
  const kept: { span: T; rank: number }[] = [];
  for (const candidate of ranked) {
    const last = kept.at(-1);
    if (last === undefined || last.span.end <= candidate.span.start) kept.push(candidate);
    else if (candidate.rank < last.rank) kept[kept.length - 1] = candidate;
  }
  return kept.map(({ span }) => span);
}

function traitsOf(text: string): Traits {
  const traits: Traits = { digits: 0, at: false, dots: 0, colons: 0, dashes: 0, run: 0 };
  let run = 0;
  let digits = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x20) {
      if (run > traits.run) traits.run = run;
      run = 0;
      continue;
    }
    run++;
    if (code > 0x40) continue;
    if (code >= 0x30 && code <= 0x39) digits++;
    else if (code === 0x40) traits.at = true;
    else if (code === 0x2e) traits.dots++;
    else if (code === 0x3a) traits.colons++;
    else if (code === 0x2d) traits.dashes++;
  }
  if (run > traits.run) traits.run = run;
  traits.digits = digits;
  return traits;
}

const LOCAL = /[\p{L}\d.!#$%&'*+/=?^_`{|}~-]/u;
const HOST = /[\p{L}\d.-]/u;

/** Digits with single separators between, as phone, card and social security numbers are written. */
const DIGIT_GROUPS = /\d(?:[ .()/-]{0,2}\d){6,39}/g;
const RUN = /[\w.$/+-]{16,}/g;
const PRIVATE_KEY = /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----/g;
const IBAN = /(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}/g;
const IPV4 = /(?<![\w.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\w.]*\d)/g;
const IPV6 = /(?<![\w:.])[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:.]{2,42}/g;
const MAC = /(?<![\w:-])[0-9A-Fa-f]{2}([:-])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2}){4}(?![\w:-])/g;
const COORDINATES = /(?<![\w.-])-?\d{1,2}\.\d{4,15}, ?-?\d{1,3}\.\d{4,15}(?![\w.])/g;
const LETTERED_ID = /(?<![A-Za-z0-9])[A-Z0-9](?:[ -]?[A-Z0-9]){7,18}(?![A-Za-z0-9])/g;
const NANP = /^\(?[2-9]\d{2}\)?[ .-]\d{3}[ .-]\d{4}$/;
const CAPITALISED = /\p{Lu}[\p{L}'’-]{1,30}(?: \p{Lu}[\p{L}'’-]{1,30}){1,3}/gu;

const finders: readonly Finder[] = [
  {
    class: 'secret',
    possible: ({ run }) => run >= SECRET_CHARACTERS_MIN,
    find: (text, add) => {
      for (const match of text.matchAll(RUN)) {
        const token = match[0].replace(/[.]+$/, '');
        if (token.length < 8300 && isSecret(token)) add(match.index, match.index + token.length);
      }
      for (const match of text.matchAll(PRIVATE_KEY)) add(match.index, match.index + match[0].length);
    },
  },
  {
    class: 'email',
    possible: ({ at }) => at,
    find: (text, add) => {
      for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
        let start = at;
        while (start > 0 && at - start < 64 && LOCAL.test(text[start - 1]!)) start--;
        let end = at + 1;
        while (end < text.length && end - at < 255 && HOST.test(text[end]!)) end++;
        while (end > at && /[.-]/.test(text[end - 1]!)) end--;
        if (start < at && /^[\p{L}\d-]{1,63}(?:\.[\p{L}\d-]{1,63}){1,8}$/u.test(text.slice(at + 1, end)))
          add(start, end);
      }
    },
  },
  {
    class: 'iban',
    possible: ({ digits }) => digits >= 8,
    find: (text, add) => {
      for (const match of text.matchAll(IBAN)) {
        const country = match[0].slice(0, 2);
        const length = (countrySpecs as Readonly<Record<string, { readonly chars?: number | null }>>)[country]
          ?.chars;
        if (length === undefined || length === null) continue;
        let end = 0;
        for (let count = 0; count < length && end < match[0].length; end++)
          if (match[0][end] !== ' ') count++;
        const bare = match[0].slice(0, end).replaceAll(' ', '');
        if (bare.length === length && mod97(bare.slice(4) + bare.slice(0, 4)) === 1)
          add(match.index, match.index + end);
      }
    },
  },
  {
    class: 'pan',
    possible: ({ digits }) => digits >= 13,
    find: (text, add) => {
      for (const group of digitGroups(text)) if (isPan(group.text)) add(group.start, group.end);
    },
  },
  {
    class: 'us_ssn',
    possible: ({ digits, dashes }) => digits >= 9 && dashes >= 2,
    find: (text, add) => {
      for (const group of digitGroups(text)) if (isSsn(group.text)) add(group.start, group.end);
    },
  },
  {
    class: 'mac',
    possible: ({ colons, dashes }) => colons >= 5 || dashes >= 5,
    find: (text, add) => {
      for (const match of text.matchAll(MAC)) add(match.index, match.index + match[0].length);
    },
  },
  {
    class: 'ip',
    possible: ({ digits, dots, colons }) => (digits >= 4 && dots >= 3) || colons >= 2,
    find: (text, add) => {
      for (const match of text.matchAll(IPV4)) {
        if (parseIp(match[0]) !== null) add(match.index, match.index + match[0].length);
      }
      for (const match of text.matchAll(IPV6)) {
        const address = match[0].replace(/[.:]$/, (end) => (match[0].endsWith('::') ? end : ''));
        // Two groups and a `::` could be a time or a name of C++; an address in text has more.
        if (address.split(':').length >= 4 && /\d/.test(address) && parseIp(address) !== null)
          add(match.index, match.index + address.length);
      }
    },
  },
  {
    class: 'coordinates',
    possible: ({ digits, dots }) => digits >= 10 && dots >= 2,
    find: (text, add) => {
      for (const match of text.matchAll(COORDINATES)) add(match.index, match.index + match[0].length);
    },
  },
  {
    class: 'phone',
    possible: ({ digits }) => digits >= 7,
    find: (text, add) => {
      for (const { text: group, start, end } of digitGroups(text)) {
        const before = text[start - 1];
        if (before === '+') {
          if (isPossibleInternational(`+${group}`)) add(start - 1, end);
        } else if (NANP.test(before === '(' ? `(${group}` : group))
          add(before === '(' ? start - 1 : start, end);
      }
    },
  },
  {
    class: 'national_id',
    possible: ({ digits, run }) => digits >= 6 && run >= 2,
    find: (text, add) => {
      for (const match of text.matchAll(LETTERED_ID)) {
        if (/[A-Z]/.test(match[0]) && nationalId(match[0])?.distinct === true)
          add(match.index, match.index + match[0].length);
      }
    },
  },
  {
    class: 'person_name',
    possible: () => true,
    find: (text, add) => {
      for (const match of text.matchAll(CAPITALISED)) {
        const [first, ...others] = match[0].split(' ');
        if (isGivenName(first!) || (isFamilyName(others.at(-1)!) && isGivenName(others[0]!)))
          add(match.index, match.index + match[0].length);
      }
    },
  },
];

/** Groups of digits that stand alone: no letter or further digit touches them. */
function* digitGroups(
  text: string,
): Generator<{ readonly text: string; readonly start: number; readonly end: number }> {
  for (const match of text.matchAll(DIGIT_GROUPS)) {
    const start = match.index;
    const end = start + match[0].length;
    if (/[\p{L}\d_]/u.test(text[start - 1] ?? ' ') || /[\p{L}\d_]/u.test(text[end] ?? ' ')) continue;
    yield { text: match[0], start, end };
  }
}
