import type { RawCell } from '../../../../src/model/cell.ts';
import type { TableSchema } from '../../../../src/model/table.ts';
import type { ColumnType } from '../../../../src/model/type.ts';

/**
 * The contract of the binlog decoder: event packets in, events out, no I/O.
 *
 * Canonical text of cells is what Postgres prints for the same kind of value (src/model/cell.ts), so that one domain
 * masks alike in both. docs/mysql-types.md has the table of every type and where the text differs from MySQL's own.
 */
export type Flavor = 'mysql' | 'mariadb';

/** The common header of an event (19 bytes on the wire). For a run of rows: that of its last event. */
export interface EventHeader {
  readonly type: number;
  /** Seconds since 1970-01-01 UTC, when the statement began. 0 in artificial events. */
  readonly timestampS: number;
  readonly serverId: number;
  /** End of the event in its file, 32 bits only and 0 inside payloads: for people; GTIDs tell where one is. */
  readonly endPosition: number;
  readonly flags: number;
}

export type BinlogEvent =
  | FileEvent
  | TransactionEvent
  | { readonly kind: 'table-map'; readonly header: EventHeader; readonly map: TableMap }
  | RowsEvent
  /** Text of the statement behind the rows that follow. Holds raw values; only with `statements: true`. */
  | { readonly kind: 'rows-query'; readonly header: EventHeader; readonly sql: string }
  /** The server logged a statement's inputs, not its rows: binlog_format is not ROW in some session. */
  | {
      readonly kind: 'statement-logged';
      readonly header: EventHeader;
      /** load-data: rows were written that no row event shows. The others go before a query event. */
      readonly what: 'intvar' | 'rand' | 'user-var' | 'load-data';
    }
  /** `file` and `position` are what the server has reached. Sent when idle; carries no GTID. */
  | {
      readonly kind: 'heartbeat';
      readonly header: EventHeader;
      readonly file: string;
      readonly position: bigint;
    }
  /** Concerns replicas or tools only (flag 0x80, group membership, binlog checkpoints). */
  | { readonly kind: 'ignored'; readonly header: EventHeader };

/** Begins and ends of files. */
export type FileEvent =
  | {
      readonly kind: 'rotate';
      readonly header: EventHeader;
      readonly file: string;
      readonly position: bigint;
      /** Made up by the server at the start of a dump, not in the file. */
      readonly artificial: boolean;
    }
  | {
      readonly kind: 'format-description';
      readonly header: EventHeader;
      readonly serverVersion: string;
      /** 0 unless this file begins at a start of the server, after which table ids begin anew. */
      readonly createdS: number;
      readonly checksum: 'none' | 'crc32';
    }
  /** Text form of the set: `uuid:1-5:tag:1-3,uuid:7`. Empty text for the empty set. */
  | { readonly kind: 'previous-gtids'; readonly header: EventHeader; readonly gtidSet: string }
  | {
      readonly kind: 'mariadb-gtid-list';
      readonly header: EventHeader;
      readonly gtids: readonly MariadbGtid[];
    }
  | { readonly kind: 'stop'; readonly header: EventHeader };

export interface MariadbGtid {
  readonly domain: number;
  readonly serverId: number;
  readonly sequence: bigint;
}

/**
 * What `GTID_LOG_EVENT`, `ANONYMOUS_GTID_LOG_EVENT` and `GTID_TAGGED_LOG_EVENT` say of the transaction that follows.
 */
export interface GtidFields {
  readonly lastCommitted: bigint;
  readonly sequenceNumber: bigint;
  /** Microseconds since 1970-01-01 UTC, commit here and on the server where it first ran; null before 8.0. */
  readonly immediateCommitUs: bigint | null;
  readonly originalCommitUs: bigint | null;
  /** Bytes of all events of the transaction in the binlog; null before 8.0. */
  readonly transactionBytes: bigint | null;
  /** `90704`; null before 8.0.14. */
  readonly immediateServerVersion: number | null;
  readonly originalServerVersion: number | null;
}

export type TransactionEvent =
  | ({
      readonly kind: 'gtid';
      readonly header: EventHeader;
      /** Lower case, with dashes. */
      readonly uuid: string;
      /** Empty: untagged. */
      readonly tag: string;
      readonly number: bigint;
      /** `uuid:number` or `uuid:tag:number`, as the server prints it. */
      readonly text: string;
    } & GtidFields)
  | ({ readonly kind: 'anonymous-gtid'; readonly header: EventHeader } & GtidFields)
  /** Begins a transaction in MariaDB, in place of BEGIN. */
  | {
      readonly kind: 'mariadb-gtid';
      readonly header: EventHeader;
      readonly gtid: MariadbGtid;
      /** `0-1-42`. */
      readonly text: string;
      /** One statement without a commit event after it (DDL, non-transactional tables). */
      readonly standalone: boolean;
      readonly transactional: boolean;
      readonly ddl: boolean;
      readonly commitId: bigint | null;
      /** prepared: rows of an XA transaction whose outcome comes later; completed: that outcome. */
      readonly xa: { readonly state: 'prepared' | 'completed'; readonly xid: string } | null;
    }
  | { readonly kind: 'begin'; readonly header: EventHeader; readonly query: Query }
  /** The query COMMIT: transactions without an XID, as of non-transactional tables. */
  | { readonly kind: 'commit'; readonly header: EventHeader; readonly query: Query }
  | { readonly kind: 'rollback'; readonly header: EventHeader; readonly query: Query }
  /**
   * Any other statement: DDL, TRUNCATE, XA START/END/COMMIT/ROLLBACK, SAVEPOINT, and DML where rows were not logged.
   */
  | { readonly kind: 'query'; readonly header: EventHeader; readonly query: Query }
  /** Commit of a transaction of a transactional engine. */
  | { readonly kind: 'xid'; readonly header: EventHeader; readonly xid: bigint }
  | {
      readonly kind: 'xa-prepare';
      readonly header: EventHeader;
      /** True: commits at once (XA COMMIT … ONE PHASE). */
      readonly onePhase: boolean;
      /** `X'6162',X'63',1`, as the server writes it in the later XA COMMIT or XA ROLLBACK query. */
      readonly xid: string;
    };

export interface Query {
  /** Default database of the session; empty where none. */
  readonly schema: string;
  /** May quote row values: never in an error, log or metric. */
  readonly sql: string;
  readonly threadId: number;
  /** Server error number of the statement; 0 when it succeeded. */
  readonly errorCode: number;
  /** Bits of sql_mode (query_event.h); null when not sent. */
  readonly sqlMode: bigint | null;
  /** Session time zone as MySQL spells it; null when not sent. */
  readonly timeZone: string | null;
  /** Transaction id of an atomic DDL statement; null otherwise. */
  readonly ddlXid: bigint | null;
}

/** Consecutive row operations on one version of one table: `RowRun` without its ordinal. */
export interface RowsEvent {
  readonly kind: 'rows';
  readonly header: EventHeader;
  readonly map: TableMap;
  /** What the map was bound to. */
  readonly table: TableSchema;
  readonly count: number;
  readonly ops: Uint8Array;
  readonly images: Uint8Array;
  /** Layout of `RowRun.cells`; the width is that of the map, which is that of the bound table. */
  readonly cells: readonly RawCell[];
  readonly bytes: number;
  /**
   * False: some image left columns out (binlog_row_image is not FULL). Such cells are UNCHANGED, or in the after
   * image of an update the value of the before image where it has one. In a create UNCHANGED stands for the column's
   * default, which the binlog does not hold: a source should refuse it.
   */
  readonly complete: boolean;
}

/** A version of a table as `TABLE_MAP_EVENT` describes it. One object while the server sends the same description. */
export interface TableMap {
  readonly tableId: number;
  readonly schema: string;
  readonly table: string;
  readonly width: number;
  /**
   * Parsed when first asked for, so that tables nobody captures may have any shape.
   *
   * @throws RowsealError RS-MY-052 without FULL metadata, RS-MY-053 for a type that is not known
   */
  readonly columns: readonly BinlogColumn[];
  /** Primary key in key order; `prefix` counts characters of a key over part of a column, else 0. */
  readonly primaryKey: readonly { readonly column: number; readonly prefix: number }[];
}

/** `Column` can be made of this: name, type, sourceType. */
export interface BinlogColumn {
  readonly name: string;
  readonly type: ColumnType;
  /**
   * As MySQL spells it: `decimal(10,2) unsigned`. Display widths, ZEROFILL, defaults and comments are not in the
   * binlog.
   */
  readonly sourceType: string;
  /** MYSQL_TYPE_… with the types that hide behind 254 unfolded; see column-type-code.ts. */
  readonly code: number;
  readonly nullable: boolean;
  readonly unsigned: boolean;
  /** Of characters, enum and set; null for the rest. */
  readonly collationId: number | null;
  /** Lower case, as the server names it (`utf8mb4`, `latin1`, `binary`); null for the rest. */
  readonly charset: string | null;
  /** Of enum and set. */
  readonly labels: readonly string[];
  /** Of geometry: 0 any, 1 point … 7 geometry collection. */
  readonly geometryType: number | null;
  /** Of VECTOR: floats at most. */
  readonly dimension: number | null;
  /** False: invisible column. True in MariaDB, which does not say. */
  readonly visible: boolean;
}

/**
 * Column types of MariaDB that the binlog shows as plain binary strings; only information_schema tells.
 * vector: MariaDB's VECTOR (MySQL's is known without a hint).
 */
export type ColumnHint = 'uuid' | 'inet4' | 'inet6' | 'vector';

export interface TableBinding {
  /** Exactly the columns of the map, in its order. */
  readonly table: TableSchema;
  /** By column index. */
  readonly hints?: ReadonlyMap<number, ColumnHint>;
}

export interface DecoderOptions {
  readonly flavor: Flavor;
  /** The server's information_schema.COLLATIONS; what is not in it is looked up in a built-in table. */
  readonly charsetOf?: (collationId: number) => string | undefined;
  /**
   * Dates that are in no calendar (0000-00-00, 2024-00-10, 2023-02-31 under ALLOW_INVALID_DATES). Default `text`:
   * the server's own text, which a sink that cannot hold it handles by its rule; `null`: a null; `error`: RS-MY-057.
   */
  readonly zeroDates?: 'text' | 'null' | 'error';
  /**
   * Bytes that a column's character set does not have. Default `error`: RS-MY-059; `hex`: the cell becomes `\x…`.
   */
  readonly invalidText?: 'error' | 'hex';
  /**
   * Limit of a transaction payload, compressed event or compressed column after unpacking, in bytes. Default 256 MiB.
   */
  readonly maxUnpackedBytes?: number;
  /** Emit `rows-query` events. Default false. */
  readonly statements?: boolean;
  /** Rows of one run at most. Default 8192; a run also ends at some 15,000 cells or 4 MiB. */
  readonly maxRunRows?: number;
  /** Whether events end in a CRC32 before the first format description says so. Default: as that event says. */
  readonly checksum?: 'none' | 'crc32';
}

/**
 * Pull, so that the caller may stop or wait between any two events:
 *
 * ```
 * decoder.decode(packet, 1, end);           // one event, behind the OK byte
 * for (let event = decoder.next(); event !== null; event = decoder.next()) …
 * ```
 *
 * A `table-map` event comes only for a description that is not bound yet; answer with `bind` before the next `next`.
 * Rows of consecutive events of one table join into one run, which is handed out when another event comes, when it is
 * full, or on `flush`. Every defect is a RowsealError; after one the decoder must not be used again.
 */
export interface EventDecoder {
  /** Takes one event in `buffer[start, end)`; the bytes must stay as they are until `next` returns null. */
  decode(buffer: Buffer, start: number, end: number): void;
  /** null: all of the packet is handed out, except a run that may still grow. */
  next(): BinlogEvent | null;
  /** null: the table is not captured, its rows are passed over. @throws RowsealError RS-MY-052, RS-MY-053 */
  bind(map: TableMap, binding: TableBinding | null): void;
  /** Forgets what tables were bound to, for instance after the captured tables change. */
  unbindAll(): void;
  /** The run being filled, if any: at the end of a batch. */
  flush(): RowsEvent | null;
}
