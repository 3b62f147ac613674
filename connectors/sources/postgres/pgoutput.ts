import { type ChangeEvent, Image, Op } from '../../../src/model/change.ts';
import type { PostgresPosition } from '../../../src/model/position.ts';
import type { TableSchema } from '../../../src/model/table.ts';
import type { Relation } from './catalog.ts';
import { malformed, need } from './malformed.ts';
import { decodeMessage, type LogicalMessage, type MessageLogs } from './messages.ts';
import { decodeRelation } from './relation-message.ts';
import { RunBuilder } from './run-builder.ts';
import { fillFromOld, isKeyAlone, keepOnlyKey, type OldRows, readTuple, WHOLE } from './tuple.ts';

/** Microseconds from 1970-01-01 to 2000-01-01, the epoch of the protocol's timestamps (PostgreSQL manual 53.9). */
export const POSTGRES_EPOCH_US = 946_684_800_000_000n;

const MESSAGE = {
  begin: 0x42, // B
  commit: 0x43, // C
  relation: 0x52, // R
  insert: 0x49, // I
  update: 0x55, // U
  delete: 0x44, // D
  truncate: 0x54, // T
  type: 0x59, // Y
  origin: 0x4f, // O
  message: 0x4d, // M
} as const;
const KEY_TUPLE = 0x4b; // K
const OLD_TUPLE = 0x4f; // O
const NEW_TUPLE = 0x4e; // N

/**
 * Decoder of pgoutput protocol version 1 (PostgreSQL manual 53.9, "Logical Replication Message Formats"), text values.
 * Here is how messages make transactions; what is in them: {@link readTuple}, {@link RunBuilder}.
 */
export class PgoutputDecoder {
  readonly #position: (lsn: bigint, phase: 'stream') => PostgresPosition;
  /** Transactions whose commit record lies below were sealed before: the server sends them again after a reconnect. */
  readonly #skipBelow: bigint;
  readonly #messages: MessageLogs;
  readonly #tables = new Map<number, TableSchema | null>();
  readonly #oldRows = new Map<number, OldRows>();
  #events: ChangeEvent[] = [];
  #bytes = 0;
  #inTransaction = false;
  #passed = 0n;
  #skipping = false;
  #ordinal = 0;
  readonly #run = new RunBuilder();

  constructor(
    position: (lsn: bigint, phase: 'stream') => PostgresPosition,
    skipBelow: bigint,
    messages: MessageLogs,
  ) {
    this.#position = position;
    this.#skipBelow = skipBelow;
    this.#messages = messages;
  }

  get inTransaction(): boolean {
    return this.#inTransaction;
  }

  /** End of the last transaction, or message outside of one, that was decoded whole; 0: there was none. */
  get passed(): bigint {
    return this.#passed;
  }

  /** Bytes of messages decoded since the last `take`. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The events since the last call. */
  take(): readonly ChangeEvent[] {
    this.#endRun();
    const events = this.#events;
    this.#events = [];
    this.#bytes = 0;
    return events;
  }

  /** Answers a Relation message. null: the table is not captured, its rows are passed over. */
  setTable(oid: number, table: TableSchema | null, oldRows: OldRows = WHOLE): void {
    this.#endRun();
    this.#tables.set(oid, table);
    this.#oldRows.set(oid, oldRows);
  }

  /** The table is another one than before, which took all of its rows along. */
  replaced(table: TableSchema): void {
    if (!this.#inTransaction || this.#skipping) return;
    this.#endRun();
    this.#events.push({ kind: 'truncate', table, cascade: false, restartIdentity: false });
    this.#ordinal++;
  }

  /**
   * Decodes the message in `buffer[start, end)`. A Relation message is returned: its table must be looked up and set
   * before the next message.
   *
   * @throws RowsealError RS-PG-014
   */
  decode(buffer: Buffer, start: number, end: number): Relation | null {
    this.#bytes += end - start;
    switch (buffer[start]) {
      case MESSAGE.insert:
        this.#insert(buffer, start + 1, end);
        return null;
      case MESSAGE.update:
        this.#update(buffer, start + 1, end);
        return null;
      case MESSAGE.delete:
        this.#delete(buffer, start + 1, end);
        return null;
      case MESSAGE.begin:
        this.#begin(buffer, start + 1, end);
        return null;
      case MESSAGE.commit:
        this.#commit(buffer, start + 1, end);
        return null;
      case MESSAGE.relation:
        return decodeRelation(buffer, start + 1, end);
      case MESSAGE.truncate:
        this.#truncate(buffer, start + 1, end);
        return null;
      case MESSAGE.message:
        this.#message(buffer, start + 1, end);
        return null;
      case MESSAGE.type:
      case MESSAGE.origin:
        return null;
      default:
        throw malformed('an unknown message');
    }
  }

  #begin(buffer: Buffer, at: number, end: number): void {
    need(at + 20, end);
    if (this.#inTransaction) throw malformed('a begin inside a transaction');
    const lsn = buffer.readBigUInt64BE(at);
    this.#inTransaction = true;
    this.#ordinal = 0;
    this.#skipping = lsn < this.#skipBelow;
    if (this.#skipping) return;
    this.#events.push({
      kind: 'begin',
      transaction: {
        id: String(buffer.readUInt32BE(at + 16)),
        position: this.#position(lsn, 'stream'),
        commitTimeUs: buffer.readBigInt64BE(at + 8) + POSTGRES_EPOCH_US,
      },
    });
  }

  #commit(buffer: Buffer, at: number, end: number): void {
    need(at + 25, end);
    if (!this.#inTransaction) throw malformed('a commit outside a transaction');
    this.#inTransaction = false;
    if (this.#skipping) return;
    this.#endRun();
    this.#passed = buffer.readBigUInt64BE(at + 9);
    this.#events.push({ kind: 'commit', position: this.#position(this.#passed, 'stream') });
  }

  #insert(buffer: Buffer, at: number, end: number): void {
    const table = this.#rowTable(buffer, at, end);
    if (table === null) return;
    need(at + 5, end);
    if (buffer[at + 4] !== NEW_TUPLE) throw malformed('an insert without a new tuple');
    this.#startRow(table, Op.create, Image.after, end - at);
    readTuple(buffer, at + 5, end, table, this.#run.cells);
  }

  #update(buffer: Buffer, at: number, end: number): void {
    const table = this.#rowTable(buffer, at, end);
    if (table === null) return;
    need(at + 5, end);
    const kind = buffer[at + 4];
    if (kind === NEW_TUPLE) {
      this.#startRow(table, Op.update, Image.after, end - at);
      readTuple(buffer, at + 5, end, table, this.#run.cells);
      return;
    }
    if (kind !== KEY_TUPLE && kind !== OLD_TUPLE) throw malformed('an update without a tuple');
    this.#startRow(table, Op.update, Image.before | Image.after, end - at);
    const { cells } = this.#run;
    const before = cells.length;
    const next = readTuple(buffer, at + 5, end, table, cells);
    if (this.#isKeyAlone(kind, buffer.readUInt32BE(at), before, table)) keepOnlyKey(cells, before, table);
    const after = cells.length;
    if (buffer[next] !== NEW_TUPLE) throw malformed('an update without a new tuple');
    readTuple(buffer, next + 1, end, table, cells);
    fillFromOld(cells, before, after, table.columns.length);
  }

  #delete(buffer: Buffer, at: number, end: number): void {
    const table = this.#rowTable(buffer, at, end);
    if (table === null) return;
    need(at + 5, end);
    const kind = buffer[at + 4];
    if (kind !== KEY_TUPLE && kind !== OLD_TUPLE) throw malformed('a delete without an old tuple');
    this.#startRow(table, Op.delete, Image.before, end - at);
    const { cells } = this.#run;
    const before = cells.length;
    readTuple(buffer, at + 5, end, table, cells);
    if (this.#isKeyAlone(kind, buffer.readUInt32BE(at), before, table)) keepOnlyKey(cells, before, table);
  }

  #truncate(buffer: Buffer, at: number, end: number): void {
    need(at + 5, end);
    if (!this.#inTransaction) throw malformed('a truncate outside a transaction');
    const count = buffer.readUInt32BE(at);
    const options = buffer[at + 4]!;
    need(at + 5 + count * 4, end);
    if (this.#skipping) return;
    this.#endRun();
    for (let i = 0; i < count; i++) {
      const table = this.#known(buffer.readUInt32BE(at + 5 + i * 4));
      if (table === null) continue;
      this.#events.push({
        kind: 'truncate',
        table,
        cascade: (options & 1) !== 0,
        restartIdentity: (options & 2) !== 0,
      });
      this.#ordinal++;
    }
  }

  /** A row of its log. Outside of transactions the server sends it where it was written, and no commit follows. */
  #message(buffer: Buffer, at: number, end: number): void {
    const message = decodeMessage(buffer, at, end);
    const table = this.#messages.of(message.prefix);
    if (message.transactional !== this.#inTransaction)
      throw malformed(`a message ${this.#inTransaction ? 'inside' : 'outside'} a transaction`);
    if (table === null) return;
    if (message.transactional) {
      if (!this.#skipping) this.#messageRow(table, message, end - at);
      return;
    }
    // Unlike the server's `lsn >= start` for commits this is about the end of the record: where we went on from is sealed.
    if (message.lsn <= this.#skipBelow) return;
    const position = this.#position(message.lsn, 'stream');
    this.#ordinal = 0;
    const commitTimeUs = BigInt(Date.now()) * 1000n;
    this.#events.push({ kind: 'begin', transaction: { id: 'message', position, commitTimeUs } });
    this.#messageRow(table, message, end - at);
    this.#endRun();
    this.#passed = message.lsn;
    this.#events.push({ kind: 'commit', position });
  }

  #messageRow(table: TableSchema, message: LogicalMessage, bytes: number): void {
    // The content is there twice, once in hexadecimal.
    this.#startRow(table, Op.create, Image.after, bytes * 3);
    this.#run.cells.push(...this.#messages.cells(message));
  }

  #rowTable(buffer: Buffer, at: number, end: number): TableSchema | null {
    need(at + 4, end);
    if (!this.#inTransaction) throw malformed('a row outside a transaction');
    return this.#skipping ? null : this.#known(buffer.readUInt32BE(at));
  }

  #known(oid: number): TableSchema | null {
    const table = this.#tables.get(oid);
    if (table === undefined) throw malformed('a row of a relation that was not announced');
    return table;
  }

  #isKeyAlone(kind: number, oid: number, before: number, table: TableSchema): boolean {
    return (
      kind === KEY_TUPLE || isKeyAlone(this.#oldRows.get(oid)!, this.#run.cells, before, table.columns.length)
    );
  }

  #startRow(table: TableSchema, op: number, images: number, bytes: number): void {
    const ended = this.#run.row(table, op, images, bytes, this.#ordinal);
    if (ended !== null) this.#events.push({ kind: 'rows', run: ended });
    this.#ordinal++;
  }

  #endRun(): void {
    const ended = this.#run.end();
    if (ended !== null) this.#events.push({ kind: 'rows', run: ended });
  }
}
