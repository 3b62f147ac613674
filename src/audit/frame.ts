import { crc32 } from 'node:zlib';
import { MalformedBytes } from './bytes.ts';

/**
 * Segment files are a run of frames: u32 payload length, u8 type, u32 CRC-32 over type and payload, payload. The CRC
 * finds torn writes cheaply; it proves nothing to a verifier.
 */
export const FrameType = {
  header: 1,
  records: 2,
  images: 3,
  trailer: 4,
  leaf: 5,
  meta: 6,
  /** Of packed segments: the index, first in the file, and blocks. */
  packed: 16,
  block: 17,
} as const;
export type FrameType = (typeof FrameType)[keyof typeof FrameType];

export const FRAME_HEADER_BYTES = 9;

/** Larger than any frame a writer makes: a length beyond it is damage, not a reason to allocate. */
export const MAX_FRAME_BYTES = 1 << 30;

export interface Frame {
  readonly type: number;
  readonly payload: Buffer;
  /** Offset of the frame in its file. */
  readonly offset: number;
  /** Bytes of the whole frame. */
  readonly length: number;
}

export function frameHeader(type: FrameType, payload: Uint8Array): Buffer {
  const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
  header.writeUInt32BE(payload.length, 0);
  header[4] = type;
  header.writeUInt32BE(crc32(payload, crc32(header.subarray(4, 5))), 5);
  return header;
}

export function encodeFrame(type: FrameType, payload: Uint8Array): Buffer {
  return Buffer.concat([frameHeader(type, payload), payload]);
}

/** Reads bytes of one file; `null` where the file ends before `length` bytes. */
export type ReadAt = (offset: number, length: number) => Promise<Buffer>;

/** Bytes that are read ahead. */
const CHUNK_BYTES = 1 << 20;

/**
 * The same bytes, read in large pieces: for who goes forward over frames, which are small where groups are.
 *
 * @param end nothing from here on is read ahead; null: up to the end of the file
 */
export function readAhead(read: ReadAt, end: number | null): ReadAt {
  let chunk: { readonly start: number; readonly bytes: Buffer } = { start: 0, bytes: Buffer.alloc(0) };
  return async (offset, length) => {
    const from = offset - chunk.start;
    if (from < 0 || from + length > chunk.bytes.length) {
      const ahead = Math.min(CHUNK_BYTES, (end ?? Number.POSITIVE_INFINITY) - offset);
      chunk = { start: offset, bytes: await read(offset, Math.max(length, ahead)) };
    }
    const at = offset - chunk.start;
    return chunk.bytes.subarray(at, at + length);
  };
}

/**
 * The frame at `offset`; null when the file ends exactly there.
 *
 * @throws MalformedBytes when the frame is torn or its CRC is wrong
 */
export async function readFrame(read: ReadAt, offset: number): Promise<Frame | null> {
  const header = await read(offset, FRAME_HEADER_BYTES);
  if (header.length === 0) return null;
  if (header.length < FRAME_HEADER_BYTES) throw new MalformedBytes('a frame header is cut short');
  const length = header.readUInt32BE(0);
  if (length > MAX_FRAME_BYTES) throw new MalformedBytes('a frame claims an impossible length');
  const payload = await read(offset + FRAME_HEADER_BYTES, length);
  if (payload.length < length) throw new MalformedBytes('a frame is cut short');
  if (crc32(payload, crc32(header.subarray(4, 5))) !== header.readUInt32BE(5))
    throw new MalformedBytes('the CRC of a frame is wrong');
  return { type: header[4]!, payload, offset, length: FRAME_HEADER_BYTES + length };
}
