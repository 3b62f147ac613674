import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { columnsHash } from '../../src/audit/disclosure/column-image.ts';
import { NodeDisk } from '../../src/audit/node-disk.ts';
import { RecordKind } from '../../src/audit/record.ts';
import { EntryList } from '../../src/audit/row-index/entry-list.ts';
import { RowIndex } from '../../src/audit/row-index/row-index.ts';
import { tableDirectory } from '../../src/audit/table-directory.ts';
import { readTableRecords } from '../../src/audit/table-records.ts';
import { exitOf } from '../../src/audit/verify/report.ts';
import { verifyAudit } from '../../src/audit/verify/verify.ts';
import { seededRandom } from '../../src/cli/demo/shop.ts';
import { columnarHash } from '../support/independent-verifier/row-index.ts';
import { verify as verifyIndependently } from '../support/independent-verifier/verify.ts';
import { PROOF_KEY, people, withDirectory, writeProofLog } from '../support/proof-log.ts';

afterEach(() => vi.restoreAllMocks());

async function verdicts(directory: string): Promise<readonly [number, number]> {
  const report = await verifyAudit({ directory, key: PROOF_KEY });
  return [exitOf(report), verifyIndependently(directory, { key: PROOF_KEY }).exit];
}

describe('the row index', () => {
  it.each([
    { seed: 41, indexSpacing: [1, 1] as const },
    { seed: 42, indexSpacing: [5, 30] as const, disclosure: 'column' as const, erase: [3] },
    { seed: 43, indexSpacing: [20, 20] as const, segmentMaxBytes: 65_536, erase: [3, 7] },
  ])('is found good by both verifiers, over segments and restarts ($seed)', async (options) => {
    await withDirectory(async (directory) => {
      await writeProofLog(directory, { groups: 40, ...options });
      let indexes = 0;
      const folder = join('tables', tableDirectory(people));
      for await (const record of readTableRecords(new NodeDisk(), directory, folder, 'meta'))
        if (record.kind === RecordKind.index) indexes++;
      expect(indexes).toBeGreaterThan(4);
      expect(await verdicts(directory)).toEqual([0, 0]);
    });
  });

  it.each(['root', 'entries', 'wide', 'first', 'previous', 'level'] as const)(
    'that lies about its %s is found, though it is signed',
    async (what) => {
      const truth = RowIndex.prototype.statement;
      let count = 0;
      vi.spyOn(RowIndex.prototype, 'statement').mockImplementation(function (this: RowIndex, level) {
        const statement = truth.call(this, level);
        if (++count !== 4) return statement;
        const lies = {
          root: { root: 'x'.repeat(32) },
          entries: { entries: statement.entries + 1 },
          wide: { wide: statement.wide === 0 ? 1 : 0 },
          first: { first: statement.first + 1 },
          previous: { previous: 'y'.repeat(32) },
          level: { level: (1 - level) as 0 | 1 },
        };
        return { ...statement, ...lies[what] };
      });
      await withDirectory(async (directory) => {
        await writeProofLog(directory, { seed: 44, groups: 30 });
        vi.restoreAllMocks();
        expect(await verdicts(directory)).toEqual([10, 10]);
      });
    },
  );

  it('sorts as bytes are compared, whatever the tags', () => {
    const random = seededRandom(7);
    for (const spread of [2, 50, 0x1_0000_0000]) {
      const list = new EntryList(4);
      const rows = Array.from({ length: 3_000 }, (_, i) => {
        const [high, low] = [Math.floor(random() * spread), Math.floor(random() * spread)];
        list.add(high, low, i + 10);
        const entry = Buffer.alloc(12);
        entry.writeUInt32BE(high, 0);
        entry.writeUInt32BE(low, 4);
        entry.writeUInt32BE(i, 8);
        return entry;
      });
      expect(list.sorted(0, 10).equals(Buffer.concat(rows.sort(Buffer.compare)))).toBe(true);
    }
  });
});

describe('an image that commits to each column', () => {
  it('has the hash that the specification says, for cells of any size', () => {
    const random = seededRandom(9);
    for (const width of [1, 2, 7, 40]) {
      const salt = Buffer.from(Array.from({ length: 16 }, () => Math.floor(random() * 256)));
      const cells = Array.from({ length: width }, (_, i) => {
        const length = [0, 5, 100][i % 3]!;
        return i % 4 === 0
          ? Buffer.from([i % 3 === 1 ? 3 : 0])
          : Buffer.from([1, length, ...Buffer.alloc(length, 65 + i)]);
      });
      const found = columnsHash(salt, Buffer.concat(cells), width);
      expect(Buffer.from(found, 'latin1').equals(columnarHash(salt, cells))).toBe(true);
    }
  });
});
