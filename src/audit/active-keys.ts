import { join } from 'node:path';
import { RowsealError } from '../error/rowseal-error.ts';
import { MalformedBytes } from './bytes.ts';
import type { Disk } from './disk.ts';
import { FrameType } from './frame.ts';
import { decodeLeafFrame, readFrames } from './journal-reader.ts';
import { type ActiveKeys, applyKeyChanges } from './key-change.ts';
import { listSegments, segmentName } from './segment.ts';
import { decodeSegmentHeader } from './segment-header.ts';

/**
 * The keys that may sign next, oldest first, as the newest segment of the journal says: for who signs beside the log's writer.
 *
 * @throws RowsealError RS-AUD-004
 */
export async function activeKeys(disk: Disk, directory: string, origin: string): Promise<readonly string[]> {
  const changed = await changedKeys(disk, join(directory, 'journal'), origin);
  if (changed !== null) return changed;
  // Never changed: the journal does not name its first key.
  const file = join(directory, 'log.vkey');
  const size = await disk.size(file);
  return size === null ? [] : [(await disk.read(file, 0, size)).toString('utf8').trim()];
}

/** @throws RowsealError RS-AUD-007 unless the key is one of those that may sign */
export function requireActive(key: string, active: readonly string[]): void {
  if (active.includes(key)) return;
  throw new RowsealError('RS-AUD-007', {
    detail: `${key.slice(0, key.lastIndexOf('+'))} is none of the keys that may sign`,
  });
}

async function changedKeys(disk: Disk, journal: string, origin: string): Promise<ActiveKeys> {
  for (const segment of (await listSegments(disk, journal, 'journal')).toReversed()) {
    const file = join(journal, segmentName('journal', segment));
    let keys: ActiveKeys | undefined;
    try {
      for await (const { type, payload } of readFrames(disk, file, 0, null)) {
        if (type === FrameType.header) keys = decodeSegmentHeader(payload).keys;
        // Leaves are many, and hardly one changes keys.
        else if (keys !== undefined && payload.includes('"keys":['))
          keys = keysAfter(keys, payload, origin, file);
      }
    } catch (error) {
      // Its end is being written, or a crash tore it.
      if (!(error instanceof MalformedBytes)) throw error;
    }
    if (keys !== undefined) return keys;
  }
  return null;
}

function keysAfter(keys: ActiveKeys, payload: Buffer, origin: string, file: string): ActiveKeys {
  const { leaf } = decodeLeafFrame(payload);
  const after = applyKeyChanges(keys, leaf.keys, origin, leaf.group);
  if (after !== null && 'wrong' in after)
    throw new RowsealError('RS-AUD-004', { detail: `${file}: ${after.wrong}` });
  return after;
}
