import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import { ByteBuilder, ByteReader, MalformedBytes } from './bytes.ts';
import type { Disk } from './disk.ts';
import { replaceFileWith } from './durable.ts';
import {
  encodeFrame,
  FRAME_HEADER_BYTES,
  type Frame,
  FrameType,
  MAX_FRAME_BYTES,
  type ReadAt,
  readAhead,
  readFrame,
} from './frame.ts';

/**
 * A segment that is no longer appended to may be packed (docs/audit-format.md §10): the same name, the same bytes inside,
 * compressed in blocks. Offsets in leaves and trailers are those of the bytes inside.
 */

/** Block of a packed segment: whole frames, at least this many bytes of them but in the last one. */
const BLOCK_BYTES = 1 << 20;
/** The only method: Zstandard (RFC 8878), one frame a block. */
const ZSTD = 1;
/** Off the hot path, yet on the same two cores: 3 packs 200 MB/s here, and 9 gains 2 % for a fourth of that. */
const ZSTD_LEVEL = 3;
/** More than a writer ever makes: segments end soon after `segment_max_bytes`. */
const MAX_SEGMENT_BYTES = 2 ** 40;

/** In libuv's threads: the event loop goes on. */
function compress(bytes: Buffer): Promise<Buffer> {
  const params = { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL };
  return new Promise((resolve, reject) => {
    zstdCompress(bytes, { params }, (error, packed) => (error === null ? resolve(packed) : reject(error)));
  });
}

/** @param length that the bytes may have; one more is let through, so that too many are seen and a bomb does not go off */
function decompress(packed: Buffer, length: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    zstdDecompress(packed, { maxOutputLength: length + 1 }, (error, bytes) =>
      error === null ? resolve(bytes) : reject(error),
    );
  });
}

export interface PackedBlock {
  /** Offset of the block's bytes in the segment that was packed, and how many they are. */
  readonly plainStart: number;
  readonly plainLength: number;
  /** Offset of the block's frame in the file, and the length of its payload. */
  readonly start: number;
  readonly length: number;
}

export interface PackedIndex {
  /** Bytes of the segment that was packed. */
  readonly size: number;
  readonly blocks: readonly PackedBlock[];
  /** Bytes that the file must have. */
  readonly end: number;
}

/** Whether a file that begins with these bytes is packed. */
export function isPacked(head: Buffer): boolean {
  return head.length >= FRAME_HEADER_BYTES && head[4] === FrameType.packed;
}

/** @throws MalformedBytes */
export function decodePackedIndex(payload: Buffer): PackedIndex {
  const reader = new ByteReader(payload);
  if (reader.byte() !== ZSTD) throw new MalformedBytes('a packed segment has an unknown method');
  const size = Number(reader.u64());
  const blocks: PackedBlock[] = [];
  let plainStart = 0;
  let start = FRAME_HEADER_BYTES + payload.length;
  while (!reader.done) {
    const plainLength = reader.u32();
    const length = reader.u32();
    if (plainLength === 0 || plainLength > MAX_FRAME_BYTES + BLOCK_BYTES || length > MAX_FRAME_BYTES)
      throw new MalformedBytes('a packed segment has a block of an impossible length');
    blocks.push({ plainStart, plainLength, start, length });
    plainStart += plainLength;
    start += FRAME_HEADER_BYTES + length;
  }
  if (plainStart !== size || size > MAX_SEGMENT_BYTES)
    throw new MalformedBytes('the blocks of a packed segment do not add up');
  return { size, blocks, end: start };
}

/** The bytes inside one block. @throws MalformedBytes */
export async function readBlock(disk: Disk, path: string, block: PackedBlock): Promise<Buffer> {
  const frame = await readFrame((offset, length) => disk.read(path, offset, length), block.start);
  if (frame === null || frame.type !== FrameType.block || frame.payload.length !== block.length)
    throw new MalformedBytes('a block of a packed segment is not what its index says');
  let plain: Buffer;
  try {
    plain = await decompress(frame.payload, block.plainLength);
  } catch {
    throw new MalformedBytes('a block of a packed segment cannot be unpacked');
  }
  if (plain.length !== block.plainLength)
    throw new MalformedBytes('a block of a packed segment has another length than its index says');
  return plain;
}

/**
 * Packs a segment: written aside, synced, renamed, so a crash leaves it as it was or packed. One block in memory at a time.
 * One that is packed already, or is not whole, is left as it is.
 *
 * @returns bytes saved
 */
export async function packSegment(disk: Disk, path: string): Promise<number> {
  const size = await disk.size(path);
  if (size === null || isPacked(await disk.read(path, 0, FRAME_HEADER_BYTES))) return 0;
  const lengths = await blockLengths(disk, path, size);
  if (lengths === null) return 0;
  return (
    size - (await writePacked(disk, path, size, lengths, (offset, length) => disk.read(path, offset, length)))
  );
}

/**
 * Puts another segment, packed if it was, in the place of one whose frames change one by one and keep their lengths: a block of it in
 * memory at a time.
 *
 * @param read bytes of the segment as they are, packed or not
 * @param change the frame's new bytes; null: it stays
 */
export async function rewriteSegment(
  disk: Disk,
  path: string,
  size: number,
  read: ReadAt,
  change: (frame: Frame) => Buffer | null,
): Promise<void> {
  const lengths = blocksOf(await frameLengthsOf(read, size));
  const changed: ReadAt = async (offset, length) => {
    const bytes = await read(offset, length);
    const inBlock: ReadAt = async (from, count) => bytes.subarray(from, from + count);
    for (let at = 0; at < bytes.length; ) {
      const frame = await readFrame(inBlock, at);
      if (frame === null) break;
      change({ ...frame, offset: offset + at })?.copy(bytes, at);
      at += frame.length;
    }
    return bytes;
  };
  if (isPacked(await disk.read(path, 0, FRAME_HEADER_BYTES))) {
    await writePacked(disk, path, size, lengths, changed);
    return;
  }
  await replaceFileWith(disk, path, async (file) => {
    let at = 0;
    for (const length of lengths) {
      await file.write([await changed(at, length)], at);
      at += length;
    }
  });
}

/** @returns bytes of the file */
async function writePacked(
  disk: Disk,
  path: string,
  size: number,
  lengths: readonly number[],
  read: ReadAt,
): Promise<number> {
  const index = new ByteBuilder(64 + lengths.length * 8);
  index.byte(ZSTD);
  index.u64(BigInt(size));
  let at = FRAME_HEADER_BYTES + index.length + lengths.length * 8;
  await replaceFileWith(disk, path, async (file) => {
    let from = 0;
    for (const length of lengths) {
      const packed = await compress(await read(from, length));
      const frame = encodeFrame(FrameType.block, packed);
      await file.write([frame], at);
      index.u32(length);
      index.u32(packed.length);
      at += frame.length;
      from += length;
    }
    await file.write([encodeFrame(FrameType.packed, index.view())], 0);
  });
  return at;
}

/** null: the segment is not a run of whole frames, so it is not ours to change. */
async function blockLengths(disk: Disk, path: string, size: number): Promise<readonly number[] | null> {
  try {
    return blocksOf(await frameLengthsOf((offset, length) => disk.read(path, offset, length), size));
  } catch (error) {
    if (error instanceof MalformedBytes) return null;
    throw error;
  }
}

/** @throws MalformedBytes where a frame is not whole */
async function frameLengthsOf(read: ReadAt, size: number): Promise<readonly number[]> {
  const lengths: number[] = [];
  const ahead = readAhead(read, size);
  for (let at = 0; at < size; ) {
    const frame = await readFrame(ahead, at);
    if (frame === null) break;
    lengths.push(frame.length);
    at += frame.length;
  }
  return lengths;
}

function blocksOf(frames: readonly number[]): readonly number[] {
  const blocks: number[] = [];
  let open = 0;
  for (const length of frames) {
    open += length;
    if (open < BLOCK_BYTES) continue;
    blocks.push(open);
    open = 0;
  }
  if (open > 0) blocks.push(open);
  return blocks;
}
