import { MalformedBytes } from './bytes.ts';
import type { Disk } from './disk.ts';
import { FRAME_HEADER_BYTES, readFrame } from './frame.ts';
import { decodePackedIndex, isPacked, type PackedIndex, readBlock } from './packed-segment.ts';

/** Blocks kept unpacked, a megabyte or so each: readers go forward, and the log of a group has two files a table. */
const KEPT_BLOCKS = 4;

/** A writer may pack a file between two reads of it; then it is looked at again. */
const ATTEMPTS = 5;

interface KnownPacked {
  /** First bytes of the file: they hold a CRC over the index, so another packing has others. */
  readonly head: Buffer;
  readonly index: PackedIndex;
}

/**
 * The bytes of segments as they were written, whether they are packed by now or not: all offsets in the log's formats are
 * offsets in these.
 */
export class SegmentBytes {
  readonly #disk: Disk;
  readonly #packed = new Map<string, KnownPacked>();
  readonly #blocks = new Map<string, { readonly head: Buffer; readonly bytes: Buffer }>();

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  /** null: there is no such file. @throws MalformedBytes */
  async size(path: string): Promise<number | null> {
    const size = await this.#disk.size(path);
    if (size === null || !isPacked(await this.#disk.read(path, 0, FRAME_HEADER_BYTES))) return size;
    return (await this.#look(path)).index.size;
  }

  /** Bytes that the file takes on the disk. */
  stored(path: string): Promise<number | null> {
    return this.#disk.size(path);
  }

  /** Exactly `length` bytes from `offset`, or fewer at the end of the segment. @throws MalformedBytes */
  async read(path: string, offset: number, length: number): Promise<Buffer> {
    for (let attempt = 1; ; attempt++) {
      const known = this.#packed.get(path);
      if (known === undefined) {
        const bytes = await this.#disk.read(path, offset, length);
        // Looked at afterwards: files are packed while they are read, never the other way round.
        const head =
          offset === 0 && bytes.length >= FRAME_HEADER_BYTES
            ? bytes
            : await this.#disk.read(path, 0, FRAME_HEADER_BYTES);
        if (!isPacked(head)) return bytes;
        await this.#look(path);
        continue;
      }
      try {
        const bytes = await this.#readPacked(path, known, offset, length);
        if ((await this.#headOf(path)).equals(known.head)) return bytes;
      } catch (error) {
        if (!(error instanceof MalformedBytes)) throw error;
        if (attempt >= ATTEMPTS || (await this.#headOf(path)).equals(known.head)) throw error;
      }
      this.#packed.delete(path);
      if (attempt >= ATTEMPTS) throw new MalformedBytes('a segment changes while it is read');
    }
  }

  /**
   * Nothing but the blocks that the index names is in the file.
   *
   * @throws MalformedBytes
   */
  async checkEnd(path: string): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      if (!isPacked(await this.#headOf(path))) return;
      const { head, index } = await this.#look(path);
      if ((await this.#disk.size(path)) === index.end) return;
      if (attempt >= ATTEMPTS || (await this.#headOf(path)).equals(head))
        throw new MalformedBytes('a packed segment does not end where its index says');
    }
  }

  /** The file was replaced. */
  forget(path: string): void {
    this.#packed.delete(path);
    for (const key of this.#blocks.keys()) if (key.startsWith(`${path}:`)) this.#blocks.delete(key);
  }

  /** Reads the index, again where another packing took its place between two reads. */
  async #look(path: string): Promise<KnownPacked> {
    const read = (offset: number, length: number): Promise<Buffer> => this.#disk.read(path, offset, length);
    for (let attempt = 1; ; attempt++) {
      const head = await this.#headOf(path);
      try {
        const frame = await readFrame(read, 0);
        if (frame === null) throw new MalformedBytes('a packed segment has no index');
        const known = { head, index: decodePackedIndex(frame.payload) };
        if ((await this.#headOf(path)).equals(head)) {
          this.#packed.set(path, known);
          return known;
        }
      } catch (error) {
        if (!(error instanceof MalformedBytes) || (await this.#headOf(path)).equals(head)) throw error;
      }
      if (attempt >= ATTEMPTS) throw new MalformedBytes('a segment changes while it is read');
    }
  }

  #headOf(path: string): Promise<Buffer> {
    return this.#disk.read(path, 0, FRAME_HEADER_BYTES);
  }

  async #readPacked(path: string, known: KnownPacked, offset: number, length: number): Promise<Buffer> {
    const end = Math.min(known.index.size, offset + length);
    const pieces: Buffer[] = [];
    for (let at = offset; at < end; ) {
      const number = blockAt(known.index, at);
      const block = known.index.blocks[number]!;
      const bytes = await this.#block(path, known, number);
      const from = at - block.plainStart;
      const to = Math.min(block.plainLength, end - block.plainStart);
      pieces.push(bytes.subarray(from, to));
      at = block.plainStart + to;
    }
    // A copy: what is kept unpacked must not change under a reader that changes what it was given.
    return Buffer.concat(pieces);
  }

  async #block(path: string, { head, index }: KnownPacked, number: number): Promise<Buffer> {
    const key = `${path}:${number}`;
    const kept = this.#blocks.get(key);
    if (kept?.head.equals(head)) return kept.bytes;
    const bytes = await readBlock(this.#disk, path, index.blocks[number]!);
    this.#blocks.delete(key);
    this.#blocks.set(key, { head, bytes });
    for (const oldest of this.#blocks.keys()) {
      if (this.#blocks.size <= KEPT_BLOCKS) break;
      this.#blocks.delete(oldest);
    }
    return bytes;
  }
}

function blockAt({ blocks }: PackedIndex, offset: number): number {
  let low = 0;
  let high = blocks.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (blocks[middle]!.plainStart <= offset) low = middle;
    else high = middle - 1;
  }
  return low;
}

const byDisk = new WeakMap<Disk, SegmentBytes>();

/** One for each disk, so that what was unpacked is kept. */
export function segmentBytes(disk: Disk): SegmentBytes {
  let segments = byDisk.get(disk);
  if (segments === undefined) {
    segments = new SegmentBytes(disk);
    byDisk.set(disk, segments);
  }
  return segments;
}
