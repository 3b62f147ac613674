import { setImmediate as later } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SealedGroup } from '../../../src/audit/audit-log.ts';
import { GroupMemory } from '../../../src/deliver/group-memory.ts';
import { group } from '../../support/delivery-bench.ts';

const indexes = (groups: readonly SealedGroup[]): readonly number[] => groups.map(({ index }) => index);
/** Each takes 1,024 bytes beside its own. */
const KIB = 1_024;
/** Longer than a test may take. */
const NEVER_MS = 600_000;

describe('the memory of sealed groups', () => {
  it('gives consecutive groups up to the asked bytes and the share', () => {
    const memory = new GroupMemory(20 * KIB, 1);
    const reader = memory.reader(true);
    reader.need(0);
    for (let i = 0; i < 8; i++) memory.add(group(i, KIB));
    expect(indexes(reader.take(0, 4 * KIB))).toEqual([0, 1]);
    expect(indexes(reader.take(2, 1_000_000))).toEqual([2, 3, 4, 5, 6]);
    expect(memory.bytes).toBe(12 * KIB);
    reader.release();
    expect(memory.bytes).toBe(2 * KIB);
  });

  it('lets the oldest go when it is full, and has no holes', () => {
    const memory = new GroupMemory(8 * KIB, 1);
    const reader = memory.reader(true);
    reader.need(0);
    for (let i = 0; i < 10; i++) memory.add(group(i, KIB));
    expect([memory.oldest, memory.newest]).toEqual([6, 9]);
    expect(reader.take(5, 1_000_000)).toEqual([]);
    expect(indexes(reader.take(6, 1_000_000))).toEqual([6, 7]);
  });

  it('keeps nothing that nobody needs', () => {
    const memory = new GroupMemory(100 * KIB, 2);
    const [a, b] = [memory.reader(true), memory.reader(true)];
    memory.add(group(0));
    expect(memory.newest).toBeNull();
    a.need(1);
    memory.add(group(1));
    memory.add(group(2));
    a.take(1, 1_000_000);
    a.release();
    expect(memory.bytes).toBe(0);
    b.need(3);
    a.need(null);
    memory.add(group(3));
    expect(memory.newest).toBe(3);
  });

  it('does not hand out a group that is larger than a share: the log streams it', () => {
    const memory = new GroupMemory(10 * KIB, 1);
    const reader = memory.reader(true);
    reader.need(0);
    memory.add(group(0, 6 * KIB));
    expect(memory.newest).toBe(0);
    expect(reader.servesFrom(0)).toBe(false);
    expect(reader.take(0, 1_000_000)).toEqual([]);
    memory.add(group(1, 100 * KIB));
    expect(memory.newest).toBeNull();
    memory.add(group(2, 1_000_000, false));
    expect(indexes(reader.take(2, 1_000_000))).toEqual([2]);
  });

  it('holds the source for a sink that is getting on, and for no other', async () => {
    const memory = new GroupMemory(8 * KIB, 2);
    const [good, dead] = [memory.reader(true), memory.reader(true)];
    for (const reader of [good, dead]) reader.need(0);
    const waits = (): Promise<boolean> =>
      Promise.race([memory.room(NEVER_MS).then(() => false), later().then(() => true)]);
    for (let i = 0; i < 4; i++) memory.add(group(i, KIB));
    // Full, and the oldest is needed, but nobody is at work.
    expect(await waits()).toBe(false);
    good.take(0, 2 * KIB);
    dead.need(1);
    // What is next for the sink at work would have to go.
    expect(await waits()).toBe(true);
    const room = memory.room(NEVER_MS);
    good.take(1, 2 * KIB);
    await room;
  });

  it('never exceeds the budget, counts right, and leaves everybody a share, whatever sinks do', () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('seal' as const),
        bytes: fc.integer({ min: 0, max: 12_000 }),
        resident: fc.boolean(),
      }),
      fc.record({
        kind: fc.constant('take' as const),
        sink: fc.nat(3),
        bytes: fc.integer({ min: 0, max: 40_000 }),
      }),
      fc.record({ kind: fc.constant('done' as const), sink: fc.nat(3) }),
      fc.record({ kind: fc.constant('down' as const), sink: fc.nat(3) }),
      fc.record({ kind: fc.constant('up' as const), sink: fc.nat(3), behind: fc.nat(20) }),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 8_000, max: 60_000 }),
        fc.array(step, { maxLength: 200 }),
        (max, steps) => {
          const memory = new GroupMemory(max, 4);
          const readers = Array.from({ length: 4 }, () => memory.reader(true));
          const next: (number | null)[] = [null, null, null, null];
          const hand: (readonly SealedGroup[])[] = [[], [], [], []];
          const sealed: SealedGroup[] = [];
          const cost = (one: SealedGroup): number => KIB + (one.resident ? one.bytes : 0);
          const total = (groups: Iterable<SealedGroup>): number =>
            [...groups].reduce((sum, one) => sum + cost(one), 0);
          for (const one of steps) {
            switch (one.kind) {
              case 'seal': {
                const added = group(sealed.length, one.bytes, one.resident);
                sealed.push(added);
                memory.add(added);
                const wanted = next.some((at) => at !== null && at <= added.index);
                // However much slow sinks have in hand, the newest group finds room if it fits a share.
                if (wanted && cost(added) <= memory.shareBytes) expect(memory.newest).toBe(added.index);
                break;
              }
              case 'take': {
                const at = next[one.sink];
                if (at === null || at === undefined || hand[one.sink]!.length > 0) break;
                const taken = readers[one.sink]!.take(at, one.bytes);
                expect(indexes(taken)).toEqual(taken.map((_, i) => at + i));
                expect(taken.every((got) => got === sealed[got.index])).toBe(true);
                expect(total(taken)).toBeLessThanOrEqual(Math.min(one.bytes, memory.shareBytes));
                hand[one.sink] = taken;
                if (taken.length > 0) next[one.sink] = at + taken.length;
                break;
              }
              case 'done':
                readers[one.sink]!.release();
                hand[one.sink] = [];
                break;
              case 'down':
                readers[one.sink]!.release();
                readers[one.sink]!.need(null);
                hand[one.sink] = [];
                next[one.sink] = null;
                break;
              case 'up':
                next[one.sink] = Math.max(0, sealed.length - one.behind);
                readers[one.sink]!.need(next[one.sink]!);
            }
            const { oldest, newest } = memory;
            const kept = oldest === null ? [] : sealed.slice(oldest, newest! + 1);
            expect(memory.bytes).toBe(total(new Set([...kept, ...hand.flat()])));
            expect(memory.bytes).toBeLessThanOrEqual(max);
            // Nothing that nobody needs.
            const least = Math.min(...next.map((at) => at ?? Number.POSITIVE_INFINITY));
            expect(oldest === null || oldest >= least).toBe(true);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});
