import { FAMILY_NAMES, GIVEN_NAMES } from './name-list.ts';
import { Hint, patternFinder } from './text-finder.ts';

const given: ReadonlySet<string> = new Set(GIVEN_NAMES.trim().split(/\s+/));
const family: ReadonlySet<string> = new Set(FAMILY_NAMES.trim().split(/\s+/));

/** Names that are everyday words too (in English): alone they say nothing in running text. */
const EVERYDAY: ReadonlySet<string> = new Set(
  `angel art bell black brown bush christian cook fox france grace grant gray green hill holly hope in iris ivy jack
   jasmine jordan joy jun king lee li long mark may mercedes min nelson noor paris park per price rich robin rose ruby
   sky ted tim van victor viola violet virginia wang white will winter wood young`.split(/\s+/),
);

export function isGivenName(word: string): boolean {
  return word.length <= 20 && given.has(word.toLowerCase());
}

export function isFamilyName(word: string): boolean {
  return word.length <= 24 && family.has(word.toLowerCase());
}

const TITLE = /^(?:mr|mrs|ms|mx|dr|prof|herr|frau|m|mme|mlle|sr|sra|srta|sig|dhr|mevr)\.? /i;
const WORD = /^\p{L}[\p{L}\p{M}'’.-]{0,30}$/u;

/**
 * A whole value that is the name of a person: two to five words, a known given name first, or a known family name first
 * followed by a comma or a given name; after a title any words.
 */
export function isPersonName(value: string): boolean {
  if (value.length > 80 || value.length < 4) return false;
  const untitled = value.replace(TITLE, '');
  const comma = /^([^,]{2,40}), ([^,]{1,40})$/.exec(untitled);
  const words = (comma === null ? untitled : `${comma[2]} ${comma[1]}`).split(' ');
  if (words.length > 5 || !words.every((word) => WORD.test(word))) return false;
  if (untitled !== value) return true;
  if (words.length < 2) return false;
  const [first, second] = [words[0]!, words[1]!];
  const last = words.at(-1)!;
  // «Rose Gold», «Christian Art»: an everyday word needs a known family name beside it.
  if (isGiven(first))
    return !EVERYDAY.has(first.toLowerCase()) || (isFamilyName(last) && !EVERYDAY.has(last.toLowerCase()));
  return isFamilyName(first) && isGivenName(second) && !EVERYDAY.has(second.toLowerCase());
}

/** Also the halves of Jean-Pierre and Anne-Marie. */
function isGiven(word: string): boolean {
  return isGivenName(word) || (word.includes('-') && word.split('-').every(isGivenName));
}

/**
 * In text: capitalised words, the first of them a known given name, or after a title. `Will Call` and `Mark Down` stay,
 * and so do names that no list has: a text is not free of names because none was found.
 */
export const nameFinder = patternFinder(
  'person_name',
  Hint.capital,
  /(?<![\p{L}\d'’.-])(?:(?:Mr|Mrs|Ms|Dr|Prof|Herr|Frau|Mme|Sr|Sra)\.? )?\p{Lu}[\p{L}'’-]{1,30}(?: (?:(?:van|von|de|del|da|di|la|le|der|den|al|bin) ){0,2}\p{Lu}[\p{L}'’-]{1,30}){0,3}(?![\p{L}\d])/gu,
  (match, start) => {
    if (TITLE.test(match)) return start + match.length;
    const words = match.split(' ');
    return words.length > 1 && isPersonName(words.slice(0, 5).join(' ')) ? start + match.length : -1;
  },
);
