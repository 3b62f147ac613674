import { expect, it } from 'vitest';
import { CopySeal } from '../../../src/cli/copy-seal.ts';
import { generateMaskKeyFile, MaskKeys } from '../../../src/mask/keys.ts';
import type { ColumnRule } from '../../../src/mask/policy-document.ts';
import type { Column, ColumnReference, TableSchema } from '../../../src/model/table.ts';
import { fpe, keep, method, policy, schema, TEST_KEYS, token } from '../../support/policies.ts';

const BIGINT = { kind: 'int', bits: 64, unsigned: false } as const;

function linked(table: TableSchema, references: Readonly<Record<string, ColumnReference>>): TableSchema {
  const columns = table.columns.map(
    (column): Column =>
      Object.hasOwn(references, column.name) ? { ...column, references: references[column.name]! } : column,
  );
  return { ...table, columns };
}

const id = (name: string): ColumnReference => ({ namespace: 'public', name, column: 'id' });
const people = schema({ id: BIGINT }, [0], 'people');
/** Its key is that of a person, and takes the rule from there. */
const members = linked(schema({ id: BIGINT }, [0], 'members'), { id: id('people') });
const visits = linked(schema({ id: BIGINT, member: BIGINT }, [0], 'visits'), { member: id('members') });

/** As a run has it: checked against all tables. */
function sealUnder(rule: ColumnRule, keys = TEST_KEYS): CopySeal {
  const tables = new Map([
    ['public.people', new Map([['id', rule]])],
    ['public.members', new Map()],
    ['public.visits', new Map([['id', keep]])],
  ]);
  const compiled = policy({}, { tables }, keys);
  compiled.check([people, members, visits]);
  return new CopySeal(compiled);
}

it('opens what was sealed under the same rules', () => {
  expect(sealUnder(token).open(visits, sealUnder(token).seal(visits, 'key 7'))).toBe('key 7');
});

it('opens nothing once a rule is another that the table has from the one it references', () => {
  const sealed = sealUnder(token).seal(visits, 'key 7');
  expect(sealUnder(method(fpe)).open(visits, sealed)).toBeNull();
  expect(sealUnder(keep).open(visits, sealed)).toBeNull();
});

it('opens nothing under another key, and shows nothing', () => {
  const sealed = sealUnder(token).seal(visits, 'key 7');
  expect(sealed).toMatch(/^p1\.1\.[A-Za-z0-9_-]+$/);
  expect(sealUnder(token, MaskKeys.parse(generateMaskKeyFile(), 1)).open(visits, sealed)).toBeNull();
});

it('is not asked where nothing is copied', () => {
  expect(() => new CopySeal(null).seal(people, '')).toThrow(expect.objectContaining({ code: 'RS-RUN-000' }));
});
