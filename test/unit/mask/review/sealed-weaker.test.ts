import { expect, it } from 'vitest';
import type { ColumnRule, Rule } from '../../../../src/mask/policy-document.ts';
import { weakerColumns } from '../../../../src/mask/review/sealed-weaker.ts';
import type { MaskedTable } from '../../../../src/model/masked.ts';
import { domain, keep, method, policy, redact, schema, token } from '../../../support/policies.ts';

const table = schema({ id: { kind: 'int', bits: 64, unsigned: false }, v: null });
const ruled = (v: ColumnRule): MaskedTable => policy({ id: keep, v }).compileMasker(table, 'start').table;
const partial = (keepLast: number, more: Partial<Rule> = {}): ColumnRule =>
  method({ method: 'partial', keepFirst: 0, keepLast, fill: '*', ...more } as Rule);
const json = (path: string): ColumnRule =>
  method({ method: 'json', paths: [{ path, rule: keep }] } as unknown as Rule);

it.each([
  ['a token that becomes clear', token, keep, true],
  ['what was clear and becomes a token', keep, token, false],
  ['what was redacted and becomes a token', redact, token, true],
  ['more characters', partial(2), partial(4), true],
  ['fewer characters', partial(4), partial(2), false],
  ['what each shows and the other hides', partial(4), token, true],
  ['values that do not fit, and become tokens', partial(4), partial(4, { short: 'hash' }), true],
  ['values that do not fit, and stop the pipeline', partial(4), partial(4, { onError: 'halt' }), false],
  ['nulls that are told again', partial(4, { onNull: { constant: '' } }), partial(4), true],
  ['nulls that are hidden', partial(4), partial(4, { onNull: { constant: '' } }), false],
  ['the same', partial(4), partial(4), false],
] as const)('%s', (_, before, after, weaker) => {
  expect(weakerColumns(ruled(before), ruled(after))).toEqual(weaker ? ['v'] : []);
});

it('of a document cannot tell, unless it is the same', () => {
  const typed = schema({
    id: { kind: 'int', bits: 64, unsigned: false },
    v: { kind: 'json', binary: true } as never,
  });
  const of = (v: ColumnRule): MaskedTable => policy({ id: keep, v }).compileMasker(typed, 'start').table;
  expect(weakerColumns(of(json('$.a')), of(json('$.b')))).toEqual(['v']);
  expect(weakerColumns(of(json('$.a')), of(json('$.a')))).toEqual([]);
  // Nothing of a document is more than all of it.
  expect(weakerColumns(of(keep), of(json('$.a')))).toEqual([]);
});

it('reads the labels of ranges', () => {
  const typed = schema({
    id: { kind: 'int', bits: 64, unsigned: false },
    v: { kind: 'int', bits: 32, unsigned: false },
  });
  const of = (...labels: readonly string[]): MaskedTable =>
    policy({ id: keep, v: method({ method: 'bucket', bounds: ['50', '100'], labels }) }).compileMasker(
      typed,
      'start',
    ).table;
  const unusual = of('unusual', 'normal', 'unusual');
  expect(weakerColumns(unusual, of('low', 'normal', 'high'))).toEqual(['v']);
  expect(weakerColumns(unusual, of('a', 'b', 'a'))).toEqual([]);
  expect(weakerColumns(of('low', 'normal', 'high'), unusual)).toEqual([]);
});

it('names a column that comes into a token space that others may share', () => {
  const rule: Rule = { method: 'token', normalize: [], prefix: 'tok_' };
  const of = (v: ColumnRule, shared: Rule = rule): MaskedTable =>
    policy(
      { id: keep, v },
      {
        domains: new Map([
          ['d', shared],
          ['e', shared],
        ]),
      },
    ).compileMasker(table, 'start').table;
  expect(weakerColumns(of(token), of(domain('d')))).toEqual(['v']);
  expect(weakerColumns(of(domain('d')), of(domain('e')))).toEqual(['v']);
  expect(weakerColumns(of(keep), of(domain('d')))).toEqual(['v']);
  expect(weakerColumns(of(domain('d')), of(domain('d')))).toEqual([]);
  expect(weakerColumns(of(domain('d')), of(token))).toEqual([]);
  const scan = (replace: 'label' | 'token'): Rule => ({
    method: 'scan',
    classes: null,
    patterns: [],
    replace,
  });
  expect(weakerColumns(of(method(scan('token'))), of(domain('d'), scan('token')))).toEqual(['v']);
  expect(weakerColumns(of(method(scan('label'))), of(domain('d'), scan('label')))).toEqual([]);
});

it('leaves a column alone that the log does not know', () => {
  const wider = schema({ id: { kind: 'int', bits: 64, unsigned: false }, v: null, w: null });
  const now = policy({ id: keep, v: token, w: keep }).compileMasker(wider, 'start').table;
  expect(weakerColumns(ruled(token), now)).toEqual([]);
});
