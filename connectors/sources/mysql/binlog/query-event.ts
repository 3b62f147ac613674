import type { Query } from './binlog-event.ts';
import type { ByteReader } from './byte-reader.ts';
import { charsetOf } from './charset.ts';
import { unpackMariadbBody } from './unpack.ts';

/** Status variables of a query event (mysql: libs/mysql/binlog/event/statement_events.h; from 128 on MariaDB's). */
const STATUS = {
  flags2: 0,
  sqlMode: 1,
  catalog: 2,
  autoIncrement: 3,
  charset: 4,
  timeZone: 5,
  catalogWithoutEnd: 6,
  timeNames: 7,
  databaseCharset: 8,
  tableMapForUpdate: 9,
  masterDataWritten: 10,
  invoker: 11,
  updatedDatabases: 12,
  microseconds: 13,
  commitTime: 14,
  commitTime2: 15,
  explicitDefaults: 16,
  ddlXid: 17,
  utf8mb4Collation: 18,
  requirePrimaryKey: 19,
  tableEncryption: 20,
  mariadbMicroseconds: 128,
  mariadbXid: 129,
} as const;

/** Number of databases that stands for "too many to list". */
const TOO_MANY_DATABASES = 254;

interface QueryStatus {
  sqlMode: bigint | null;
  timeZone: string | null;
  ddlXid: bigint | null;
  clientCollation: number | null;
}

/**
 * QUERY_EVENT: thread 4, seconds 4, length of schema 1, error 2, length of status variables 2, these, schema, NUL,
 * statement; MariaDB's compressed form packs the statement.
 *
 * @throws RowsealError RS-MY-050, RS-MY-056
 */
export function decodeQuery(
  reader: ByteReader,
  compressed: boolean,
  charsetName: (collationId: number) => string | undefined,
  maxUnpackedBytes: number,
): Query {
  const threadId = reader.u32();
  reader.skip(4);
  const schemaLength = reader.u8();
  const errorCode = reader.u16();
  const status = decodeStatus(reader.part(reader.u16()));
  const schema = reader.utf8(schemaLength);
  reader.skip(1);
  const statement = compressed
    ? unpackMariadbBody(reader.buffer, reader.at, reader.end, maxUnpackedBytes)
    : reader.bytes(reader.left);
  const charset = status.clientCollation === null ? 'utf8mb4' : charsetName(status.clientCollation);
  return {
    schema,
    sql: statementText(statement, charset),
    threadId,
    errorCode,
    sqlMode: status.sqlMode,
    timeZone: status.timeZone,
    ddlXid: status.ddlXid,
  };
}

/** EXECUTE_LOAD_QUERY and its like carry no rows that can be read; BEGIN, COMMIT and ROLLBACK stand alone. */
export function queryKind(sql: string): 'begin' | 'commit' | 'rollback' | 'query' {
  switch (sql) {
    case 'BEGIN':
      return 'begin';
    case 'COMMIT':
      return 'commit';
    case 'ROLLBACK':
      return 'rollback';
    default:
      return 'query';
  }
}

/** A statement is read for its form, not its values: what does not fit its character set becomes U+FFFD. */
function statementText(statement: Buffer, charset: string | undefined): string {
  const text = charset === undefined ? null : charsetOf(charset)?.decode(statement, 0, statement.length);
  return text ?? statement.toString('utf8');
}

/** Variables have no common length: behind one that is not known nothing can be read, and nothing is needed. */
function decodeStatus(reader: ByteReader): QueryStatus {
  const status: QueryStatus = { sqlMode: null, timeZone: null, ddlXid: null, clientCollation: null };
  while (reader.left > 0) {
    switch (reader.u8()) {
      case STATUS.flags2:
      case STATUS.autoIncrement:
      case STATUS.masterDataWritten:
        reader.skip(4);
        break;
      case STATUS.sqlMode:
        status.sqlMode = reader.u64();
        break;
      case STATUS.catalog:
        reader.skip(reader.u8() + 1);
        break;
      case STATUS.charset:
        status.clientCollation = reader.u16();
        reader.skip(4);
        break;
      case STATUS.timeZone:
        status.timeZone = reader.latin1(reader.u8());
        break;
      case STATUS.catalogWithoutEnd:
        reader.skip(reader.u8());
        break;
      case STATUS.timeNames:
      case STATUS.databaseCharset:
      case STATUS.utf8mb4Collation:
        reader.skip(2);
        break;
      case STATUS.tableMapForUpdate:
      case STATUS.commitTime2:
      case STATUS.mariadbXid:
        reader.skip(8);
        break;
      case STATUS.invoker:
        reader.skip(reader.u8());
        reader.skip(reader.u8());
        break;
      case STATUS.updatedDatabases: {
        const count = reader.u8();
        if (count === TOO_MANY_DATABASES) break;
        for (let i = 0; i < count; i++) while (reader.u8() !== 0);
        break;
      }
      case STATUS.microseconds:
      case STATUS.mariadbMicroseconds:
        reader.skip(3);
        break;
      case STATUS.commitTime:
        reader.skip(7);
        break;
      case STATUS.explicitDefaults:
      case STATUS.requirePrimaryKey:
      case STATUS.tableEncryption:
        reader.skip(1);
        break;
      case STATUS.ddlXid:
        status.ddlXid = reader.u64();
        break;
      default:
        return status;
    }
  }
  return status;
}
