import type { ErrorCode } from '../../../src/error/codes.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';

/** SQLSTATE (PostgreSQL manual, Appendix A) → what it means here; two characters: the whole class. */
const bySqlstate: Readonly<Record<string, ErrorCode>> = {
  '28': 'RS-PGS-002', // invalid authorization
  '3D000': 'RS-PGS-002', // invalid_catalog_name: no such database
  '42501': 'RS-PGS-008', // insufficient_privilege
  '08': 'RS-PGS-006', // connection exception
  '40': 'RS-PGS-006', // transaction rollback: serialization, deadlock
  '53': 'RS-PGS-006', // insufficient resources: disk full, out of memory, too many connections
  '55P03': 'RS-PGS-006', // lock_not_available
  '57': 'RS-PGS-006', // operator intervention: shutdown, canceled
  '58': 'RS-PGS-006', // system error, external to Postgres
  '25006': 'RS-PGS-006', // read_only_sql_transaction: became a standby
  '25P03': 'RS-PGS-006', // idle_in_transaction_session_timeout
  '57P03': 'RS-PGS-001', // cannot_connect_now
  '21000': 'RS-PGS-013', // cardinality_violation: two rows of one upsert have the same key
  '23505': 'RS-PGS-013', // unique_violation
  '23': 'RS-PGS-010', // other constraints: not ours
  '2BP01': 'RS-PGS-010', // dependent_objects_still_exist
  '0A000': 'RS-PGS-010', // feature_not_supported: retype of a column used by a view
  '42P01': 'RS-PGS-010', // undefined_table
  '42703': 'RS-PGS-010', // undefined_column
  '42704': 'RS-PGS-010', // undefined_object
  '42804': 'RS-PGS-010', // datatype_mismatch
  '42809': 'RS-PGS-010', // wrong_object_type
  '42P07': 'RS-PGS-005', // duplicate_table
  '42939': 'RS-PGS-010', // reserved_name
  '3F000': 'RS-PGS-010', // invalid_schema_name
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
const tlsCodes = /^(ERR_TLS_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|ERR_SSL_)/;

/**
 * What the driver or the server threw, as ours. Only the SQLSTATE or errno is taken over: messages and details of the
 * server quote rows.
 */
export function postgresSinkError(thrown: unknown, doing: string): RowsealError {
  if (thrown instanceof RowsealError) return thrown;
  const origin = sqlstateOf(thrown);
  if (origin === null) {
    // The driver's own words for a connection that ended, or has no TLS, carry no code.
    if (thrown instanceof Error && /does not support SSL/.test(thrown.message))
      return new RowsealError('RS-PGS-009', { detail: `${doing}: the server has no TLS` });
    const lost = thrown instanceof Error && /terminated|closed|timeout|not queryable/i.test(thrown.message);
    return new RowsealError(lost ? 'RS-PGS-006' : 'RS-PGS-007', { detail: doing });
  }
  const fields = { detail: `${doing} (${origin})`, origin };
  if (networkCodes.has(origin)) return new RowsealError('RS-PGS-001', fields);
  if (tlsCodes.test(origin)) return new RowsealError('RS-PGS-009', fields);
  if (/^E[A-Z]{3,}|^ERR_STREAM/.test(origin)) return new RowsealError('RS-PGS-006', fields);
  return new RowsealError(bySqlstate[origin] ?? bySqlstate[origin.slice(0, 2)] ?? 'RS-PGS-007', fields);
}

/** A value, not the statement, is at fault: data exceptions, and rows or index entries that are too large. */
export function isValueFailure(thrown: unknown): boolean {
  const code = sqlstateOf(thrown);
  return code !== null && (code.startsWith('22') || code === '54000');
}

/** program_limit_exceeded: the row, or its entry in the key's index, is larger than a page can hold. */
export function isRowTooLarge(thrown: unknown): boolean {
  return sqlstateOf(thrown) === '54000';
}

/** A constraint that the rows there do not allow: not null, unique. */
export function isConstraintFailure(thrown: unknown): boolean {
  return sqlstateOf(thrown)?.startsWith('23') ?? false;
}

function sqlstateOf(thrown: unknown): string | null {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return null;
  return typeof thrown.code === 'string' && /^[A-Za-z0-9_]{2,60}$/.test(thrown.code) ? thrown.code : null;
}
