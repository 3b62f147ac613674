import type { GroupIndex, SealedGroup } from '../audit/audit-log.ts';

/** What a group costs beside its events: the object, its position, its note. */
const GROUP_BYTES = 1_024;

/**
 * The newest sealed groups, in memory once for all sinks, without holes and within one budget that counts what sinks have in
 * hand too. When it is full the oldest go, whoever needs them: the log has them. So a slow or dead sink takes nothing from
 * the others; and since a sink has at most its share in hand, there is always as much left for the newest groups.
 */
export class GroupMemory {
  readonly maxBytes: number;
  /** Most that one sink may have in hand. */
  readonly shareBytes: number;
  #groups: SealedGroup[] = [];
  /** By group: how many sinks have it in hand, and what it takes. */
  readonly #inHand = new Map<GroupIndex, { sinks: number; readonly bytes: number }>();
  readonly #readers: Reader[] = [];
  #bytes = 0;
  /** Of the newest group: how large the next one may be. */
  #lastBytes = 0;
  #waiters: (() => void)[] = [];

  /** @param sinks how many readers there will be */
  constructor(maxBytes: number, sinks: number) {
    this.maxBytes = maxBytes;
    this.shareBytes = Math.floor(maxBytes / (sinks + 1));
  }

  /** Of all groups that are held, each counted once. */
  get bytes(): number {
    return this.#bytes;
  }

  /** null: no group is kept. */
  get oldest(): GroupIndex | null {
    return this.#groups[0]?.index ?? null;
  }

  get newest(): GroupIndex | null {
    return this.#groups.at(-1)?.index ?? null;
  }

  /**
   * One for each sink.
   *
   * @param mayHold the source may be held up for it, see `room`
   */
  reader(mayHold: boolean): MemoryReader {
    const reader = new Reader(mayHold, {
      take: (from, maxBytes) => this.#take(from, Math.min(maxBytes, this.shareBytes)),
      release: (groups) => this.#release(groups),
      moved: () => this.#moved(),
      servesFrom: (index) => this.#holds(index) && this.#bytesFrom(index) <= this.shareBytes,
      bytesFrom: (index) => this.#bytesFrom(index),
    });
    this.#readers.push(reader);
    return reader;
  }

  /** A group was sealed. Kept if some sink needs it and there is room beside what is in hand. */
  add(group: SealedGroup): void {
    const newest = this.newest;
    if (newest !== null && group.index !== newest + 1) this.#dropWhile(() => true);
    this.#dropUnneeded();
    const bytes = bytesOf(group);
    this.#lastBytes = bytes;
    if (!this.#readers.some(({ next }) => next !== null && next <= group.index)) return;
    this.#dropWhile(() => this.#bytes + bytes > this.maxBytes);
    if (this.#bytes + bytes > this.maxBytes) return;
    this.#groups.push(group);
    this.#bytes += bytes;
  }

  /**
   * Resolves at once unless the next group would push out what a sink that is getting on has not taken yet; then when that
   * sink took it, or after `maxMs`: a short hiccup of a good sink need not have rows read twice.
   */
  async room(maxMs: number): Promise<void> {
    const endsMs = performance.now() + maxMs;
    for (let leftMs = maxMs; leftMs > 0 && this.#crowded; leftMs = endsMs - performance.now()) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#waiters.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  get #crowded(): boolean {
    let freed = 0;
    for (const group of this.#groups) {
      if (this.#bytes - freed + this.#lastBytes <= this.maxBytes) return false;
      if (this.#readers.some(({ next, mayHold, busy }) => mayHold && busy && next === group.index))
        return true;
      if (!this.#inHand.has(group.index)) freed += bytesOf(group);
    }
    return false;
  }

  #take(from: GroupIndex, maxBytes: number): readonly SealedGroup[] {
    if (!this.#holds(from)) return [];
    const start = from - this.#groups[0]!.index;
    let bytes = 0;
    let end = start;
    for (; end < this.#groups.length; end++) {
      const more = bytesOf(this.#groups[end]!);
      if (bytes + more > maxBytes) break;
      bytes += more;
    }
    const taken = this.#groups.slice(start, end);
    for (const group of taken) {
      const held = this.#inHand.get(group.index);
      if (held === undefined) this.#inHand.set(group.index, { sinks: 1, bytes: bytesOf(group) });
      else held.sinks++;
    }
    return taken;
  }

  #release(groups: readonly SealedGroup[]): void {
    for (const { index } of groups) {
      const held = this.#inHand.get(index)!;
      held.sinks--;
      if (held.sinks > 0) continue;
      this.#inHand.delete(index);
      if (!this.#holds(index)) this.#bytes -= held.bytes;
    }
    this.#moved();
  }

  /** Somebody needs less than before. */
  #moved(): void {
    this.#dropUnneeded();
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter();
  }

  #dropUnneeded(): void {
    let least = Number.POSITIVE_INFINITY;
    for (const { next } of this.#readers) if (next !== null) least = Math.min(least, next);
    this.#dropWhile((index) => index < least);
  }

  #dropWhile(drops: (index: GroupIndex) => boolean): void {
    let count = 0;
    while (count < this.#groups.length && drops(this.#groups[count]!.index)) {
      const group = this.#groups[count++]!;
      if (!this.#inHand.has(group.index)) this.#bytes -= bytesOf(group);
    }
    if (count > 0) this.#groups = this.#groups.slice(count);
  }

  #holds(index: GroupIndex): boolean {
    const oldest = this.oldest;
    return oldest !== null && index >= oldest && index < oldest + this.#groups.length;
  }

  #bytesFrom(index: GroupIndex): number {
    let bytes = 0;
    for (let i = this.#groups.length - 1; i >= 0 && this.#groups[i]!.index >= index; i--)
      bytes += bytesOf(this.#groups[i]!);
    return bytes;
  }
}

/** What one sink sees of the memory. */
export interface MemoryReader {
  /** The group that this sink needs next; null: it needs nothing of memory (it is down, or not open yet). */
  need(next: GroupIndex | null): void;
  /**
   * Consecutive groups from `from` on, as many as fit `maxBytes` and the sink's share; they count as in hand until
   * `release`. Empty: memory does not hold that group, or it is larger than the share.
   */
  take(from: GroupIndex, maxBytes: number): readonly SealedGroup[];
  release(): void;
  /**
   * Who reads the log may go on from memory here: what there is from this group on is a batch, not more. Any earlier, and
   * the group would soon be pushed out before it is taken.
   */
  servesFrom(index: GroupIndex): boolean;
  /** In hand, and waiting for this sink. Groups that other sinks need too are counted. */
  readonly bytes: number;
}

interface MemoryPart {
  take(from: GroupIndex, maxBytes: number): readonly SealedGroup[];
  release(groups: readonly SealedGroup[]): void;
  moved(): void;
  servesFrom(index: GroupIndex): boolean;
  bytesFrom(index: GroupIndex): number;
}

class Reader implements MemoryReader {
  readonly mayHold: boolean;
  readonly #memory: MemoryPart;
  #next: GroupIndex | null = null;
  #hand: readonly SealedGroup[] = [];

  constructor(mayHold: boolean, memory: MemoryPart) {
    this.mayHold = mayHold;
    this.#memory = memory;
  }

  get next(): GroupIndex | null {
    return this.#next;
  }

  /** It is writing what it took from memory, and so will come for the next soon. */
  get busy(): boolean {
    return this.#hand.length > 0;
  }

  get bytes(): number {
    const waiting = this.#next === null ? 0 : this.#memory.bytesFrom(this.#next);
    return this.#hand.reduce((sum, group) => sum + bytesOf(group), waiting);
  }

  need(next: GroupIndex | null): void {
    this.#next = next;
    this.#memory.moved();
  }

  take(from: GroupIndex, maxBytes: number): readonly SealedGroup[] {
    this.release();
    this.#hand = this.#memory.take(from, maxBytes);
    if (this.#hand.length > 0) this.need(this.#hand.at(-1)!.index + 1);
    return this.#hand;
  }

  release(): void {
    if (this.#hand.length === 0) return;
    const hand = this.#hand;
    this.#hand = [];
    this.#memory.release(hand);
  }

  servesFrom(index: GroupIndex): boolean {
    return this.#memory.servesFrom(index);
  }
}

function bytesOf(group: SealedGroup): number {
  return GROUP_BYTES + (group.resident ? group.bytes : 0);
}
