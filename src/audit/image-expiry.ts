import type { NeedFrom, SinkNeed } from './audit-log.ts';
import type { Disk } from './disk.ts';
import { type DueExpiry, ExpiryScan, type ImageAge } from './expire.ts';
import { ExpiryClock } from './expiry-clock.ts';
import type { JournalLeaf } from './journal-leaf.ts';

export interface ImageExpiryOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly age: ImageAge;
  /** Asked before every look: what a sink lacks does not go. */
  readonly need: () => SinkNeed;
  /** Told when images are old enough and stay, because this sink lacks them. */
  readonly onHeld: (need: NeedFrom) => void;
  /** Whether the log is being closed: work in hand then ends early, and goes on from there the next time. */
  readonly ended: () => boolean;
  /** Does work on old segments behind the groups, one after the other. */
  readonly run: (work: () => Promise<void>) => void;
}

/** Lets row images go by age while the log is written: found once a day, recorded with a group, then taken away. */
export class ImageExpiry {
  readonly #options: ImageExpiryOptions;
  readonly #scan: ExpiryScan;
  readonly #clock = new ExpiryClock();
  /** To be recorded with the next group. */
  #due: readonly DueExpiry[] = [];

  constructor(options: ImageExpiryOptions) {
    this.#options = options;
    this.#scan = new ExpiryScan(options.disk, options.directory, options.age, options.ended);
  }

  /** A group is sealed. In the background: what is found goes into the next one. */
  look({ group, sealedAtUs }: JournalLeaf): void {
    const need = this.#options.need();
    // At the start sinks are still being opened, or not reachable yet: asked again with the next group, not a day later.
    if (need.kind === 'unknown' || !this.#clock.isTime(sealedAtUs, performance.now())) return;
    this.#options.run(async () => {
      const from = need.kind === 'from' ? need.group : null;
      const { record, carryOut, held } = await this.#scan.due(sealedAtUs, group, from);
      if (held && need.kind === 'from') this.#options.onHeld(need);
      for (const due of carryOut) await this.#scan.carryOut(due);
      this.#due = record;
    });
  }

  /** What the group that is being sealed records. */
  takeDue(): readonly DueExpiry[] {
    const due = this.#due;
    this.#due = [];
    return due;
  }

  /** These records are sealed. */
  carryOut(expiries: readonly DueExpiry[]): void {
    if (expiries.length === 0) return;
    this.#options.run(async () => {
      for (const due of expiries) await this.#scan.recorded(due);
      for (const due of expiries) await this.#scan.carryOut(due);
    });
  }
}
