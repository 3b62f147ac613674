import { TEXT_CLASSES } from '../detect/text-scanner.ts';
import { namedAlphabets } from '../method/alphabet.ts';
import type { DateUnit, Normalizer, Rule, TokenAlphabet } from '../policy-document.ts';
import { type DocumentNode, documentOf } from './disclosure-document.ts';
import { type Ranges, rangesOf } from './ranges.ts';

/**
 * What somebody without the mask key can learn of a column from its masked values. Pure facts of a rule, before it is
 * compiled and whatever the type: the base of `mask explain` and of the order of {@link file://./visibility.ts}.
 */
export type Disclosure =
  /** The column is not there. */
  | { readonly kind: 'nothing' }
  /** The column is there, every cell is null. */
  | { readonly kind: 'column' }
  /** Which rows have a value. */
  | { readonly kind: 'presence' }
  | DerivedDisclosure
  | {
      readonly kind: 'document';
      readonly root: DocumentNode;
      /** Whether an element that is denied still shows that it is there. */
      readonly countsElements: boolean;
    }
  /** Only the author of the function knows. Two are alike only if they are the same. */
  | { readonly kind: 'function'; readonly identity: string; readonly injective: boolean }
  | { readonly kind: 'value' };

/** Made from the value. Each facet has an order of its own, and no facet makes up for another. */
export interface DerivedDisclosure {
  readonly kind: 'derived';
  readonly content: Content;
  /** Bits by which masked values of different raw ones are told apart: 0 not at all, Infinity always. */
  readonly equalityBits: number;
  /** Spellings that are made one before a token is made: the more, the fewer values are told apart. */
  readonly merged: ReadonlySet<Normalizer>;
  readonly traces: ReadonlySet<Trace>;
}

/** What of the value itself stays readable. */
export type Content =
  | { readonly family: 'none' }
  /** First and last characters. */
  | { readonly family: 'characters'; readonly first: number; readonly last: number }
  /** A number to within a width, by rounding or by a range. Decimal text. */
  | { readonly family: 'width'; readonly width: string }
  | { readonly family: 'ranges'; readonly ranges: Ranges }
  | { readonly family: 'date'; readonly unit: DateUnit; readonly oldestYear: number | null }
  | { readonly family: 'zip3' }
  /** A date to within days, moved alike for all dates of one entity. */
  | { readonly family: 'moved'; readonly days: number; readonly by: string; readonly entity: string | null }
  /** Running text but for what is recognised. */
  | { readonly family: 'text'; readonly classes: readonly string[]; readonly patterns: readonly string[] }
  | { readonly family: 'host' };

/** Further things that a masked value gives away. `stays:` a character that is left where it is. */
export type Trace =
  | 'length'
  | 'check_digit'
  | 'networks'
  | 'equal_hosts'
  | 'calling_code'
  | 'country'
  | 'distances'
  | 'time_of_day'
  | 'found_class'
  | 'found_length'
  | 'found_equality'
  /** With the key the value comes back. */
  | 'way_back'
  | `stays:${string}`;

/** A rule of a domain, by its name; undefined: there is none. */
export type DomainRules = ReadonlyMap<string, Rule>;

const NOTHING: Content = { family: 'none' };

function derived(
  content: Content,
  equalityBits: number,
  traces: Iterable<Trace>,
  merged: readonly Normalizer[] = [],
): DerivedDisclosure {
  return { kind: 'derived', content, equalityBits, traces: new Set(traces), merged: closure(merged) };
}

export function disclosureOf(rule: Rule, domains: DomainRules): Disclosure {
  switch (rule.method) {
    case 'keep':
      return { kind: 'value' };
    case 'drop':
      return { kind: 'nothing' };
    case 'redact': {
      if (rule.with === 'null') return rule.onNull === undefined ? { kind: 'column' } : { kind: 'presence' };
      const constant = typeof rule.with === 'object' ? rule.with.constant : null;
      // Nulls and values become the same text.
      return constant !== null && rule.onNull?.constant === constant
        ? { kind: 'column' }
        : { kind: 'presence' };
    }
    case 'partial':
      return derived(characters(rule.keepFirst, rule.keepLast), 0, ['length']);
    case 'token':
      return derived(NOTHING, tokenBits(rule.alphabet ?? 'base64url', rule.length), [], rule.normalize);
    case 'reversible':
      return derived(NOTHING, Number.POSITIVE_INFINITY, ['way_back', 'length']);
    case 'fpe': {
      const stays = rule.separators ?? namedAlphabets.get(rule.alphabet)?.separators ?? '';
      return derived(
        characters(rule.keepFirst, rule.keepLast),
        Number.POSITIVE_INFINITY,
        [
          'way_back',
          'length',
          ...staying(stays),
          ...(rule.checkDigit === 'luhn' ? (['check_digit'] as const) : []),
        ],
        rule.normalize,
      );
    }
    case 'pan':
      return derived(characters(rule.keepFirst, rule.keepLast), Number.POSITIVE_INFINITY, [
        'way_back',
        'length',
        'check_digit',
        ...staying(' -'),
      ]);
    case 'phone':
      return derived(NOTHING, Number.POSITIVE_INFINITY, [
        'way_back',
        'length',
        'calling_code',
        ...staying(' ().-/'),
      ]);
    case 'email':
      return derived(
        rule.host === 'keep' ? { family: 'host' } : NOTHING,
        96,
        // Who reads the host also sees which are equal.
        typeof rule.host === 'object' ? [] : ['equal_hosts'],
        ['trim', 'lower'],
      );
    case 'iban':
      return derived(NOTHING, Number.POSITIVE_INFINITY, [
        'way_back',
        'length',
        'country',
        'check_digit',
        ...staying(' '),
      ]);
    case 'us_ssn':
      return derived(NOTHING, Number.POSITIVE_INFINITY, ['way_back', ...staying(' -')]);
    case 'uuid':
      return derived(NOTHING, 122, [], ['trim', 'lower']);
    case 'ip':
      return derived(NOTHING, Number.POSITIVE_INFINITY, ['way_back', 'networks']);
    case 'date_shift':
      return derived({ family: 'moved', days: rule.maxDays, by: rule.by, entity: rule.entity }, 0, [
        'distances',
        'time_of_day',
        'way_back',
      ]);
    case 'bucket': {
      const ranges = rangesOf(rule.bounds, rule.labels);
      return derived(ranges.bounds.length === 0 ? NOTHING : { family: 'ranges', ranges }, 0, []);
    }
    case 'round':
      return derived({ family: 'width', width: rule.to }, 0, []);
    case 'generalize':
      switch (rule.to.kind) {
        case 'size':
          return derived({ family: 'width', width: rule.to.size }, 0, []);
        case 'date':
          return derived({ family: 'date', unit: rule.to.unit, oldestYear: rule.to.oldestYear }, 0, []);
        case 'zip3':
          return derived({ family: 'zip3' }, 0, []);
      }
      break;
    case 'scan':
      return derived(
        {
          family: 'text',
          classes: rule.classes ?? TEXT_CLASSES,
          patterns: rule.patterns.map(({ pattern }) => pattern),
        },
        0,
        rule.replace === 'fill'
          ? ['length', 'found_length']
          : rule.replace === 'token'
            ? ['found_class', 'found_equality']
            : ['found_class'],
      );
    case 'json':
      return {
        kind: 'document',
        root: documentOf(rule.paths, (inner) => {
          const method = inner.kind === 'method' ? inner.method : domains.get(inner.domain);
          // What cannot be compiled is read as showing everything: an unknown domain, a document inside a document.
          return method === undefined || method.method === 'json'
            ? { kind: 'value' }
            : disclosureOf(method, domains);
        }),
        countsElements: rule.otherwise === 'redact',
      };
    case 'custom':
      return {
        kind: 'function',
        identity: JSON.stringify([rule.source, rule.export, rule.returns]),
        injective: rule.injective,
      };
  }
}

/** Whether equal values, or equal finds in a text, become equal tokens: then a shared token space joins columns. */
export function tellsEqualValues(shown: Disclosure): boolean {
  return shown.kind === 'derived' && (shown.equalityBits > 0 || shown.traces.has('found_equality'));
}

function characters(first: number, last: number): Content {
  return first + last === 0 ? NOTHING : { family: 'characters', first, last };
}

function staying(characters: string): Trace[] {
  return [...characters].map((character): Trace => `stays:${character}`);
}

const BITS_A_CHARACTER: Readonly<Record<TokenAlphabet, number>> = {
  base64url: 6,
  hex: 4,
  base32: 5,
  alphanumeric: Math.log2(62),
  digits: Math.log2(10),
};

/** Tokens of the default length carry 128 bits in every alphabet. */
function tokenBits(alphabet: TokenAlphabet, length: number | undefined): number {
  return length === undefined ? 128 : Math.min(256, Math.floor(length * BITS_A_CHARACTER[alphabet]));
}

/** Steps that make one of all that these steps make one of. */
const IMPLIED: Partial<Readonly<Record<Normalizer, readonly Normalizer[]>>> = {
  trim: ['unpad'],
  casefold: ['lower', 'upper'],
  accents: ['nfc'],
  digits: ['trim', 'unpad', 'lower', 'upper', 'casefold', 'accents', 'nfc'],
};

function closure(steps: readonly Normalizer[]): ReadonlySet<Normalizer> {
  return new Set(steps.flatMap((step) => [step, ...(IMPLIED[step] ?? [])]));
}
