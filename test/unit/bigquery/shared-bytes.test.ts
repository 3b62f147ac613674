import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Holder, SharedBytes } from '../../../connectors/sinks/bigquery/shared-bytes.ts';

class Heap implements Holder {
  heldBytes = 0;
  released = 0;
  async letGo(): Promise<void> {
    this.released++;
    this.heldBytes = 0;
  }
}

describe('bytes that tables hold together', () => {
  it('the one that holds most lets go, and only when it is too much', async () => {
    const shared = new SharedBytes(100);
    const [small, large] = [new Heap(), new Heap()];
    small.heldBytes = 30;
    await shared.changed(small);
    large.heldBytes = 70;
    await shared.changed(large);
    expect([small.released, large.released]).toEqual([0, 0]);
    small.heldBytes = 31;
    await shared.changed(small);
    expect([small.released, large.released]).toEqual([0, 1]);
  });

  it('holds no more than allowed, however many tables grow in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(19), fc.nat(400)), { maxLength: 200 }),
        fc.nat(2_000),
        async (growth, max) => {
          const shared = new SharedBytes(max);
          const heaps = Array.from({ length: 20 }, () => new Heap());
          for (const [which, bytes] of growth) {
            heaps[which]!.heldBytes += bytes;
            await shared.changed(heaps[which]!);
            expect(heaps.reduce((sum, { heldBytes }) => sum + heldBytes, 0)).toBeLessThanOrEqual(max);
          }
        },
      ),
    );
  });

  it('does not turn in a circle over what cannot let go', async () => {
    const shared = new SharedBytes(10);
    const stuck: Holder = { heldBytes: 50, letGo: async () => {} };
    await shared.changed(stuck);
    shared.forget(stuck);
    const other = new Heap();
    other.heldBytes = 10;
    await shared.changed(other);
    expect(other.released).toBe(0);
  });
});
