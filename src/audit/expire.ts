import { join } from 'node:path';
import type { GroupIndex } from './audit-log.ts';
import { MalformedBytes } from './bytes.ts';
import type { Disk } from './disk.ts';
import { replaceFile } from './durable.ts';
import { isErased } from './erased.ts';
import { encodeFrame, type Frame, FrameType, type ReadAt } from './frame.ts';
import { SALT_BYTES } from './hashing.ts';
import { readFrames, readLeaves } from './journal-reader.ts';
import { rewriteSegment } from './packed-segment.ts';
import { listSegments, segmentName } from './segment.ts';
import { segmentBytes } from './segment-bytes.ts';

/** Row images of one table that are old enough to go. */
export interface DueExpiry {
  /** Directory of the table under `tables/`. */
  readonly table: string;
  /** Images of records with a smaller `seq` go. */
  readonly before: number;
  /** End of these images: segment of rows, and offset in it. */
  readonly until: { readonly segment: number; readonly offset: number };
}

/** What {@link ExpiryScan.due} finds. */
export interface DueImages {
  /** Not yet recorded. */
  readonly record: readonly DueExpiry[];
  /** Recorded, and not yet carried out. */
  readonly carryOut: readonly DueExpiry[];
  /** Other images are as old, and a sink has not had them. */
  readonly held: boolean;
}

/** How long row images are kept, from the sealing of their group on, in microseconds. */
export interface ImageAge {
  /** @param table its directory; null: its images are kept for good */
  of(table: string): bigint | null;
  /** No table's images go sooner. */
  readonly shortestUs: bigint;
}

/** Where the expiry of a table got to; beside its log, and never trusted by a verifier. */
interface ExpiryState extends DueExpiry {
  /** The images are gone, not only named. */
  readonly done: boolean;
  /** Segments of rows before this one have nothing left. */
  readonly from: number;
}

const STATE_FILE = 'expired';

/** Finds what is due by age. Goes on where it was: sealed groups only get older. */
export class ExpiryScan {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #age: ImageAge;
  readonly #ended: () => boolean;
  #from = 0;
  readonly #known = new Map<string, DueExpiry | null>();
  readonly #recorded = new Map<string, ExpiryState | null>();

  /** @param ended asked before each group and segment: what is left is for a later scan */
  constructor(disk: Disk, directory: string, age: ImageAge, ended: () => boolean = () => false) {
    this.#disk = disk;
    this.#directory = directory;
    this.#age = age;
    this.#ended = ended;
  }

  /**
   * @param last newest group to look at
   * @param neededFrom images from this group on stay, whatever their age; null: a sink needs none
   * @throws MalformedBytes
   */
  async due(nowUs: bigint, last: number, neededFrom: GroupIndex | null): Promise<DueImages> {
    const youngestUs = nowUs - this.#age.shortestUs;
    let settled = true;
    let held = false;
    for await (const { leaf } of readLeaves(this.#disk, this.#directory, this.#from, last)) {
      if (leaf.sealedAtUs > youngestUs || this.#ended()) break;
      for (const { directory, size, rows } of leaf.tables) {
        const keep = this.#age.of(directory);
        const end = rows.at(-1);
        if (keep === null || end === undefined) continue;
        if (leaf.sealedAtUs > nowUs - keep) settled = false;
        else if (leaf.group >= (neededFrom ?? Number.POSITIVE_INFINITY)) held = true;
        else
          this.#known.set(directory, {
            table: directory,
            before: size,
            until: { segment: end.segment, offset: end.end },
          });
      }
      if (held) break;
      // A group that is too young for one table is read again the next time.
      if (settled) this.#from = leaf.group + 1;
    }
    const record: DueExpiry[] = [];
    const carryOut: DueExpiry[] = [];
    for (const [table, due] of this.#known) {
      const state = await this.#stateOf(table);
      if (state !== null && !state.done) carryOut.push(state);
      if (due !== null && due.before > (state?.before ?? 0)) record.push(due);
    }
    return { record, carryOut, held };
  }

  /** The record is sealed. */
  async recorded(due: DueExpiry): Promise<void> {
    const before = await this.#stateOf(due.table);
    const from = before === null ? 0 : before.done ? before.until.segment : before.from;
    await this.#save({ ...due, done: false, from });
  }

  /**
   * Zeros the images. Whole segments are replaced, so a crash leaves each as it was or as it is to be. Ended in the middle, it
   * keeps how far it got.
   *
   * @returns images that went now
   */
  async carryOut(due: DueExpiry): Promise<number> {
    const { table, until } = due;
    const from = (await this.#stateOf(table))?.from ?? 0;
    const folder = join('tables', table);
    let gone = 0;
    for (const segment of await listSegments(this.#disk, join(this.#directory, folder), 'rows')) {
      if (segment < from) continue;
      if (segment > until.segment) break;
      if (this.#ended()) {
        if (segment > from) await this.#save({ ...due, done: false, from: segment });
        return gone;
      }
      gone += await this.#expireSegment(folder, segment, segment < until.segment ? null : until.offset);
    }
    await this.#save({ ...due, done: true, from: until.segment });
    return gone;
  }

  /** @param end images from here on stay; null: none does */
  async #expireSegment(folder: string, segment: number, end: number | null): Promise<number> {
    const path = join(this.#directory, folder, segmentName('rows', segment));
    const segments = segmentBytes(this.#disk);
    const size = await segments.size(path);
    if (size === null) return 0;
    const isOld = ({ type, offset }: Frame): boolean =>
      type === FrameType.images && (end === null || offset < end);
    let gone = 0;
    for await (const frame of readFrames(this.#disk, path, 0, size))
      if (isOld(frame)) gone += zeroImages(frame.payload);
    if (gone === 0) return 0;
    const read: ReadAt = (offset, length) => segments.read(path, offset, length);
    await rewriteSegment(this.#disk, path, size, read, (frame) => {
      if (!isOld(frame) || zeroImages(frame.payload) === 0) return null;
      return encodeFrame(FrameType.images, frame.payload);
    });
    segments.forget(path);
    return gone;
  }

  async #stateOf(table: string): Promise<ExpiryState | null> {
    let state = this.#recorded.get(table);
    if (state === undefined) {
      state = await this.#load(table);
      this.#recorded.set(table, state);
    }
    return state;
  }

  async #load(table: string): Promise<ExpiryState | null> {
    const path = this.#stateFile(table);
    const size = await this.#disk.size(path);
    if (size === null) return null;
    try {
      const state = JSON.parse((await this.#disk.read(path, 0, size)).toString('utf8')) as ExpiryState;
      const numbers = [state.before, state.until.segment, state.until.offset, state.from];
      if (numbers.every(Number.isSafeInteger) && state.table === table) return state;
    } catch {
      // Lost: then what was recorded is recorded again, which says nothing new.
    }
    return null;
  }

  async #save(state: ExpiryState): Promise<void> {
    const text = `${JSON.stringify(state)}\n`;
    await replaceFile(this.#disk, this.#stateFile(state.table), Buffer.from(text, 'utf8'));
    this.#recorded.set(state.table, state);
  }

  #stateFile(table: string): string {
    return join(this.#directory, 'tables', table, STATE_FILE);
  }
}

/** @returns images that were not gone before @throws MalformedBytes */
function zeroImages(payload: Buffer): number {
  let count = 0;
  for (let offset = 0; offset < payload.length; ) {
    const body = offset + SALT_BYTES + 4;
    if (body > payload.length) throw new MalformedBytes('a frame of row images is cut short');
    const end = body + payload.readUInt32BE(body - 4);
    if (!isErased(payload.subarray(offset))) {
      payload.fill(0, offset, offset + SALT_BYTES).fill(0, body, end);
      count++;
    }
    offset = end;
  }
  return count;
}
