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

interface LeafPlace {
  readonly segment: number;
  /** Where the leaf begins; at the end of a segment it is the first of the next. */
  readonly offset: number;
}

/** Readers that go on where they left off: so many are remembered. */
const MAX_PLACES = 16;

/** Where leaves begin that are read next, so that nobody walks a long journal for every few groups. */
export class LeafPlaces {
  readonly #places = new Map<number, LeafPlace>();

  of(group: number): LeafPlace | null {
    return this.#places.get(group) ?? null;
  }

  /** The leaf of `group` was read; the next one begins here. */
  passed(group: number, next: LeafPlace): void {
    this.#places.delete(group);
    this.#places.set(group + 1, next);
    const [oldest] = this.#places.keys();
    if (this.#places.size > MAX_PLACES) this.#places.delete(oldest!);
  }
}

/**
 * Sealed groups' leaves with their notes, from group `from` to `to` inclusive.
 *
 * @param places of earlier readings of the same journal
 * @throws MalformedBytes
 */
export async function* readLeaves(
  disk: Disk,
  auditDirectory: string,
  from: number,
  to: number,
  places: LeafPlaces = new LeafPlaces(),
): AsyncGenerator<LeafFrame> {
  const directory = join(auditDirectory, 'journal');
  const segments = await listSegments(disk, directory, 'journal');
  const start = places.of(from) ?? { segment: await segmentOf(disk, directory, segments, from), offset: 0 };
  for (const segment of segments.filter((number) => number >= start.segment)) {
    let at = segment === start.segment ? start.offset : 0;
    for await (const frame of readFrames(disk, join(directory, segmentName('journal', segment)), at, null)) {
      at += frame.length;
      if (frame.type !== FrameType.leaf) continue;
      const found = decodeLeafFrame(frame.payload);
      if (found.leaf.group < from) continue;
      places.passed(found.leaf.group, { segment, offset: at });
      yield found;
      if (found.leaf.group >= to) return;
    }
  }
}

async function segmentOf(
  disk: Disk,
  directory: string,
  segments: readonly number[],
  group: number,
): Promise<number> {
  for (const segment of [...segments].reverse()) {
    const { header } = await readSegmentHeader(disk, join(directory, segmentName('journal', segment)));
    if (header.next <= group) return segment;
  }
  return segments[0] ?? 0;
}
