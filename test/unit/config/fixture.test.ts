import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseFixtures } from '../../../src/config/fixture.ts';
import { fixtureFiles, loadFixtures, updateFixtures } from '../../../src/config/fixture-files.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { runFixtures } from '../../../src/mask/review/fixture-run.ts';
import { keep, method, policy, redact, token } from '../../support/policies.ts';

const file = (body: string): string => `tables:
  public.people:
    columns: { id: bigint, name: text, ok: boolean, doc: jsonb }
    key: id
    cases:
${body}`;

const mistake = (text: string): RowsealError => {
  try {
    parseFixtures(text, 'people.yaml');
  } catch (error) {
    if (error instanceof RowsealError) return error;
    throw error;
  }
  throw new Error('no mistake found');
};

describe('a fixture file', () => {
  it('gives cells as a source would spell them', () => {
    const fixtures = parseFixtures(
      file(`      - name: ada
        input: { id: 007, name: 10.50, ok: true, doc: { a: 1.10, b: [x, null, true], 'c d': { e: "2" } } }
        expect: { id: "?", name: null, ok: false }
      - input: { name: ~ }
`),
      'people.yaml',
    );
    expect(fixtures.key).toBe('configured');
    const [table] = fixtures.tables;
    expect(table?.schema).toMatchObject({ namespace: 'public', name: 'people', key: [0] });
    const [ada, other] = table!.cases;
    expect([...ada!.input].map(([column, { value }]) => [column, value])).toEqual([
      ['id', '007'],
      ['name', '10.50'],
      ['ok', 'true'],
      ['doc', '{"a":1.10,"b":["x",null,true],"c d":{"e":"2"}}'],
    ]);
    expect(ada!.input.get('name')?.place).toEqual({
      file: 'people.yaml',
      line: 7,
      path: 'tables.public.people.cases[0].input.name',
    });
    expect([...ada!.expect!].map(([column, { checks }]) => [column, checks])).toEqual([
      ['id', [{ kind: 'open' }]],
      ['name', [{ kind: 'value', value: null }]],
      ['ok', [{ kind: 'value', value: 'false' }]],
    ]);
    expect([other!.input.get('name')?.value, other!.expect]).toEqual([null, null]);
  });

  it.each([
    [
      'an unknown check',
      '      - { input: { id: 1 }, expect: { id: { match: x } } }',
      /similar option exists: `matches`/,
      6,
    ],
    [
      'an unknown column',
      '      - { input: { idd: 1 } }',
      /`idd` is not among the columns; a similar one exists: `id`/,
      6,
    ],
    [
      'an unknown column that is expected',
      '      - input: { id: 1 }\n        expect:\n          nam: null',
      /`nam` is not among/,
      8,
    ],
    [
      'a reference that is none',
      '      - { input: { id: 1 }, expect: { id: { same_as: a/b/c/d } } }',
      /`same_as` is/,
      6,
    ],
    ['an expectation without a check', '      - { input: { id: 1 }, expect: { id: {} } }', /says nothing/, 6],
    [
      'a check that is off',
      '      - { input: { id: 1 }, expect: { id: { differs: false } } }',
      /must be one of true/,
      6,
    ],
    [
      'an unknown code',
      '      - { input: { id: 1 }, expect: { id: { halts: RS-PG-001 } } }',
      /RS-MASK-010/,
      6,
    ],
    ['no cases', '      []', /./, 5],
  ])('with %s is refused with its place', (_, body, message, line) => {
    const error = mistake(file(body));
    expect(error).toMatchObject({ code: 'RS-MASK-030', message: expect.stringMatching(message) });
    expect(error.place).toMatchObject({ file: 'people.yaml', line });
  });

  it('with a type that nobody knows, a key that is not there, or broken YAML is refused', () => {
    expect(mistake('tables: { a.b: { columns: { id: bigimt }, cases: [{ input: {} }] } }').detail).toMatch(
      /`bigimt` is no type/,
    );
    expect(
      mistake('tables: { a.b: { columns: { id: int }, key: x, cases: [{ input: {} }] } }').detail,
    ).toMatch(/`x` is not/);
    expect(mistake('tables: { a.b: { key: x, cases: [{ input: {} }] } }').detail).toMatch(
      /belong to `columns`/,
    );
    expect(mistake('tables: [').place?.line).toBe(1);
    expect(
      mistake('tables: { a.b: { columns: { id: int }, references: { id: a.b }, cases: [{ input: {} }] } }')
        .detail,
    ).toMatch(/a reference is/);
  });
});

describe('fixture files', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'rowseal-fixtures-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const write = (name: string, text: string): string => {
    writeFileSync(join(directory, name), text);
    return join(directory, name);
  };

  it('are found beside the configuration, by name and by pattern', () => {
    const config = join(directory, 'rowseal.yaml');
    expect(() => fixtureFiles([], config)).toThrow(/no `\*\.fixtures\.yaml`/);
    const a = write('a.fixtures.yaml', '');
    const b = write('b.fixtures.yml', '');
    write('c.yaml', '');
    expect(fixtureFiles([], config).map((name) => join(process.cwd(), name))).toEqual([a, b]);
    expect(fixtureFiles([join(directory, '*.yaml'), a], config)).toEqual([a, join(directory, 'c.yaml')]);
    expect(() => fixtureFiles(['no/such/*.yaml'], config)).toThrow(/no file/);
  });

  it('get what is missing written, and keep comments and checks', () => {
    const rules = policy({
      id: keep,
      name: token,
      ok: redact,
      doc: method({ method: 'json', paths: [], otherwise: 'redact' }),
    });
    const name = write(
      'p.yaml',
      file(`      # the first
      - input: { id: 1, name: Ada, doc: [1 } # kept as it stands
`).replace('[1 }', "'[1' }"),
    );
    const result = runFixtures(loadFixtures(name), rules);
    expect(result.tables[0]!.cases[0]!.failures).toHaveLength(4);
    expect(updateFixtures(result, false)).toBe(4);
    const written = readFileSync(name, 'utf8');
    expect(written).toContain('# the first');
    expect(written).toContain('# kept as it stands');
    const again = runFixtures(loadFixtures(name), rules);
    expect(again.tables[0]!.cases[0]!.failures).toEqual([]);
    const expected = loadFixtures(name).tables[0]!.cases[0]!.expect!;
    expect(expected.get('id')?.checks).toEqual([{ kind: 'kept' }]);
    expect(expected.get('doc')?.checks).toEqual([
      { kind: 'value', value: null },
      { kind: 'unfit', reason: 'malformed' },
    ]);

    const changed = policy({ id: keep, name: redact, ok: redact, doc: redact });
    const differs = runFixtures(loadFixtures(name), changed);
    expect(updateFixtures(differs, false)).toBe(0);
    expect(readFileSync(name, 'utf8')).toBe(written);
    expect(updateFixtures(differs, true)).toBe(1);
    expect(
      runFixtures(loadFixtures(name), changed).tables[0]!.cases[0]!.failures.map(({ column }) => column),
    ).toEqual(['doc']);
  });
});
