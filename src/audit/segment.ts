import { join } from 'node:path';
import { RowsealError } from '../error/rowseal-error.ts';
import type { Disk, DiskFile } from './disk.ts';
import { encodeFrame, FRAME_HEADER_BYTES, FrameType, frameHeader } from './frame.ts';
import type { Extent } from './journal-leaf.ts';

export type SegmentKind = 'records' | 'rows' | 'journal';

/** `records-00000003.seg` */
export function segmentName(kind: SegmentKind, number: number): string {
  return `${kind}-${String(number).padStart(8, '0')}.seg`;
}

/** The number in a segment's name; null when the name is no segment of that kind. */
export function segmentNumber(kind: SegmentKind, name: string): number | null {
  const match = new RegExp(`^${kind}-(\\d{8})\\.seg$`).exec(name);
  return match === null ? null : Number(match[1]);
}

/** Numbers of the segments of a kind in a directory, ascending. */
export async function listSegments(
  disk: Disk,
  directory: string,
  kind: SegmentKind,
): Promise<readonly number[]> {
  const names = await disk.list(directory);
  return names.map((name) => segmentNumber(kind, name)).filter((number) => number !== null);
}

/** A frame that has its place but not its bytes. */
export interface OpenFrame {
  readonly extent: Extent;
  /** Before what was placed is written. @param payload of just the length that was asked for */
  fill(payload: Uint8Array): void;
}

interface PlannedWrite {
  readonly segment: number;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/**
 * Appends frames to a run of segment files. Where a frame goes is decided at once (`place`), writing comes later and
 * in order (`write`, `sync`): so the next group can be encoded while this one is on its way to the disk.
 */
export class SegmentAppender {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #kind: SegmentKind;
  readonly #maxBytes: number;
  /** Payload of a new segment's header frame. */
  readonly #header: (segment: number) => Uint8Array;
  /** Header of the segment to be begun, made when the state it speaks of was current; null inside a segment. */
  #pendingHeader: Uint8Array | null = null;
  #segment: number;
  #offset: number;
  #planned: PlannedWrite[] = [];
  #plannedBytes = 0;
  #open: { readonly segment: number; readonly file: DiskFile } | null = null;
  #dirty: DiskFile[] = [];
  #directoryDirty = false;

  /** @param at end of what is sealed: segment number and offset; offset 0: the segment does not exist yet */
  constructor(
    disk: Disk,
    directory: string,
    kind: SegmentKind,
    maxBytes: number,
    at: { readonly segment: number; readonly offset: number },
    header: (segment: number) => Uint8Array,
  ) {
    this.#disk = disk;
    this.#directory = directory;
    this.#kind = kind;
    this.#maxBytes = maxBytes;
    this.#segment = at.segment;
    this.#offset = at.offset;
    this.#header = header;
    if (at.offset === 0) this.#pendingHeader = header(at.segment);
  }

  get plannedBytes(): number {
    return this.#plannedBytes;
  }

  get end(): { readonly segment: number; readonly offset: number } {
    return { segment: this.#segment, offset: this.#offset };
  }

  /** Starts a new segment if the current one is full. Call when the header may speak of all frames placed so far. */
  rollIfFull(): void {
    if (this.#offset >= this.#maxBytes) this.roll();
  }

  /** Starts a new segment, unless the current one is empty. */
  roll(): void {
    if (this.#offset === 0) return;
    this.#segment++;
    this.#offset = 0;
    this.#pendingHeader = this.#header(this.#segment);
  }

  /** Decides where a frame goes and keeps it for the next write. */
  place(type: FrameType, payload: Uint8Array): Extent {
    this.#planHeader();
    const start = this.#offset;
    this.#plan(frameHeader(type, payload));
    this.#plan(payload);
    return { segment: this.#segment, start, end: this.#offset };
  }

  /** As {@link place}, for a payload of a known length whose bytes come later. */
  placeOpen(type: FrameType, length: number): OpenFrame {
    const bytes = Buffer.alloc(FRAME_HEADER_BYTES + length);
    this.#planHeader();
    const start = this.#offset;
    this.#plan(bytes);
    return {
      extent: { segment: this.#segment, start, end: this.#offset },
      fill: (payload) => {
        if (payload.length !== length)
          throw new RowsealError('RS-AUD-010', { detail: 'a frame is not as long as its place' });
        bytes.set(frameHeader(type, payload));
        bytes.set(payload, FRAME_HEADER_BYTES);
      },
    };
  }

  /** Hands over what was placed since the last call, to be written by `write`. */
  takePlanned(): readonly PlannedWrite[] {
    const planned = this.#planned;
    this.#planned = [];
    this.#plannedBytes = 0;
    return planned;
  }

  /** Writes, without syncing. Adjacent pieces go in one system call. */
  async write(planned: readonly PlannedWrite[]): Promise<void> {
    let i = 0;
    while (i < planned.length) {
      const first = planned[i]!;
      const pieces: Uint8Array[] = [];
      while (i < planned.length && planned[i]!.segment === first.segment) pieces.push(planned[i++]!.bytes);
      await (await this.#fileOf(first.segment)).write(pieces, first.offset);
    }
  }

  /** Makes all that was written durable, names of new files included. */
  async sync(): Promise<void> {
    const dirty = this.#dirty;
    await Promise.all(dirty.map((file) => file.sync()));
    if (this.#directoryDirty) {
      await this.#disk.syncDirectory(this.#directory);
      this.#directoryDirty = false;
    }
    this.#dirty = [];
    // A file that was rolled away from stays open until it is synced.
    for (const file of dirty) if (file !== this.#open?.file) await file.close();
  }

  /** Forgets what was placed or written after `end` (a group that was given up). */
  async rewind(end: { readonly segment: number; readonly offset: number }): Promise<void> {
    this.#planned = [];
    this.#plannedBytes = 0;
    await this.close();
    for (let segment = end.segment; segment <= this.#segment; segment++) {
      const path = join(this.#directory, segmentName(this.#kind, segment));
      if ((await this.#disk.size(path)) === null) continue;
      if (segment > end.segment || end.offset === 0) {
        await this.#disk.remove(path);
        continue;
      }
      const file = await this.#disk.open(path);
      await file.truncate(end.offset);
      await file.close();
    }
    this.#segment = end.segment;
    this.#offset = end.offset;
    this.#pendingHeader = end.offset === 0 ? this.#header(end.segment) : null;
  }

  async close(): Promise<void> {
    const files = new Set(this.#dirty);
    if (this.#open !== null) files.add(this.#open.file);
    this.#dirty = [];
    this.#open = null;
    for (const file of files) await file.close();
  }

  #planHeader(): void {
    if (this.#pendingHeader === null) return;
    this.#plan(encodeFrame(FrameType.header, this.#pendingHeader));
    this.#pendingHeader = null;
  }

  #plan(bytes: Uint8Array): void {
    this.#planned.push({ segment: this.#segment, offset: this.#offset, bytes });
    this.#offset += bytes.length;
    this.#plannedBytes += bytes.length;
  }

  async #fileOf(segment: number): Promise<DiskFile> {
    if (this.#open?.segment !== segment) {
      const previous = this.#open?.file;
      if (previous !== undefined && !this.#dirty.includes(previous)) await previous.close();
      const path = join(this.#directory, segmentName(this.#kind, segment));
      if ((await this.#disk.size(path)) === null) {
        await this.#disk.makeDirectory(this.#directory);
        this.#directoryDirty = true;
      }
      this.#open = { segment, file: await this.#disk.open(path) };
    }
    if (!this.#dirty.includes(this.#open.file)) this.#dirty.push(this.#open.file);
    return this.#open.file;
  }
}
