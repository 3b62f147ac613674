import { RowsealError } from '../error/rowseal-error.ts';
import type { ChangeEvent } from '../model/change.ts';
import type { Position } from '../model/position.ts';

/** A batch cut where its last whole transaction ends. */
export interface BatchCut {
  /** Events of whole transactions, and idle marks; nothing of an unfinished one (unless it began in an earlier batch). */
  readonly whole: readonly ChangeEvent[];
  /** Resume point after `whole`; null when the batch ends no transaction and marks no progress. */
  readonly position: Position | null;
  /** Events of the transaction that the next batch goes on with. */
  readonly rest: readonly ChangeEvent[];
}

/**
 * Watches the order of a source's events across batches: everything inside a transaction, transactions one after the
 * other. A breach is a bug in the source and stops the run, because sealing past it could break law 4.
 */
export class TransactionBoundary {
  #open = false;
  /** LSN of the last position of a Postgres source. */
  #reached = 0n;

  /** True between a begin and its commit. */
  get insideTransaction(): boolean {
    return this.#open;
  }

  cut(events: readonly ChangeEvent[]): BatchCut {
    let end = 0;
    let position: Position | null = null;
    for (let i = 0; i < events.length; i++) {
      const event = events[i]!;
      switch (event.kind) {
        case 'begin':
          this.#expect(!this.#open, 'begin inside a transaction');
          this.#open = true;
          break;
        case 'commit':
          this.#expect(this.#open, 'commit outside a transaction');
          this.#open = false;
          end = i + 1;
          position = this.#onward(event.position);
          break;
        case 'idle':
          this.#expect(!this.#open, 'idle mark inside a transaction');
          end = i + 1;
          position = this.#onward(event.position);
          break;
        default:
          this.#expect(this.#open, `${event.kind} outside a transaction`);
      }
    }
    if (end === events.length) return { whole: events, position, rest: [] };
    return { whole: events.slice(0, end), position, rest: events.slice(end) };
  }

  /** A group sealed at a place before one of its transactions would have that one come twice. */
  #onward(position: Position): Position {
    if (position.kind !== 'postgres') return position;
    this.#expect(position.lsn >= this.#reached, 'a position behind the one before it');
    this.#reached = position.lsn;
    return position;
  }

  #expect(holds: boolean, what: string): void {
    if (!holds) throw new RowsealError('RS-RUN-001', { detail: what });
  }
}
