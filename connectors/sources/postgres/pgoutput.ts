import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { type RawCell, UNCHANGED } from '../../../src/model/cell.ts';
import { type ChangeEvent, Image, Op } from '../../../src/model/change.ts';
import type { PostgresPosition } from '../../../src/model/position.ts';
import type { TableSchema } from '../../../src/model/table.ts';
import type { Relation, RelationColumn } from './catalog.ts';
import type { LogicalMessage, MessageLogs } from './messages.ts';

/** Microseconds from 1970-01-01 to 2000-01-01, the epoch of the protocol's timestamps (PostgreSQL manual 53.9). */
export const POSTGRES_EPOCH_US = 946_684_800_000_000n;

/** Rows of one run at most: what the stages after this hold as a unit. */
const RUN_ROWS = 8192;
/** Cells of one run, more or less: an array beyond 16 k elements is a large object to V8, which is moved and freed at a price. */
const RUN_CELLS = 15_000;

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
const CELL_NULL = 0x6e; // n
const CELL_UNCHANGED = 0x75; // u
const CELL_TEXT = 0x74; // t

/**
 * Decoder of pgoutput protocol version 1 (PostgreSQL manual 53.9, "Logical Replication Message Formats"), text values.
 * Rows become runs of arrays: a tuple is turned into one string and its cells are slices of it. When the string has
 * as many characters as the tuple has bytes, every cell is ASCII and offsets agree; otherwise cells are read one by one.
 */
export class PgoutputDecoder {
  readonly #position: (lsn: bigint, phase: 'stream') => PostgresPosition;
  /** Transactions whose commit record lies below were sealed before: the server sends them again after a reconnect. */
  readonly #skipBelow: bigint;
  readonly #messages: MessageLogs;
  readonly #tables = new Map<number, TableSchema | null>();
  #events: ChangeEvent[] = [];
  #bytes = 0;
  #inTransaction = false;
  #passed = 0n;
  #skipping = false;
  #ordinal = 0;
  // The run being filled.
  #table: TableSchema | null = null;
  #firstOrdinal = 0;
  #ops = new Uint8Array(RUN_ROWS);
  #images = new Uint8Array(RUN_ROWS);
  #count = 0;
  #cells: RawCell[] = [];
  #runBytes = 0;
  /** Where `#tuple` left off. */
  #at = 0;

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
  setTable(oid: number, table: TableSchema | null): void {
    this.#endRun();
    this.#tables.set(oid, table);
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
    this.#tuple(buffer, at + 5, end, table);
  }

  #update(buffer: Buffer, at: number, end: number): void {
    const table = this.#rowTable(buffer, at, end);
    if (table === null) return;
    need(at + 5, end);
    const kind = buffer[at + 4];
    if (kind === NEW_TUPLE) {
      this.#startRow(table, Op.update, Image.after, end - at);
      this.#tuple(buffer, at + 5, end, table);
      return;
    }
    if (kind !== KEY_TUPLE && kind !== OLD_TUPLE) throw malformed('an update without a tuple');
    this.#startRow(table, Op.update, Image.before | Image.after, end - at);
    const before = this.#cells.length;
    this.#tuple(buffer, at + 5, end, table);
    if (kind === KEY_TUPLE) this.#keepOnlyKey(before, table);
    const after = this.#cells.length;
    if (buffer[this.#at] !== NEW_TUPLE) throw malformed('an update without a new tuple');
    this.#tuple(buffer, this.#at + 1, end, table);
    this.#fillFromOld(before, after, table.columns.length);
  }

  #delete(buffer: Buffer, at: number, end: number): void {
    const table = this.#rowTable(buffer, at, end);
    if (table === null) return;
    need(at + 5, end);
    const kind = buffer[at + 4];
    if (kind !== KEY_TUPLE && kind !== OLD_TUPLE) throw malformed('a delete without an old tuple');
    this.#startRow(table, Op.delete, Image.before, end - at);
    const before = this.#cells.length;
    this.#tuple(buffer, at + 5, end, table);
    if (kind === KEY_TUPLE) this.#keepOnlyKey(before, table);
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
    this.#cells.push(...this.#messages.cells(message));
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

  #startRow(table: TableSchema, op: number, images: number, bytes: number): void {
    if (table !== this.#table || this.#count === RUN_ROWS || this.#cells.length >= RUN_CELLS) {
      this.#endRun();
      this.#table = table;
      this.#firstOrdinal = this.#ordinal;
    }
    this.#ops[this.#count] = op;
    this.#images[this.#count] = images;
    this.#count++;
    this.#ordinal++;
    this.#runBytes += bytes;
  }

  #endRun(): void {
    const table = this.#table;
    if (table === null) return;
    this.#table = null;
    if (this.#count === 0) return;
    this.#events.push({
      kind: 'rows',
      run: {
        table,
        count: this.#count,
        ops: this.#ops.slice(0, this.#count),
        images: this.#images.slice(0, this.#count),
        cells: this.#cells,
        firstOrdinal: this.#firstOrdinal,
        bytes: this.#runBytes,
      },
    });
    this.#count = 0;
    this.#cells = [];
    this.#runBytes = 0;
  }

  /** TupleData: Int16 columns, then per column a kind and, for text, Int32 length and bytes. */
  #tuple(buffer: Buffer, at: number, end: number, table: TableSchema): void {
    need(at + 2, end);
    const width = (buffer[at]! << 8) | buffer[at + 1]!;
    if (width !== table.columns.length) throw malformed('a tuple of another width than its relation');
    const start = at + 2;
    const text = buffer.utf8Slice(start, end);
    const ascii = text.length === end - start;
    const cells = this.#cells;
    at = start;
    for (let i = 0; i < width; i++) {
      switch (buffer[at++]) {
        case CELL_TEXT: {
          need(at + 4, end);
          const length = buffer.readInt32BE(at);
          at += 4;
          if (length < 0) throw malformed('a cell of negative length');
          need(at + length, end);
          cells.push(
            ascii ? text.substring(at - start, at - start + length) : buffer.utf8Slice(at, at + length),
          );
          at += length;
          break;
        }
        case CELL_NULL:
          cells.push(null);
          break;
        case CELL_UNCHANGED:
          cells.push(UNCHANGED);
          break;
        default:
          throw malformed('a cell of an unknown kind');
      }
    }
    this.#at = at;
  }

  /** A key tuple has nulls where the server sent nothing. */
  #keepOnlyKey(from: number, table: TableSchema): void {
    for (let i = 0; i < table.columns.length; i++)
      if (!table.key.includes(i)) this.#cells[from + i] = UNCHANGED;
  }

  /** What the new tuple leaves out the old one has: under REPLICA IDENTITY FULL every value, otherwise a TOASTed key. */
  #fillFromOld(before: number, after: number, width: number): void {
    for (let i = 0; i < width; i++) {
      if (this.#cells[after + i] === UNCHANGED) this.#cells[after + i] = this.#cells[before + i]!;
    }
  }
}

/** Message (manual 53.9): flags (1: transactional), Int64 LSN, prefix, Int32 length, content. */
function decodeMessage(buffer: Buffer, at: number, end: number): LogicalMessage {
  need(at + 9, end);
  const stop = buffer.indexOf(0, at + 9);
  if (stop < 0 || stop >= end) throw malformed('a name without an end');
  const from = stop + 5;
  need(from, end);
  const length = buffer.readInt32BE(stop + 1);
  if (length < 0) throw malformed('a message of negative length');
  need(from + length, end);
  return {
    lsn: buffer.readBigUInt64BE(at + 1),
    prefix: buffer.utf8Slice(at + 9, stop),
    transactional: (buffer[at]! & 1) !== 0,
    content: buffer.subarray(from, from + length),
  };
}

function decodeRelation(buffer: Buffer, at: number, end: number): Relation {
  need(at + 4, end);
  const oid = buffer.readUInt32BE(at);
  at += 4;
  const text = (): string => {
    const stop = buffer.indexOf(0, at);
    if (stop < 0 || stop >= end) throw malformed('a name without an end');
    const value = buffer.utf8Slice(at, stop);
    at = stop + 1;
    return value;
  };
  const namespace = text();
  const name = text();
  need(at + 3, end);
  const identity = String.fromCharCode(buffer[at]!);
  const count = buffer.readUInt16BE(at + 1);
  at += 3;
  const columns: RelationColumn[] = [];
  for (let i = 0; i < count; i++) {
    need(at + 1, end);
    const key = (buffer[at]! & 1) !== 0;
    at++;
    const column = text();
    need(at + 8, end);
    columns.push({ name: column, typeOid: buffer.readUInt32BE(at), typmod: buffer.readInt32BE(at + 4), key });
    at += 8;
  }
  // An empty namespace stands for pg_catalog (protocol manual, Relation).
  return { oid, namespace: namespace === '' ? 'pg_catalog' : namespace, name, identity, columns };
}

function need(to: number, end: number): void {
  if (to > end) throw malformed('a message that is cut short');
}

function malformed(what: string): RowsealError {
  return new RowsealError('RS-PG-014', { detail: what });
}
