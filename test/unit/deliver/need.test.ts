import { expect, it } from 'vitest';
import type { Delivery, SinkState } from '../../../src/deliver/delivery.ts';
import { needOf } from '../../../src/deliver/need.ts';
import type { Sink } from '../../../src/deliver/sink.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';

type Seen = Pick<Delivery, 'sink' | 'state' | 'cursor'>;

const sink = (name: string, cursor: number | null, kind: 'opening' | 'caught-up' = 'caught-up'): Seen => ({
  sink: { name } as Sink,
  state: { kind },
  cursor,
});
const failing = (name: string, state: SinkState): Seen => ({ ...sink(name, null), state });

it('is what the sink lacks that is furthest behind', () => {
  expect(needOf([])).toEqual({ kind: 'nothing' });
  expect(needOf([sink('a', 7), sink('b', 3), sink('c', 9)])).toEqual({ kind: 'from', group: 4, sink: 'b' });
  expect(needOf([sink('a', 7), sink('new', null)])).toEqual({ kind: 'from', group: 0, sink: 'new' });
});

it('is not known while a sink is asked for the first time, and all when it does not answer', () => {
  expect(needOf([sink('a', 7), sink('b', null, 'opening')])).toEqual({ kind: 'unknown' });
  expect(needOf([sink('a', 7, 'opening')])).toEqual({ kind: 'from', group: 8, sink: 'a' });
  const error = new RowsealError('RS-PGS-001');
  for (const state of [
    { kind: 'waiting', error },
    { kind: 'halted', error, retryAtMs: null },
  ] as const)
    expect(needOf([sink('a', 7), failing('down', state)])).toEqual({ kind: 'from', group: 0, sink: 'down' });
});
