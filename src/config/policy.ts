import type { ColumnRule, MethodDocument, PolicyDocument } from '../mask/policy-document.ts';
import type { ColumnRuleConfig, ConfigDocument, MethodConfig } from './schema.ts';

/** The `mask:` section as the policy compiler wants it: maps, because a column may be named `__proto__`. */
export function policyDocument(mask: ConfigDocument['mask']): PolicyDocument {
  return {
    undecided: mask.undecided,
    keyEpoch: mask.key.epoch,
    domains: new Map(Object.entries(mask.domains).map(([name, method]) => [name, methodDocument(method)])),
    tables: new Map(
      Object.entries(mask.tables).map(([table, columns]) => [
        table,
        new Map(Object.entries(columns).map(([column, rule]) => [column, columnRule(rule)])),
      ]),
    ),
  };
}

function columnRule(rule: ColumnRuleConfig): ColumnRule {
  if (typeof rule === 'object' && 'domain' in rule) return { kind: 'domain', domain: rule.domain };
  return { kind: 'method', method: typeof rule === 'string' ? shorthand(rule) : methodDocument(rule) };
}

function shorthand(word: 'keep' | 'drop' | 'redact' | 'token'): MethodDocument {
  switch (word) {
    case 'keep':
    case 'drop':
      return { method: word };
    case 'redact':
      return { method: 'redact', with: 'null' };
    case 'token':
      return { method: 'token', normalize: [], prefix: 'tok_' };
  }
}

function methodDocument(method: MethodConfig): MethodDocument {
  switch (method.method) {
    case 'keep':
    case 'drop':
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
      return { method: 'token', normalize: method.normalize, prefix: method.prefix };
  }
}
