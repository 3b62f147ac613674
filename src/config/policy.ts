import type {
  ColumnRule,
  Handling,
  LeakGuardDocument,
  MethodDocument,
  PolicyDocument,
  Rule,
} from '../mask/policy-document.ts';
import type { ColumnRuleConfig, MethodConfig } from './rule-schema.ts';
import type { ConfigDocument } from './schema.ts';

/** One row image in this many, under `rows: sample`. */
const SAMPLE_ONE_IN = 100;

/**
 * The `mask:` section as the policy compiler wants it: maps, because a column may be named `__proto__`.
 *
 * @param readModule content of a module that a rule names
 */
export function policyDocument(
  mask: ConfigDocument['mask'],
  readModule: (path: string) => string,
): PolicyDocument {
  const rule = (config: ColumnRuleConfig): ColumnRule => columnRule(config, readModule);
  return {
    undecided: mask.undecided,
    keyEpoch: mask.key.epoch,
    leakGuard: leakGuard(mask.leak_guard),
    domains: new Map(
      Object.entries(mask.domains).map(([name, method]) => [name, fullRule(method, readModule)]),
    ),
    tables: new Map(
      Object.entries(mask.tables).map(([table, columns]) => [
        table,
        new Map(Object.entries(columns).map(([column, config]) => [column, rule(config)])),
      ]),
    ),
  };
}

function leakGuard(config: ConfigDocument['mask']['leak_guard']): LeakGuardDocument {
  const { rows, action, except } = config;
  const oneIn =
    typeof rows === 'object' ? rows.one_in : rows === 'off' ? null : rows === 'every' ? 1 : SAMPLE_ONE_IN;
  return { oneIn, action, except: new Set(except) };
}

export function columnRule(rule: ColumnRuleConfig, readModule: (path: string) => string): ColumnRule {
  if (typeof rule === 'object' && 'domain' in rule) return { kind: 'domain', domain: rule.domain };
  return { kind: 'method', method: typeof rule === 'string' ? shorthand(rule) : fullRule(rule, readModule) };
}

/** A word for a method with its defaults. */
function shorthand(word: Extract<ColumnRuleConfig, string>): Rule {
  switch (word) {
    case 'keep':
    case 'drop':
    case 'reversible':
    case 'iban':
    case 'us_ssn':
    case 'uuid':
    case 'ip':
      return { method: word };
    case 'redact':
      return { method: 'redact', with: 'null' };
    case 'token':
      return { method: 'token', normalize: [], prefix: 'tok_' };
    case 'pan':
      return { method: 'pan', keepFirst: 0, keepLast: 4, minDigits: 13, maxDigits: 19 };
    case 'phone':
      return { method: 'phone', country: null };
    case 'email':
      return { method: 'email', host: 'token' };
    case 'scan':
      return { method: 'scan', classes: null, patterns: [], replace: 'label' };
  }
}

function fullRule(config: MethodConfig, readModule: (path: string) => string): Rule {
  return { ...methodDocument(config, readModule), ...handlingOf(config) };
}

function handlingOf(config: MethodConfig): Handling {
  return {
    onError: 'on_error' in config ? config.on_error : undefined,
    short: 'short' in config ? config.short : undefined,
    foreign: 'foreign' in config ? config.foreign : undefined,
    onNull: 'on_null' in config ? config.on_null : undefined,
  };
}

function methodDocument(method: MethodConfig, readModule: (path: string) => string): MethodDocument {
  switch (method.method) {
    case 'keep':
    case 'drop':
    case 'reversible':
    case 'iban':
    case 'us_ssn':
    case 'uuid':
    case 'ip':
      return { method: method.method };
    case 'redact':
      return {
        method: 'redact',
        with: method.constant === undefined ? (method.with ?? 'null') : { constant: method.constant },
      };
    case 'partial':
      return {
        method: 'partial',
        keepFirst: method.keep_first,
        keepLast: method.keep_last,
        fill: method.fill,
      };
    case 'token':
      return {
        method: 'token',
        normalize: method.normalize,
        prefix: method.prefix,
        ...(method.alphabet === undefined ? {} : { alphabet: method.alphabet }),
        ...(method.length === undefined ? {} : { length: method.length }),
      };
    case 'fpe':
      return {
        method: 'fpe',
        alphabet: method.alphabet,
        keepFirst: method.keep_first,
        keepLast: method.keep_last,
        separators: method.separators ?? null,
        checkDigit: method.check_digit,
        normalize: method.normalize,
        min: method.min ?? null,
        max: method.max ?? null,
      };
    case 'pan':
      return {
        method: 'pan',
        keepFirst: method.keep_first,
        keepLast: method.keep_last,
        minDigits: method.min_digits,
        maxDigits: method.max_digits,
      };
    case 'phone':
      return { method: 'phone', country: method.country ?? null };
    case 'email':
      return { method: 'email', host: method.host };
    case 'date_shift':
      return { method: 'date_shift', maxDays: method.max_days, by: method.by, entity: method.entity ?? null };
    case 'bucket':
      return { method: 'bucket', bounds: method.bounds, labels: method.labels ?? null };
    case 'generalize':
      return { method: 'generalize', to: generalization(method) };
    case 'round':
      return { method: 'round', to: method.to };
    case 'json':
      return {
        method: 'json',
        paths: Object.entries(method.paths).map(([path, rule]) => ({
          path,
          rule: columnRule(rule, readModule),
        })),
        otherwise: method.otherwise,
      };
    case 'scan':
      return {
        method: 'scan',
        classes: method.classes ?? null,
        patterns: method.patterns,
        replace: method.replace,
      };
    case 'custom':
      return {
        method: 'custom',
        module: method.module,
        source: readModule(method.module),
        export: method.export,
        returns: method.returns,
        timeoutMs: method.timeout_ms,
        injective: method.injective,
      };
  }
}

function generalization(
  method: Extract<MethodConfig, { method: 'generalize' }>,
): Extract<MethodDocument, { method: 'generalize' }>['to'] {
  if (method.to === 'zip3') return { kind: 'zip3' };
  if (method.to !== undefined)
    return { kind: 'date', unit: method.to, oldestYear: method.oldest_year ?? null };
  return { kind: 'size', size: method.size ?? '0' };
}
