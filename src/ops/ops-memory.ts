import type { MaskedEvent, MaskedTable } from '../model/masked.ts';
import { Activity } from './activity.ts';
import { type RecentChange, RecentChanges } from './recent-changes.ts';

/** What the page remembers of a run, besides what the pipeline itself can tell. */
export class OpsMemory {
  readonly activity = new Activity();
  readonly #recent: RecentChanges | null;

  /** @param recentChanges newest changes to keep, masked; 0: none */
  constructor(recentChanges: number) {
    this.#recent = recentChanges === 0 ? null : new RecentChanges(recentChanges);
  }

  know(tables: readonly MaskedTable[]): void {
    this.activity.know(tables);
  }

  masked(events: readonly MaskedEvent[]): void {
    this.activity.masked(events);
    this.#recent?.masked(events);
  }

  sealed(group: number, sealedAtUs: bigint): void {
    this.#recent?.sealed(group, sealedAtUs);
  }

  recent(): readonly RecentChange[] | null {
    return this.#recent?.list() ?? null;
  }
}
