import { join } from 'node:path';
import type { Disk } from './disk.ts';
import { packSegment } from './packed-segment.ts';
import { listSegments, type SegmentKind, segmentName } from './segment.ts';

/**
 * Packs segments behind the newest sealed group, one after the other and off the path of the groups: neither recovery
 * nor a group that is given up goes back behind a sealed group. A failure leaves the segment as it was.
 */
export class SegmentPacker {
  readonly #disk: Disk;
  readonly #tables: string;
  readonly #onFailure: (error: unknown) => void;
  /** By folder and kind: segments below this number are done or on their way. */
  readonly #reached = new Map<string, number>();
  #work: Promise<void> = Promise.resolve();
  #ended = false;

  /** @param onFailure the segment will be tried again when the log is opened the next time */
  constructor(disk: Disk, directory: string, onFailure: (error: unknown) => void) {
    this.#disk = disk;
    this.#tables = join(directory, 'tables');
    this.#onFailure = onFailure;
  }

  /**
   * A group is sealed that ends in this segment.
   *
   * @param table its directory
   */
  reached(table: string, kind: SegmentKind, segment: number): void {
    const key = `${table}/${kind}`;
    const from = this.#reached.get(key) ?? 0;
    if (segment <= from) return;
    this.#reached.set(key, segment);
    this.run(async () => {
      const folder = join(this.#tables, table);
      for (const number of await listSegments(this.#disk, folder, kind)) {
        if (this.#ended || number >= segment) return;
        if (number >= from) await packSegment(this.#disk, join(folder, segmentName(kind, number)));
      }
    });
  }

  /** Other work on segments that nobody writes any more. */
  run(work: () => Promise<void>): void {
    this.#work = this.#work.then(async () => {
      if (this.#ended) return;
      try {
        await work();
      } catch (error) {
        this.#onFailure(error);
      }
    });
  }

  /** Waits for the segment in hand. */
  close(): Promise<void> {
    this.#ended = true;
    return this.#work;
  }
}
