import { type DataClass, dataClasses } from '../detect/data-class.ts';
import type { Content, Disclosure } from './disclosure.ts';
import { HAS_VALUE, phrasesOf } from './disclosure-text.ts';
import { tellsSharedNames } from './ranges.ts';

/** What becomes readable when one rule follows another, and what no longer is, one phrase a fact. */
export function newsBetween(
  before: Disclosure,
  after: Disclosure,
): { readonly shows: readonly string[]; readonly hides: readonly string[] } {
  // Places of documents are told one by one.
  if (before.kind === 'document' && after.kind === 'document') return { shows: [], hides: [] };
  // Who reads the value reads all that could be said of it.
  if (after.kind === 'value') return { shows: before.kind === 'value' ? [] : phrasesOf(after), hides: [] };
  if (before.kind === 'value') return { shows: [], hides: phrasesOf(before) };
  return { shows: whatIsNew(before, after), hides: whatIsNew(after, before) };
}

/** What the second shows and the first does not. */
function whatIsNew(before: Disclosure, after: Disclosure): readonly string[] {
  const was = phrasesOf(before);
  const all = phrasesOf(after).filter((phrase) => !was.includes(phrase) && !isCountOf(phrase, before));
  const fresh = all.length > 1 ? all.filter((phrase) => phrase !== HAS_VALUE) : all;
  if (after.kind !== 'derived')
    return before.kind === 'nothing' && after.kind === 'column' ? ['that there is such a column'] : fresh;
  const returns = (shown: Disclosure): boolean => shown.kind === 'derived' && shown.traces.has('way_back');
  const facts = returns(after) && !returns(before) ? [...fresh, 'the value, to who has the key'] : [...fresh];
  if (before.kind === 'derived') facts.push(...contentNews(before.content, after.content));
  if (before.kind !== 'derived' || before.equalityBits === 0 || after.equalityBits === 0) return facts;
  const spellings = [...before.merged.difference(after.merged)];
  if (spellings.length > 0) facts.push(`spellings that were made one (${spellings.join(', ')})`);
  // Above that collisions are no more than a figure; but where nothing else differs, the figure is the reason.
  const telling = before.equalityBits < TELLING_BITS || facts.length === 0;
  if (after.equalityBits > before.equalityBits && telling)
    facts.push('equal values more surely (longer tokens)');
  return facts;
}

/** A number of classes, where the classes themselves are told. */
function isCountOf(phrase: string, before: Disclosure): boolean {
  return before.kind === 'derived' && before.content.family === 'text' && phrase.endsWith('of data in it');
}

/** What the phrase for a content does not spell. */
function contentNews(before: Content, after: Content): readonly string[] {
  if (before.family === 'text' && after.family === 'text') {
    const [classes, patterns] = [new Set(after.classes), new Set(after.patterns)];
    return [
      ...before.classes
        .filter((name) => !classes.has(name))
        .map((name) => (Object.hasOwn(dataClasses, name) ? dataClasses[name as DataClass].title : name)),
      ...before.patterns
        .filter((pattern) => !patterns.has(pattern))
        .map((pattern) => `matches of \`${pattern}\``),
    ];
  }
  if (before.family === 'ranges' && after.family === 'ranges') {
    const [was, is] = [before.ranges, after.ranges];
    return [
      ...is.bounds
        .filter((bound) => !was.bounds.includes(bound))
        .map((bound) => `which side of ${bound} it is on`),
      ...(tellsSharedNames(was, is) ? ['ranges that had one label'] : []),
    ];
  }
  if (before.family === 'moved' && after.family === 'moved' && before.by !== after.by)
    return [`distances between dates of one \`${after.by}\``];
  return [];
}

const TELLING_BITS = 64;
