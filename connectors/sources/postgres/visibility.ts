/** What a snapshot shows: `pg_current_snapshot()` (PostgreSQL manual 9.28, pg_snapshot). */
export class Visibility {
  readonly #xmax: bigint;
  readonly #running: ReadonlySet<number>;

  private constructor(xmax: bigint, running: ReadonlySet<number>) {
    this.#xmax = xmax;
    this.#running = running;
  }

  /** @param text `xmin:xmax:xip,…`, 64-bit ids of top-level transactions */
  static parse(text: string): Visibility {
    const [, xmax, running] = text.split(':');
    const list = running === undefined || running === '' ? [] : running.split(',');
    return new Visibility(BigInt(xmax!), new Set(list.map(lowHalf)));
  }

  /**
   * Whether what this transaction did, once it is committed, is in the snapshot.
   *
   * @param xid top-level id as pgoutput sends it: the lower 32 bits
   */
  shows(xid: number): boolean {
    // Ids go round; one further than half the circle ahead is behind.
    if (((xid - Number(BigInt.asUintN(32, this.#xmax))) | 0) >= 0) return false;
    return !this.#running.has(xid);
  }
}

/** The lower 32 bits of a 64-bit id in decimal, as pgoutput sends it. */
export function lowHalf(xid: string): number {
  return Number(BigInt.asUintN(32, BigInt(xid)));
}

/**
 * Transactions that the stream has told of but that a snapshot taken now may not show. A commit is in the WAL, and
 * decoded, before its transaction leaves the list of running ones (xact.c, CommitTransaction: RecordTransactionCommit, a wait
 * for synchronous standbys, then ProcArrayEndTransaction). A row read in between is older than what the stream said of it:
 * so no chunk is read under a snapshot that does not show every transaction which came before it in the stream.
 */
export class UnseenTransactions {
  readonly #ids: Set<number>;

  constructor(ids: Iterable<number> = []) {
    this.#ids = new Set(ids);
  }

  get size(): number {
    return this.#ids.size;
  }

  add(xid: number): void {
    this.#ids.add(xid);
  }

  /** Those until now. */
  copy(): UnseenTransactions {
    return new UnseenTransactions(this.#ids);
  }

  /** Forgets what the snapshot shows: snapshots taken later show it too. @returns whether that was all */
  forget(snapshot: Visibility): boolean {
    for (const xid of this.#ids) if (snapshot.shows(xid)) this.#ids.delete(xid);
    return this.#ids.size === 0;
  }
}
