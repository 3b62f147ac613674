import { join } from 'node:path';
import { MalformedBytes } from './bytes.ts';
import type { Disk } from './disk.ts';
import { type Frame, FrameType } from './frame.ts';
import { readFrames } from './journal-reader.ts';
import type { AuditRecord } from './record.ts';
import { listSegments, segmentName } from './segment.ts';
import { decodeRecordsFrame } from './table-versions.ts';

/**
 * Every record of a table's log in order, a frame in memory at a time. Nothing is verified, and records after the last sealed
 * group are among them, as far as they are whole.
 *
 * @param folder of the table, inside the audit directory
 * @param only `meta`: the few records that are not about rows
 * @throws MalformedBytes where the bytes cannot be read, or, of all records, one is missing
 */
export async function* readTableRecords(
  disk: Disk,
  directory: string,
  folder: string,
  only: 'all' | 'meta' = 'all',
): AsyncGenerator<AuditRecord> {
  const segments = await listSegments(disk, join(directory, folder), 'records');
  let next = 0;
  for (const segment of segments) {
    const path = join(directory, folder, segmentName('records', segment));
    let isFirst = true;
    const frames = readFrames(disk, path, 0, null);
    for (;;) {
      let frame: Frame | undefined;
      try {
        frame = (await frames.next()).value ?? undefined;
      } catch (error) {
        // A crash tears the end of what is not sealed. Anywhere else who counts records would count wrong from there on.
        if (isFirst || segment !== segments.at(-1) || !(error instanceof MalformedBytes)) throw error;
      }
      if (frame === undefined) break;
      if (isFirst && frame.type !== FrameType.header) throw new MalformedBytes('the file has no header');
      isFirst = false;
      const wanted = frame.type === FrameType.meta || (only === 'all' && frame.type === FrameType.records);
      if (!wanted) continue;
      for (const record of decodeRecordsFrame(frame.payload)) {
        if (only === 'all' && record.seq !== next)
          throw new MalformedBytes(`record ${record.seq} stands where record ${next} is due`);
        next = record.seq + 1;
        yield record;
      }
    }
  }
}

/** Tags in hex of the keys that a record is about: none, one, or two where an update changed the key. */
export function tagsOf(record: AuditRecord): readonly string[] {
  return [record.keyTag, record.oldKeyTag]
    .filter((tag) => tag !== null)
    .map((tag) => Buffer.from(tag).toString('hex'));
}
