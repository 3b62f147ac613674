import { join } from 'node:path';
import { MalformedBytes } from '../bytes.ts';
import type { Disk } from '../disk.ts';
import { type Frame, FrameType, readFrame } from '../frame.ts';
import { type SegmentKind, segmentName } from '../segment.ts';
import { segmentBytes } from '../segment-bytes.ts';
import { decodeSegmentHeader, type SegmentHeader } from '../segment-header.ts';

export interface SegmentFile {
  /** Path inside the audit directory. */
  readonly name: string;
  /** Bytes of the segment, and of the file: fewer, where it is packed. */
  readonly size: number;
  readonly stored: number;
  readonly header: SegmentHeader;
  /** Whole frames after the header. */
  readonly frames: readonly Frame[];
  /** Where the frames stop being whole; `size` when they never do. */
  readonly wholeUntil: number;
  readonly tornBecause: string | null;
}

/** Reads one segment whole. null: there is no such file. @throws MalformedBytes when not even the header is whole */
export async function readSegmentFile(
  disk: Disk,
  root: string,
  folder: string,
  kind: SegmentKind,
  segment: number,
): Promise<SegmentFile | null> {
  const name = join(folder, segmentName(kind, segment));
  const segments = segmentBytes(disk);
  const path = join(root, name);
  const size = await segments.size(path);
  if (size === null) return null;
  await segments.checkEnd(path);
  const bytes = await segments.read(path, 0, size);
  const read = async (offset: number, length: number): Promise<Buffer> =>
    bytes.subarray(offset, offset + length);
  const first = await readFrame(read, 0);
  if (first === null) throw new MalformedBytes('the header is cut short');
  if (first.type !== FrameType.header) throw new MalformedBytes('the file has no header');
  const header = decodeSegmentHeader(first.payload);
  const frames: Frame[] = [];
  let at = first.length;
  let tornBecause: string | null = null;
  while (at < size) {
    try {
      const frame = await readFrame(read, at);
      if (frame === null) break;
      frames.push(frame);
      at += frame.length;
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      tornBecause = error.message;
      break;
    }
  }
  return {
    name,
    size,
    stored: (await segments.stored(path)) ?? 0,
    header,
    frames,
    wholeUntil: at,
    tornBecause,
  };
}
