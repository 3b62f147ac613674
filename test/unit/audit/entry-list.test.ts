import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EntryList } from '../../../src/audit/row-index/entry-list.ts';

const word = fc.oneof(
  fc.integer({ min: 0, max: 3 }),
  fc.constantFrom(0x7ff, 0x800, 0x3f_ffff, 0x40_0000, 0x7fff_ffff, -0x8000_0000, -1),
  fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }),
);

describe('entries of a row index', () => {
  it('are sorted by tag and record, as a plain sort of their bytes does', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(word, word, fc.integer({ min: 0, max: 9 })), { maxLength: 300 }),
        fc.nat(20),
        (steps, from) => {
          const list = new EntryList(4);
          const rows: Buffer[] = [];
          let seq = 100;
          for (const [high, low, step] of steps) {
            seq += step;
            list.add(high, low, seq);
            const bytes = Buffer.alloc(12);
            bytes.writeInt32BE(high, 0);
            bytes.writeInt32BE(low, 4);
            bytes.writeUInt32BE(seq - 100, 8);
            rows.push(bytes);
          }
          const start = Math.min(from, rows.length);
          const expected = Buffer.concat(rows.slice(start).sort(Buffer.compare));
          expect(list.sorted(start, 100).equals(expected)).toBe(true);
        },
      ),
      { numRuns: 300 },
    );
  });
});
