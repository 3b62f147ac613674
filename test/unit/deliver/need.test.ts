import { expect, it } from 'vitest';
import type { NeedFrom } from '../../../src/audit/audit-log.ts';
import { describeNeed } from '../../../src/audit/sink-need.ts';
import type { Delivery, SinkState } from '../../../src/deliver/delivery.ts';
import { needOf } from '../../../src/deliver/need.ts';
import type { Sink } from '../../../src/deliver/sink.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';

type Seen = Pick<Delivery, 'sink' | 'state' | 'cursor' | 'answered'>;

const sink = (name: string, cursor: number | null, kind: 'opening' | 'caught-up' = 'caught-up'): Seen => ({
  sink: { name } as Sink,
  state: { kind },
  cursor,
  answered: true,
});
const silent = (name: string, state: SinkState): Seen => ({ ...sink(name, null), state, answered: false });
const error = new RowsealError('RS-PGS-001');

it('is what the sink lacks that is furthest behind', () => {
  expect(needOf([])).toEqual({ kind: 'nothing' });
  expect(needOf([sink('a', 7), sink('b', 3), sink('c', 9)])).toEqual({ kind: 'from', group: 4, sink: 'b' });
  expect(needOf([sink('a', 7), sink('new', null)])).toEqual({ kind: 'from', group: 0, sink: 'new' });
});

it('is not known until every sink has said once what it has', () => {
  for (const state of [{ kind: 'opening' }, { kind: 'waiting', error }] as const)
    expect(needOf([sink('a', 7), silent('b', state), sink('new', null)])).toEqual({ kind: 'unknown' });
  for (const state of [{ kind: 'opening' }, { kind: 'waiting', error }] as const) {
    expect(needOf([{ ...sink('a', 7), state }])).toEqual({ kind: 'from', group: 8, sink: 'a' });
    expect(needOf([{ ...sink('new', null), state }])).toEqual({ kind: 'from', group: 0, sink: 'new' });
  }
});

it('is all while a sink is halted that has not said what it has, and people are told so', () => {
  const halted = silent('down', { kind: 'halted', error, retryAtMs: null });
  const need = needOf([sink('a', 7), halted]);
  expect(need).toEqual({ kind: 'from', group: 0, sink: 'down', silent: true });
  expect(describeNeed(need as NeedFrom)).toBe('sink down has not said yet what it has');
  expect(describeNeed({ kind: 'from', group: 0, sink: 'new' })).toBe('sink new has no group yet');
});
