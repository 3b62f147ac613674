import { expect, it } from 'vitest';
import { changedTables } from '../../../src/mask/changed-tables.ts';
import type { CompiledPolicy } from '../../../src/mask/policy.ts';
import type { Rule } from '../../../src/mask/policy-document.ts';
import { custom, idleFunctions, keep, method, policy, schema } from '../../support/policies.ts';

const table = schema({
  id: { kind: 'int', bits: 64, unsigned: false },
  name: null,
  profile: { kind: 'json' },
});
const inDocument = (rule: Rule): Rule => ({
  method: 'json',
  paths: [{ path: '$.name', rule: method(rule) }],
  otherwise: 'redact',
});
const ruled = (name: Rule, profile: Rule = { method: 'drop' }): CompiledPolicy =>
  policy({ id: keep, name: method(name), profile: method(profile) }, {}, undefined, idleFunctions);

const before = 'export const mask = (v) => v[0]';
const after = 'export const mask = (v) => v[1]';

it.each([
  ['the text of a function', ruled(custom(before)), ruled(custom(after)), true],
  [
    'the text of a function in a document',
    ruled({ method: 'redact', with: 'null' }, inDocument(custom(before))),
    ruled({ method: 'redact', with: 'null' }, inDocument(custom(after))),
    true,
  ],
  ['what its author promises', ruled(custom(before)), ruled(custom(before, { injective: true })), true],
  ['how long it may take', ruled(custom(before)), ruled(custom(before, { timeoutMs: 7 })), false],
  ['nothing', ruled(custom(before)), ruled(custom(before)), false],
] as const)('a table is another when a rule changes: %s', (_, then, now, changed) => {
  const sealed = then.compileMasker(table, 'start').table;
  expect(changedTables(now, [table], [sealed]).map(({ change }) => change)).toEqual(
    changed ? ['policy'] : [],
  );
});

it('the record of a policy names a function by a hash of its text, not the text', () => {
  const { policy: record } = ruled(custom(before)).compileMasker(table, 'start').table;
  expect(record).toMatch(/"source":"sha256:[0-9a-f]{32}","injective":false/);
  expect(record).not.toContain('export const');
});
