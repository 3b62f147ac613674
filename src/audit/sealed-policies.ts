import { join } from 'node:path';
import type { Disk } from './disk.ts';
import { FrameType } from './frame.ts';
import { readFrames, readSegmentHeader } from './journal-reader.ts';
import { RecordKind } from './record.ts';
import { recordsButChanges } from './record-scan.ts';
import { listSegments, segmentName } from './segment.ts';
import type { SegmentHeader } from './segment-header.ts';
import { decodeRecordsFrame } from './table-versions.ts';

/** A policy record of a table. */
export interface SealedPolicy {
  readonly seq: number;
  /** As `MaskedTable.policy`. */
  readonly policy: string;
}

/**
 * Under which policies the rows of a table were sealed, oldest first. Reads the headers of all segments, and of the rest only
 * segments in which the policy changed. Verifies nothing.
 *
 * @param folder of the table, inside the audit directory
 * @throws MalformedBytes where the bytes cannot be read
 */
export async function sealedPolicies(
  disk: Disk,
  directory: string,
  folder: string,
): Promise<readonly SealedPolicy[]> {
  const segments = await headers(disk, directory, folder);
  const found: SealedPolicy[] = [];
  for (const [i, { path }] of segments.entries()) {
    const [before, after] = [segments[i]!.header.policy?.seq, segments[i + 1]?.header.policy?.seq];
    // In the last one nobody has said yet how it ends.
    if (i + 1 < segments.length && before === after) continue;
    for await (const frame of readFrames(disk, path, 0, null)) {
      if (frame.type !== FrameType.meta) continue;
      for (const { kind, seq, payload } of decodeRecordsFrame(frame.payload))
        if (kind === RecordKind.policy)
          found.push({ seq, policy: (JSON.parse(payload) as { readonly policy: string }).policy });
    }
  }
  return found;
}

/**
 * Whether a copy of the table began at a record from `seq` on. Reads from there to where one did.
 *
 * @throws MalformedBytes where the bytes cannot be read
 */
export async function copyBegan(
  disk: Disk,
  directory: string,
  folder: string,
  seq: number,
): Promise<boolean> {
  const segments = await headers(disk, directory, folder);
  const first = segments.findLastIndex(({ header }) => header.next <= seq);
  for (const { path } of segments.slice(Math.max(0, first))) {
    for await (const { type, payload } of readFrames(disk, path, 0, null)) {
      if (type !== FrameType.records) continue;
      for (const record of recordsButChanges(payload))
        if (record.kind === RecordKind.snapshot && record.seq >= seq && beginsCopy(record.payload))
          return true;
    }
  }
  return false;
}

function beginsCopy(payload: string): boolean {
  return (JSON.parse(payload) as { readonly phase?: string }).phase !== 'end';
}

async function headers(
  disk: Disk,
  directory: string,
  folder: string,
): Promise<readonly { readonly path: string; readonly header: SegmentHeader }[]> {
  const found = [];
  for (const segment of await listSegments(disk, join(directory, folder), 'records')) {
    const path = join(directory, folder, segmentName('records', segment));
    found.push({ path, header: (await readSegmentHeader(disk, path)).header });
  }
  return found;
}
