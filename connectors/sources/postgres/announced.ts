const RELATION = 0x52; // R
const TRUNCATE = 0x54; // T
const WITH_ROW = new Set([0x49, 0x55, 0x44]); // I, U, D

export function isRelation(buffer: Buffer, start: number): boolean {
  return buffer[start] === RELATION;
}

/**
 * Relation messages out of transactions that came before their end. Such a message may stem from a part that was rolled
 * back, a renamed table for instance: so it is not looked at before a row says that it holds. Until then it is kept,
 * beyond its transaction, because the server sends it once. It is older than its place in the order of commits: what the server
 * has said of the table since it came holds in its stead.
 */
export class Announced {
  readonly #messages = new Map<number, Buffer>();
  /** Number of the newest message of each table. */
  readonly #newest = new Map<number, number>();

  /**
   * Keeps a Relation message.
   *
   * @param number of Relation messages that had come with it, in whatever transaction
   */
  keep(message: Buffer, number: number): void {
    if (this.#isNews(oidOf(message, 0), number)) this.#messages.set(oidOf(message, 0), message);
  }

  /**
   * Relation messages that must be heeded before this message; each is given out once.
   *
   * @param number of Relation messages that have come
   */
  before(buffer: Buffer, start: number, end: number, number: number): readonly Buffer[] {
    const kind = buffer[start]!;
    if (kind === RELATION) {
      // It takes the place of what is kept.
      if (start + 5 <= end && this.#isNews(oidOf(buffer, start), number))
        this.#messages.delete(oidOf(buffer, start));
      return NONE;
    }
    if (this.#messages.size === 0) return NONE;
    if (WITH_ROW.has(kind) && start + 5 <= end) return this.#take([oidOf(buffer, start)]);
    if (kind !== TRUNCATE || start + 6 > end) return NONE;
    const count = Math.min(buffer.readUInt32BE(start + 1), Math.floor((end - start - 6) / 4));
    return this.#take(Array.from({ length: count }, (_, i) => buffer.readUInt32BE(start + 6 + i * 4)));
  }

  #isNews(oid: number, number: number): boolean {
    if (number < (this.#newest.get(oid) ?? 0)) return false;
    this.#newest.set(oid, number);
    return true;
  }

  #take(oids: readonly number[]): readonly Buffer[] {
    const due: Buffer[] = [];
    for (const oid of oids) {
      const message = this.#messages.get(oid);
      if (message === undefined) continue;
      this.#messages.delete(oid);
      due.push(message);
    }
    return due;
  }
}

const NONE: readonly Buffer[] = [];

/** Int32 behind the type of the message. */
function oidOf(buffer: Buffer, start: number): number {
  return buffer.readUInt32BE(start + 1);
}
