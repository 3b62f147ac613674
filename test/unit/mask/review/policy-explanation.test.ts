import { describe, expect, it } from 'vitest';
import { noCustomFunctions } from '../../../../src/mask/method/custom.ts';
import { CompiledPolicy } from '../../../../src/mask/policy.ts';
import type { ColumnRule, PolicyDocument, Rule } from '../../../../src/mask/policy-document.ts';
import { disclosureOf } from '../../../../src/mask/review/disclosure.ts';
import { describeRule, phrasesOf } from '../../../../src/mask/review/disclosure-text.ts';
import {
  type ColumnExplanation,
  explainPolicy,
  tablesOfPolicy,
} from '../../../../src/mask/review/policy-explanation.ts';
import { likelyType, syntheticValues } from '../../../../src/mask/review/synthetic-values.ts';
import { publishedTestKeys } from '../../../../src/mask/review/test-key.ts';
import type { TableSchema } from '../../../../src/model/table.ts';
import { fpe } from '../../../support/fpe-rule.ts';
import { maskedColumn } from '../../../support/mask-column.ts';
import { domain, keep, method, redact, schema, token } from '../../../support/policies.ts';

const documentOf = (
  tables: Readonly<Record<string, Readonly<Record<string, ColumnRule>>>>,
  domains: Readonly<Record<string, Rule>> = {},
): PolicyDocument => ({
  undecided: 'halt',
  keyEpoch: 1,
  leakGuard: { oneIn: null, action: 'alert', except: new Set() },
  domains: new Map(Object.entries(domains)),
  tables: new Map(Object.entries(tables).map(([name, columns]) => [name, new Map(Object.entries(columns))])),
});

const explained = (
  document: PolicyDocument,
  tables: readonly TableSchema[],
  samples: ReadonlyMap<string, readonly string[]> = new Map(),
  live = true,
) =>
  explainPolicy(
    new CompiledPolicy(document, publishedTestKeys(), noCustomFunctions),
    document,
    tables,
    samples,
    live,
  );

const rules: readonly Rule[] = [
  { method: 'token', normalize: [], prefix: 'tok_' },
  { method: 'reversible' },
  fpe(),
  fpe({ alphabet: 'upper' }),
  fpe({ min: '0', max: '9999999' }),
  { method: 'pan', keepFirst: 0, keepLast: 4, minDigits: 13, maxDigits: 19 },
  { method: 'phone', country: null },
  { method: 'email', host: 'token' },
  { method: 'iban' },
  { method: 'us_ssn' },
  { method: 'uuid' },
  { method: 'ip' },
  { method: 'partial', keepFirst: 1, keepLast: 1, fill: '*' },
  { method: 'round', to: '10' },
  { method: 'bucket', bounds: ['10'], labels: null },
  { method: 'generalize', to: { kind: 'size', size: '10' } },
  { method: 'generalize', to: { kind: 'date', unit: 'month', oldestYear: null } },
  { method: 'generalize', to: { kind: 'zip3' } },
  { method: 'scan', classes: null, patterns: [], replace: 'label' },
  {
    method: 'json',
    paths: [
      { path: '$.a.list[*].b', rule: token },
      { path: '$.*', rule: redact },
    ],
    otherwise: 'redact',
  },
];

describe('an explanation', () => {
  it('names what the table above a column says of it, and who joins it', () => {
    const document = documentOf(
      {
        'public.people': {
          id: domain('person'),
          email: keep,
          notes: redact,
          doc: method({
            method: 'json',
            paths: [{ path: '$.boss', rule: domain('person') }],
            otherwise: 'redact',
          }),
        },
        'public.orders': { id: keep },
      },
      { person: { method: 'reversible' } },
    );
    const people = schema({ id: null, email: null, notes: null, doc: { kind: 'json' }, extra: null });
    const orders: TableSchema = {
      ...schema({ id: null, person: null }, [0], 'orders'),
      columns: schema({ id: null, person: null }).columns.map((column) =>
        column.name === 'person'
          ? { ...column, references: { namespace: 'public', name: 'people', column: 'id' } }
          : column,
      ),
    };
    const [first, second] = explained(
      document,
      [people, orders],
      new Map([['public.people.notes', ['4539578763621486', '4556737586899855']]]),
    );
    const of = (name: string): ColumnExplanation => first!.columns.find((column) => column.name === name)!;
    expect(of('id')).toMatchObject({
      isKey: true,
      decision: {
        says: 'reversible',
        domain: 'person',
        reversible: true,
        injective: true,
        joins: ['public.orders.person', 'public.people.doc$.boss'],
      },
    });
    expect(of('email')).toMatchObject({
      data: { class: 'email', evidence: ['the name says so'] },
      decision: { learns: ['the value itself'] },
    });
    expect(of('notes')).toMatchObject({
      data: { class: 'pan', evidence: [expect.stringMatching(/^all 2 sampled values are card numbers/)] },
      decision: { learns: [] },
    });
    expect(of('extra')).toMatchObject({ decision: null });
    expect(second!.columns[1]).toMatchObject({ decision: { inherited: true, reversible: true } });
  });

  it('blames the column that cannot be compiled, and measures the others', () => {
    const document = documentOf({
      'public.people': { id: token, a: method({ method: 'round', to: '10' }), b: method({ method: 'ip' }) },
    });
    const [table] = explained(document, [schema({ id: null, a: null, b: null })]);
    expect(table!.columns.map(({ problem, mask }) => [problem?.code ?? null, mask !== null])).toEqual([
      [null, true],
      ['RS-MASK-005', false],
      [null, true],
    ]);
    const key = explained(documentOf({ 'public.people': { id: redact } }), [schema({ id: null })]);
    expect(key[0]!.columns[0]).toMatchObject({ problem: { code: 'RS-MASK-004' }, mask: null });
  });

  it('from the policy alone guesses types that its rules can be compiled for', () => {
    const columns = Object.fromEntries(rules.map((rule, i) => [`c${i}`, method(rule)]));
    const document = documentOf({
      'public.people': {
        id: token,
        born: method({ method: 'date_shift', maxDays: 30, by: 'id', entity: null }),
        ...columns,
      },
    });
    const [table] = explained(document, tablesOfPolicy(document), new Map(), false);
    expect(table!.problem).toBeNull();
    expect(table!.columns.map(({ problem }) => problem?.message ?? null)).toEqual(
      table!.columns.map(() => null),
    );
  });

  it.each(rules.map((rule) => [describeRule(rule), rule] as const))(
    'measures %s by values that it takes',
    (_, rule) => {
      const type = likelyType(rule);
      const column = maskedColumn(method(rule), type);
      const values = syntheticValues(rule, type);
      for (const value of values) column(value);
      expect(column.unfit()).toEqual([]);
      expect(new Set(values).size).toBeGreaterThan(3);
    },
  );

  it('never says a constant: it may be a value', () => {
    const secret: Rule = {
      method: 'redact',
      with: { constant: 'secretive' },
      onNull: { constant: 'secretive' },
    };
    expect(describeRule(secret) + phrasesOf(disclosureOf(secret, new Map())).join()).not.toContain(
      'secretive',
    );
  });
});
