import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CompactionPlan, type Merge } from '../../../connectors/sinks/parquet/compaction-plan.ts';

const DAY = 'tables/schema=public/table=orders/date=2026-01-31';
const NEXT_DAY = 'tables/schema=public/table=orders/date=2026-02-01';
const path = (folder: string, from: number, to: number): string =>
  `${folder}/${String(from).padStart(16, '0')}-${String(to).padStart(16, '0')}.parquet`;
const plan = (files = 4, maxBytes = 1_000): CompactionPlan => new CompactionPlan({ files, maxBytes });

describe('which change files are merged', () => {
  it('of the day that is written, once there are so many of them', () => {
    const p = plan();
    for (let i = 0; i < 3; i++) p.add({ path: path(DAY, i, i), bytes: 10 });
    expect(p.next(100)).toBeNull();
    p.add({ path: path(DAY, 3, 5), bytes: 10 });
    expect(p.next(100)).toEqual({
      into: path(DAY, 0, 5),
      from: [path(DAY, 0, 0), path(DAY, 1, 1), path(DAY, 2, 2), path(DAY, 3, 5)],
    });
  });

  it('of a past day, all that fits', () => {
    const p = plan();
    for (let i = 0; i < 3; i++) p.add({ path: path(DAY, i, i), bytes: 10 });
    expect(p.next(100)).toBeNull();
    p.add({ path: path(NEXT_DAY, 3, 3), bytes: 10 });
    expect(p.next(100)?.into).toBe(path(DAY, 0, 2));
  });

  it('not what the newest manifest names, nor what is large already', () => {
    const p = plan(2);
    p.add({ path: path(DAY, 0, 0), bytes: 10 });
    p.add({ path: path(DAY, 1, 1), bytes: 501 });
    p.add({ path: path(DAY, 2, 2), bytes: 10 });
    p.add({ path: path(DAY, 3, 3), bytes: 10 });
    expect(p.next(3)).toBeNull();
    p.add({ path: path(DAY, 4, 4), bytes: 10 });
    expect(p.next(4)?.into).toBe(path(DAY, 2, 3));
  });

  it('leaves alone what is no change file', () => {
    const p = plan(2);
    for (const name of ['mine.parquet', '1-2.parquet', '_SUCCESS'])
      p.add({ path: `${DAY}/${name}`, bytes: 1 });
    expect(p.next(100)).toBeNull();
  });

  it('whatever comes: no group is lost or doubled, the limit holds, few files stay, and order does not matter', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 1_200 }), fc.boolean()), { maxLength: 60 }),
        (batches) => {
          const p = plan(4, 1_000);
          let files = new Map<string, number>();
          let day = DAY;
          const merges: Merge[] = [];
          batches.forEach(([bytes, midnight], i) => {
            if (midnight && i > 20) day = NEXT_DAY;
            const name = path(day, i, i);
            files.set(name, bytes);
            p.add({ path: name, bytes });
            const merge = p.next(i);
            if (merge === null) return;
            merges.push(merge);
            const total = merge.from.reduce((sum, from) => sum + files.get(from)!, 0);
            expect(total).toBeLessThanOrEqual(1_000);
            for (const from of merge.from) files.delete(from);
            p.remove(merge.from);
            files.set(merge.into, total);
            p.add({ path: merge.into, bytes: total });
          });
          const covered = [...files.keys()].flatMap((name) => {
            const [, from, to] = /(\d{16})-(\d{16})/.exec(name)!;
            return Array.from({ length: Number(to) - Number(from) + 1 }, (_, i) => Number(from) + i);
          });
          // A range may span groups of another day, never one of its own twice.
          expect(new Set(covered).size).toBe(batches.length);
          // A plan that is made anew from what there is sees the same.
          const anew = plan(4, 1_000);
          for (const [name, bytes] of [...files].reverse()) anew.add({ path: name, bytes });
          const mine = plan(4, 1_000);
          for (const [name, bytes] of files) mine.add({ path: name, bytes });
          expect(anew.next(batches.length + 1)?.into).toEqual(mine.next(batches.length + 1)?.into);
          files = new Map();
        },
      ),
    );
  });
});
