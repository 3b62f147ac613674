import type { ErrorCode } from '../../../src/error/codes.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { toRowsealError } from '../../../src/error/unexpected.ts';

/** SQLSTATE (PostgreSQL manual, Appendix A) → what it means here. */
const bySqlstate: Readonly<Record<string, ErrorCode>> = {
  '28P01': 'RS-PG-002', // invalid_password
  '28000': 'RS-PG-002', // invalid_authorization_specification
  '3D000': 'RS-PG-020', // invalid_catalog_name
  '42704': 'RS-PG-008', // undefined_object: the slot
  '55006': 'RS-PG-012', // object_in_use: the slot is active
  '53400': 'RS-PG-005', // configuration_limit_exceeded: no free slot
  '55000': 'RS-PG-019', // object_not_in_prerequisite_state: the slot was invalidated
  '57P01': 'RS-PG-016', // admin_shutdown
  '57P02': 'RS-PG-016', // crash_shutdown
  '57P03': 'RS-PG-001', // cannot_connect_now: starting up
  '40001': 'RS-PG-035', // serialization_failure
  '40P01': 'RS-PG-035', // deadlock_detected
  '55P03': 'RS-PG-035', // lock_not_available
  '57014': 'RS-PG-035', // query_canceled
  '53000': 'RS-PG-035', // insufficient_resources
  '53100': 'RS-PG-035', // disk_full
  '53200': 'RS-PG-035', // out_of_memory
  '53300': 'RS-PG-035', // too_many_connections, also WAL senders: one is free again in a while
  '25P04': 'RS-PG-035', // transaction_timeout
  '58030': 'RS-PG-035', // io_error
  XX000: 'RS-PG-035', // internal_error
  '08006': 'RS-PG-016',
  '08003': 'RS-PG-016',
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
const lostCodes = new Set([
  'ECONNRESET',
  'EPIPE',
  'ECONNABORTED',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_PREMATURE_CLOSE',
]);
const tlsCodes =
  /^(ERR_TLS_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_SSL_|CRL_|INVALID_CA|PATH_LENGTH_)/;
/** The server looked at our certificate, or wanted one (alerts of RFC 8446 §6.2, as OpenSSL names them). */
const clientCertificateCodes =
  /^ERR_SSL_.*ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_(REQUIRED|EXPIRED|REVOKED|UNKNOWN)|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED|DECRYPT_ERROR)/;
/** Our own certificate or key cannot be used, before anything is sent. */
const keyCodes = /^ERR_(OSSL_|CRYPTO_|SSL_(EE_|CA_MD|.*KEY_VALUES_MISMATCH))|^ERR_SSL_NO_START_LINE/;

export const CREATING_SLOT = 'creating the replication slot';

/** What `pg` says when the server answers its request for TLS with N, or with an error (connection.js). */
const NO_TLS = /does not support SSL|establishing an SSL connection/;

/** What `pg` says of a connection that has ended, in the middle of a statement or before it (client.js, query.js). */
const LOST = /terminated|closed|timeout|not queryable/i;

/**
 * What the driver or the server threw, as ours. Only the SQLSTATE or errno is taken over: messages and details of the
 * server quote rows (`Key (email)=(…) already exists`).
 */
export function postgresError(thrown: unknown, doing: string): RowsealError {
  if (thrown instanceof RowsealError) return thrown;
  const origin = codeOf(thrown);
  if (origin === null) {
    // Ours, not the server's.
    if (thrown instanceof TypeError || thrown instanceof RangeError) return toRowsealError(thrown);
    // The driver's own words carry no code.
    if (thrown instanceof Error && NO_TLS.test(thrown.message))
      return new RowsealError('RS-PG-034', { detail: doing });
    const lost = thrown instanceof Error && LOST.test(thrown.message);
    return new RowsealError(lost ? 'RS-PG-016' : 'RS-PG-018', { detail: doing });
  }
  const fields = { detail: `${doing} (${origin})`, origin };
  if (networkCodes.has(origin)) return new RowsealError('RS-PG-001', fields);
  if (lostCodes.has(origin)) return new RowsealError('RS-PG-016', fields);
  if (origin === 'ERR_TLS_CERT_ALTNAME_INVALID') return new RowsealError('RS-PG-041', fields);
  if (/^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/.test(origin)) return new RowsealError('RS-PG-042', fields);
  if (clientCertificateCodes.test(origin)) return new RowsealError('RS-PG-043', fields);
  if (keyCodes.test(origin)) return new RowsealError('RS-PG-044', fields);
  // The server's words, in English: SQLSTATE 28000 alone says no more than that it refuses.
  if (origin === '28000' && thrown instanceof Error && /valid client certificate/.test(thrown.message))
    return new RowsealError('RS-PG-043', fields);
  if (tlsCodes.test(origin)) return new RowsealError('RS-PG-017', fields);
  if (origin === '42501' && doing.startsWith('connecting'))
    return new RowsealError('RS-PG-002', {
      ...fields,
      fix: 'GRANT CONNECT ON DATABASE <database> TO <role>;',
    });
  if (origin === '42501')
    return new RowsealError(/slot|stream|replicat/.test(doing) ? 'RS-PG-003' : 'RS-PG-015', fields);
  if (origin === '55000' && doing === CREATING_SLOT) return new RowsealError('RS-PG-004', fields);
  // duplicate_object: the server has not noticed yet that the process it was made for was killed.
  if (origin === '42710' && doing === CREATING_SLOT) return new RowsealError('RS-PG-012', fields);
  return new RowsealError(bySqlstate[origin] ?? 'RS-PG-018', fields);
}

function codeOf(thrown: unknown): string | null {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return null;
  return typeof thrown.code === 'string' && /^[A-Za-z0-9_/]{2,60}$/.test(thrown.code) ? thrown.code : null;
}
