import { describe, expect, it } from 'vitest';
import type { SealedGroup } from '../../../src/audit/audit-log.ts';
import { GroupQueue } from '../../../src/deliver/group-queue.ts';
import { backoffMs } from '../../../src/deliver/retry.ts';

function group(index: number, bytes = 10, resident = true): SealedGroup {
  return {
    index,
    position: {
      kind: 'postgres',
      systemId: '1',
      timeline: 1,
      slot: 's',
      lsn: BigInt(index),
      phase: 'stream',
    },
    sealedAtUs: 0n,
    commitTimeUs: null,
    transactions: 1,
    rows: 1,
    bytes,
    tables: [],
    resident,
    chunks: async function* () {},
  };
}

describe('the queue of sealed groups', () => {
  it('gives consecutive groups up to the asked bytes, at least one', () => {
    const queue = new GroupQueue(1_000);
    for (let i = 0; i < 5; i++) queue.offer(group(i));
    expect(queue.take(0, 25).map((g) => g.index)).toEqual([0, 1]);
    expect(queue.take(2, 1).map((g) => g.index)).toEqual([2]);
  });

  it('gives nothing when it does not hold the asked group, so that the log is read', () => {
    const queue = new GroupQueue(1_000);
    queue.offer(group(5));
    expect(queue.take(3, 100)).toEqual([]);
    expect(queue.take(5, 100).map((g) => g.index)).toEqual([5]);
  });

  it('forgets what the sink already has', () => {
    const queue = new GroupQueue(1_000);
    for (let i = 0; i < 5; i++) queue.offer(group(i));
    expect(queue.take(3, 100).map((g) => g.index)).toEqual([3, 4]);
    expect(queue.bytes).toBe(0);
  });

  it('stays without holes: what did not fit ends the queue', () => {
    const queue = new GroupQueue(15);
    expect([group(0), group(1), group(2), group(3)].map((g) => queue.offer(g))).toEqual([
      true,
      true,
      false,
      false,
    ]);
    queue.take(0, 10);
    expect(queue.offer(group(4))).toBe(false);
    expect(queue.take(1, 100).map((g) => g.index)).toEqual([1]);
  });

  it('counts a group that is not in memory as nothing', () => {
    const queue = new GroupQueue(15);
    expect(queue.offer(group(0, 1_000_000, false))).toBe(true);
    expect(queue.bytes).toBe(0);
  });
});

describe('backoff', () => {
  it('doubles up to its maximum and never falls below half a step', () => {
    const policy = { firstMs: 100, maxMs: 1_000 };
    expect([1, 2, 3, 9].map((n) => backoffMs(policy, n, 0))).toEqual([50, 100, 200, 500]);
    expect(backoffMs(policy, 1, 0.999)).toBe(100);
    expect(backoffMs(policy, 5_000, 0.999)).toBeLessThanOrEqual(1_000);
  });
});
