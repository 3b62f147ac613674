import { crc32 } from 'node:zlib';
import { RowsealError } from '../../../../src/error/rowseal-error.ts';
import type {
  BinlogEvent,
  DecoderOptions,
  EventDecoder,
  EventHeader,
  RowsEvent,
  TableBinding,
  TableMap,
} from './binlog-event.ts';
import { ByteReader } from './byte-reader.ts';
import { builtinCharset } from './collation.ts';
import { malformed, need } from './defect.ts';
import { CHECKSUM_BYTES, EventType, HEADER_BYTES, HeaderFlag } from './event-type.ts';
import { decodePlainEvent } from './plain-event.ts';
import { type CellRules, compileRowReader } from './row-reader.ts';
import { RowsCursor, rowsForms } from './rows-cursor.ts';
import { RunBuilder } from './run-builder.ts';
import { DecodedTableMap } from './table-map.ts';
import { type KnownTable, TableStore } from './table-store.ts';
import { unpackPayload } from './transaction-payload.ts';

const DEFAULT_UNPACKED_BYTES = 1 << 28;
const DEFAULT_RUN_ROWS = 8192;

/** A rows event of this table id and no rows only ends a statement (mysql: Rows_log_event, dummy event). */
const NO_TABLE = 0xff_ffff;

/** Checksum algorithms of a format description; what a server before 5.6.1 sends is not one. */
const CHECKSUM_CRC32 = 1;
const CHECKSUM_NONE = 0;

/** Not of a transaction, or before all of it: what a payload may not bring. */
const NEVER_PACKED: ReadonlySet<number> = new Set([
  EventType.stop,
  EventType.rotate,
  EventType.formatDescription,
  EventType.heartbeat,
  EventType.heartbeatV2,
  EventType.gtid,
  EventType.anonymousGtid,
  EventType.gtidTagged,
  EventType.previousGtids,
  EventType.transactionPayload,
]);

/** Decoder of binlog events of MySQL and MariaDB; see the contract. */
export class BinlogDecoder implements EventDecoder {
  readonly #flavor: DecoderOptions['flavor'];
  readonly #charsetOf: (collationId: number) => string | undefined;
  readonly #rules: CellRules;
  readonly #statements: boolean;
  /** undefined: no format description yet, so each event is tried. */
  #checksum: 'none' | 'crc32' | undefined;
  readonly #tables = new TableStore();
  readonly #run: RunBuilder;
  readonly #rows: RowsCursor;
  /** Handed out by the next calls. */
  #ready: BinlogEvent[] = [];
  /** The event to decode, or the events of a payload. */
  #buffer: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;
  #inPayload = false;

  constructor(options: DecoderOptions) {
    this.#flavor = options.flavor;
    this.#charsetOf = (id) => options.charsetOf?.(id) ?? builtinCharset(id);
    this.#statements = options.statements ?? false;
    this.#checksum = options.checksum;
    this.#rules = {
      zeroDates: options.zeroDates ?? 'text',
      invalidText: options.invalidText ?? 'error',
      maxUnpackedBytes: options.maxUnpackedBytes ?? DEFAULT_UNPACKED_BYTES,
    };
    this.#run = new RunBuilder(options.maxRunRows ?? DEFAULT_RUN_ROWS);
    this.#rows = new RowsCursor(this.#run);
  }

  decode(buffer: Buffer, start: number, end: number): void {
    if (this.#at < this.#end || !this.#rows.isDone)
      throw new RowsealError('RS-RUN-000', {
        detail: 'a binlog event came before the one before it was read',
      });
    need(start + HEADER_BYTES, end);
    if (buffer.readUInt32LE(start + 9) !== end - start)
      throw malformed('an event of another size than its packet');
    this.#buffer = buffer;
    this.#at = start;
    this.#end = end - this.#checksumBytes(buffer, start, end);
    this.#inPayload = false;
  }

  next(): BinlogEvent | null {
    try {
      return this.#next();
    } catch (error) {
      throw withinLimits(error);
    }
  }

  #next(): BinlogEvent | null {
    for (;;) {
      const ready = this.#ready.shift();
      if (ready !== undefined) return ready;
      if (!this.#rows.isDone) {
        this.#rows.fill();
        if (this.#run.isFull || !this.#rows.isDone) return this.#continueRun();
        continue;
      }
      if (this.#at >= this.#end) return null;
      this.#event();
    }
  }

  bind(map: TableMap, binding: TableBinding | null): void {
    const known = this.#tables.get(map.tableId);
    if (known === undefined || known.map !== map)
      throw new RowsealError('RS-RUN-000', {
        detail: 'a table map was bound that is not the newest of its table',
      });
    if (binding === null) {
      known.bound = null;
      return;
    }
    if (binding.table.columns.length !== map.width)
      throw new RowsealError('RS-RUN-000', { detail: 'a table map was bound to a table of another width' });
    const reader = compileRowReader(known.map, binding.hints ?? new Map(), this.#rules);
    known.bound = { map: known.map, table: binding.table, reader };
  }

  unbindAll(): void {
    this.#tables.clear();
  }

  flush(): RowsEvent | null {
    return this.#run.take();
  }

  /** Hands out a full run; rows that are left of its event begin another one. */
  #continueRun(): RowsEvent | null {
    const { bound, header } = this.#run;
    const event = this.#run.take();
    if (!this.#rows.isDone) this.#run.open(bound!, header!);
    return event;
  }

  /** Bytes of the checksum at the end, after it was found right. */
  #checksumBytes(buffer: Buffer, start: number, end: number): 0 | 4 {
    const type = buffer[start + 4]!;
    // A format description says itself what holds from it on, for its own end too.
    if (type === EventType.formatDescription) this.#checksum = formatChecksum(buffer, start, end);
    if (this.#checksum === 'none') return 0;
    if (end - start < HEADER_BYTES + CHECKSUM_BYTES) throw malformed('an event that is cut short');
    const right = checksum(buffer, start, end - CHECKSUM_BYTES) === buffer.readUInt32LE(end - CHECKSUM_BYTES);
    if (right) return CHECKSUM_BYTES;
    // Before the format description a server sends only a rotate event of its own making.
    if (this.#checksum === undefined && type === EventType.rotate) return 0;
    throw new RowsealError('RS-MY-051', { detail: `an event of type ${type}` });
  }

  /** Decodes the event at `#at` and moves on: into `#ready`, the run, or the payload that it unpacks to. */
  #event(): void {
    const buffer = this.#buffer;
    const start = this.#at;
    need(start + HEADER_BYTES, this.#end);
    const end = this.#inPayload ? start + buffer.readUInt32LE(start + 9) : this.#end;
    if (end < start + HEADER_BYTES || end > this.#end) throw malformed('an event of a size that cannot be');
    this.#at = end;
    const header: EventHeader = {
      timestampS: buffer.readUInt32LE(start),
      type: buffer[start + 4]!,
      serverId: buffer.readUInt32LE(start + 5),
      endPosition: buffer.readUInt32LE(start + 13),
      flags: buffer.readUInt16LE(start + 17),
    };
    if (this.#inPayload && NEVER_PACKED.has(header.type))
      throw malformed('a transaction payload with an event that is part of no transaction');
    const body = new ByteReader(buffer, start + HEADER_BYTES, end);
    const form = rowsForms.get(header.type);
    if (form !== undefined) {
      const known = this.#rowsTable(body);
      if (known === null) return;
      if (known !== this.#run.bound) this.#endRun();
      this.#rows.open(known, header, form, body, this.#rules.maxUnpackedBytes);
      return;
    }
    if (header.type === EventType.tableMap) {
      this.#tableMap(header, body);
      return;
    }
    if (header.type === EventType.transactionPayload) {
      this.#buffer = unpackPayload(body, this.#rules.maxUnpackedBytes);
      this.#at = 0;
      this.#end = this.#buffer.length;
      this.#inPayload = true;
      return;
    }
    const event = decodePlainEvent(header, body, {
      charsetOf: this.#charsetOf,
      maxUnpackedBytes: this.#rules.maxUnpackedBytes,
      statements: this.#statements,
      checksum: this.#checksum ?? 'none',
    });
    if (event === null) return;
    // A server that starts gives table ids from the beginning again.
    if (event.kind === 'format-description' && event.createdS !== 0) this.#tables.clear();
    this.#endRun();
    this.#ready.push(event);
  }

  #endRun(): void {
    const run = this.#run.take();
    if (run !== null) this.#ready.push(run);
  }

  /** null: rows that nobody asked for. */
  #rowsTable(body: ByteReader): NonNullable<KnownTable['bound']> | null {
    const tableId = body.uint(6);
    body.skip(2);
    if (tableId === NO_TABLE) return null;
    const known = this.#tables.get(tableId);
    if (known === undefined) throw malformed('rows of a table that was not mapped');
    if (known.bound === undefined)
      throw new RowsealError('RS-RUN-000', { detail: 'rows came before their table map was bound' });
    return known.bound;
  }

  #tableMap(header: EventHeader, body: ByteReader): void {
    const from = body.at;
    const tableId = body.uint(6);
    body.skip(2);
    const bytes = body.buffer.subarray(from, body.end);
    const again = this.#tables.again(tableId, bytes);
    if (again?.bound !== undefined) return;
    const map =
      again?.map ?? new DecodedTableMap(bytes, tableId, body.at - from, this.#flavor, this.#charsetOf);
    if (again === undefined) this.#tables.add(map);
    this.#endRun();
    this.#ready.push({ kind: 'table-map', header, map });
  }
}

/**
 * The algorithm and four bytes of checksum are the last five bytes, whatever the algorithm (since MySQL 5.6.1,
 * MariaDB 5.3).
 */
function formatChecksum(buffer: Buffer, start: number, end: number): 'none' | 'crc32' {
  need(start + HEADER_BYTES + 57 + 1 + CHECKSUM_BYTES, end);
  switch (buffer[end - CHECKSUM_BYTES - 1]) {
    case CHECKSUM_CRC32:
      return 'crc32';
    case CHECKSUM_NONE:
      return 'none';
    default:
      throw malformed('a checksum of an unknown algorithm');
  }
}

/** The mark of a file that is being written came after the checksum of the format description that carries it. */
function checksum(buffer: Buffer, start: number, end: number): number {
  const bytes = buffer.subarray(start, end);
  const isMarked =
    buffer[start + 4] === EventType.formatDescription && (buffer[start + 17]! & HeaderFlag.inUse) !== 0;
  if (!isMarked) return crc32(bytes);
  const unmarked = Buffer.from(bytes);
  unmarked[17] = unmarked[17]! & ~HeaderFlag.inUse;
  return crc32(unmarked);
}

/** Strings of V8 end at 2^29 - 24 characters; a value beyond is over a limit, not a defect of the server. */
function withinLimits(error: unknown): unknown {
  const tooLong =
    (error instanceof Error && 'code' in error && error.code === 'ERR_STRING_TOO_LONG') ||
    (error instanceof RangeError && error.message === 'Invalid string length');
  if (tooLong) return new RowsealError('RS-MY-056', { detail: 'a value of 512 MiB or more' });
  return error;
}
