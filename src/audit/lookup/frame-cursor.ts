import { join } from 'node:path';
import type { Disk } from '../disk.ts';
import { type Frame, FrameType, readFrame } from '../frame.ts';
import { type SegmentKind, segmentName } from '../segment.ts';
import { segmentBytes } from '../segment-bytes.ts';

/** What is read of a file at a time. */
const CHUNK_BYTES = 4 << 20;

/**
 * Goes forward over the frames of one kind of segments, from any frame on. Reads in large pieces, because frames are small
 * where groups are.
 */
export class FrameCursor {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #kind: SegmentKind;
  readonly #chunkBytes: number;
  #segment: number;
  /** Offset of the next frame. */
  #offset: number;
  #chunk: { segment: number; start: number; bytes: Buffer } = {
    segment: -1,
    start: 0,
    bytes: Buffer.alloc(0),
  };

  /** @param folder of the segments @param chunkBytes read at a time: little for one record, much for a walk */
  constructor(
    disk: Disk,
    folder: string,
    kind: SegmentKind,
    segment: number,
    offset: number,
    chunkBytes = CHUNK_BYTES,
  ) {
    this.#disk = disk;
    this.#folder = folder;
    this.#kind = kind;
    this.#segment = segment;
    this.#offset = offset;
    this.#chunkBytes = chunkBytes;
  }

  get segment(): number {
    return this.#segment;
  }

  /** The next frame that is no header; null at the end of the last segment. @throws MalformedBytes */
  async next(): Promise<Frame | null> {
    for (;;) {
      const frame = await readFrame((offset, length) => this.#read(offset, length), this.#offset);
      if (frame === null) {
        const following = join(this.#folder, segmentName(this.#kind, this.#segment + 1));
        if ((await this.#disk.size(following)) === null) return null;
        this.#segment++;
        this.#offset = 0;
        continue;
      }
      this.#offset += frame.length;
      if (frame.type !== FrameType.header) return frame;
    }
  }

  async #read(offset: number, length: number): Promise<Buffer> {
    const { segment, start, bytes } = this.#chunk;
    const from = offset - start;
    if (segment === this.#segment && from >= 0 && from + length <= bytes.length)
      return bytes.subarray(from, from + length);
    const path = join(this.#folder, segmentName(this.#kind, this.#segment));
    const chunk = await segmentBytes(this.#disk).read(path, offset, Math.max(length, this.#chunkBytes));
    this.#chunk = { segment: this.#segment, start: offset, bytes: chunk };
    return chunk.subarray(0, length);
  }
}
