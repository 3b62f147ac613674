import { describe, expect, it } from 'vitest';
import { RowsealError } from '../../../../src/error/rowseal-error.ts';
import { CompiledPolicy } from '../../../../src/mask/policy.ts';
import type { ColumnRule, PolicyDocument } from '../../../../src/mask/policy-document.ts';
import { PUBLISHED_TEST_KEY, publishedTestKeys } from '../../../../src/mask/review/test-key.ts';
import { tryRow } from '../../../../src/mask/review/trial.ts';
import { DROPPED, UNCHANGED } from '../../../../src/model/cell.ts';
import { drop, keep, method, policy, schema, token } from '../../../support/policies.ts';

const halting: ColumnRule = method({ method: 'us_ssn', onError: 'halt' });

const tried = (
  columns: Readonly<Record<string, ColumnRule>>,
  cells: readonly (string | null | typeof UNCHANGED)[],
  more: Partial<PolicyDocument> = {},
) => {
  const table = schema(Object.fromEntries(Object.keys(columns).map((name) => [name, null])));
  return tryRow(policy(columns, more).compileMasker(table, 'start'), table, cells);
};

describe('a row that is tried', () => {
  it('answers for every cell, though several halt', () => {
    const cells = tried({ id: keep, a: halting, b: token, c: halting, d: drop, e: keep }, [
      '1',
      'no',
      'x',
      'nor',
      'y',
      UNCHANGED,
    ]);
    expect(cells).toEqual([
      { kind: 'cell', cell: '1', unfit: [], leaks: [] },
      { kind: 'halt', code: 'RS-MASK-010', reason: 'foreign' },
      { kind: 'cell', cell: expect.stringMatching(/^tok_/), unfit: [], leaks: [] },
      { kind: 'halt', code: 'RS-MASK-010', reason: 'foreign' },
      { kind: 'cell', cell: DROPPED, unfit: [], leaks: [] },
      { kind: 'cell', cell: UNCHANGED, unfit: [], leaks: [] },
    ]);
  });

  it('tells what did not fit, by column, and only of this row', () => {
    const table = schema({ id: null, a: null });
    const masker = policy({ id: keep, a: method({ method: 'us_ssn' }) }).compileMasker(table, 'start');
    expect(tryRow(masker, table, ['1', 'no'])[1]).toEqual({
      kind: 'cell',
      cell: null,
      unfit: ['foreign'],
      leaks: [],
    });
    expect(tryRow(masker, table, ['1', '123-45-6789'])[1]).toMatchObject({ unfit: [] });
  });

  it('tells what the leak guard met, and that it would halt', () => {
    const guard = (action: 'alert' | 'halt'): Partial<PolicyDocument> => ({
      leakGuard: { oneIn: 1, action, except: new Set() },
    });
    const row = ['1', 'secretive@example.com', 'call secretive@example.com'];
    const columns = { id: keep, mail: token, notes: keep };
    expect(tried(columns, row, guard('alert'))[2]).toMatchObject({ kind: 'cell', leaks: ['masked_value'] });
    const halted = tried(columns, row, guard('halt'));
    expect(halted[2]).toMatchObject({ kind: 'halt', code: 'RS-MASK-012' });
    expect(halted[1]).toMatchObject({ kind: 'cell' });
    expect(JSON.stringify(halted)).not.toContain('secretive');
  });

  it('passes other errors on', () => {
    expect(() => tried({ id: keep, a: keep }, ['1'])).toThrow(RowsealError);
  });
});

describe('the published test key', () => {
  it('makes the tokens that docs and fixtures of users hold: it never changes', () => {
    const table = schema({ id: null, a: null });
    const compiled = new CompiledPolicy(
      {
        undecided: 'halt',
        keyEpoch: 1,
        domains: new Map([['email', { method: 'token', normalize: ['trim', 'lower'], prefix: 'tok_' }]]),
        tables: new Map([
          [
            'public.people',
            new Map([
              ['id', keep],
              ['a', { kind: 'domain', domain: 'email' } as const],
            ]),
          ],
        ]),
        leakGuard: { oneIn: null, action: 'alert', except: new Set() },
      },
      publishedTestKeys(),
      {
        load: () => {
          throw new Error('none');
        },
      },
    );
    expect(PUBLISHED_TEST_KEY).toBe('rowseal-mask-key-v1:cm93c2VhbCBwdWJsaXNoZWQga2V5LCBmb3IgdGVzdHM=');
    const [, cell] = tryRow(compiled.compileMasker(table, 'start'), table, ['1', 'ada@example.com']);
    expect(cell).toMatchObject({ cell: 'tok_gHdJMDSEMdECYP4JANhW9P' });
  });
});
