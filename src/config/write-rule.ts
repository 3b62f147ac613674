import { stringify } from 'yaml';
import type { ColumnRule, MethodDocument, Rule } from '../mask/policy-document.ts';

/** What a rule is in YAML: a word, or a mapping of options. The inverse of config/policy.ts. */
export type RuleConfig = string | Readonly<Record<string, unknown>>;

export function ruleConfig(rule: ColumnRule): RuleConfig {
  return rule.kind === 'domain' ? { domain: rule.domain } : methodConfig(rule.method);
}

export function methodConfig(rule: Rule): RuleConfig {
  const handling = withoutAbsent({
    on_error: rule.onError,
    short: rule.short,
    foreign: rule.foreign,
    on_null: rule.onNull,
  });
  const { method, ...options } = ownOptions(rule);
  const all = { ...withoutAbsent(options), ...handling };
  const word = Object.keys(all).length === 0 && method !== 'json';
  return word ? String(method) : { method, ...all };
}

/** Options that differ from their defaults, under their names in the configuration. */
function ownOptions(rule: MethodDocument): Readonly<Record<string, unknown>> {
  switch (rule.method) {
    case 'keep':
    case 'drop':
    case 'reversible':
    case 'iban':
    case 'us_ssn':
    case 'uuid':
    case 'ip':
      return { method: rule.method };
    case 'redact':
      return {
        method: 'redact',
        with: rule.with === 'shape' ? 'shape' : undefined,
        constant: typeof rule.with === 'object' ? rule.with.constant : undefined,
      };
    case 'partial':
      return {
        method: 'partial',
        keep_first: unless(0, rule.keepFirst),
        keep_last: unless(0, rule.keepLast),
        fill: unless('*', rule.fill),
      };
    case 'token':
      return {
        method: 'token',
        normalize: rule.normalize.length === 0 ? undefined : rule.normalize,
        prefix: unless('tok_', rule.prefix),
        alphabet: rule.alphabet,
        length: rule.length,
      };
    case 'fpe':
      return {
        method: 'fpe',
        alphabet: unless('digits', rule.alphabet),
        keep_first: unless(0, rule.keepFirst),
        keep_last: unless(0, rule.keepLast),
        separators: rule.separators ?? undefined,
        check_digit: unless('none', rule.checkDigit),
        normalize: rule.normalize.length === 0 ? undefined : rule.normalize,
        min: rule.min ?? undefined,
        max: rule.max ?? undefined,
      };
    case 'pan':
      return {
        method: 'pan',
        keep_first: unless(0, rule.keepFirst),
        keep_last: unless(4, rule.keepLast),
        min_digits: unless(13, rule.minDigits),
        max_digits: unless(19, rule.maxDigits),
      };
    case 'phone':
      return { method: 'phone', country: rule.country ?? undefined };
    case 'email':
      return { method: 'email', host: unless('token', rule.host) };
    case 'date_shift':
      return { method: 'date_shift', max_days: rule.maxDays, by: rule.by, entity: rule.entity ?? undefined };
    case 'bucket':
      return { method: 'bucket', bounds: rule.bounds.map(plainNumber), labels: rule.labels ?? undefined };
    case 'generalize':
      switch (rule.to.kind) {
        case 'size':
          return { method: 'generalize', size: plainNumber(rule.to.size) };
        case 'zip3':
          return { method: 'generalize', to: 'zip3' };
        case 'date':
          return { method: 'generalize', to: rule.to.unit, oldest_year: rule.to.oldestYear ?? undefined };
      }
      break;
    case 'round':
      return { method: 'round', to: plainNumber(rule.to) };
    case 'json':
      return {
        method: 'json',
        paths: Object.fromEntries(rule.paths.map((path) => [path.path, ruleConfig(path.rule)])),
        otherwise: unless('redact', rule.otherwise),
      };
    case 'scan':
      return {
        method: 'scan',
        classes: rule.classes ?? undefined,
        patterns: rule.patterns.length === 0 ? undefined : rule.patterns,
        replace: unless('label', rule.replace),
      };
    case 'custom':
      return {
        method: 'custom',
        module: rule.module,
        export: unless('mask', rule.export),
        returns: unless('same', rule.returns),
        timeout_ms: unless(1000, rule.timeoutMs),
        injective: unless(false, rule.injective),
      };
  }
}

function unless<T>(standard: T, value: T): T | undefined {
  return value === standard ? undefined : value;
}

/** As a number where that is the same text again. */
function plainNumber(text: string): number | string {
  return String(Number(text)) === text ? Number(text) : text;
}

function withoutAbsent(options: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** A value on one line: `{ domain: email }`, `[trim, lower]`, `"yes"`. */
export function inline(value: unknown): string {
  return typeof value === 'object' && value !== null ? flow(value) : scalar(value, false);
}

function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return scalar(value, true);
  return `{ ${Object.entries(value)
    .map(([name, item]) => `${scalar(name, true)}: ${flow(item)}`)
    .join(', ')} }`;
}

/** Quoted where it must be; inside brackets that is more often. */
function scalar(value: unknown, inBrackets: boolean): string {
  const text = inBrackets
    ? stringify([value], { collectionStyle: 'flow', lineWidth: 0, flowCollectionPadding: false })
        .trimEnd()
        .slice(1, -1)
    : stringify(value, { lineWidth: 0 }).trimEnd();
  return text.includes('\n') ? JSON.stringify(value) : text;
}
