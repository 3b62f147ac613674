import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parsePolicy } from '../../../src/config/parse-policy.ts';
import { policyDocument } from '../../../src/config/policy.ts';
import { configSchema } from '../../../src/config/schema.ts';
import { writeConfig } from '../../../src/config/write-config.ts';
import { inline, ruleConfig } from '../../../src/config/write-rule.ts';
import { scanColumn } from '../../../src/mask/detect/column-scan.ts';
import type { ColumnRule, MethodDocument, Rule } from '../../../src/mask/policy-document.ts';
import { presetOf } from '../../../src/mask/preset/presets.ts';
import { proposePolicy, type ScannedTable } from '../../../src/mask/propose/policy-proposal.ts';
import type { ColumnType } from '../../../src/model/type.ts';

const base = {
  pipeline: 'p',
  source: { type: 'postgres', url: 'postgres://u@h/d', tables: ['a.b'] },
  audit: { dir: 'audit', key: { file: 'k' } },
};

/** A rule, written as YAML and read again. */
function again(rule: ColumnRule): ColumnRule {
  const text = `c: ${inline(ruleConfig(rule))}`;
  const config = configSchema.parse({
    ...base,
    mask: {
      key: { file: 'k' },
      domains: { email: { method: 'token' } },
      tables: { 'a.b': parse(text) as object },
    },
  });
  return policyDocument(config.mask, () => '')
    .tables.get('a.b')!
    .get('c')!;
}

const methods: readonly MethodDocument[] = [
  { method: 'keep' },
  { method: 'drop' },
  { method: 'redact', with: 'null' },
  { method: 'redact', with: 'shape' },
  { method: 'redact', with: { constant: 'yes: #1' } },
  { method: 'partial', keepFirst: 2, keepLast: 0, fill: '*' },
  { method: 'partial', keepFirst: 0, keepLast: 4, fill: '#' },
  { method: 'token', normalize: [], prefix: 'tok_' },
  { method: 'token', normalize: ['trim', 'lower'], prefix: '', alphabet: 'hex', length: 40 },
  { method: 'reversible' },
  {
    method: 'fpe',
    alphabet: 'digits',
    keepFirst: 0,
    keepLast: 4,
    separators: '- ',
    checkDigit: 'luhn',
    normalize: ['digits'],
    min: null,
    max: null,
  },
  {
    method: 'fpe',
    alphabet: 'digits',
    keepFirst: 0,
    keepLast: 0,
    separators: null,
    checkDigit: 'none',
    normalize: [],
    min: '1',
    max: '99999999',
  },
  { method: 'pan', keepFirst: 0, keepLast: 4, minDigits: 13, maxDigits: 19 },
  { method: 'pan', keepFirst: 0, keepLast: 0, minDigits: 14, maxDigits: 16 },
  { method: 'phone', country: null },
  { method: 'phone', country: 'DE' },
  { method: 'email', host: 'token' },
  { method: 'email', host: { replace: 'example.org' } },
  { method: 'iban' },
  { method: 'us_ssn' },
  { method: 'uuid' },
  { method: 'ip' },
  { method: 'date_shift', maxDays: 30, by: 'id', entity: null },
  { method: 'bucket', bounds: ['5', '10.50', '20'], labels: ['a', 'b', 'c', '90+'] },
  { method: 'generalize', to: { kind: 'size', size: '10' } },
  { method: 'generalize', to: { kind: 'date', unit: 'year', oldestYear: 1942 } },
  { method: 'generalize', to: { kind: 'zip3' } },
  { method: 'round', to: '0.1' },
  {
    method: 'json',
    paths: [
      { path: '$.a', rule: { kind: 'domain', domain: 'email' } },
      { path: "$['x y']", rule: { kind: 'method', method: { method: 'keep' } } },
    ],
    otherwise: 'drop',
  },
  { method: 'scan', classes: null, patterns: [], replace: 'label' },
  { method: 'scan', classes: ['email'], patterns: [{ name: 'case', pattern: 'C-\\d+' }], replace: 'token' },
];

/** Absent and undefined are one. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

describe('a rule', () => {
  it('of every method is written so that it is read as itself', () => {
    for (const method of methods) {
      const rule: ColumnRule = { kind: 'method', method };
      expect(plain(again(rule)), method.method).toEqual(plain(rule));
    }
    expect(again({ kind: 'domain', domain: 'email' })).toEqual({ kind: 'domain', domain: 'email' });
  });

  it('keeps what it does with values that do not fit', () => {
    const method: Rule = {
      method: 'iban',
      onError: 'halt',
      short: 'hash',
      foreign: 'hash',
      onNull: { constant: 'none' },
    };
    expect(plain(again({ kind: 'method', method }))).toEqual(plain({ kind: 'method', method }));
  });

  it('is a word where all is as usual', () => {
    expect(inline(ruleConfig({ kind: 'method', method: { method: 'redact', with: 'null' } }))).toBe('redact');
    expect(
      inline(
        ruleConfig({
          kind: 'method',
          method: { method: 'token', normalize: ['trim', 'lower'], prefix: 'tok_' },
        }),
      ),
    ).toBe('{ method: token, normalize: [trim, lower] }');
  });
});

describe('a configuration', () => {
  const TEXT: ColumnType = { kind: 'text', maxLength: null, padded: false };
  const names = [
    'id',
    'yes',
    '# x',
    'a: b',
    'Ünïcode',
    '"quoted"',
    "it's",
    '{c}',
    '1',
    'null',
    '- d',
    'line\nbreak',
    ' lead',
    '${env:HOME}',
    'tab\t',
    '*',
    '&a',
    '!t',
    '%',
    '@',
  ];
  const columns = names.map((name, index) => ({
    name,
    type: index === 0 ? ({ kind: 'int', bits: 64, unsigned: false } as const) : TEXT,
    sourceType: 'text',
    id: String(index),
  }));
  const scanned: ScannedTable = {
    table: { namespace: 'pub "lic', name: 'od: d #', columns, key: [0] },
    estimatedRows: null,
    rows: 0,
    columns: columns.map((column) => scanColumn({ table: 'x', column, values: [] })),
  };
  const text = writeConfig({
    pipeline: 'shop',
    source: { type: 'postgres', url: 'postgres://u@h/d', password: '${env:P}', tls: { mode: 'require' } },
    maskKeyFile: 'keys/my mask.key',
    signingKeyFile: 'keys/s.key',
    auditDirectory: 'audit',
    sink: { type: 'duckdb', path: 'w: x.duckdb' },
    proposal: proposePolicy([scanned], presetOf('gdpr', 2026)),
    preamble: ['made for\na test'],
  });

  it('holds whatever columns are called', () => {
    const policy = parsePolicy(text);
    expect([...policy.tables.get('pub "lic.od: d #')!.keys()].sort()).toEqual([...names].sort());
    expect(configSchema.parse(parse(text))).toMatchObject({
      source: { password: '${env:P}', tls: { mode: 'require' } },
      sinks: { warehouse: { path: 'w: x.duckdb' } },
    });
  });

  it('has no line that a comment ended early', () => {
    expect(text.split('\n').filter((line) => line.startsWith('break'))).toEqual([]);
    expect(text).toContain('# made for a test');
  });
});
