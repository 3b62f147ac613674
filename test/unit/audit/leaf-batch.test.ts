import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chainNext, chainNextOf, type Digest, leafHash, sha256 } from '../../../src/audit/hashing.ts';
import { LeafBatch } from '../../../src/audit/leaf-batch.ts';
import { CompactRange } from '../../../src/audit/merkle.ts';

/** Blocks end and begin at 55, 64, 119 and 183 bytes behind the prefix; from 184 on records are not for lanes. */
const length = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 200 }) },
  { weight: 3, arbitrary: fc.constantFrom(53, 54, 55, 56, 62, 63, 64, 118, 119, 181, 182, 183, 184) },
  { weight: 1, arbitrary: fc.integer({ min: 200, max: 2_000 }) },
);
const lengths = fc.oneof(
  fc.array(length, { maxLength: 40 }),
  fc.array(length, { minLength: 500, maxLength: 1_100 }),
  fc.constantFrom([65_535], [10, 65_535, 10], Array<number>(9).fill(65_535), [
    ...Array<number>(20).fill(90),
    65_535,
    3,
  ]),
);
const size = fc.oneof(fc.integer({ min: 0, max: 70 }), fc.integer({ min: 2 ** 33 - 40, max: 2 ** 33 + 40 }));

/** A frame of records, deterministic bytes that begin with none of the prefixes. */
function frameOf(recordLengths: readonly number[]): {
  readonly payload: Buffer;
  readonly records: readonly Buffer[];
} {
  const records = recordLengths.map((bytes, i) =>
    Buffer.from(Array.from({ length: bytes }, (_, at) => (at * 31 + i * 7 + 5) & 0xff)),
  );
  const parts = records.flatMap((record) => {
    const head = Buffer.alloc(2);
    head.writeUInt16BE(record.length);
    return [head, record, Buffer.alloc(32, 0xee)];
  });
  return { payload: Buffer.concat(parts), records };
}

/** A tree of that size with peaks of its own, without its leaves. */
function treeOf(leaves: number): CompactRange {
  const peaks: Digest[] = [];
  for (let rest = leaves, i = 0; rest > 0; rest = Math.floor(rest / 2), i++)
    if (rest % 2 === 1) peaks.unshift(sha256(Buffer.from(`peak ${i}`)));
  return new CompactRange(leaves, peaks);
}

describe('leaves of a frame', () => {
  it('are hashed, chained and put into the tree as one after the other would be', () => {
    fc.assert(
      fc.property(
        lengths,
        size,
        fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.integer({ min: 1, max: 30 })),
        (recordLengths, before, most) => {
          const { payload, records } = frameOf(recordLengths);
          const original = Buffer.from(payload);
          const tree = treeOf(before);
          const slow = treeOf(before);
          const batch = new LeafBatch();
          let [fast, chain] = [sha256(Buffer.from('a')), sha256(Buffer.from('a'))];
          let done = 0;
          for (let at = 0; at < payload.length; ) {
            const count = batch.hash(payload, at, most, tree.size);
            expect(count).toBeGreaterThan(0);
            for (let i = 0; i < count; i++) {
              const record = records[done + i]!;
              const leaf = leafHash(record);
              expect(payload.subarray(batch.start(i), batch.end(i)).equals(record)).toBe(true);
              fast = chainNextOf(fast, before + done + i, batch, i);
              chain = chainNext(chain, before + done + i, leaf);
              slow.append(leaf);
            }
            at = batch.end(count - 1) + 32;
            batch.appendTo(tree);
            done += count;
            expect(fast === chain).toBe(true);
            expect(tree.size).toBe(slow.size);
            expect(tree.peaks).toEqual(slow.peaks);
          }
          expect(done).toBe(records.length);
          expect(payload.equals(original)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('end where the bytes are no whole record', () => {
    const { payload } = frameOf(Array<number>(20).fill(50));
    const batch = new LeafBatch();
    for (const cut of [1, 31, 32, 33, 60, 83, 84]) {
      const whole = Math.floor((payload.length - cut) / 84);
      expect(batch.hash(payload.subarray(0, payload.length - cut), 0, 100, 0)).toBe(whole);
    }
    expect(batch.hash(payload.subarray(0, 1), 0, 100, 0)).toBe(0);
    expect(batch.hash(payload.subarray(0, 40), 0, 100, 0)).toBe(0);
    expect(batch.hash(Buffer.alloc(0), 0, 100, 0)).toBe(0);
  });
});
