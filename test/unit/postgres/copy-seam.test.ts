import { describe, expect, it } from 'vitest';
import {
  afterCopies,
  lastPosition,
  OutsideFilter,
  seamIn,
} from '../../../connectors/sources/postgres/copy-seam.ts';
import type { ChangeEvent } from '../../../src/model/change.ts';
import type { PostgresPosition } from '../../../src/model/position.ts';
import type { TableSchema } from '../../../src/model/table.ts';

const at = (lsn: bigint): PostgresPosition => ({
  kind: 'postgres',
  systemId: '7',
  timeline: 1,
  slot: 's',
  lsn,
  phase: 'stream',
  copying: [{ namespace: 'public', name: 't' }],
});

/** A transaction whose commit record begins at `commit`; the next byte after it is 8 further. */
const transaction = (commit: bigint): readonly ChangeEvent[] => [
  { kind: 'begin', transaction: { id: '1', position: at(commit), commitTimeUs: 0n } },
  { kind: 'commit', position: at(commit + 8n) },
];
const idle = (lsn: bigint): ChangeEvent => ({ kind: 'idle', position: at(lsn) });

const column = (name: string, id: number): TableSchema['columns'][number] => ({
  name,
  type: { kind: 'text', maxLength: null, padded: false },
  sourceType: 'text',
  id: String(id),
});
const table = (name: string, columns: TableSchema['columns']): TableSchema => ({
  namespace: 'public',
  name,
  columns,
  key: [0],
});

describe('the seam of a copy in the stream', () => {
  it('lies before the first transaction that the snapshot does not show', () => {
    const events = [...transaction(10n), ...transaction(20n), ...transaction(30n)];
    expect(seamIn(events, 20n)).toBe(2);
    expect(seamIn(events, 21n)).toBe(4);
    expect(seamIn(events, 10n)).toBe(0);
    expect(seamIn(events, 31n)).toBe(-1);
  });

  it('lies behind an idle mark that has come as far', () => {
    expect(seamIn([...transaction(10n), idle(19n)], 20n)).toBe(-1);
    expect(seamIn([...transaction(10n), idle(20n)], 20n)).toBe(3);
  });

  it('is not looked for inside a transaction that goes on', () => {
    expect(seamIn([{ kind: 'commit', position: at(40n) }, ...transaction(50n)], 45n)).toBe(1);
    expect(seamIn([{ kind: 'commit', position: at(40n) }], 20n)).toBe(-1);
  });

  it('has the last whole transaction before it as resume point', () => {
    expect(lastPosition([...transaction(10n), ...transaction(20n).slice(0, 1)])?.lsn).toBe(18n);
    expect(lastPosition([])).toBeNull();
  });

  it('has positions behind it that ask for no copy', () => {
    const outside = [{ namespace: 'public', name: 'other' }];
    const [, commit] = transaction(10n).map((event) => afterCopies(event, outside));
    expect(commit).toMatchObject({ kind: 'commit', position: { lsn: 18n, outside } });
    expect(commit).toEqual({
      kind: 'commit',
      position: expect.not.objectContaining({ copying: expect.anything() }),
    });
  });
});

it('changes of tables outside are taken out, and the others of their transaction numbered anew', () => {
  const [inside, outside] = [table('in', [column('id', 1)]), table('out', [column('id', 1)])];
  const rows = (of: TableSchema, firstOrdinal: number, count: number): ChangeEvent => ({
    kind: 'rows',
    run: {
      table: of,
      count,
      ops: new Uint8Array(count),
      images: new Uint8Array(count),
      cells: [],
      firstOrdinal,
      bytes: 1,
    },
  });
  const truncate = (of: TableSchema): ChangeEvent => ({
    kind: 'truncate',
    table: of,
    cascade: false,
    restartIdentity: false,
  });
  const [begin, commit] = transaction(10n) as [ChangeEvent, ChangeEvent];
  const filter = new OutsideFilter([{ namespace: outside.namespace, name: 'out' }]);
  // One transaction over two batches.
  const seen = [
    ...filter.inside([begin, rows(outside, 0, 2), rows(inside, 2, 3)]),
    ...filter.inside([truncate(outside), truncate(inside), rows(inside, 7, 1), commit]),
    ...filter.inside([begin, rows(inside, 0, 1), commit]),
  ];
  expect(seen.map((event) => (event.kind === 'rows' ? event.run.firstOrdinal : event.kind))).toEqual([
    'begin',
    0,
    'truncate',
    4,
    'commit',
    'begin',
    0,
    'commit',
  ]);
});
