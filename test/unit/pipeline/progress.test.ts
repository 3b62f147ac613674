import { describe, expect, it } from 'vitest';
import type { SealedGroupInfo } from '../../../src/audit/audit-log.ts';
import type { Position, PostgresPosition } from '../../../src/model/position.ts';
import { Progress } from '../../../src/pipeline/progress.ts';

const at = (lsn: bigint): PostgresPosition => ({
  kind: 'postgres',
  systemId: '1',
  timeline: 1,
  slot: 's',
  lsn,
  phase: 'stream',
});
const group = (index: number): SealedGroupInfo => ({
  index,
  position: at(BigInt(index * 10)),
  sealedAtUs: 0n,
  commitTimeUs: null,
  transactions: 1,
  rows: 1,
  bytes: 1,
});

describe('progress', () => {
  it('confirms exactly what was sealed, in order', () => {
    const confirmed: Position[] = [];
    const progress = new Progress(null, (position) => confirmed.push(position));
    progress.groupSealed(group(0));
    progress.groupSealed(group(1));
    expect(confirmed).toEqual([at(0n), at(10n)]);
    expect(progress.confirmed).toBe(1);
  });

  it('confirms again what an earlier run sealed', () => {
    const confirmed: Position[] = [];
    new Progress(group(7), (position) => confirmed.push(position)).confirmSealed();
    expect(confirmed).toEqual([at(70n)]);
  });

  it('confirms nothing when nothing is sealed', () => {
    const confirmed: Position[] = [];
    new Progress(null, (position) => confirmed.push(position)).confirmSealed();
    expect(confirmed).toEqual([]);
  });

  it.each([0, 2, 9])('refuses group %i after group 0: no repeat and no hole', (index) => {
    const progress = new Progress(group(0), () => {});
    expect(() => progress.groupSealed(group(index))).toThrow(expect.objectContaining({ code: 'RS-RUN-002' }));
  });

  it('refuses a cursor above what is sealed', () => {
    const progress = new Progress(group(4), () => {});
    expect(() => progress.sinkReached('w', 5)).toThrow(expect.objectContaining({ code: 'RS-RUN-003' }));
    expect(() => new Progress(null, () => {}).sinkReached('w', 0)).toThrow(
      expect.objectContaining({ code: 'RS-RUN-003' }),
    );
  });

  it('refuses a cursor that falls', () => {
    const progress = new Progress(group(4), () => {});
    progress.sinkReached('w', 3);
    expect(() => progress.sinkReached('w', 2)).toThrow(expect.objectContaining({ code: 'RS-RUN-002' }));
    expect(progress.cursors().get('w')).toBe(3);
  });
});
