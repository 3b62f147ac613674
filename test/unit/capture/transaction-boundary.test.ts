import { describe, expect, it } from 'vitest';
import { TransactionBoundary } from '../../../src/capture/transaction-boundary.ts';
import type { ChangeEvent, RowRun } from '../../../src/model/change.ts';
import type { PostgresPosition } from '../../../src/model/position.ts';

const at = (lsn: bigint): PostgresPosition => ({
  kind: 'postgres',
  systemId: '1',
  timeline: 1,
  slot: 's',
  lsn,
  phase: 'stream',
});
const begin = (lsn: bigint): ChangeEvent => ({
  kind: 'begin',
  transaction: { id: String(lsn), position: at(lsn), commitTimeUs: 0n },
});
const commit = (lsn: bigint): ChangeEvent => ({ kind: 'commit', position: at(lsn) });
const idle = (lsn: bigint): ChangeEvent => ({ kind: 'idle', position: at(lsn) });
const run: RowRun = {
  table: { namespace: 'n', name: 't', columns: [], key: [] },
  count: 0,
  ops: new Uint8Array(),
  images: new Uint8Array(),
  cells: [],
  firstOrdinal: 0,
  bytes: 0,
};
const rows: ChangeEvent = { kind: 'rows', run };

describe('cutting a batch at its last whole transaction', () => {
  it('keeps a batch of whole transactions together', () => {
    const events = [begin(1n), rows, commit(1n), begin(2n), rows, commit(2n)];
    expect(new TransactionBoundary().cut(events)).toEqual({ whole: events, position: at(2n), rest: [] });
  });

  it('holds back the start of an unfinished transaction', () => {
    const boundary = new TransactionBoundary();
    const cut = boundary.cut([begin(1n), rows, commit(1n), begin(2n), rows]);
    expect(cut.position).toEqual(at(1n));
    expect(cut.rest).toEqual([begin(2n), rows]);
    expect(boundary.insideTransaction).toBe(true);
  });

  it('gives no position while a long transaction goes on, and the commit when it ends', () => {
    const boundary = new TransactionBoundary();
    expect(boundary.cut([begin(1n), rows]).position).toBeNull();
    expect(boundary.cut([rows]).position).toBeNull();
    expect(boundary.cut([rows, commit(1n)])).toEqual({
      whole: [rows, commit(1n)],
      position: at(1n),
      rest: [],
    });
  });

  it('takes an idle mark as progress', () => {
    expect(new TransactionBoundary().cut([idle(9n)]).position).toEqual(at(9n));
  });

  it.each([
    ['rows outside', [rows]],
    ['commit outside', [commit(1n)]],
    ['begin inside', [begin(1n), begin(2n)]],
    ['idle inside', [begin(1n), idle(1n)]],
    ['a step back', [begin(2n), commit(2n), idle(1n)]],
  ])('stops at a breach: %s', (_name, events) => {
    expect(() => new TransactionBoundary().cut(events)).toThrow(
      expect.objectContaining({ code: 'RS-RUN-001' }),
    );
  });
});
