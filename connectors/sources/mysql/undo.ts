import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { RolledBack, UndoneRange } from './rolled-back.ts';

/**
 * Savepoints and rollbacks inside one transaction of the binlog. Servers log them, with the rows that they take back, when
 * the transaction also did what cannot be rolled back (MariaDB: a temporary table made or dropped in it is enough).
 *
 * Rows that are still here are simply dropped. When some were handed on already, the transaction is lost for this
 * connection: the rest of it is only looked through for further rollbacks, its end throws, and the next connection reads it
 * again without what it took back. So memory stays bounded, and each such transaction is read twice at most.
 */
export class Undo {
  readonly #memory: RolledBack;
  readonly #id: string;
  /** From an earlier connection; null: nothing is known of this transaction. */
  readonly #known: readonly UndoneRange[] | null;
  #statements = 0;
  #savepoints: { readonly name: string; readonly ordinal: number; readonly statements: number }[] = [];
  #ranges: UndoneRange[] = [];
  #lost = false;

  /** @param id GTID, or the place where the transaction begins */
  constructor(memory: RolledBack, id: string) {
    this.#memory = memory;
    this.#id = id;
    this.#known = memory.of(id);
  }

  /** Rows that come now are no part of the outcome. */
  get skips(): boolean {
    if (this.#lost) return true;
    const at = this.#statements;
    return this.#known?.some(({ from, to }) => at >= from && at < to) ?? false;
  }

  savepoint(name: string, ordinal: number): void {
    this.#statements++;
    this.#savepoints.push({ name, ordinal, statements: this.#statements });
  }

  /**
   * @param handed row operations of the transaction that were handed on
   * @returns the number of row operations to go back to; null: there is nothing to drop
   */
  rollbackTo(name: string, handed: number): number | null {
    const at = this.#savepoints.findLastIndex((savepoint) => savepoint.name === name);
    // Set before anything that is of interest here, and so not logged.
    const { ordinal, statements } = at < 0 ? { ordinal: 0, statements: 0 } : this.#savepoints[at]!;
    if (at >= 0) this.#savepoints.length = at + 1;
    this.#statements++;
    if (this.#known !== null) return null;
    this.#ranges.push({ from: statements, to: this.#statements });
    if (ordinal < handed) this.#lost = true;
    return this.#lost ? null : ordinal;
  }

  /** The transaction ended as a whole. @throws RowsealError RS-MY-024 when it must be read again */
  end(outcome: 'kept' | 'rolled-back', handed: number): void {
    if (outcome === 'rolled-back' && handed > 0) {
      this.#lost = true;
      this.#ranges = [{ from: 0, to: Number.POSITIVE_INFINITY }];
    }
    if (this.#lost) {
      this.#memory.remember(this.#id, this.#ranges);
      throw new RowsealError('RS-MY-024', { detail: `the transaction ${this.#id}` });
    }
    if (this.#known !== null) this.#memory.forget(this.#id);
  }
}
