import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Disk } from '../../../src/audit/disk.ts';
import { FRAME_HEADER_BYTES, type Frame, FrameType } from '../../../src/audit/frame.ts';
import type { TouchedTable } from '../../../src/audit/journal-leaf.ts';
import { readFrames, readLeaves } from '../../../src/audit/journal-reader.ts';
import { generateSigningKeyFile, parseSigningKey } from '../../../src/audit/keys.ts';
import { NodeDisk } from '../../../src/audit/node-disk.ts';
import { openAuditLog } from '../../../src/audit/open.ts';
import { RecordKind } from '../../../src/audit/record.ts';
import { segmentName } from '../../../src/audit/segment.ts';
import { tableDirectory } from '../../../src/audit/table-directory.ts';
import { decodeRecordsFrame, TableVersions } from '../../../src/audit/table-versions.ts';
import type { MaskedTable } from '../../../src/model/masked.ts';
import { at, begin, column, INT, rows, table } from '../../support/masked.ts';

const columns = [column('id', 1, INT), column('a', 2), column('b', 3), column('c', 4)];
/** Grows by a column at a time. */
const versions = [2, 3, 4, 4].map((width) => table('people', columns.slice(0, width)));
const disk = new NodeDisk();
let directory: string;
let path: string;
let touched: TouchedTable[];

/** One group for each version; the last brings none of its own. */
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rowseal-versions-'));
  path = join(directory, 'tables', tableDirectory(versions[0]!));
  const signer = parseSigningKey(generateSigningKeyFile());
  const { log } = await openAuditLog({ directory, origin: 'rowseal/versions', signer });
  for (const [n, version] of versions.entries()) {
    const group = log.begin();
    const after = [String(n), 'a', 'b', 'c'].slice(0, version.columns.length);
    await group.append([begin(n + 1), rows(version, 0, [{ op: 'c', after }])]);
    await group.seal(at(n * 10 + 15));
  }
  await log.close();
  touched = [];
  for await (const { leaf } of readLeaves(disk, directory, 0, versions.length)) touched.push(leaf.tables[0]!);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function framesWithSchema(): Promise<readonly Frame[]> {
  const found: Frame[] = [];
  for await (const frame of readFrames(disk, join(path, segmentName('records', 0)), 0, null))
    if (
      frame.type === FrameType.meta &&
      decodeRecordsFrame(frame.payload).some(({ kind }) => kind === RecordKind.schema)
    )
      found.push(frame);
  return found;
}

const widths = (tables: readonly MaskedTable[]): number[] => tables.map((version) => version.columns.length);

it('names the versions of a group, whoever else reads the segment meanwhile', async () => {
  const [, second, third] = await framesWithSchema();
  const beyond = third!.offset + third!.length;
  let held = false;
  let pass: () => void = () => {};
  const passed = new Promise<void>((resolve) => {
    pass = resolve;
  });
  const slow: Disk = Object.assign(Object.create(disk), {
    read: async (name: string, offset: number, length: number) => {
      if (offset >= beyond) pass();
      if (offset === second!.offset + FRAME_HEADER_BYTES && !held) {
        held = true;
        // Until the other is past the third; it may be one that waits.
        await Promise.race([passed, new Promise((resolve) => setTimeout(resolve, 200))]);
      }
      return disk.read(name, offset, length);
    },
  });
  const shared = new TableVersions(slow, path);
  const [before, after] = await Promise.all([shared.inGroup(touched[1]!), shared.inGroup(touched[3]!)]);
  expect(held).toBe(true);
  expect(widths(before)).toEqual([2, 3]);
  expect(widths(after)).toEqual([4]);
  // And whoever comes later.
  for (const [n, expected] of [[2], [2, 3], [3, 4], [4]].entries())
    expect(widths(await shared.inGroup(touched[n]!))).toEqual(expected);
});

it('walks on after a walk that failed', async () => {
  let failures = 1;
  const [, second] = await framesWithSchema();
  const failing: Disk = Object.assign(Object.create(disk), {
    read: async (name: string, offset: number, length: number) => {
      if (offset === second!.offset + FRAME_HEADER_BYTES && failures-- > 0) throw new Error('once');
      return disk.read(name, offset, length);
    },
  });
  const shared = new TableVersions(failing, path);
  await expect(shared.inGroup(touched[3]!)).rejects.toThrow('once');
  expect(widths(await shared.inGroup(touched[3]!))).toEqual([4]);
});
