import { describe, expect, it } from 'vitest';
import { parseFixtures } from '../../../../src/config/fixture.ts';
import type { CompiledPolicy } from '../../../../src/mask/policy.ts';
import { type CaseResult, type FileResult, runFixtures } from '../../../../src/mask/review/fixture-run.ts';
import { domain, drop, keep, method, policy, redact, schema, token } from '../../../support/policies.ts';

const COLUMNS =
  'columns: { id: bigint, mail: text, other: text, card: text, gone: text, hidden: text, doc: jsonb }';

const run = (input: string, expect: string, more = ''): FileResult =>
  runFixtures(
    parseFixtures(
      `tables: { public.people: { ${COLUMNS}, key: id, cases: [{ name: one, input: ${input}, expect: ${expect} }${more}] } }`,
      'f.yaml',
    ),
    compiled,
  );

const compiled = policyWithTables();

function policyWithTables(): CompiledPolicy {
  return policy(
    {
      id: keep,
      mail: domain('mail'),
      other: domain('mail'),
      card: method({ method: 'pan', keepFirst: 0, keepLast: 4, minDigits: 13, maxDigits: 19, short: 'halt' }),
      gone: drop,
      hidden: redact,
      doc: method({ method: 'json', paths: [{ path: '$.a', rule: keep }], otherwise: 'redact' }),
    },
    { domains: new Map([['mail', { method: 'token', normalize: ['trim', 'lower'], prefix: 'tok_' }]]) },
  );
}

const first = (result: FileResult): CaseResult => result.tables[0]!.cases[0]!;

describe('fixtures', () => {
  it.each([
    ['{ id: 1 }', "{ id: '1' }"],
    ['{ id: 1 }', '{ id: { kept: true } }'],
    [
      '{ mail: A@b.c }',
      "{ mail: { matches: '^tok_[A-Za-z0-9_-]{22}$', differs: true, not_contains_input: true } }",
    ],
    ["{ mail: ' A@b.c', other: a@B.c }", '{ mail: { same_as: other }, other: { same_as: one/mail } }'],
    ['{ mail: a, other: a }', '{ mail: { same_as: public.people/1/other } }'],
    ['{ gone: x, hidden: y }', '{ gone: { dropped: true }, hidden: null }'],
    ['{ card: 4111111111111111 }', "{ card: { matches: '1111$' } }"],
    ["{ card: '41' }", '{ card: { halts: RS-MASK-010, unfit: short } }'],
    ['{ card: hello }', '{ card: { unfit: foreign, value: null } }'],
    ['{ doc: { a: [1, 2], b: 3 } }', '{ doc: { json: { a: [1, 2] } } }'],
    ['{ mail: null }', '{ mail: null }'],
  ])('%s becomes %s', (input, expected) => expect(first(run(input, expected)).failures).toEqual([]));

  it.each([
    ['{ mail: secretive }', "{ mail: 'x' }", '"x"', /^"tok_/],
    ['{ mail: secretive, other: different }', '{ mail: { same_as: other } }', 'the same as other', /^"tok_/],
    ['{ mail: null, other: null }', '{ mail: { same_as: other } }', 'the same as other', /^null$/],
    ['{ mail: secretive }', '{ mail: { kept: true } }', 'the input itself', /^"tok_/],
    ['{ mail: secretive }', '{ mail: secretive }', 'the input itself', /^"tok_/],
    ['{ id: 98127634987612 }', '{ id: { differs: true } }', 'anything but the input', /^the input itself$/],
    [
      '{ id: 98127634987612 }',
      '{ id: { not_contains_input: true } }',
      'a value without the input in it',
      /^the input itself$/,
    ],
    ['{ mail: secretive }', "{ mail: { matches: '^x' } }", 'a match of ^x', /^"tok_/],
    ["{ card: '41' }", '{ card: null }', 'null', /^halts with RS-MASK-010 \(short\)$/],
    ["{ card: '41' }", '{ id: null }', 'null', /^null$/],
    [
      '{ card: 4111111111111111 }',
      '{ card: { unfit: short } }',
      'a value that does not fit (short)',
      /1111"$/,
    ],
    ['{ gone: secretive }', '{ gone: null }', 'null', /^dropped$/],
    ['{ doc: { a: 1 } }', '{ doc: { json: { a: 2 } } }', 'the document {"a":2}', /./],
    ['{ mail: secretive }', "{ mail: '?' }", 'nothing yet (mask test --update writes it)', /^"tok_/],
    ['{ mail: secretive }', "'?'", 'nothing yet (mask test --update writes it)', /./],
  ])('%s fails %s', (input, expected, said, actual) => {
    const { failures } = first(run(input, expected));
    const failure = failures.find((one) => one.expected === said) ?? failures[0]!;
    if (!expected.includes('{ id: null }')) {
      expect(failure.expected).toBe(said);
      expect(failure.actual).toMatch(actual);
    }
    expect(failures.length).toBeGreaterThan(0);
    // The input is named by its place.
    expect(JSON.stringify(failures)).not.toMatch(/secretive|98127634987612/);
  });

  it('a row that halts fails, though nobody looked at the column', () => {
    const { failures } = first(run("{ id: 1, card: '41' }", '{ id: { kept: true } }'));
    expect(failures).toMatchObject([
      { column: 'card', expected: 'a row that does not halt', actual: 'halts with RS-MASK-010 (short)' },
    ]);
  });

  it('name cells of other cases, and say so when there is none', () => {
    const other = ', { name: two, input: { mail: x } , expect: { mail: { same_as: one/mail } } }';
    expect(run('{ mail: X }', '{ id: null }', other).tables[0]!.cases[1]!.failures).toEqual([]);
    for (const wrong of ['nobody/mail', 'one/nothing', 'public.nowhere/one/mail'])
      expect(() => run('{ mail: x }', `{ mail: { same_as: ${wrong} } }`)).toThrow(/leads to no cell/);
    expect(() => run('{ mail: x }', "{ mail: { matches: '(?=x)' } }")).toThrow(/RS-MASK-009|pattern/);
  });

  it('of a table that cannot be compiled say why', () => {
    const fixtures = parseFixtures(
      'tables: { public.people: { columns: { id: text, born: text }, cases: [{ input: {} }] } }',
      'f.yaml',
    );
    const [table] = runFixtures(fixtures, policy({ id: token })).tables;
    expect(table).toMatchObject({ error: { code: 'RS-MASK-001' }, cases: [] });
  });

  it('take types from the source where they say none, and inherit by foreign keys', () => {
    const fixtures = parseFixtures(
      'tables: { public.people: { cases: [{ input: { id: x }, expect: { id: { kept: true } } }] } }',
      'f',
    );
    expect(runFixtures(fixtures, policy({ id: keep })).tables[0]!.error?.detail).toMatch(/has no `columns`/);
    expect(runFixtures(fixtures, policy({ id: keep }), [schema({ id: null })]).tables[0]!.error).toBeNull();
    const unknown = parseFixtures('tables: { public.people: { cases: [{ input: { idd: x } }] } }', 'f');
    expect(
      runFixtures(unknown, policy({ id: keep }), [schema({ id: null })]).tables[0]!.error?.detail,
    ).toMatch(/no column `idd`/);
    const inheriting = parseFixtures(
      `tables: { public.people: { columns: { id: text, boss: text }, references: { boss: public.people.id }, cases: [{ input: { id: a, boss: a }, expect: { boss: { same_as: id } } }] } }`,
      'f',
    );
    const rule = policy({ id: token });
    rule.coverage([inheriting.tables[0]!.schema!]);
    expect(first(runFixtures(inheriting, rule)).failures).toEqual([]);
  });
});
