import type { Source } from '../../src/capture/source.ts';
import { RowsealError } from '../../src/error/rowseal-error.ts';
import { type RawCell, UNCHANGED } from '../../src/model/cell.ts';
import { type ChangeEvent, Image, Op, type RowRun } from '../../src/model/change.ts';
import type { Position } from '../../src/model/position.ts';
import { columnIdentity, displayName, type TableSchema } from '../../src/model/table.ts';
import { until } from './project.ts';

/** Sees everything that a mirror is made of; of whole transactions. */
export interface MirrorWatch {
  event(event: ChangeEvent): void;
  /** A row as it is after a change of it; of a deleted one, as it was. */
  version(table: TableSchema, op: number, cells: readonly RawCell[]): void;
}

/** Tries in a row that got nowhere, of 50 ms and more. */
const MOST_IN_VAIN = 200;

interface MirroredTable {
  schema: TableSchema;
  /** By key; of a table without one, by all cells, as often as there are equal rows. */
  readonly rows: Map<string, { cells: RawCell[]; copies: number }>;
}

/**
 * Pulls a source and keeps a mirror of its tables as a sink would, but strictly: a new row must not be there, a deleted one
 * must, once the copy of its table is complete. What breaks that is an error of the reader.
 */
export class MirrorReader {
  readonly tables = new Map<string, MirroredTable>();
  readonly lines: string[] = [];
  readonly transactions: string[] = [];
  readonly ops: Record<string, number> = {};
  /** Where it could have been resumed, in order. */
  readonly positions: Position[] = [];
  last: Position | null = null;
  error: unknown = null;
  source: Source;
  readonly #stop = new AbortController();
  readonly #copying = new Set<string>();
  /** Of the transaction that is coming in: without its end none of it has happened, as for a sink. */
  #pending: ChangeEvent[] = [];
  readonly #done: Promise<void>;
  #paused: Promise<void> = Promise.resolve();
  largestBatchBytes = 0;
  watch: MirrorWatch | null = null;

  /** The failures after which it tried again. */
  readonly retried: string[] = [];
  readonly #again: (() => Source) | null;

  /**
   * @param before a reader that was closed; this one goes on with its mirror
   * @param again as a pipeline does, it tries again with another source after a failure that passes; by default it does not
   */
  constructor(
    source: Source,
    after: Position | null,
    before: MirrorReader | null = null,
    again: (() => Source) | null = null,
  ) {
    this.source = source;
    this.last = after;
    this.#again = again;
    if (before !== null) {
      for (const [name, table] of before.tables) this.tables.set(name, table);
      for (const name of before.#copying) this.#copying.add(name);
      this.lines.push(...before.lines);
      this.watch = before.watch;
    }
    this.#done = this.#run().catch((error: unknown) => {
      this.error = error;
    });
  }

  /** The source has ended, or failed. */
  get done(): Promise<void> {
    return this.#done;
  }

  /** Pulls nothing until the promise settles. */
  pause(until: Promise<void>): void {
    this.#paused = until;
  }

  /** Rows of a table as arrays, sorted. */
  rows(table: string): RawCell[][] {
    const rows = [...(this.tables.get(table)?.rows.values() ?? [])];
    return rows
      .flatMap(({ cells, copies }) => Array.from({ length: copies }, () => cells))
      .sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }

  async until(what: string, condition: () => boolean, timeoutMs = 120_000): Promise<void> {
    await until(
      what,
      () => {
        if (this.error !== null) throw this.error;
        return condition();
      },
      timeoutMs,
    );
  }

  async fails(): Promise<unknown> {
    await until('an error', () => this.error !== null);
    await this.close();
    return this.error;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#done;
    await this.source.close();
  }

  async #run(): Promise<void> {
    for (let inVain = 0; ; ) {
      const { last } = this;
      try {
        return await this.#pull();
      } catch (thrown) {
        const passes = thrown instanceof RowsealError && thrown.kind === 'transient';
        inVain = this.last === last ? inVain + 1 : 0;
        if (this.#again === null || !passes || inVain > MOST_IN_VAIN) throw thrown;
        this.retried.push(`${thrown.code} ${thrown.detail} ${thrown.origin}`);
      }
      await this.source.close();
      await new Promise((resolve) => setTimeout(resolve, 50));
      if (this.#stop.signal.aborted) return;
      this.#pending = [];
      this.source = this.#again();
    }
  }

  async #pull(): Promise<void> {
    for await (const batch of this.source.open(this.last, this.#stop.signal)) {
      this.largestBatchBytes = Math.max(this.largestBatchBytes, batch.bytes);
      for (const event of batch.events) {
        this.#pending.push(event);
        if (event.kind !== 'commit' && event.kind !== 'idle') continue;
        const whole = this.#pending;
        this.#pending = [];
        for (const one of whole) this.#take(one);
      }
      await this.#paused;
    }
  }

  #take(event: ChangeEvent): void {
    this.watch?.event(event);
    switch (event.kind) {
      case 'begin':
        this.transactions.push(event.transaction.id);
        break;
      case 'rows':
        this.#apply(event.run);
        break;
      case 'truncate':
        this.lines.push(`truncate ${event.table.name}`);
        this.tables.get(displayName(event.table))?.rows.clear();
        break;
      case 'snapshot': {
        const name = displayName(event.table);
        this.lines.push(`snapshot ${event.phase} ${event.table.name}`);
        if (event.phase === 'begin') {
          this.tables.set(name, { schema: event.table, rows: new Map() });
          this.#copying.add(name);
        } else this.#copying.delete(name);
        break;
      }
      default:
        this.last = event.position;
        this.positions.push(event.position);
        this.source.confirm(event.position);
    }
  }

  #apply(run: RowRun): void {
    const name = displayName(run.table);
    let mirrored = this.tables.get(name);
    if (mirrored === undefined) {
      mirrored = { schema: run.table, rows: new Map() };
      this.tables.set(name, mirrored);
      // Begun in the middle: what was there before is not known.
      this.#copying.add(name);
    }
    if (mirrored.schema !== run.table) this.#reshape(mirrored, run.table);
    const width = run.table.columns.length;
    let at = 0;
    const image = (bits: number, bit: number): RawCell[] | null => {
      if ((bits & bit) === 0) return null;
      at += width;
      return run.cells.slice(at - width, at);
    };
    for (let row = 0; row < run.count; row++) {
      const op = run.ops[row]!;
      this.ops[op] = (this.ops[op] ?? 0) + 1;
      const before = image(run.images[row]!, Image.before);
      const after = image(run.images[row]!, Image.after);
      if (run.table.key.length === 0) this.#applyKeyless(mirrored, op, before, after);
      else this.#applyKeyed(mirrored, name, op, before, after);
    }
  }

  /** Rows that are there get the columns of another version; what it adds is null. */
  #reshape(mirrored: MirroredTable, table: TableSchema): void {
    const old = mirrored.schema;
    mirrored.schema = table;
    const from = table.columns.map((column) =>
      old.columns.findIndex((other) => columnIdentity(other) === columnIdentity(column)),
    );
    const rows = [...mirrored.rows.values()];
    mirrored.rows.clear();
    for (const { cells, copies } of rows) {
      const now = from.map((index) => (index < 0 ? null : cells[index]!));
      const key = table.key.length === 0 ? now : table.key.map((index) => String(now[index]));
      mirrored.rows.set(JSON.stringify(key), { cells: now, copies });
    }
  }

  #applyKeyed(
    { schema, rows }: MirroredTable,
    name: string,
    op: number,
    before: RawCell[] | null,
    after: RawCell[] | null,
  ): void {
    const key = (cells: RawCell[]): string => JSON.stringify(schema.key.map((index) => String(cells[index])));
    // An update without an old image did not change the key.
    const old = rows.get(key(before ?? after!));
    if (before !== null) {
      if (!rows.delete(key(before)) && !this.#copying.has(name))
        throw new Error(`${name}: a row that is not there`);
    }
    if (after === null) {
      this.watch?.version(schema, op, old?.cells ?? before!);
      return;
    }
    if ((op === Op.create || op === Op.read) && rows.has(key(after)))
      throw new Error(`${name}: a row that is there already (${op})`);
    const cells = after.map((cell, i) => (cell === UNCHANGED ? (old?.cells[i] ?? null) : cell));
    rows.set(key(after), { cells, copies: 1 });
    this.watch?.version(schema, op, cells);
  }

  #applyKeyless(
    { schema, rows }: MirroredTable,
    op: number,
    before: RawCell[] | null,
    after: RawCell[] | null,
  ): void {
    this.watch?.version(schema, op, after ?? before!);
    if (before !== null) {
      const key = JSON.stringify(before);
      const known = rows.get(key);
      if (known === undefined) throw new Error('a row that is not there');
      known.copies--;
      if (known.copies === 0) rows.delete(key);
    }
    if (after === null) return;
    const key = JSON.stringify(after);
    const known = rows.get(key);
    if (known === undefined) rows.set(key, { cells: after, copies: 1 });
    else known.copies++;
  }
}
