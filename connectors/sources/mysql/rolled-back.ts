/** Part of a transaction, counted in its statements: rows that come while `from` ≤ statements so far < `to`. */
export interface UndoneRange {
  readonly from: number;
  readonly to: number;
}

/** Transactions that are remembered at most; each is forgotten when it was read again. */
const TRANSACTIONS_MAX = 64;

/**
 * What large transactions took back after their rows had been handed on. Lives as long as the pipeline, so that the next
 * connection reads such a transaction without these rows; after a restart of the process it is found out again.
 */
export class RolledBack {
  readonly #transactions = new Map<string, readonly UndoneRange[]>();

  /** @param id GTID, or the place where the transaction begins */
  of(id: string): readonly UndoneRange[] | null {
    return this.#transactions.get(id) ?? null;
  }

  remember(id: string, ranges: readonly UndoneRange[]): void {
    this.#transactions.set(id, ranges);
    if (this.#transactions.size > TRANSACTIONS_MAX)
      this.#transactions.delete(this.#transactions.keys().next().value!);
  }

  forget(id: string): void {
    this.#transactions.delete(id);
  }
}
