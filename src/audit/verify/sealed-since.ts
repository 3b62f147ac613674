import { join } from 'node:path';
import { MalformedBytes } from '../bytes.ts';
import type { Disk } from '../disk.ts';
import { parseErasure } from '../erased.ts';
import { parseExpiry } from '../expired.ts';
import { readLeaves } from '../journal-reader.ts';
import { RecordKind } from '../record.ts';
import { readTableRecords } from '../table-records.ts';
import type { ExpectedGroup } from './table-check.ts';

/**
 * Which images of a table groups name that were sealed since the journal was read: a writer takes them away while they are read.
 * Nothing of it is verified, so it makes nothing good: it says only why to look again.
 *
 * @param newest group that touched the table when the journal was read
 */
export async function sealedSince(
  disk: Disk,
  root: string,
  directory: string,
  newest: ExpectedGroup,
): Promise<(seq: number, tags: readonly string[]) => boolean> {
  const from = newest.touched.size;
  const named = new Set<string>();
  let before = 0;
  let until = from;
  await asFarAsWhole(async () => {
    for await (const { leaf } of readLeaves(disk, root, newest.group + 1, Number.MAX_SAFE_INTEGER))
      until = leaf.tables.find((table) => table.directory === directory)?.size ?? until;
  });
  await asFarAsWhole(async () => {
    for await (const { kind, seq, payload } of readTableRecords(
      disk,
      root,
      join('tables', directory),
      'meta',
    )) {
      if (seq < from) continue;
      if (seq >= until) break;
      if (kind === RecordKind.erasure) for (const tag of parseErasure(payload).tags) named.add(tag);
      if (kind === RecordKind.expiry) before = Math.max(before, parseExpiry(payload).before);
    }
  });
  return (seq, tags) => seq < before || tags.some((tag) => named.has(tag));
}

/** What is being written is not whole yet. */
async function asFarAsWhole(read: () => Promise<void>): Promise<void> {
  try {
    await read();
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error;
  }
}
