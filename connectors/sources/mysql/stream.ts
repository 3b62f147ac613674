import { isRowsealError, RowsealError } from '../../../src/error/rowseal-error.ts';
import type { ChangeBatch } from '../../../src/model/change.ts';
import type { BinlogPlace, MysqlPosition } from '../../../src/model/position.ts';
import { type TableName, type TableSchema, tableKey } from '../../../src/model/table.ts';
import type { BinlogDecoder } from './binlog/binlog-decoder.ts';
import type { BinlogEvent, RowsEvent, TableBinding, TableMap } from './binlog/binlog-event.ts';
import { BinlogAgain, newDecoder } from './binlog-again.ts';
import { Executed, PlaceTracker } from './binlog-cursor.ts';
import { BinlogDump, type DumpStart } from './binlog-dump.ts';
import { bindTable, Catalog } from './catalog.ts';
import type { Session } from './connection.ts';
import type { CopyPlan } from './copy-plan.ts';
import { CopyWeaver, type SnapshotProgress, type WeftHost } from './copy-weaver.ts';
import type { MysqlSourceOptions } from './options.ts';
import type { Packet } from './packet-stream.ts';
import { comparePlaces, type Server } from './server.ts';
import { TableCopier } from './table-copier.ts';
import { TableVersions } from './table-versions.ts';
import { PIECE_BYTES, type Prepared, type TransactionHost, Transactions } from './transactions.ts';
import { Visibility } from './visibility.ts';

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
  /** See `Position.outside`. */
  readonly outside: readonly TableName[];
}

/** The binlog from one place on, with the copy of tables woven in. */
export class MysqlStream implements TransactionHost, WeftHost {
  readonly #options: MysqlSourceOptions;
  readonly #server: Server;
  readonly #session: Session;
  readonly #catalog: Catalog;
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
  readonly #versions = new TableVersions();
  readonly #weaver: CopyWeaver;
  /** With what the stream failed. */
  readonly #failed = new AbortController();
  /** Of a clock that does not jump. */
  #idleEmittedMs = performance.now();
  #idlePlace: BinlogPlace;
  #lastReceivedMs: number | null = null;
  /** Where the last transaction ended. */
  #ended: BinlogPlace;
  /** See `Position.outside`. */
  #outside: readonly TableName[];

  /** @param session looks up tables and copies them */
  constructor(
    options: MysqlSourceOptions,
    session: Session,
    check: (session: Session) => Promise<void>,
    start: StreamStart,
  ) {
    this.#options = options;
    this.#server = start.server;
    this.#session = session;
    this.#catalog = new Catalog(session);
    this.#check = check;
    this.#plan = start.plan;
    this.#start = start;
    this.#executed = new Executed(start.server.flavor, start.gtidSet);
    this.#tracker = new PlaceTracker(start.place, start.fileBegan, start.readUpToPlace);
    this.#idlePlace = start.place;
    this.#decoder = newDecoder(options, start.server);
    this.#again = new BinlogAgain(options, start.server, check);
    this.#transactions = new Transactions(this, new Map(), options.rolledBack);
    this.#weaver = new CopyWeaver(
      options,
      start.server,
      this.#catalog,
      new TableCopier(session, start.server, this.#catalog, options),
      new Visibility(session, start.server, this),
      this.#plan,
      this.#versions,
      this,
    );
    this.#ended = start.place;
    this.#outside = start.outside;
  }

  get lastReceivedMs(): number | null {
    return this.#dump?.lastReceivedMs ?? this.#lastReceivedMs;
  }

  get progress(): SnapshotProgress | null {
    return this.#weaver.progress;
  }

  async *read(signal: AbortSignal): AsyncGenerator<ChangeBatch> {
    // The copy asks the server on a connection of its own, which may be dead, or wait for a lock: it ends with the stream.
    const over = AbortSignal.any([signal, this.#failed.signal]);
    const cut = (): void => this.#session.cut();
    over.addEventListener('abort', cut);
    try {
      yield* this.#tell(signal, over);
    } catch (thrown) {
      if (!isRowsealError(thrown) || thrown.kind !== 'transient') throw thrown;
      if (signal.aborted) return;
      throw this.#failed.signal.aborted ? this.#failed.signal.reason : thrown;
    } finally {
      over.removeEventListener('abort', cut);
    }
  }

  /** @param over aborts when the stream fails, too */
  async *#tell(signal: AbortSignal, over: AbortSignal): AsyncGenerator<ChangeBatch> {
    for (const name of this.#options.tables) {
      const table = await this.#catalog.table(name);
      if (table !== null) this.#versions.remember(table.schema);
    }
    this.#transactions = new Transactions(this, await this.#learnPrepared(), this.#options.rolledBack);
    const dump = await BinlogDump.open(
      this.#options,
      this.#server.flavor,
      this.#start.dump,
      { serverId: this.#options.serverId, uuid: uuidOf(this.#options.serverId) },
      this.#check,
    );
    this.#dump = dump;
    dump.failed.addEventListener('abort', () => this.#failed.abort(dump.failed.reason));
    const onAbort = (): void => dump.interrupt();
    signal.addEventListener('abort', onAbort);
    const idleTimer = setInterval(onAbort, this.#options.idleIntervalMs);
    try {
      while (!signal.aborted) {
        if (!this.#transactions.inside && !this.#plan.done) {
          yield* this.#weaver.step(over);
          if (signal.aborted) return;
        }
        const mustWait =
          this.#plan.done || this.#transactions.inside || (this.#weaver.waits && !this.#weaver.due);
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
    this.#weaver.close();
    await this.#dump?.close();
  }

  position(): MysqlPosition {
    const { copying = [], ...copy } = this.#plan.state;
    const outside = this.#stillOutside(copying);
    return {
      kind: 'mysql',
      flavor: this.#server.flavor,
      server: this.#server.identity,
      gtidSet: this.#executed.text,
      place: this.#tracker.place,
      fileBegan: this.#tracker.fileBegan,
      prepared: this.#transactions.prepared,
      ...copy,
      ...(copying.length === 0 ? {} : { copying }),
      ...(outside.length === 0 ? {} : { outside }),
    };
  }

  /** A captured table is inside from the end of its copy on. */
  #stillOutside(copying: readonly TableName[]): readonly TableName[] {
    if (this.#outside.length === 0) return this.#outside;
    const due = new Set(copying.map(tableKey));
    this.#outside = this.#outside.filter(
      (name) => this.#plan.captured(name) === null || due.has(tableKey(name)),
    );
    return this.#outside;
  }

  place(): BinlogPlace {
    return this.#tracker.begin;
  }

  finished(gtid: BinlogEvent | null): void {
    if (gtid !== null) this.#executed.add(gtid);
    this.#ended = this.#tracker.reached;
    this.#weaver.settled();
  }

  truncated(stated: TableName): TableSchema | null {
    const name = this.#plan.captured(stated);
    if (name === null) return null;
    this.#weaver.truncated(name);
    return this.#plan.streams(name) ? this.#versions.of(name) : null;
  }

  tablesOf(database: string): readonly TableName[] {
    return this.#plan.inDatabase(database);
  }

  rewritten(stated: TableName): void {
    const name = this.#plan.captured(stated);
    if (name === null || this.#options.snapshot === 'never') return;
    this.#weaver.again(name);
  }

  unknownOutcome(gtid: BinlogEvent | null): void {
    if (this.#options.snapshot === 'never') throw new RowsealError('RS-MY-025');
    this.#weaver.unknownOutcome(gtid);
    for (const name of this.#options.tables) if (this.#plan.streams(name)) this.rewritten(name);
  }

  changed(rows: RowsEvent, gtid: BinlogEvent | null, ordinal: number): boolean {
    return this.#weaver.changed(rows, gtid, ordinal);
  }

  undone(ordinal: number): void {
    this.#weaver.undone(ordinal);
  }

  emptied(table: TableSchema): void {
    this.#weaver.emptied(table);
  }

  reached(): BinlogPlace {
    return this.#tracker.reached;
  }

  ended(): BinlogPlace {
    return this.#ended;
  }

  executed(): string | null {
    return this.#executed.text;
  }

  unbindAll(): void {
    this.#decoder.unbindAll();
  }

  wake(): void {
    this.#dump?.interrupt();
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
      if (transactions.ended !== ended && this.#weaver.due) break;
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
    this.#decoder.bind(map, await this.#binding(map));
  }

  /** null: its rows are not wanted. */
  async #binding(map: TableMap): Promise<TableBinding | null> {
    const name = this.#plan.captured({ namespace: map.schema, name: map.table });
    if (name === null || (!this.#weaver.observes(name) && !this.#plan.streams(name))) return null;
    const binding = bindTable(map, await this.#catalog.table(name), this.#server.flavor);
    const table = this.#versions.settle(binding.table);
    return { ...binding, table };
  }

  /** The rows of an XA transaction that was prepared at `place`, read again from the binlog. */
  async *#replay(place: BinlogPlace): AsyncGenerator<ChangeBatch> {
    for await (const event of this.#again.prepared(place, (map) => this.#binding(map))) {
      this.#transactions.replay(event);
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

  /** Where the stream is when nothing is in flight, at most once per interval and only if it moved. */
  #idle(): MysqlPosition | null {
    const now = performance.now();
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
