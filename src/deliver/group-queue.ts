import type { GroupIndex, SealedGroup } from '../audit/audit-log.ts';

/**
 * Sealed groups waiting for one sink, in memory and without holes. What does not fit is not lost: the log has it, and
 * the reader takes over where the queue ends.
 */
export class GroupQueue {
  readonly #maxBytes: number;
  #groups: SealedGroup[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** null: it is empty. */
  get newest(): GroupIndex | null {
    return this.#groups.at(-1)?.index ?? null;
  }

  get full(): boolean {
    return this.#bytes >= this.#maxBytes;
  }

  /** Takes the group if it follows what is queued and there is room; a group larger than the budget counts as nothing, it is not in memory. */
  offer(group: SealedGroup): boolean {
    const newest = this.#groups.at(-1);
    if (newest !== undefined && group.index !== newest.index + 1) return false;
    if (this.full) return false;
    this.#groups.push(group);
    this.#bytes += residentBytes(group);
    return true;
  }

  /** Takes consecutive groups from `from` on, at least one and at most `maxBytes` of them; empty when it does not hold `from`. */
  take(from: GroupIndex, maxBytes: number): readonly SealedGroup[] {
    this.discardBelow(from);
    if (this.#groups[0]?.index !== from) return [];
    let bytes = 0;
    let count = 0;
    for (const group of this.#groups) {
      if (count > 0 && bytes + group.bytes > maxBytes) break;
      bytes += group.bytes;
      count++;
    }
    const taken = this.#groups.splice(0, count);
    for (const group of taken) this.#bytes -= residentBytes(group);
    return taken;
  }

  /** Forgets what was delivered. */
  discardBelow(index: GroupIndex): void {
    while (this.#groups.length > 0 && this.#groups[0]!.index < index) {
      this.#bytes -= residentBytes(this.#groups.shift()!);
    }
  }
}

function residentBytes(group: SealedGroup): number {
  return group.resident ? group.bytes : 0;
}
