import { join } from 'node:path';
import { MalformedBytes } from './bytes.ts';
import type { Disk } from './disk.ts';
import { FrameType } from './frame.ts';
import { decodeLeafFrame } from './journal-reader.ts';
import { listSegments } from './segment.ts';
import { readSegmentFile } from './verify/segment-file.ts';

/**
 * Number of the newest sealed group, without opening the log: a writer may be at work, whose newest leaf is then not whole
 * yet. null: there is none.
 *
 * @throws MalformedBytes
 */
export async function newestGroup(disk: Disk, directory: string): Promise<number | null> {
  const segments = await listSegments(disk, join(directory, 'journal'), 'journal');
  for (const segment of [...segments].reverse()) {
    try {
      const file = await readSegmentFile(disk, directory, 'journal', 'journal', segment);
      const last = file?.frames.findLast((frame) => frame.type === FrameType.leaf);
      if (last !== undefined) return decodeLeafFrame(last.payload).leaf.group;
    } catch (error) {
      // Only the newest may be unfinished.
      if (!(error instanceof MalformedBytes) || segment !== segments.at(-1)) throw error;
    }
  }
  return null;
}
