import type { GroupIndex, SealedGroupInfo } from '../audit/audit-log.ts';

/** What is sealed and not yet in one sink. */
export class Backlog {
  #newest: GroupIndex | null;
  #cursor: GroupIndex | null = null;
  /** The size of groups up to here is not known: they were sealed before this process began. */
  #unknownTo: GroupIndex;
  #bytes = 0;
  /** When the oldest group that is behind was sealed, or a bit earlier; µs. null: not known, or there is none. */
  #sinceUs: bigint | null = null;

  /** @param last newest group of the log */
  constructor(last: GroupIndex | null) {
    this.#newest = last;
    this.#unknownTo = last ?? -1;
  }

  get newest(): GroupIndex | null {
    return this.#newest;
  }

  get cursor(): GroupIndex | null {
    return this.#cursor;
  }

  /** The group that the sink needs next. */
  get next(): GroupIndex {
    return (this.#cursor ?? -1) + 1;
  }

  get groups(): number {
    return (this.#newest ?? -1) + 1 - this.next;
  }

  /** Of the groups whose size is known. */
  get knownBytes(): number {
    return this.#bytes;
  }

  /** null: not known until what earlier processes left is delivered. */
  get bytes(): number | null {
    return this.next <= this.#unknownTo ? null : this.#bytes;
  }

  /**
   * For how long the oldest group has been waiting; null: not known yet.
   *
   * @param nowMs milliseconds since 1970-01-01 UTC
   */
  waitingMs(nowMs: number): number | null {
    if (this.groups === 0) return 0;
    return this.#sinceUs === null ? null : Math.max(0, nowMs - Number(this.#sinceUs / 1000n));
  }

  /** The sink is open (again) and has groups up to here. */
  opened(cursor: GroupIndex | null): void {
    if (cursor !== this.#cursor && this.#cursor !== null) {
      // A commit whose answer was lost moved it: how many bytes that were is not known any more.
      this.#unknownTo = this.#newest ?? -1;
      this.#bytes = 0;
    }
    this.#cursor = cursor;
    this.#settle();
  }

  sealed(group: SealedGroupInfo): void {
    if (this.groups === 0) this.#sinceUs = group.sealedAtUs;
    this.#newest = group.index;
    this.#bytes += group.bytes;
  }

  /** @param groups consecutive, from `next` on */
  delivered(groups: readonly SealedGroupInfo[]): void {
    for (const { index, bytes } of groups) if (index > this.#unknownTo) this.#bytes -= bytes;
    const last = groups.at(-1)!;
    this.#cursor = last.index;
    this.#sinceUs = last.sealedAtUs;
    this.#settle();
  }

  #settle(): void {
    if (this.groups === 0) this.#sinceUs = null;
  }
}
