import type { ErrorCode } from '../../../src/error/codes.ts';
import { isRowsealError, RowsealError } from '../../../src/error/rowseal-error.ts';

/** Name of the server's error (MySQL Error Message Reference) → what it means here. */
const byName: Readonly<Record<string, ErrorCode>> = {
  ER_ACCESS_DENIED_ERROR: 'RS-MY-002',
  ER_ACCESS_DENIED_NO_PASSWORD_ERROR: 'RS-MY-002',
  ER_HOST_NOT_PRIVILEGED: 'RS-MY-002',
  ER_NOT_SUPPORTED_AUTH_MODE: 'RS-MY-002',
  ER_MUST_CHANGE_PASSWORD: 'RS-MY-002',
  ER_ACCOUNT_HAS_BEEN_LOCKED: 'RS-MY-002',
  ER_DBACCESS_DENIED_ERROR: 'RS-MY-015',
  ER_TABLEACCESS_DENIED_ERROR: 'RS-MY-015',
  ER_COLUMNACCESS_DENIED_ERROR: 'RS-MY-015',
  ER_SPECIFIC_ACCESS_DENIED_ERROR: 'RS-MY-003',
  ER_NO_SUCH_TABLE: 'RS-MY-008',
  ER_BAD_DB_ERROR: 'RS-MY-008',
  ER_NO_BINARY_LOGGING: 'RS-MY-004',
  ER_CON_COUNT_ERROR: 'RS-MY-001',
  ER_TOO_MANY_USER_CONNECTIONS: 'RS-MY-001',
  ER_USER_LIMIT_REACHED: 'RS-MY-001',
  ER_CANT_CREATE_THREAD: 'RS-MY-001',
  ER_SERVER_OFFLINE_MODE: 'RS-MY-001',
  ER_SERVER_SHUTDOWN: 'RS-MY-016',
  ER_NORMAL_SHUTDOWN: 'RS-MY-016',
  ER_NET_READ_INTERRUPTED: 'RS-MY-016',
  ER_NET_WRITE_INTERRUPTED: 'RS-MY-016',
  ER_CLIENT_INTERACTION_TIMEOUT: 'RS-MY-016',
  ER_CONNECTION_KILLED: 'RS-MY-016',
  ER_QUERY_INTERRUPTED: 'RS-MY-016',
  ER_LOCK_WAIT_TIMEOUT: 'RS-MY-016',
  ER_LOCK_DEADLOCK: 'RS-MY-016',
  ER_TABLE_DEF_CHANGED: 'RS-MY-016',
  PROTOCOL_CONNECTION_LOST: 'RS-MY-016',
};

const networkCodes = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
]);
const lostCodes = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ERR_STREAM_DESTROYED']);
const tlsCodes =
  /^(ERR_TLS_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_SSL_|HANDSHAKE_SSL_ERROR|HANDSHAKE_NO_SSL_SUPPORT)/;

/**
 * What the driver or the server threw, as ours. Only the error's name is taken over: messages of the server quote rows
 * (`Duplicate entry '…' for key`).
 */
export function mysqlError(thrown: unknown, doing: string): RowsealError {
  if (thrown instanceof RowsealError) return thrown;
  const origin = nameOf(thrown);
  if (origin === null) {
    // The driver's own words for a connection that ended carry no code.
    const lost = thrown instanceof Error && /closed state|closed|timeout/i.test(thrown.message);
    return new RowsealError(lost ? 'RS-MY-016' : 'RS-MY-018', { detail: doing });
  }
  const fields = { detail: `${doing} (${origin})`, origin };
  if (networkCodes.has(origin)) return new RowsealError('RS-MY-001', fields);
  if (lostCodes.has(origin)) return new RowsealError('RS-MY-016', fields);
  if (cutInHandshake(thrown)) return new RowsealError('RS-MY-016', fields);
  if (tlsCodes.test(origin)) return new RowsealError('RS-MY-017', fields);
  return new RowsealError(byName[origin] ?? 'RS-MY-018', fields);
}

/** The driver puts one name on everything that goes wrong in a TLS handshake, on a connection that was cut as well. */
function cutInHandshake(thrown: unknown): boolean {
  if (!(thrown instanceof Error) || nameOf(thrown) !== 'HANDSHAKE_SSL_ERROR') return false;
  // EPROTO: the other side was there, and did not understand.
  if (thrown.message.includes('EPROTO')) return false;
  return 'syscall' in thrown || /socket disconnected before secure TLS/.test(thrown.message);
}

function nameOf(thrown: unknown): string | null {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return null;
  const { code } = thrown;
  return typeof code === 'string' && /^[A-Za-z0-9_]{2,60}$/.test(code) ? code : null;
}

/** ER_MASTER_FATAL_ERROR_READING_BINLOG: one number for every reason, only the text tells them apart. */
const FATAL_READING_BINLOG = 1236;
const ACCESS_DENIED = 1227;
const TABLE_DENIED = 1142;
/** MariaDB: ER_SLAVE_SAME_ID. */
const SAME_ID = 4052;
const COLUMN_DENIED = 1143;

/** ER_LOCK_WAIT_TIMEOUT, ER_LOCK_DEADLOCK. */
const LOCKED: ReadonlySet<string | null> = new Set(['1205', '1213']);

/** Shutdown (1053) and kill (1317, 1927) end every stream of the server; locks and an ALTER in between end a SELECT. */
const PASSING: ReadonlySet<number> = new Set([
  1053, 1077, 1158, 1159, 1160, 1161, 1205, 1213, 1317, 1412, 1927, 3032,
]);

/**
 * The error packet that ended an answer: 0xff, Int16 number, `#` and SQLSTATE, text (protocol documentation,
 * "ERR_Packet"). The text names files, positions and GTIDs only, but is matched, not shown.
 */
export function streamError(packet: Buffer, doing: string): RowsealError {
  const number = packet.length >= 3 ? packet.readUInt16LE(1) : 0;
  const text = packet.toString('latin1', 3);
  const fields = { detail: `${doing} (error ${number})`, origin: String(number) };
  if (number === TABLE_DENIED || number === COLUMN_DENIED) return new RowsealError('RS-MY-015', fields);
  if (number === SAME_ID) return new RowsealError('RS-MY-022', fields);
  if (number === ACCESS_DENIED) return new RowsealError('RS-MY-003', fields);
  if (number !== FATAL_READING_BINLOG)
    return new RowsealError(PASSING.has(number) ? 'RS-MY-016' : 'RS-MY-018', fields);
  if (/same server_uuid\/server_id/.test(text)) return new RowsealError('RS-MY-022', fields);
  if (/purged|Could not find first log|not.*contain.*required|find.*GTID state/i.test(text))
    return new RowsealError('RS-MY-010', fields);
  if (/has more GTIDs|which is not in the (master|source|primary)'s binlog|diverged/i.test(text))
    return new RowsealError('RS-MY-012', fields);
  if (/position > file size/i.test(text)) return new RowsealError('RS-MY-033', fields);
  return new RowsealError('RS-MY-035', fields);
}

/** A statement was given up because of what another transaction has locked; the connection can go on. */
export function isLocked(thrown: unknown): boolean {
  return isRowsealError(thrown) && LOCKED.has(thrown.origin);
}
