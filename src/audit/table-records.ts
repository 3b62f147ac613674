import { join } from 'node:path';
import type { Disk } from './disk.ts';
import { FrameType } from './frame.ts';
import type { AuditRecord } from './record.ts';
import { listSegments } from './segment.ts';
import { decodeRecordsFrame } from './table-versions.ts';
import { readSegmentFile } from './verify/segment-file.ts';

/**
 * Every record of a table's log in order, one segment in memory at a time. Nothing is verified, and records after the
 * last sealed group are among them.
 *
 * @param folder of the table, inside the audit directory
 * @param only `meta`: the few records that are not about rows
 * @throws MalformedBytes where the bytes cannot be read
 */
export async function* readTableRecords(
  disk: Disk,
  directory: string,
  folder: string,
  only: 'all' | 'meta' = 'all',
): AsyncGenerator<AuditRecord> {
  for (const segment of await listSegments(disk, join(directory, folder), 'records')) {
    const file = await readSegmentFile(disk, directory, folder, 'records', segment);
    for (const frame of file?.frames ?? []) {
      const wanted = frame.type === FrameType.meta || (only === 'all' && frame.type === FrameType.records);
      if (wanted) yield* decodeRecordsFrame(frame.payload);
    }
  }
}

/** Tags in hex of the keys that a record is about: none, one, or two where an update changed the key. */
export function tagsOf(record: AuditRecord): readonly string[] {
  return [record.keyTag, record.oldKeyTag]
    .filter((tag) => tag !== null)
    .map((tag) => Buffer.from(tag).toString('hex'));
}
