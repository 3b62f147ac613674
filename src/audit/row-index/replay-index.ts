import { join } from 'node:path';
import { ByteReader, MalformedBytes } from '../bytes.ts';
import type { Disk } from '../disk.ts';
import { type Frame, FrameType } from '../frame.ts';
import { DIGEST_BYTES, leafHash } from '../hashing.ts';
import { decodeRecord, RecordKind } from '../record.ts';
import { RecordScan } from '../record-scan.ts';
import { segmentName } from '../segment.ts';
import { readSegmentFile } from '../verify/segment-file.ts';
import { indexChange, indexRecord } from './index-entries.ts';
import { parseIndexPayload } from './index-payload.ts';
import { RowIndex } from './row-index.ts';

/**
 * The row index as a writer would have it after the record before `end`: goes back to the newest index record of level 1,
 * which is no further than its spacing, and enters what follows it.
 *
 * @param folder of the table, inside the audit directory
 * @throws MalformedBytes
 */
export async function replayIndex(
  disk: Disk,
  directory: string,
  folder: string,
  end: { readonly segment: number; readonly offset: number },
): Promise<RowIndex> {
  const frames: Frame[] = [];
  let begins: number | null = null;
  for (let segment = end.segment; segment >= 0 && begins === null; segment--) {
    const file = await readSegmentFile(disk, directory, folder, 'records', segment);
    if (file === null)
      throw new MalformedBytes(`${join(folder, segmentName('records', segment))} is missing`);
    const sealed =
      segment < end.segment ? file.frames : file.frames.filter(({ offset }) => offset < end.offset);
    const last = sealed.findLastIndex(endsIndex);
    if (last >= 0) begins = file.header.next;
    frames.unshift(...sealed.slice(Math.max(last, 0)));
  }
  return entered(frames);
}

function endsIndex(frame: Frame): boolean {
  if (frame.type !== FrameType.meta) return false;
  let found = false;
  eachRecord(frame, (bytes) => {
    const record = decodeRecord(bytes);
    if (record.kind === RecordKind.index) found ||= parseIndexPayload(record.payload).level === 1;
  });
  return found;
}

function entered(frames: readonly Frame[]): RowIndex {
  const index = new RowIndex();
  const scan = new RecordScan();
  for (const frame of frames) {
    if (frame.type !== FrameType.records && frame.type !== FrameType.meta) continue;
    eachRecord(frame, (bytes) => {
      if (scan.change(bytes, 0, bytes.length)) {
        indexChange(index, scan, bytes);
        return;
      }
      const record = decodeRecord(bytes);
      if (record.kind === RecordKind.index)
        index.recorded(parseIndexPayload(record.payload).level, record.seq, leafHash(bytes));
      else indexRecord(index, record);
    });
  }
  return index;
}

function eachRecord(frame: Frame, take: (bytes: Buffer) => void): void {
  const reader = new ByteReader(frame.payload);
  while (!reader.done) {
    take(reader.bytes(reader.u16()));
    reader.skip(DIGEST_BYTES);
  }
}
