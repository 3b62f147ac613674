import type { DataClass } from '../detect/data-class.ts';
import type { ColumnRule, Rule } from '../policy-document.ts';

/** What a preset does with one class of personal data. */
export interface PresetRule {
  /** The first that fits the column's type is taken; where none does, the column is redacted. */
  readonly choices: readonly ColumnRule[];
  /** Where the law, or the standard, says so. */
  readonly reference: string;
}

/** A reading of one law or standard as rules for classes of data. Data, not code: docs/masking-presets.md shows it. */
export interface Preset {
  readonly name: PresetName;
  readonly title: string;
  /** What the preset is for and what it is not, in a sentence or two. */
  readonly scope: string;
  /** Row keys that only number rows: kept, or turned into tokens of a domain for each table. */
  readonly surrogateKeys: 'keep' | 'token';
  /** Texts and numbers that may stand for a person, for all that is known. */
  readonly unknown: ColumnRule;
  /** Dates and times that no class was found for. */
  readonly otherDates: readonly ColumnRule[];
  readonly classes: Readonly<Record<DataClass, PresetRule>>;
}

export type PresetName = 'gdpr' | 'hipaa' | 'pci';

export const KEEP: ColumnRule = { kind: 'method', method: { method: 'keep' } };
export const DROP: ColumnRule = { kind: 'method', method: { method: 'drop' } };
export const REDACT: ColumnRule = { kind: 'method', method: { method: 'redact', with: 'null' } };
export const SCAN: ColumnRule = {
  kind: 'method',
  method: { method: 'scan', classes: null, patterns: [], replace: 'label' },
};
/** In a space of the column's own. */
export const TOKEN: ColumnRule = {
  kind: 'method',
  method: { method: 'token', normalize: [], prefix: 'tok_' },
};

export function inDomain(domain: DomainName): ColumnRule {
  return { kind: 'domain', domain };
}

export function byMethod(method: Rule): ColumnRule {
  return { kind: 'method', method };
}

const token = (...normalize: Extract<Rule, { method: 'token' }>['normalize']): Rule => ({
  method: 'token',
  normalize,
  prefix: 'tok_',
});

/**
 * Token spaces that presets share: one for each class, so that the same address, number or name has the same token in
 * every table. Spellings that people take for equal are made equal first.
 */
export const presetDomains = {
  person_name: token('trim', 'casefold'),
  first_name: token('trim', 'casefold'),
  last_name: token('trim', 'casefold'),
  username: token('trim', 'lower'),
  email: token('trim', 'lower'),
  phone: token('digits'),
  us_ssn: token('digits'),
  national_id: token('trim', 'upper'),
  tax_id: token('trim', 'upper'),
  iban: token('trim', 'upper'),
  bank_account: token('trim', 'upper'),
  pan: token('digits'),
  driver_licence: token('trim', 'upper'),
  passport: token('trim', 'upper'),
  vehicle: token('trim', 'upper'),
  device: token('trim', 'lower'),
  mac: token('trim', 'lower'),
  ip: token('trim', 'lower'),
  url: token('trim'),
  user_agent: token('trim'),
} as const satisfies Readonly<Record<string, Rule>>;

export type DomainName = keyof typeof presetDomains;
