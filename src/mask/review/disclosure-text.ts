import { TEXT_CLASSES } from '../detect/text-scanner.ts';
import type { Rule } from '../policy-document.ts';
import type { Content, DerivedDisclosure, Disclosure, Trace } from './disclosure.ts';
import { placesOf } from './disclosure-document.ts';
import type { Ranges } from './ranges.ts';

/** Of every masked value but null: where nothing else shows, worth a word. */
export const HAS_VALUE = 'whether there is a value';

/** What somebody without the key can still learn, one phrase a fact. */
export function phrasesOf(disclosure: Disclosure): readonly string[] {
  switch (disclosure.kind) {
    case 'nothing':
      return [];
    case 'column':
      return [];
    case 'presence':
      return [HAS_VALUE];
    case 'value':
      return ['the value itself'];
    case 'function':
      return ['what the function returns'];
    case 'document':
      return documentPhrases(disclosure);
    case 'derived':
      return derivedPhrases(disclosure);
  }
}

function derivedPhrases(disclosure: DerivedDisclosure): readonly string[] {
  const { content, equalityBits, traces } = disclosure;
  const equal = equalityBits > 0 ? ['which values are equal, and how often they occur'] : [];
  const stays = [...traces].filter((trace) => trace.startsWith('stays:')).map((trace) => trace.slice(6));
  return [
    ...contentPhrases(content),
    ...equal,
    ...[...traces].flatMap((trace) => (trace in TRACES ? [TRACES[trace as keyof typeof TRACES]] : [])),
    ...(stays.length === 0 ? [] : [`where ${charactersOf(stays)} stand`]),
    HAS_VALUE,
  ];
}

const TRACES: Readonly<Record<Exclude<Trace, `stays:${string}` | 'way_back'>, string>> = {
  length: 'how long it is',
  check_digit: 'whether the check digit holds',
  networks: 'which addresses share a network',
  equal_hosts: 'which addresses share a host',
  calling_code: 'the calling code',
  country: 'the country',
  distances: 'the days between dates of one entity',
  time_of_day: 'the time of day',
  found_class: 'what kind of data was found in the text',
  found_length: 'how long each find is',
  found_equality: 'which finds are equal',
};

function contentPhrases(content: Content): readonly string[] {
  switch (content.family) {
    case 'none':
      return [];
    case 'characters': {
      return [
        ...(content.first === 0 ? [] : [ends('first', content.first)]),
        ...(content.last === 0 ? [] : [ends('last', content.last)]),
      ];
    }
    case 'width':
      return [`the number to within ${content.width}, and its order`];
    case 'ranges':
      return [rangesPhrase(content.ranges)];
    case 'date':
      return [
        `the ${content.unit}${content.oldestYear === null ? '' : ` (from ${content.oldestYear} on)`}, and its order`,
      ];
    case 'zip3':
      return ['the three-digit ZIP area'];
    case 'moved':
      return [`the date to within ${content.days} days`];
    case 'text': {
      const missing = TEXT_CLASSES.filter((name) => !content.classes.includes(name));
      return [
        'all text that is not recognised',
        ...(missing.length === 0
          ? []
          : [`${missing.length} ${missing.length === 1 ? 'class' : 'classes'} of data in it`]),
      ];
    }
    case 'host':
      return ['the host after the @'];
  }
}

function rangesPhrase({ names }: Ranges): string {
  const labels = new Set(names).size;
  return labels === names.length
    ? `which of ${labels} ranges it is in`
    : `which of ${labels} labels ${names.length} ranges have`;
}

function ends(which: 'first' | 'last', characters: number): string {
  return characters === 1 ? `the ${which} character` : `the ${which} ${characters} characters`;
}

/** By place, in one phrase each. */
function documentPhrases(document: Extract<Disclosure, { kind: 'document' }>): readonly string[] {
  const empty = { disclosure: null, members: new Map(), anyMember: null, element: null };
  const places = placesOf(empty, document.root).filter((place) => place.new.kind !== 'nothing');
  const phrases = places.flatMap(({ path, new: shown }) => {
    if (shown.kind === 'presence') return [];
    const what = phrasesOf(shown).filter((phrase) => phrase !== HAS_VALUE);
    return what.length === 0 ? [] : [`${path}: ${what.join(', ')}`];
  });
  return [...phrases, 'which of the named places a document has'];
}

function charactersOf(characters: readonly string[]): string {
  return characters.map((character) => (character === ' ' ? 'spaces' : `\`${character}\``)).join(' ');
}

/** A rule in a few words: `token`, `partial, last 4`, `generalize to month`. Never a constant, which may be a value. */
export function describeRule(rule: Rule): string {
  switch (rule.method) {
    case 'redact':
      return rule.with === 'null'
        ? 'redact'
        : rule.with === 'shape'
          ? 'redact with a shape'
          : 'redact with a constant';
    case 'partial':
    case 'pan':
      return `${rule.method}${kept(rule)}`;
    case 'fpe':
      return rule.min !== null || rule.max !== null
        ? `fpe ${rule.min ?? 0} to ${rule.max ?? 'the largest'}`
        : `fpe ${rule.alphabet.length > 20 ? 'of an own alphabet' : rule.alphabet}${kept(rule)}`;
    case 'token':
      return rule.length === undefined && rule.alphabet === undefined
        ? 'token'
        : `token of ${rule.length ?? 'the usual number of'} ${rule.alphabet ?? 'base64url'}`;
    case 'phone':
      return rule.country === null ? 'phone' : `phone ${rule.country}`;
    case 'email':
      return rule.host === 'token' ? 'email' : rule.host === 'keep' ? 'email, host kept' : 'email, one host';
    case 'date_shift':
      return `date_shift ${rule.maxDays} days by ${rule.by}`;
    case 'bucket':
      return `bucket of ${bucketWords(rule)}`;
    case 'round':
      return `round to ${rule.to}`;
    case 'generalize':
      switch (rule.to.kind) {
        case 'size':
          return `generalize by ${rule.to.size}`;
        case 'date':
          return `generalize to ${rule.to.unit}${rule.to.oldestYear === null ? '' : ` from ${rule.to.oldestYear}`}`;
        case 'zip3':
          return 'generalize to zip3';
      }
      break;
    case 'json':
      return `json of ${rule.paths.length} path${rule.paths.length === 1 ? '' : 's'}`;
    case 'scan':
      return `scan for ${rule.classes === null ? 'all classes' : `${rule.classes.length} class${rule.classes.length === 1 ? '' : 'es'}`}${rule.patterns.length === 0 ? '' : ` and ${rule.patterns.length} pattern${rule.patterns.length === 1 ? '' : 's'}`}`;
    case 'custom':
      return `custom ${rule.export} of ${rule.module}`;
    default:
      return rule.method;
  }
}

function bucketWords({ bounds, labels }: Extract<Rule, { method: 'bucket' }>): string {
  const names = labels === null ? bounds.length + 1 : new Set(labels).size;
  return `${bounds.length + 1} ranges${names > bounds.length ? '' : `, ${names} label${names === 1 ? '' : 's'}`}`;
}

function kept({ keepFirst, keepLast }: { readonly keepFirst: number; readonly keepLast: number }): string {
  if (keepFirst + keepLast === 0) return '';
  const parts = [
    ...(keepFirst === 0 ? [] : [`first ${keepFirst}`]),
    ...(keepLast === 0 ? [] : [`last ${keepLast}`]),
  ];
  return `, ${parts.join(' and ')} kept`;
}
