import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { QueryLimits, QueryPart, WarehouseReader } from '../../../src/deliver/warehouse-reader.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { EngineLimits } from './engine-limits.ts';
import { answerQuery } from './query.ts';

/** Queries that wait for the one that runs; another one is refused. */
const MAX_WAITING = 16;

export interface ReadingOptions extends QueryLimits {
  /** Of disk, beside the file, while a query runs. */
  readonly tempBytes: number;
}

/** An open database, with other files out of reach. */
interface Opened {
  readonly instance: DuckDBInstance;
  readonly limits: EngineLimits;
}

/** Queries over the database that a sink has open, one at a time: they share its memory and the machine. */
export class DuckdbReader implements WarehouseReader {
  readonly limits: QueryLimits;
  readonly #tempBytes: number;
  #opened: Opened | null = null;
  #closing = new AbortController();
  #current: Current | null = null;
  #waiting = 0;
  #last: Promise<void> = Promise.resolve();

  constructor({ rows, timeMs, tempBytes }: ReadingOptions) {
    this.limits = { rows, timeMs };
    this.#tempBytes = tempBytes;
  }

  opened(opened: Opened): void {
    this.#closing = new AbortController();
    this.#opened = opened;
  }

  /** Stops what runs; resolves when nothing uses the database any more, also if nobody fetches the answer's rest. */
  async closed(): Promise<void> {
    this.#opened = null;
    this.#closing.abort();
    await this.#current?.working;
    await this.#current?.release();
  }

  async *query(sql: string, wanted: QueryLimits, signal: AbortSignal): AsyncGenerator<QueryPart> {
    if (this.#waiting > MAX_WAITING)
      throw new RowsealError('RS-QRY-008', { detail: `${MAX_WAITING} queries wait` });
    const before = this.#last;
    let leave = (): void => {};
    this.#last = new Promise((resolve) => {
      leave = resolve;
    });
    this.#waiting++;
    try {
      await before;
      yield* this.#answer(sql, wanted, signal);
    } finally {
      this.#waiting--;
      leave();
    }
  }

  async *#answer(sql: string, wanted: QueryLimits, left: AbortSignal): AsyncGenerator<QueryPart> {
    const opened = this.#opened;
    if (opened === null) throw new RowsealError('RS-QRY-008', { detail: 'the sink is not open' });
    const signal = AbortSignal.any([left, this.#closing.signal]);
    const current = await Current.begin(opened, this.#tempBytes);
    this.#current = current;
    try {
      const limits = {
        rows: Math.min(wanted.rows, this.limits.rows),
        timeMs: Math.min(wanted.timeMs, this.limits.timeMs),
      };
      const parts = answerQuery(current.connection, sql, limits, signal);
      while (true) {
        if (signal.aborted) throw new RowsealError('RS-QRY-008', { detail: 'the query was given up' });
        const next = parts.next();
        current.working = next.catch(() => {});
        const { value, done } = await next;
        current.working = null;
        if (done === true) return;
        yield value;
      }
    } finally {
      this.#current = null;
      await current.release();
    }
  }
}

/** The query that runs. */
class Current {
  readonly connection: DuckDBConnection;
  readonly #limits: EngineLimits;
  /** Settles when no statement runs; null: none does, whoever asked has the word. */
  working: Promise<unknown> | null = null;
  #released = false;

  private constructor(connection: DuckDBConnection, limits: EngineLimits) {
    this.connection = connection;
    this.#limits = limits;
  }

  static async begin({ instance, limits }: Opened, tempBytes: number): Promise<Current> {
    const current = new Current(await instance.connect(), limits);
    try {
      await limits.readerCame(tempBytes);
    } catch {
      await current.release();
      throw new RowsealError('RS-QRY-008', { detail: 'a large transaction is being delivered' });
    }
    return current;
  }

  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    this.connection.closeSync();
    await this.#limits.readerLeft();
  }
}
