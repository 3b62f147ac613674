import { describe, expect, it } from 'vitest';
import { DROPPED, UNCHANGED } from '../../../src/model/cell.ts';
import { RecentChanges } from '../../../src/ops/recent-changes.ts';
import { column, INT, rows, TEXT, table } from '../../support/masked.ts';

const customers = table('customers', [
  column('id', 1, INT),
  column('email', 2, TEXT, 'token'),
  column('ssn', 3, TEXT, 'drop'),
]);

describe('recent changes', () => {
  it('are shown when they are sealed, newest first, each as it is after the change', () => {
    const recent = new RecentChanges(10);
    recent.masked([
      rows(customers, 0, [
        { op: 'c', after: ['1', 'tok_a', DROPPED] },
        { op: 'u', before: ['1', 'tok_a', DROPPED], after: ['1', UNCHANGED, DROPPED] },
        { op: 'd', before: ['1', null, DROPPED] },
      ]),
    ]);
    expect(recent.list()).toEqual([]);
    recent.sealed(7, 1_700_000_000_000_000n);
    expect(recent.list().map(({ op, group, cells }) => [op, group, cells.map(({ value }) => value)])).toEqual(
      [
        ['d', 7, ['1', null]],
        ['u', 7, ['1', '(unchanged)']],
        ['c', 7, ['1', 'tok_a']],
      ],
    );
    expect(recent.list()[0]).toMatchObject({ table: 'public.customers', at: '2023-11-14T22:13:20.000Z' });
    expect(recent.list()[0]!.cells.map(({ method }) => method)).toEqual(['keep', 'token']);
  });

  it('are as many as were asked for, of the newest, and long values are cut', () => {
    const recent = new RecentChanges(2);
    for (let group = 0; group < 5; group++) {
      recent.masked([
        rows(customers, 0, [
          { op: 'c', after: [`${group}`, 'x'.repeat(500), DROPPED] },
          { op: 'c', after: [`${group}+`, 'y', DROPPED] },
          { op: 'c', after: [`${group}++`, 'z'.repeat(500), DROPPED] },
        ]),
      ]);
      recent.sealed(group, 0n);
    }
    expect(recent.list().map(({ cells }) => cells[0]!.value)).toEqual(['4++', '4+']);
    expect(recent.list()[0]!.cells[1]!.value).toHaveLength(81);
  });
});
