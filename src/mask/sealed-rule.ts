import type { MaskedTable } from '../model/masked.ts';
import type { Normalizer, Rule, TokenAlphabet } from './policy-document.ts';

/** What a compiled method says of itself in the policy record of a table (`MaskedTable.policy`). */
export type RuleDescription = Readonly<Record<string, unknown>>;

/** What the policy record of a table version says of its columns, by name. */
export function descriptionsOf(table: MaskedTable): ReadonlyMap<string, RuleDescription> {
  return new Map(JSON.parse(table.policy) as [string, RuleDescription][]);
}

/** What the policy record says of the places of a document, as the policy names them; of anything else nothing. */
export function placesIn(description: RuleDescription): ReadonlyMap<string, RuleDescription> {
  const { method, paths } = description;
  if (method !== 'json' || typeof paths !== 'object' || paths === null) return new Map();
  return new Map(Object.entries(paths as Readonly<Record<string, RuleDescription>>));
}

/** What decides the masked value, without what decides about values that cannot be masked. */
export function withoutHandling(description: RuleDescription): RuleDescription {
  const { on_error, short, foreign, on_null, ...rest } = description;
  return rest;
}

/**
 * The rule that made the values of a column, from what the log says of it: also of rows that an earlier policy masked.
 *
 * @returns null: it cannot be told from its description (a document, a function)
 */
export function sealedRule(description: RuleDescription): Rule | null {
  const text = (name: string): string => String(description[name]);
  const number = (name: string): number => Number(description[name]);
  const textOrNull = (name: string): string | null => (name in description ? text(name) : null);
  const normalize = (description['normalize'] ?? []) as readonly Normalizer[];
  switch (description['method']) {
    case 'keep':
    case 'drop':
    case 'reversible':
    case 'iban':
    case 'us_ssn':
    case 'uuid':
    case 'ip':
      return { method: description['method'] };
    case 'redact':
      return {
        method: 'redact',
        with: description['with'] as Extract<Rule, { method: 'redact' }>['with'],
        onNull: typeof description['on_null'] === 'string' ? { constant: text('on_null') } : undefined,
      };
    case 'partial':
      return {
        method: 'partial',
        keepFirst: number('keepFirst'),
        keepLast: number('keepLast'),
        fill: text('fill'),
      };
    case 'token':
      return {
        method: 'token',
        normalize,
        prefix: text('prefix'),
        ...('alphabet' in description ? { alphabet: text('alphabet') as TokenAlphabet } : {}),
        ...('length' in description ? { length: number('length') } : {}),
      };
    case 'fpe':
      return {
        method: 'fpe',
        alphabet: textOrNull('alphabet') ?? 'digits',
        keepFirst: number('keep_first') || 0,
        keepLast: number('keep_last') || 0,
        separators: typeof description['separators'] === 'string' ? text('separators') : null,
        checkDigit: description['check_digit'] === 'luhn' ? 'luhn' : 'none',
        normalize,
        min: textOrNull('min'),
        max: textOrNull('max'),
      };
    case 'pan':
      return {
        method: 'pan',
        keepFirst: number('keep_first'),
        keepLast: number('keep_last'),
        minDigits: number('min_digits'),
        maxDigits: number('max_digits'),
      };
    case 'phone':
      return {
        method: 'phone',
        country: typeof description['country'] === 'string' ? text('country') : null,
      };
    case 'email':
      return { method: 'email', host: description['host'] as Extract<Rule, { method: 'email' }>['host'] };
    case 'date_shift':
      return { method: 'date_shift', maxDays: number('max_days'), by: text('by'), entity: text('domain') };
    case 'bucket':
      return {
        method: 'bucket',
        bounds: description['bounds'] as readonly string[],
        labels: (description['labels'] ?? null) as readonly string[] | null,
      };
    case 'round':
      return { method: 'round', to: text('to') };
    case 'generalize':
      return { method: 'generalize', to: generalization(description) };
    case 'scan':
      return {
        method: 'scan',
        classes: (description['classes'] ?? null) as readonly string[] | null,
        patterns: ((description['patterns'] ?? []) as readonly (readonly [string, string])[]).map(
          ([name, pattern]) => ({ name, pattern }),
        ),
        replace: description['replace'] as Extract<Rule, { method: 'scan' }>['replace'],
      };
    default:
      return null;
  }
}

function generalization(description: RuleDescription): Extract<Rule, { method: 'generalize' }>['to'] {
  const { to, size, oldest_year: oldestYear } = description;
  if (to === undefined) return { kind: 'size', size: String(size) };
  if (to === 'zip3') return { kind: 'zip3' };
  return {
    kind: 'date',
    unit: to as Extract<Extract<Rule, { method: 'generalize' }>['to'], { kind: 'date' }>['unit'],
    oldestYear: typeof oldestYear === 'number' ? oldestYear : null,
  };
}
