import { join } from 'node:path';
import { MalformedBytes } from '../bytes.ts';
import type { Disk } from '../disk.ts';
import { type Frame, FrameType } from '../frame.ts';
import { SALT_BYTES } from '../hashing.ts';
import type { TouchedTable } from '../journal-leaf.ts';
import { segmentName } from '../segment.ts';
import type { Findings } from './report.ts';
import { readSegmentFile, type SegmentFile } from './segment-file.ts';

/** Where an image lies in the frame that holds it. */
export interface StoredImage {
  readonly payload: Buffer;
  readonly saltAt: number;
  readonly bodyAt: number;
  readonly end: number;
}

const NO_BYTES = Buffer.alloc(0);

/** Row images of one table in the order of the records. */
export class RowImages {
  readonly #disk: Disk;
  readonly #root: string;
  readonly #folder: string;
  readonly #origin: string;
  readonly #findings: Findings;
  #segment = -1;
  #frames: Frame[] = [];
  #payload: Buffer = NO_BYTES;
  #at = 0;
  #current: SegmentFile | null = null;
  #used = 0;
  /** Record of the newest image. */
  #lastSeq = -1;

  constructor(disk: Disk, root: string, folder: string, origin: string, findings: Findings) {
    this.#disk = disk;
    this.#root = root;
    this.#folder = folder;
    this.#origin = origin;
    this.#findings = findings;
  }

  get file(): string {
    return this.#current?.name ?? join(this.#folder, segmentName('rows', Math.max(0, this.#segment)));
  }

  /** Whether the next image is in memory. */
  get ready(): boolean {
    return this.#at < this.#payload.length;
  }

  /** Reads on. To be called when nothing is `ready`. @param seq of the record that names the next image @throws MalformedBytes */
  async load(seq: number): Promise<void> {
    while (this.#frames.length === 0) await this.#nextSegment(seq);
    const frame = this.#frames.shift()!;
    if (frame.type !== FrameType.images)
      throw new MalformedBytes(`${this.file}: a frame that does not belong among row images`);
    if (frame.payload.length === 0) throw new MalformedBytes(`${this.file}: an empty frame of row images`);
    this.#used = frame.offset + frame.length;
    this.#payload = frame.payload;
    this.#at = 0;
  }

  /** The next image, which must be `ready`, and is of this record. @throws MalformedBytes */
  next(seq: number): StoredImage {
    this.#lastSeq = seq;
    const payload = this.#payload;
    const bodyAt = this.#at + SALT_BYTES + 4;
    if (bodyAt > payload.length) throw new MalformedBytes('the bytes end too early');
    const end = bodyAt + payload.readUInt32BE(bodyAt - 4);
    if (end > payload.length) throw new MalformedBytes('the bytes end too early');
    const image = { payload, saltAt: this.#at, bodyAt, end };
    this.#at = end;
    return image;
  }

  /** Nothing may be left before the end that the journal names. */
  async finish(last: TouchedTable | null): Promise<void> {
    const end = last?.rows.at(-1);
    if (this.ready) throw new MalformedBytes(`${this.file}: row images without a record`);
    if (this.#current === null || end === undefined) return;
    if (this.#segment === end.segment && this.#used !== end.end)
      throw new MalformedBytes(`${this.file}: row images end at ${this.#used}, the journal says ${end.end}`);
    if (this.#used < this.#current.size)
      this.#findings.notes.push(
        `${this.file}: ${this.#current.size - this.#used} bytes at the end belong to no sealed group`,
      );
  }

  /** Its header says which record was next when it was begun: after the last image before, and not after the first in it. */
  async #nextSegment(seq: number): Promise<void> {
    this.#checkSpent();
    this.#segment++;
    const file = await readSegmentFile(this.#disk, this.#root, this.#folder, 'rows', this.#segment);
    if (file === null)
      throw new MalformedBytes(`${join(this.#folder, segmentName('rows', this.#segment))} is missing`);
    if (
      file.header.origin !== this.#origin ||
      file.header.kind !== 'rows' ||
      file.header.segment !== this.#segment
    ) {
      throw new MalformedBytes(`${file.name} belongs to another log or place`);
    }
    const { next, chain, peaks, schema, policy } = file.header;
    const bare = chain === '' && peaks.length === 0 && schema === null && policy === null;
    if (!bare || !(next > this.#lastSeq && next <= seq))
      throw new MalformedBytes(`${file.name} does not continue the one before`);
    this.#findings.bytes += file.size;
    this.#findings.storedBytes += file.stored;
    this.#current = file;
    this.#used = file.frames[0]?.offset ?? file.wholeUntil;
    this.#frames = [...file.frames];
  }

  #checkSpent(): void {
    const file = this.#current;
    if (file !== null && file.wholeUntil < file.size)
      throw new MalformedBytes(`${file.name}: ${file.tornBecause ?? 'damaged'}`);
  }
}
