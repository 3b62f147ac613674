import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { type ChangeEvent, Op } from '../../../src/model/change.ts';
import type { BinlogPlace, MysqlPosition } from '../../../src/model/position.ts';
import { displayName, type TableName, type TableSchema } from '../../../src/model/table.ts';
import type { BinlogEvent, RowsEvent, TableMap, TransactionEvent } from './binlog/binlog-event.ts';
import type { RolledBack } from './rolled-back.ts';
import { readStatement, type Statement } from './statement.ts';
import { Undo } from './undo.ts';

/** A transaction larger than this is handed on in pieces, and then can no longer be taken back. */
export const PIECE_BYTES = 512 * 1024;

export interface TransactionHost {
  /** The version to name in a truncate record; null: the table is not captured, or its copy has not begun. */
  truncated(table: TableName): TableSchema | null;
  /** Captured tables of a database. */
  tablesOf(database: string): readonly TableName[];
  /** Rows changed without row events: the table must be copied again. */
  rewritten(table: TableName): void;
  /** An XA transaction committed whose rows lie before the place where this pipeline began. */
  unknownOutcome(gtid: BinlogEvent | null): void;
  /** Rows of a bound table came by, from this operation of their transaction on. False: they are not part of the stream. */
  changed(rows: RowsEvent, gtid: BinlogEvent | null, ordinal: number): boolean;
  /** The transaction took back its operations from this one on. */
  undone(ordinal: number): void;
  /** All of a table's rows are gone. */
  emptied(table: TableSchema): void;
  /** A transaction ended, committed or not: it need not be read again. */
  finished(gtid: BinlogEvent | null): void;
  /** Resume point after everything that ended. */
  position(): MysqlPosition;
  /** Where the event at hand begins. */
  place(): BinlogPlace;
}

/** What the reader of the stream has to do before the next event. */
export type Demand =
  | { readonly kind: 'bind'; readonly map: TableMap }
  /** Read the rows of a prepared XA transaction, which begins there, and go on with `replayed`. */
  | { readonly kind: 'replay'; readonly place: BinlogPlace };

export interface Prepared {
  readonly place: BinlogPlace;
  /** It may have rows of captured tables. */
  captured: boolean;
}

type GtidEvent = Extract<TransactionEvent, { kind: 'gtid' | 'anonymous-gtid' | 'mariadb-gtid' }>;

/**
 * Makes transactions of binlog events. A transaction begins with its GTID event and ends with an XID event, a COMMIT or
 * ROLLBACK statement, an XA event, or is one statement of DDL. Rows of XA transactions lie before the prepare, their
 * outcome comes later, maybe days: only where they begin is remembered, and on commit they are read again from the
 * binlog. So memory stays bounded and no raw row is kept.
 */
export class Transactions {
  readonly #host: TransactionHost;
  readonly #prepared: Map<string, Prepared>;
  #events: ChangeEvent[] = [];
  #bytes = 0;
  #gtid: GtidEvent | null = null;
  #begin: BinlogPlace | null = null;
  /** Between a begin and an end of the binlog. */
  #open = false;
  /** Its begin was emitted. */
  #begun = false;
  /** Row operations of this transaction that were emitted, and those of them that were handed on. */
  #ordinal = 0;
  #handed = 0;
  #beginHanded = false;
  #bytesOfOpen = 0;
  readonly #rolledBack: RolledBack;
  #undo: Undo | null = null;
  /** The rows that come belong to an XA transaction. */
  #xa: Prepared | null = null;
  #ended = 0;

  constructor(host: TransactionHost, prepared: ReadonlyMap<string, Prepared>, rolledBack: RolledBack) {
    this.#host = host;
    this.#rolledBack = rolledBack;
    this.#prepared = new Map(prepared);
  }

  /** True from a transaction's first event to its last. */
  get inside(): boolean {
    return this.#open || this.#gtid !== null;
  }

  /** Transactions that ended, whether they had rows for us or not. */
  get ended(): number {
    return this.#ended;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Begins of prepared transactions, oldest first. */
  get prepared(): readonly BinlogPlace[] {
    return [...this.#prepared.values()].map((one) => one.place);
  }

  /** What can be handed on; a small transaction that has not ended yet stays, since it may still be rolled back. */
  take(): { readonly events: readonly ChangeEvent[]; readonly bytes: number } {
    const whole = !this.#begun || this.#beginHanded || this.#bytesOfOpen >= PIECE_BYTES;
    const end = whole ? this.#events.length : this.#events.findLastIndex((event) => event.kind === 'begin');
    const events = this.#events.slice(0, end);
    this.#events = this.#events.slice(end);
    const bytes = whole ? this.#bytes : this.#bytes - this.#bytesOfOpen;
    this.#bytes -= bytes;
    if (whole && this.#begun) {
      this.#handed = this.#ordinal;
      this.#beginHanded = true;
    }
    return { events, bytes };
  }

  handle(event: BinlogEvent): Demand | null {
    switch (event.kind) {
      case 'table-map':
        return { kind: 'bind', map: event.map };
      case 'rows':
        this.#rows(event);
        return null;
      case 'gtid':
      case 'anonymous-gtid':
      case 'mariadb-gtid':
        this.#start(event);
        return null;
      case 'begin':
        this.#open = true;
        return null;
      case 'xid':
      case 'commit':
        this.#commit();
        return null;
      case 'rollback':
        this.#rollback();
        return null;
      case 'query':
        return this.#query(readStatement(event.query));
      case 'xa-prepare':
        return this.#prepare(event.xid, event.onePhase);
      case 'statement-logged':
        if (event.what === 'load-data') throw new RowsealError('RS-MY-023');
        return null;
      default:
        return null;
    }
  }

  /** Events of a prepared transaction that is being replayed. */
  replay(event: BinlogEvent): void {
    if (event.kind === 'rows') this.#emit(event);
    else if (event.kind === 'query') this.#savepointStatement(readStatement(event.query));
  }

  /** All rows of the replayed transaction are there. */
  replayed(): void {
    this.#commit();
  }

  #start(event: GtidEvent): void {
    if (this.inside) throw new RowsealError('RS-MY-014', { detail: 'a transaction inside another' });
    this.#gtid = event;
    this.#begin = this.#host.place();
    if (this.#rolledBack.of(this.#id(this.#begin)) !== null) this.#undoOfOpen();
    if (event.kind !== 'mariadb-gtid') return;
    this.#open = !event.standalone && event.xa?.state !== 'completed';
    if (event.xa?.state === 'prepared') this.#xa = this.#newXa(this.#begin);
  }

  #rows(rows: RowsEvent): void {
    this.#open = true;
    if (this.#xa === null) this.#emit(rows);
    else this.#xa.captured = true;
  }

  #emit(rows: RowsEvent): void {
    if (this.#undo?.skips === true) return;
    if (!this.#host.changed(rows, this.#gtid, this.#ordinal)) return;
    if (!rows.complete) refusePartial(rows);
    this.#ensureBegun();
    this.#events.push({
      kind: 'rows',
      run: {
        table: rows.table,
        count: rows.count,
        ops: rows.ops,
        images: rows.images,
        cells: rows.cells,
        firstOrdinal: this.#ordinal,
        bytes: rows.bytes,
      },
    });
    this.#ordinal += rows.count;
    this.#bytes += rows.bytes;
    this.#bytesOfOpen += rows.bytes;
  }

  #ensureBegun(): void {
    if (this.#begun) return;
    this.#begun = true;
    const position = this.#host.position();
    const place = this.#begin ?? position.place;
    this.#events.push({
      kind: 'begin',
      transaction: {
        id: this.#id(place),
        position: { ...position, place },
        commitTimeUs: commitTimeOf(this.#gtid),
      },
    });
  }

  #commit(): void {
    const begun = this.#begun;
    this.#undo?.end('kept', this.#handed);
    this.#end();
    if (begun) this.#events.push({ kind: 'commit', position: this.#host.position() });
  }

  /** The server logs a rollback when the transaction also did what cannot be rolled back. */
  #rollback(): void {
    if (this.#handed > 0 || this.#undo !== null) this.#undoOfOpen().end('rolled-back', this.#handed);
    this.#host.undone(0);
    if (this.#begun) {
      while (this.#events.pop()?.kind !== 'begin');
      this.#bytes -= this.#bytesOfOpen;
    }
    this.#end();
  }

  /** Most transactions need none. */
  #undoOfOpen(): Undo {
    this.#undo ??= new Undo(this.#rolledBack, this.#id(this.#begin ?? this.#host.place()));
    return this.#undo;
  }

  #id(place: BinlogPlace): string {
    return idOf(this.#gtid, place);
  }

  #rollbackTo(name: string): void {
    const ordinal = this.#undoOfOpen().rollbackTo(name, this.#handed);
    if (ordinal === null) return;
    this.#host.undone(ordinal);
    for (let last = this.#events.at(-1); last?.kind === 'rows'; last = this.#events.at(-1)) {
      if (last.run.firstOrdinal < ordinal) break;
      this.#events.pop();
      this.#bytes -= last.run.bytes;
      this.#bytesOfOpen -= last.run.bytes;
    }
    this.#ordinal = ordinal;
  }

  #end(): void {
    this.#host.finished(this.#gtid);
    this.#gtid = null;
    this.#begin = null;
    this.#open = false;
    this.#begun = false;
    this.#ordinal = 0;
    this.#handed = 0;
    this.#beginHanded = false;
    this.#bytesOfOpen = 0;
    this.#undo = null;
    this.#xa = null;
    this.#ended++;
  }

  #query(statement: Statement): Demand | null {
    switch (statement.kind) {
      case 'savepoint':
      case 'rollback-to':
        this.#savepointStatement(statement);
        return null;
      case 'xa':
        return this.#xaStatement(statement.step, statement.xid);
      case 'changes-rows':
        throw new RowsealError('RS-MY-023');
      case 'empties':
        for (const table of statement.tables) this.#truncate(table);
        break;
      case 'drops-database':
        for (const table of this.#host.tablesOf(statement.database)) this.#truncate(table);
        break;
      case 'rewrites':
        for (const table of statement.tables) this.#host.rewritten(table);
        break;
      default:
        break;
    }
    // DDL outside BEGIN is a transaction of its own.
    if (!this.#open) this.#commit();
    return null;
  }

  #savepointStatement(statement: Statement): void {
    if (statement.kind === 'savepoint') this.#undoOfOpen().savepoint(statement.name, this.#ordinal);
    else if (statement.kind === 'rollback-to') this.#rollbackTo(statement.name);
  }

  #truncate(name: TableName): void {
    const table = this.#host.truncated(name);
    if (table === null) return;
    this.#host.emptied(table);
    this.#ensureBegun();
    this.#events.push({ kind: 'truncate', table, cascade: false, restartIdentity: false });
    this.#ordinal++;
  }

  #xaStatement(step: 'start' | 'end' | 'commit' | 'rollback', xid: string): Demand | null {
    switch (step) {
      case 'start':
        this.#open = true;
        this.#xa ??= this.#newXa(this.#begin ?? this.#host.place());
        return null;
      case 'end':
        return null;
      case 'commit':
      case 'rollback': {
        const prepared = this.#prepared.get(keyOf(xid));
        if (prepared === undefined && step === 'commit') this.#host.unknownOutcome(this.#gtid);
        this.#prepared.delete(keyOf(xid));
        if (step === 'rollback' || prepared?.captured !== true) {
          this.#commit();
          return null;
        }
        this.#open = true;
        return { kind: 'replay', place: prepared.place };
      }
    }
  }

  /** Rows of tables whose copy has not begun are passed over unseen; when the outcome comes they may be captured. */
  #newXa(place: BinlogPlace): Prepared {
    return { place, captured: (this.#host.position().copying ?? []).length > 0 };
  }

  #prepare(xid: string, onePhase: boolean): Demand | null {
    const xa = this.#xa;
    if (xa === null) throw new RowsealError('RS-MY-014', { detail: 'an XA prepare without its begin' });
    this.#xa = null;
    if (onePhase && xa.captured) return { kind: 'replay', place: xa.place };
    if (!onePhase) this.#prepared.set(keyOf(xid), xa);
    this.#commit();
    return null;
  }
}

/** Hexadecimal digits come in either case. */
function keyOf(xid: string): string {
  return xid.toLowerCase();
}

function idOf(gtid: GtidEvent | null, place: BinlogPlace): string {
  return gtid === null || gtid.kind === 'anonymous-gtid' ? `${place.file}:${place.offset}` : gtid.text;
}

/** Where the transaction ran first, to the microsecond where the server says so. */
function commitTimeOf(gtid: GtidEvent | null): bigint {
  if (gtid === null) return 0n;
  const exact = gtid.kind === 'mariadb-gtid' ? null : (gtid.originalCommitUs ?? gtid.immediateCommitUs);
  return exact ?? BigInt(gtid.header.timestampS) * 1_000_000n;
}

/** An update may leave cells out if its row can be found; a new row may not. @throws RowsealError RS-MY-027 */
function refusePartial(rows: RowsEvent): void {
  if (rows.table.key.length === 0 || rows.ops.includes(Op.create))
    throw new RowsealError('RS-MY-027', { detail: displayName(rows.table) });
}
