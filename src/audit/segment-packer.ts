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
  /** Segments to pack, each a job of its own; and what must not wait for them. */
  readonly #packing: (() => Promise<void>)[] = [];
  readonly #urgent: (() => Promise<void>)[] = [];
  #pump: Promise<void> | null = null;
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
    const folder = join(this.#tables, table);
    this.#enqueue(this.#packing, async () => {
      for (const number of await listSegments(this.#disk, folder, kind)) {
        if (number < from || number >= segment) continue;
        this.#packing.push(async () => {
          await packSegment(this.#disk, join(folder, segmentName(kind, number)));
        });
      }
    });
  }

  /** Other work on segments that nobody writes any more; it comes before what is still to be packed. */
  run(work: () => Promise<void>): void {
    this.#enqueue(this.#urgent, work);
  }

  /** Somebody waits for the end: work that is long looks here between its steps, and leaves the rest. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Resolves when nothing is left to do. */
  async settled(): Promise<void> {
    while (this.#pump !== null) await this.#pump;
  }

  /** Waits for the step in hand, which is a segment; what is left is found again by the next opening. */
  close(): Promise<void> {
    this.#ended = true;
    return this.settled();
  }

  #enqueue(queue: (() => Promise<void>)[], work: () => Promise<void>): void {
    if (this.#ended) return;
    queue.push(work);
    this.#pump ??= this.#work().finally(() => {
      this.#pump = null;
    });
  }

  async #work(): Promise<void> {
    // Not in the middle of the call that handed the first work over.
    await null;
    while (!this.#ended) {
      const next = this.#urgent.shift() ?? this.#packing.shift();
      if (next === undefined) return;
      try {
        await next();
      } catch (error) {
        this.#onFailure(error);
      }
    }
  }
}
