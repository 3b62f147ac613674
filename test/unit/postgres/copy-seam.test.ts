import { describe, expect, it } from 'vitest';
import { lastPosition, seamIn, withoutCopying } from '../../../connectors/sources/postgres/copy-seam.ts';
import type { ChangeEvent } from '../../../src/model/change.ts';
import type { PostgresPosition } from '../../../src/model/position.ts';

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
    expect(transaction(10n).map(withoutCopying)[1]).toEqual({
      kind: 'commit',
      position: expect.not.objectContaining({ copying: expect.anything() }),
    });
  });
});
