import { expect, it } from 'vitest';
import {
  DeadLetterBox,
  DeadLetterCount,
  UNKNOWN_UNCHANGED,
} from '../../../src/deliver/warehouse/dead-letters.ts';
import { at } from '../../support/masked.ts';

it('keeps no letter for what the copy of a table has still to bring', () => {
  const group = (index: number, copying: boolean) => ({
    index,
    position: { ...at(index), ...(copying ? { copying: [{ namespace: 'public', name: 't' }] } : {}) },
    sealedAtUs: 0n,
    commitTimeUs: null,
    transactions: 1,
    rows: 1,
    bytes: 1,
  });
  const box = new DeadLetterBox(new DeadLetterCount(10), 'w', [group(1, true), group(2, false)]);
  const letter = (at: number, table: string, reason: string) => ({
    group: at,
    table,
    key: '1',
    column: '',
    value: null,
    reason,
  });
  box.keep([
    letter(1, 'public.t', UNKNOWN_UNCHANGED),
    letter(1, 'public.t', 'something else'),
    letter(1, 'public.u', UNKNOWN_UNCHANGED),
    letter(2, 'public.t', UNKNOWN_UNCHANGED),
  ]);
  expect(box.letters.map(({ group: index, table, reason }) => `${index} ${table} ${reason}`)).toEqual([
    '1 public.t something else',
    `1 public.u ${UNKNOWN_UNCHANGED}`,
    `2 public.t ${UNKNOWN_UNCHANGED}`,
  ]);
});
