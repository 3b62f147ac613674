import { join } from 'node:path';
import { ByteReader, MalformedBytes, strictUtf8 } from './bytes.ts';
import type { Disk } from './disk.ts';
import { type Frame, FrameType, readAhead, readFrame } from './frame.ts';
import { DIGEST_BYTES, type Digest } from './hashing.ts';
import { decodeLeaf, type JournalLeaf } from './journal-leaf.ts';
import { listSegments, segmentName } from './segment.ts';
import { segmentBytes } from './segment-bytes.ts';
import { decodeSegmentHeader, type SegmentHeader } from './segment-header.ts';

/** Newest head of the journal with cosignatures of witnesses, inside the audit directory. */
export const COSIGNED_FILE = join('journal', 'cosigned');

export interface LeafFrame {
  readonly leaf: JournalLeaf;
  readonly bytes: Buffer;
  readonly chain: Digest;
  readonly note: string;
}

/** @throws MalformedBytes */
export function decodeLeafFrame(payload: Buffer): LeafFrame {
  const reader = new ByteReader(payload);
  const bytes = reader.bytes(reader.u32());
  const chain = reader.binary(DIGEST_BYTES);
  const note = strictUtf8(reader.bytes(payload.length - reader.offset));
  if (note === null) throw new MalformedBytes('a signed head is no text');
  return { leaf: decodeLeaf(bytes), bytes, chain, note };
}

/** @throws MalformedBytes when the file does not begin with a whole header frame */
export async function readSegmentHeader(
  disk: Disk,
  path: string,
): Promise<{ readonly header: SegmentHeader; readonly length: number }> {
  const segments = segmentBytes(disk);
  const frame = await readFrame((offset, length) => segments.read(path, offset, length), 0);
  if (frame === null || frame.type !== FrameType.header) throw new MalformedBytes('a segment has no header');
  return { header: decodeSegmentHeader(frame.payload), length: frame.length };
}

/** Frames of one file from `offset` to `end` (null: the end of the file). @throws MalformedBytes */
export async function* readFrames(
  disk: Disk,
  path: string,
  offset: number,
  end: number | null,
): AsyncGenerator<Frame> {
  const segments = segmentBytes(disk);
  const read = readAhead((at, length) => segments.read(path, at, length), end);
  while (end === null || offset < end) {
    const frame = await readFrame(read, offset);
    if (frame === null) {
      if (end !== null) throw new MalformedBytes('a file ends before its extent');
      return;
    }
    yield frame;
    offset += frame.length;
  }
}

/** Sealed groups' leaves with their notes, from group `from` to `to` inclusive. @throws MalformedBytes */
export async function* readLeaves(
  disk: Disk,
  auditDirectory: string,
  from: number,
  to: number,
): AsyncGenerator<LeafFrame> {
  const directory = join(auditDirectory, 'journal');
  const segments = await listSegments(disk, directory, 'journal');
  let first = 0;
  for (let i = segments.length - 1; i >= 0; i--) {
    const { header } = await readSegmentHeader(disk, join(directory, segmentName('journal', segments[i]!)));
    if (header.next <= from) {
      first = i;
      break;
    }
  }
  for (const segment of segments.slice(first)) {
    for await (const frame of readFrames(disk, join(directory, segmentName('journal', segment)), 0, null)) {
      if (frame.type !== FrameType.leaf) continue;
      const found = decodeLeafFrame(frame.payload);
      if (found.leaf.group >= from) yield found;
      if (found.leaf.group >= to) return;
    }
  }
}
