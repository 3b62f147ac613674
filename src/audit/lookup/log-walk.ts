import { MalformedBytes } from '../bytes.ts';
import type { Disk } from '../disk.ts';
import { type Frame, FrameType } from '../frame.ts';
import { DIGEST_BYTES, SALT_BYTES } from '../hashing.ts';
import { decodeRecord } from '../record.ts';
import { RecordScan } from '../record-scan.ts';
import type { StoredImage } from '../verify/row-images.ts';
import { FrameCursor } from './frame-cursor.ts';
import type { Place } from './place.ts';

/** A record as the walk comes to it. */
export interface WalkedRecord {
  readonly payload: Buffer;
  readonly from: number;
  readonly to: number;
  /** True: `scan` has read it. */
  readonly isChange: boolean;
}

/**
 * Goes over the records of a table from a place on, and over their row images beside them, so that at every record it is
 * known where both lie. Verifies nothing.
 */
export class LogWalk {
  readonly scan = new RecordScan();
  readonly #records: FrameCursor;
  readonly #rows: FrameCursor;
  readonly #withImages: boolean;
  #frame: Frame | null = null;
  #at: number;
  #image: { segment: number; frame: Frame | null; at: number };
  readonly #from: Place;
  /** Images of the record in hand that were not passed yet. */
  #images = 0;
  #recordAt = 0;

  /** @param withImages false: only the records are read */
  constructor(disk: Disk, folder: string, from: Place, chunkBytes?: number, withImages = true) {
    this.#withImages = withImages;
    this.#records = new FrameCursor(disk, folder, 'records', from.segment, from.frame, chunkBytes);
    this.#rows = new FrameCursor(disk, folder, 'rows', from.rowSegment, from.rowFrame, chunkBytes);
    this.#at = from.at;
    this.#image = { segment: from.rowSegment, frame: null, at: 0 };
    this.#from = from;
  }

  /** The next record; null at the end of the log. @throws MalformedBytes */
  async next(): Promise<WalkedRecord | null> {
    for (; this.#images > 0; this.#images--) await this.#passImage();
    while (!this.#inFrame) {
      const first = this.#frame === null;
      this.#frame = await this.#records.next();
      if (this.#frame === null) return null;
      if (!first) this.#at = 0;
      const { type } = this.#frame;
      if (type !== FrameType.records && type !== FrameType.meta) this.#at = this.#frame.payload.length;
    }
    return this.#read();
  }

  /** The next record where nothing needs to be read for it; null: ask `next`. Hot: most records are such. */
  nextInMemory(): WalkedRecord | null {
    while (this.#images > 0) {
      const { frame, at } = this.#image;
      if (frame === null || at >= frame.payload.length) return null;
      this.#imageIn(frame.payload);
      this.#images--;
    }
    return this.#inFrame ? this.#read() : null;
  }

  get #inFrame(): boolean {
    return this.#frame !== null && this.#at < this.#frame.payload.length;
  }

  #read(): WalkedRecord {
    const { payload } = this.#frame!;
    const from = this.#at + 2;
    const to = from > payload.length ? from : from + payload.readUInt16BE(this.#at);
    if (to + DIGEST_BYTES > payload.length) throw new MalformedBytes('the bytes end too early');
    const isChange = this.scan.change(payload, from, to);
    this.#images = this.#withImages ? this.#imageCount(isChange, payload, from, to) : 0;
    this.#recordAt = this.#at;
    this.#at = to + DIGEST_BYTES;
    return { payload, from, to, isChange };
  }

  #imageCount(isChange: boolean, payload: Buffer, from: number, to: number): number {
    if (!isChange) return imagesOf(payload.subarray(from, to));
    return (this.scan.beforeAt < 0 ? 0 : 1) + (this.scan.afterAt < 0 ? 0 : 1);
  }

  /** Payload of the trailer that ends the group of the record in hand, which must be its last. @throws MalformedBytes */
  async trailer(): Promise<Buffer> {
    if (this.#frame !== null && this.#at < this.#frame.payload.length)
      throw new MalformedBytes('a group ends where no trailer is');
    const frame = await this.#records.next();
    if (frame?.type !== FrameType.trailer) throw new MalformedBytes('a group ends where no trailer is');
    return frame.payload;
  }

  /** Where the record in hand lies, and its first image. */
  place(): Place {
    const { segment, frame, at } = this.#image;
    return {
      segment: this.#records.segment,
      frame: this.#frame!.offset,
      at: this.#recordAt,
      rowSegment: segment,
      rowFrame: frame?.offset ?? this.#from.rowFrame,
      rowAt: frame === null ? this.#from.rowAt : at,
    };
  }

  /** The images of the record in hand, salt and body, in order. Call before `next`. @throws MalformedBytes */
  async images(): Promise<readonly { readonly salt: Buffer; readonly body: Buffer }[]> {
    const images = [];
    for (; this.#images > 0; this.#images--) {
      const { payload, saltAt, bodyAt, end } = await this.#passImage();
      images.push({
        salt: payload.subarray(saltAt, saltAt + SALT_BYTES),
        body: payload.subarray(bodyAt, end),
      });
    }
    return images;
  }

  async #passImage(): Promise<StoredImage> {
    const image = this.#image;
    while (image.frame === null || image.at >= image.frame.payload.length) {
      const first = image.frame === null;
      const frame = await this.#rows.next();
      if (frame === null) throw new MalformedBytes('a row image is missing');
      this.#image.frame = frame;
      this.#image.segment = this.#rows.segment;
      this.#image.at = first ? this.#from.rowAt : 0;
    }
    return this.#imageIn(image.frame.payload);
  }

  #imageIn(payload: Buffer): StoredImage {
    const image = this.#image;
    const bodyAt = image.at + SALT_BYTES + 4;
    if (bodyAt > payload.length) throw new MalformedBytes('a row image is cut short');
    const end = bodyAt + payload.readUInt32BE(bodyAt - 4);
    if (end > payload.length) throw new MalformedBytes('a row image is cut short');
    const saltAt = image.at;
    image.at = end;
    return { payload, saltAt, bodyAt, end };
  }
}

function imagesOf(bytes: Buffer): number {
  const { before, after } = decodeRecord(bytes);
  return (before === null ? 0 : 1) + (after === null ? 0 : 1);
}
