import { join } from 'node:path';
import { MalformedBytes } from '../bytes.ts';
import type { Disk } from '../disk.ts';
import { FrameType } from '../frame.ts';
import { parseSignedHead } from '../note.ts';
import { listSegments } from '../segment.ts';
import { FrameCursor } from './frame-cursor.ts';
import { newestGroup, readText } from './journal-lookup.ts';

/**
 * Records of a table up to the end of a sealed group: by the head that is kept beside its log, a second old at most, or else by
 * the trailers of its last segment that has one.
 *
 * @param table its directory @throws MalformedBytes when nothing is sealed
 */
export async function sealedSize(disk: Disk, directory: string, table: string): Promise<number> {
  const folder = join(directory, 'tables', table);
  const kept = await readText(disk, join(folder, 'head'));
  const head = kept === null ? null : parseSignedHead(kept);
  if (head !== null) return head.head.size;
  const last = await newestGroup(disk, directory);
  for (const segment of [...(await listSegments(disk, folder, 'records'))].reverse()) {
    const frames = new FrameCursor(disk, folder, 'records', segment, 0);
    let size = 0;
    try {
      for (let frame = await frames.next(); frame !== null; frame = await frames.next()) {
        if (frames.segment !== segment) break;
        if (frame.type !== FrameType.trailer) continue;
        const trailer = parseTrailer(frame.payload);
        if (trailer.group <= last) size = trailer.size;
      }
    } catch (error) {
      // A torn end: what is before it is there.
      if (!(error instanceof MalformedBytes)) throw error;
    }
    if (size > 0) return size;
  }
  throw new MalformedBytes('nothing is sealed');
}

/** The newest group that touched the table, as its trailer says. @throws MalformedBytes */
export function parseTrailer(payload: Buffer): { readonly group: number; readonly size: number } {
  try {
    const { group, size } = JSON.parse(payload.toString('utf8')) as { group: number; size: number };
    if (Number.isSafeInteger(group) && Number.isSafeInteger(size)) return { group, size };
  } catch {
    // Said below.
  }
  throw new MalformedBytes('a trailer cannot be read');
}
