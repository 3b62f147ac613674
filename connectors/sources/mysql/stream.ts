import { rowKey } from '../../../src/capture/row-key.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { ChangeBatch, ChangeEvent } from '../../../src/model/change.ts';
import type { BinlogPlace, MysqlPosition } from '../../../src/model/position.ts';
import { displayName, type TableName, type TableSchema, tableKey } from '../../../src/model/table.ts';
import type { BinlogDecoder } from './binlog/binlog-decoder.ts';
import type { BinlogEvent, RowsEvent, TableBinding, TableMap } from './binlog/binlog-event.ts';
import { BinlogAgain, newDecoder } from './binlog-again.ts';
import { Executed, PlaceTracker } from './binlog-cursor.ts';
import { BinlogDump, type DumpStart } from './binlog-dump.ts';
import { bindTable, type Catalog, type CatalogTable } from './catalog.ts';
import type { Chunk } from './chunk.ts';
import type { Session } from './connection.ts';
import type { CopyPlan } from './copy-plan.ts';
import { openCursor, sealCursor } from './key-cursor.ts';
import { KeylessView } from './keyless-view.ts';
import type { MysqlSourceOptions } from './options.ts';
import type { Packet } from './packet-stream.ts';
import { comparePlaces, type Server } from './server.ts';
import type { TableCopier } from './table-copier.ts';
import { PIECE_BYTES, type Prepared, type TransactionHost, Transactions } from './transactions.ts';

/** How often a view of a table without a key is tried. */
const VIEW_ATTEMPTS = 100;

export interface SnapshotProgress {
  table: string;
  rows: number;
  estimatedRows: number | null;
}

export interface StreamStart {
  readonly server: Server;
  readonly gtidSet: string | null;
  readonly place: BinlogPlace;
  /** See `MysqlPosition.fileBegan`. */
  readonly fileBegan: number | null;
  /** Everything before `place` is in `gtidSet`; not so for a set and a place that were asked for together of MySQL. */
  readonly readUpToPlace: boolean;
  readonly dump: DumpStart;
  readonly prepared: readonly BinlogPlace[];
  readonly plan: CopyPlan;
}

/**
 * The binlog from one place on, with the copy of tables woven in. A chunk of a table is selected while the stream stands
 * between two transactions, and handed on when the stream has come to where the binlog ended after the SELECT; rows that
 * the stream named on the way are left out of it. So every row in the log is true at its place in the stream.
 */
export class MysqlStream implements TransactionHost {
  readonly #options: MysqlSourceOptions;
  readonly #server: Server;
  readonly #catalog: Catalog;
  readonly #copier: TableCopier;
  readonly #check: (session: Session) => Promise<void>;
  readonly #plan: CopyPlan;
  readonly #executed: Executed;
  readonly #tracker: PlaceTracker;
  readonly #start: StreamStart;
  readonly #decoder: BinlogDecoder;
  readonly #again: BinlogAgain;
  #transactions: Transactions;
  #dump: BinlogDump | null = null;
  #packets: readonly Packet[] = [];
  #packetAt = 0;
  #chunk: Chunk | null = null;
  #view: KeylessView | null = null;
  /** Views that were no use, one after the other. */
  #spoiledViews = 0;
  /** The version of each table that was met last. */
  readonly #versions = new Map<string, TableSchema>();
  #idleEmittedMs = Date.now();
  #idlePlace: BinlogPlace;
  #progress: SnapshotProgress | null = null;
  #lastReceivedMs: number | null = null;

  constructor(
    options: MysqlSourceOptions,
    catalog: Catalog,
    copier: TableCopier,
    check: (session: Session) => Promise<void>,
    start: StreamStart,
  ) {
    this.#options = options;
    this.#server = start.server;
    this.#catalog = catalog;
    this.#copier = copier;
    this.#check = check;
    this.#plan = start.plan;
    this.#start = start;
    this.#executed = new Executed(start.server.flavor, start.gtidSet);
    this.#tracker = new PlaceTracker(start.place, start.fileBegan, start.readUpToPlace);
    this.#idlePlace = start.place;
    this.#decoder = newDecoder(options, start.server);
    this.#again = new BinlogAgain(options, start.server, check);
    this.#transactions = new Transactions(this, new Map());
  }

  get lastReceivedMs(): number | null {
    return this.#dump?.lastReceivedMs ?? this.#lastReceivedMs;
  }

  get progress(): SnapshotProgress | null {
    return this.#progress;
  }

  async *read(signal: AbortSignal): AsyncGenerator<ChangeBatch> {
    for (const name of this.#options.tables) {
      const table = await this.#catalog.table(name);
      if (table !== null) this.#remember(table.schema);
    }
    this.#transactions = new Transactions(this, await this.#learnPrepared());
    const dump = await BinlogDump.open(
      this.#options,
      this.#server.flavor,
      this.#start.dump,
      { serverId: this.#options.serverId, uuid: uuidOf(this.#options.serverId) },
      this.#check,
    );
    this.#dump = dump;
    const onAbort = (): void => dump.interrupt();
    signal.addEventListener('abort', onAbort);
    const idleTimer = setInterval(onAbort, this.#options.idleIntervalMs);
    try {
      while (!signal.aborted) {
        if (!this.#transactions.inside && !this.#plan.done) {
          yield* this.#copyStep(signal);
          if (signal.aborted) return;
        }
        const mustWait =
          this.#plan.done || this.#transactions.inside || (this.#copyWaits() && !this.#copyDue());
        if (this.#packetAt === this.#packets.length) {
          this.#packets = mustWait ? await dump.read() : dump.poll();
          this.#packetAt = 0;
        }
        yield* this.#packetsAtHand(signal);
        const idle = this.#idle();
        if (idle !== null) yield { events: [{ kind: 'idle', position: idle }], bytes: 0 };
      }
    } finally {
      clearInterval(idleTimer);
      signal.removeEventListener('abort', onAbort);
    }
  }

  async close(): Promise<void> {
    this.#lastReceivedMs = this.lastReceivedMs;
    this.#view?.close();
    await this.#dump?.close();
  }

  position(): MysqlPosition {
    return {
      kind: 'mysql',
      flavor: this.#server.flavor,
      server: this.#server.identity,
      gtidSet: this.#executed.text,
      place: this.#tracker.place,
      fileBegan: this.#tracker.fileBegan,
      prepared: this.#transactions.prepared,
      ...this.#plan.state,
    };
  }

  place(): BinlogPlace {
    return this.#tracker.begin;
  }

  finished(gtid: BinlogEvent | null): void {
    if (gtid !== null) this.#executed.add(gtid);
  }

  truncated(name: TableName): TableSchema | null {
    if (this.#view !== null && tableKey(name) === tableKey(this.#view.table)) this.#view.spoiledBy(null);
    if (!this.#plan.streams(name)) return null;
    return this.#versions.get(tableKey(name)) ?? null;
  }

  tablesOf(database: string): readonly TableName[] {
    return this.#plan.inDatabase(database);
  }

  rewritten(name: TableName): void {
    if (this.#plan.captured(name) === null || this.#options.snapshot === 'never') return;
    const key = tableKey(name);
    if (this.#chunk !== null && tableKey(this.#chunk.table) === key) this.#chunk = null;
    if (this.#view !== null && tableKey(this.#view.table) === key) this.#dropView();
    this.#plan.again(name);
    this.#decoder.unbindAll();
  }

  unknownOutcome(): void {
    if (this.#options.snapshot === 'never') throw new RowsealError('RS-MY-025');
    for (const name of this.#options.tables) if (this.#plan.streams(name)) this.rewritten(name);
  }

  changed(rows: RowsEvent, gtid: BinlogEvent | null): boolean {
    const { table } = rows;
    if (this.#view !== null && tableKey(this.#view.table) === tableKey(table)) {
      this.#view.spoiledBy(gtid);
      return false;
    }
    const current = this.#plan.current;
    if (current !== null && tableKey(current.name) === tableKey(table))
      this.#touch(rows, current.touched.add.bind(current.touched));
    return true;
  }

  emptied(table: TableSchema): void {
    if (this.#chunk !== null && tableKey(this.#chunk.table) === tableKey(table)) this.#chunk.empty();
  }

  /** Rows of the table being copied: what the stream tells of them is newer than, or as new as, the chunk. */
  #touch(rows: RowsEvent, remember: (key: string) => void): void {
    if (!rows.complete) throw new RowsealError('RS-MY-027', { detail: displayName(rows.table) });
    const width = rows.table.columns.length;
    for (let at = 0; at < rows.cells.length; at += width) {
      const key = rowKey(rows.cells, at, rows.table.key);
      if (key === null) throw new RowsealError('RS-MY-027', { detail: displayName(rows.table) });
      this.#chunk?.touch(key);
      remember(key);
    }
  }

  /** Works through what was received, up to the first point where the copy goes on. */
  async *#packetsAtHand(signal: AbortSignal): AsyncGenerator<ChangeBatch> {
    const transactions = this.#transactions;
    while (this.#packetAt < this.#packets.length) {
      const packet = this.#packets[this.#packetAt++]!;
      this.#tracker.packet(packet);
      const ended = transactions.ended;
      this.#decoder.decode(packet.buffer, packet.start + 1, packet.end);
      for (let event = this.#decoder.next(); event !== null; event = this.#decoder.next()) {
        this.#tracker.event(event);
        const demand = transactions.handle(event);
        if (demand?.kind === 'bind') await this.#bind(demand.map);
        else if (demand?.kind === 'replay') yield* this.#replay(demand.place);
      }
      if (transactions.bytes >= PIECE_BYTES) {
        yield* this.#flush();
        if (signal.aborted) return;
      }
      if (transactions.ended !== ended && this.#copyDue()) break;
    }
    yield* this.#flush();
  }

  *#flush(): Generator<ChangeBatch> {
    const rows = this.#decoder.flush();
    if (rows !== null) this.#transactions.handle(rows);
    const { events, bytes } = this.#transactions.take();
    if (events.length > 0) yield { events, bytes };
  }

  async #bind(map: TableMap): Promise<void> {
    const name = { namespace: map.schema, name: map.table };
    const observed = this.#view !== null && tableKey(this.#view.table) === tableKey(name);
    if (!observed && !this.#plan.streams(name)) {
      this.#decoder.bind(map, null);
      return;
    }
    this.#decoder.bind(map, await this.#binding(map));
  }

  async #binding(map: TableMap): Promise<TableBinding> {
    const name = { namespace: map.schema, name: map.table };
    const binding = bindTable(map, await this.#catalog.table(name));
    const key = tableKey(name);
    const known = this.#versions.get(key);
    // The same version is the same object, also when the server numbered its tables anew.
    const table = known !== undefined && sameVersion(known, binding.table) ? known : binding.table;
    this.#remember(table);
    return { ...binding, table };
  }

  #remember(table: TableSchema): void {
    this.#versions.set(tableKey(table), table);
  }

  /** The rows of an XA transaction that was prepared at `place`, read again from the binlog. */
  async *#replay(place: BinlogPlace): AsyncGenerator<ChangeBatch> {
    const bind = async (map: TableMap): Promise<TableBinding | null> =>
      this.#plan.streams({ namespace: map.schema, name: map.table }) ? this.#binding(map) : null;
    for await (const event of this.#again.prepared(place, bind)) {
      if (event.kind === 'rows') this.#transactions.replay(event);
      if (this.#transactions.bytes < PIECE_BYTES) continue;
      const { events, bytes } = this.#transactions.take();
      if (events.length > 0) yield { events, bytes };
    }
    this.#transactions.replayed();
  }

  /** Ids of the XA transactions that were prepared and not ended when the position was sealed. */
  async #learnPrepared(): Promise<ReadonlyMap<string, Prepared>> {
    const prepared = new Map<string, Prepared>();
    for (const place of this.#start.prepared) {
      for await (const event of this.#again.prepared(place, async () => null)) {
        if (event.kind === 'xa-prepare') prepared.set(event.xid.toLowerCase(), { place, captured: true });
      }
    }
    return prepared;
  }

  /** Nothing can be done for the copy before the stream has gone on. */
  #copyWaits(): boolean {
    return this.#chunk !== null || this.#view !== null;
  }

  /** The stream has come to where the chunk or view is true. */
  #copyDue(): boolean {
    const until = this.#view?.until ?? this.#chunk?.until;
    return until !== undefined && comparePlaces(this.#tracker.place, until) >= 0;
  }

  /** Hands on what is due, begins what is next. */
  async *#copyStep(signal: AbortSignal): AsyncGenerator<ChangeBatch> {
    if (this.#copyWaits()) {
      if (!this.#copyDue()) return;
      if (this.#view !== null) yield* this.#handOnView(signal);
      else yield this.#handOnChunk();
      return;
    }
    if (this.#plan.current === null) {
      yield* this.#beginTable();
      return;
    }
    await this.#selectChunk();
  }

  async *#beginTable(): AsyncGenerator<ChangeBatch> {
    const name = this.#plan.upcoming!;
    const table = await this.#catalog.table(name);
    if (table === null) throw new RowsealError('RS-MY-008', { detail: displayName(name) });
    this.#remember(table.schema);
    this.#progress = { table: displayName(name), rows: 0, estimatedRows: table.estimatedRows };
    if (table.schema.key.length === 0) {
      await this.#openView(table);
      return;
    }
    this.#plan.next();
    this.#copier.begin();
    // Its rows were passed over until now.
    this.#decoder.unbindAll();
    yield this.#snapshotBatch([{ kind: 'snapshot', table: table.schema, phase: 'begin' }]);
  }

  async #selectChunk(): Promise<void> {
    const current = this.#plan.current!;
    if (current.cursor === null && current.sealedCursor !== null) {
      const table = await this.#catalog.table(current.name);
      const cursor =
        table === null ? null : openCursor(this.#options.positionSeal, table.schema, current.sealedCursor);
      if (cursor === null) {
        this.#plan.restart();
        return;
      }
      current.cursor = cursor;
      this.#progress = { table: displayName(current.name), rows: 0, estimatedRows: table!.estimatedRows };
    }
    const chunk = await this.#copier.chunk(current.name, current.cursor);
    this.#remember(chunk.table);
    this.#chunk = chunk;
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
      this.#plan.finish();
      if (this.#plan.done) this.#progress = null;
    }
    return this.#snapshotBatch(events, chunk.bytes);
  }

  async #openView(table: CatalogTable): Promise<void> {
    for (let attempt = 0; attempt < VIEW_ATTEMPTS; attempt++) {
      const view = await KeylessView.open(this.#options, this.#server, table);
      const altered = (await this.#catalog.table(table.schema)) !== table;
      if (!altered && !view.behind(this.#executed.text)) {
        this.#view = view;
        // Its rows must be seen from here on, to know whether the view is exact.
        this.#decoder.unbindAll();
        return;
      }
      view.close();
      if (altered) return;
      await new Promise((resolve) => setTimeout(resolve, 1 + attempt));
    }
    throw new RowsealError('RS-MY-029', { detail: displayName(table.schema) });
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
      yield this.#snapshotBatch([{ kind: 'snapshot', table: view.table, phase: 'begin' }]);
      for await (const chunk of view.chunks()) {
        const rows = chunk.rows(this.#plan.current!.touched);
        if (this.#progress !== null) this.#progress.rows += chunk.count;
        if (rows !== null) yield this.#snapshotBatch([rows], chunk.bytes);
        if (signal.aborted) return;
      }
      this.#plan.finish();
      if (this.#plan.done) this.#progress = null;
      yield this.#snapshotBatch([{ kind: 'snapshot', table: view.table, phase: 'end' }]);
    } finally {
      this.#dropView();
    }
  }

  #dropView(): void {
    this.#view?.close();
    this.#view = null;
    this.#decoder.unbindAll();
  }

  #snapshotBatch(events: readonly ChangeEvent[], bytes = 0): ChangeBatch {
    const position = this.position();
    const begin: ChangeEvent = {
      kind: 'begin',
      transaction: { id: 'snapshot', position, commitTimeUs: BigInt(Date.now()) * 1000n },
    };
    return { events: [begin, ...events, { kind: 'commit', position }], bytes };
  }

  /** Where the stream is when nothing is in flight, at most once per interval and only if it moved. */
  #idle(): MysqlPosition | null {
    const now = Date.now();
    if (
      this.#transactions.inside ||
      this.#packetAt < this.#packets.length ||
      now - this.#idleEmittedMs < this.#options.idleIntervalMs ||
      comparePlaces(this.#tracker.place, this.#idlePlace) <= 0
    )
      return null;
    this.#idleEmittedMs = now;
    this.#idlePlace = this.#tracker.place;
    return this.position();
  }
}

/** A reader's own name: the same at every start, so that the server ends what an earlier process left behind. */
function uuidOf(serverId: number): string {
  return `726f7773-6561-4c00-8000-${serverId.toString(16).padStart(12, '0')}`;
}

function sameVersion(a: TableSchema, b: TableSchema): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
