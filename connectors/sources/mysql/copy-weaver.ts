import { rowKey } from '../../../src/capture/row-key.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { ChangeBatch, ChangeEvent } from '../../../src/model/change.ts';
import type { BinlogPlace, MysqlPosition } from '../../../src/model/position.ts';
import { displayName, type TableName, type TableSchema, tableKey } from '../../../src/model/table.ts';
import type { BinlogEvent, RowsEvent } from './binlog/binlog-event.ts';
import type { Catalog, CatalogTable } from './catalog.ts';
import type { Chunk } from './chunk.ts';
import type { CopyPlan } from './copy-plan.ts';
import { haveSameKey, openCursor, sealCursor } from './key-cursor.ts';
import { KeylessView } from './keyless-view.ts';
import type { MysqlSourceOptions } from './options.ts';
import { comparePlaces, type Server } from './server.ts';
import type { TableCopier } from './table-copier.ts';
import type { TableVersions } from './table-versions.ts';
import type { Told, Visibility } from './visibility.ts';

/** How often a view of a table without a key is tried. */
const VIEW_ATTEMPTS = 100;

/** How long the stream goes on before what could not be read is tried again: doubled from time to time. */
const FIRST_PAUSE_MS = 1_000;
const MOST_PAUSE_MS = 10_000;

export interface SnapshotProgress {
  table: string;
  rows: number;
  estimatedRows: number | null;
}

/** The stream that the copy is woven into. */
export interface WeftHost extends Told {
  /** Everything before this place of the binlog was read. */
  reached(): BinlogPlace;
  /** Resume point, with what the plan says of the copy. */
  position(): MysqlPosition;
  /** Which tables' rows are wanted has changed. */
  unbindAll(): void;
  /** The copy can go on, whether the stream has something to read or not. */
  wake(): void;
}

/**
 * The copy of tables, woven into the stream. A chunk of a table is selected while the stream stands between two
 * transactions and everything before is visible, and handed on when the stream has come to where the binlog ended after the SELECT; rows that the stream
 * named on the way are left out of it. So every row in the log is true at its place in the stream.
 */
export class CopyWeaver {
  readonly #options: MysqlSourceOptions;
  readonly #server: Server;
  readonly #catalog: Catalog;
  readonly #copier: TableCopier;
  readonly #visibility: Visibility;
  readonly #plan: CopyPlan;
  readonly #versions: TableVersions;
  readonly #host: WeftHost;
  #chunk: Chunk | null = null;
  #view: KeylessView | null = null;
  /** Views that were no use, one after the other. */
  #spoiledViews = 0;
  /** The copy rests, and the stream goes on. */
  #pause: NodeJS.Timeout | null = null;
  #pauseMs = FIRST_PAUSE_MS;
  #progress: SnapshotProgress | null = null;

  constructor(
    options: MysqlSourceOptions,
    server: Server,
    catalog: Catalog,
    copier: TableCopier,
    visibility: Visibility,
    plan: CopyPlan,
    versions: TableVersions,
    host: WeftHost,
  ) {
    this.#options = options;
    this.#server = server;
    this.#catalog = catalog;
    this.#copier = copier;
    this.#visibility = visibility;
    this.#plan = plan;
    this.#versions = versions;
    this.#host = host;
  }

  get progress(): SnapshotProgress | null {
    return this.#progress;
  }

  /** Nothing can be done for the copy before the stream has gone on, or a pause is over. */
  get waits(): boolean {
    return this.#chunk !== null || this.#view !== null || this.#pause !== null;
  }

  /** The stream has come to where the chunk or view is true. */
  get due(): boolean {
    const until = this.#view?.until ?? this.#chunk?.until;
    return until !== undefined && comparePlaces(this.#host.reached(), until) >= 0;
  }

  /** The rows of this table are watched, to know whether the view of it is exact. */
  observes(name: TableName): boolean {
    return this.#view !== null && tableKey(this.#view.table) === tableKey(name);
  }

  /**
   * Hands on what is due, begins what is next.
   *
   * @param signal aborts when the stream is over: then nothing is waited for
   */
  async *step(signal: AbortSignal): AsyncGenerator<ChangeBatch> {
    if (this.waits) {
      if (!this.due) return;
      if (this.#view !== null) yield* this.#handOnView(signal);
      else yield this.#handOnChunk();
      return;
    }
    if (this.#plan.current === null) {
      yield* this.#beginTable(signal);
      return;
    }
    await this.#selectChunk(signal);
  }

  /** The stream named rows, from this operation of their transaction on. False: they are not part of it, the copy tells them. */
  changed(rows: RowsEvent, gtid: BinlogEvent | null, ordinal: number): boolean {
    if (this.observes(rows.table)) {
      this.#view!.spoiledBy(gtid);
      return false;
    }
    const { current } = this.#plan;
    if (current === null || tableKey(current.name) !== tableKey(rows.table)) return true;
    // Rows that are told apart by other columns cannot be found in the chunk.
    if (this.#chunk !== null && !haveSameKey(this.#chunk.table, rows.table)) this.#chunk = null;
    // What the stream tells of them is newer than, or as new as, the chunk.
    if (!rows.complete) throw new RowsealError('RS-MY-027', { detail: displayName(rows.table) });
    const width = rows.table.columns.length;
    for (let at = 0; at < rows.cells.length; at += width) {
      const key = rowKey(rows.cells, at, rows.table.key);
      if (key === null) throw new RowsealError('RS-MY-027', { detail: displayName(rows.table) });
      this.#chunk?.touch(key, ordinal);
      current.touched.add(key);
    }
    return true;
  }

  /** The open transaction took back its operations from `ordinal` on. */
  undone(ordinal: number): void {
    this.#chunk?.undo(ordinal);
  }

  /** A transaction ended. */
  settled(): void {
    this.#chunk?.settle();
  }

  /** A statement emptied the table, whether its rows are part of the stream or not. */
  truncated(name: TableName): void {
    if (this.observes(name)) this.#view!.spoiledBy(null);
  }

  /** A transaction ended of which it is not known what it changed. */
  unknownOutcome(gtid: BinlogEvent | null): void {
    this.#view?.spoiledBy(gtid);
  }

  /** All rows of a table of the stream are gone. */
  emptied(table: TableSchema): void {
    if (this.#chunk !== null && tableKey(this.#chunk.table) === tableKey(table)) this.#chunk.empty();
  }

  /** The table must be copied from its first row. */
  again(name: TableName): void {
    if (this.#chunk !== null && tableKey(this.#chunk.table) === tableKey(name)) this.#chunk = null;
    if (this.observes(name)) this.#dropView();
    this.#plan.again(name);
    this.#host.unbindAll();
  }

  close(): void {
    if (this.#pause !== null) clearTimeout(this.#pause);
    this.#view?.close();
  }

  async *#beginTable(signal: AbortSignal): AsyncGenerator<ChangeBatch> {
    const name = this.#plan.upcoming!;
    const table = await this.#catalog.table(name);
    if (table === null) throw new RowsealError('RS-MY-008', { detail: displayName(name) });
    this.#versions.remember(table.schema);
    this.#progress = { table: displayName(name), rows: 0, estimatedRows: table.estimatedRows };
    if (table.schema.key.length === 0) {
      await this.#openView(table, signal);
      return;
    }
    this.#plan.next();
    this.#copier.begin();
    // Its rows were passed over until now.
    this.#host.unbindAll();
    yield this.#batch([{ kind: 'snapshot', table: table.schema, phase: 'begin' }]);
  }

  async #selectChunk(signal: AbortSignal): Promise<void> {
    const current = this.#plan.current!;
    if (current.cursor === null && current.sealedCursor !== null) {
      const table = await this.#catalog.table(current.name);
      const cursor =
        table === null ? null : openCursor(this.#options.positionSeal, table.schema, current.sealedCursor);
      if (cursor === null) {
        this.#restart();
        return;
      }
      current.cursor = cursor;
      this.#progress = { table: displayName(current.name), rows: 0, estimatedRows: table!.estimatedRows };
    }
    await this.#visibility.wait(signal);
    if (signal.aborted) return;
    const chunk = await this.#copier.chunk(current.name, current.cursor);
    if (chunk === 'restart') {
      this.#restart();
      return;
    }
    if (chunk === 'locked') {
      this.#rest();
      return;
    }
    this.#pauseMs = FIRST_PAUSE_MS;
    this.#versions.remember(chunk.table);
    this.#chunk = chunk;
  }

  #rest(): void {
    this.#pause = setTimeout(() => {
      this.#pause = null;
      this.#host.wake();
    }, this.#pauseMs);
    this.#pauseMs = Math.min(2 * this.#pauseMs, MOST_PAUSE_MS);
  }

  /** What was copied of the current table is in the order of a key that it no longer has. */
  #restart(): void {
    this.#plan.restart();
    this.#host.unbindAll();
  }

  #handOnChunk(): ChangeBatch {
    const chunk = this.#chunk!;
    const current = this.#plan.current!;
    this.#chunk = null;
    const events: ChangeEvent[] = [];
    const rows = chunk.rows(current.touched);
    if (rows !== null) events.push(rows);
    if (chunk.cursor !== null)
      this.#plan.advance(chunk.cursor, sealCursor(this.#options.positionSeal, chunk.table, chunk.cursor));
    if (this.#progress !== null) this.#progress.rows += chunk.count;
    if (chunk.last) {
      events.push({ kind: 'snapshot', table: chunk.table, phase: 'end' });
      this.#finish();
    }
    return this.#batch(events, chunk.bytes);
  }

  async #openView(table: CatalogTable, signal: AbortSignal): Promise<void> {
    await this.#visibility.wait(signal);
    if (signal.aborted) return;
    const atMs = performance.now();
    this.#view = await KeylessView.open(this.#options, this.#server, table, signal);
    if (!(await this.#visibility.holds(this.#view.until, atMs))) {
      this.#dropView();
      this.#rest();
      return;
    }
    this.#pauseMs = FIRST_PAUSE_MS;
    // Its rows must be seen from here on, to know whether the view is exact.
    this.#host.unbindAll();
    if ((await this.#catalog.table(table.schema)) !== table) this.#dropView();
  }

  async *#handOnView(signal: AbortSignal): AsyncGenerator<ChangeBatch> {
    const view = this.#view!;
    try {
      if (view.spoiled) {
        this.#spoiledViews++;
        if (this.#spoiledViews >= VIEW_ATTEMPTS)
          throw new RowsealError('RS-MY-029', { detail: displayName(view.table) });
        return;
      }
      this.#spoiledViews = 0;
      this.#plan.next();
      yield this.#batch([{ kind: 'snapshot', table: view.table, phase: 'begin' }]);
      for await (const chunk of view.chunks()) {
        const rows = chunk.rows(this.#plan.current!.touched);
        if (this.#progress !== null) this.#progress.rows += chunk.count;
        if (rows !== null) yield this.#batch([rows], chunk.bytes);
        if (signal.aborted) return;
      }
      this.#finish();
      yield this.#batch([{ kind: 'snapshot', table: view.table, phase: 'end' }]);
    } finally {
      this.#dropView();
    }
  }

  #finish(): void {
    this.#plan.finish();
    if (this.#plan.done) this.#progress = null;
  }

  #dropView(): void {
    this.#view?.close();
    this.#view = null;
    this.#host.unbindAll();
  }

  #batch(events: readonly ChangeEvent[], bytes = 0): ChangeBatch {
    const position = this.#host.position();
    const begin: ChangeEvent = {
      kind: 'begin',
      transaction: { id: 'snapshot', position, commitTimeUs: BigInt(Date.now()) * 1000n },
    };
    return { events: [begin, ...events, { kind: 'commit', position }], bytes };
  }
}
