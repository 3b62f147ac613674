import type { ErrorCode } from '../../../src/error/codes.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';

/** What BigQuery or the network said, without its message: messages quote statements and values. */
export interface Failure {
  /** HTTP status; null: no answer came, or it is a job's error. */
  readonly status: number | null;
  /** `ErrorProto.reason`, an errno, or a word of ours. */
  readonly reason: string;
}

/** Words that our own statements raise (`statements.ts`); as a reason they are written with a dash. */
export const FENCED = 'rowseal: fenced';
export const TOO_MANY = 'rowseal: too many dead letters';

/** Reasons of https://cloud.google.com/bigquery/docs/error-messages that waiting mends. */
const QUOTA = new Set([
  'rateLimitExceeded',
  'jobRateLimitExceeded',
  'quotaExceeded',
  'userRateLimitExceeded',
]);
const PASSING = new Set([
  'backendError',
  'internalError',
  'jobBackendError',
  'jobInternalError',
  'tableUnavailable',
  'timeout',
  'stopped',
  'networkError',
]);

/** Anything the client library threw. Messages are looked at for known words, and go no further. */
export function failureOf(thrown: unknown): Failure {
  if (typeof thrown !== 'object' || thrown === null) return NO_ANSWER;
  const message = thrown instanceof Error ? thrown.message : '';
  if (CREDENTIALS.test(message)) {
    const network = /\b(ENOTFOUND|ECONNREFUSED|ECONNRESET|EAI_AGAIN|ETIMEDOUT)\b/.exec(message)?.[1];
    return network === undefined ? { status: 401, reason: NO_TOKEN } : { status: null, reason: network };
  }
  const code = 'code' in thrown ? thrown.code : undefined;
  const errors = 'errors' in thrown && Array.isArray(thrown.errors) ? (thrown.errors as unknown[]) : [];
  // The auth library has the status as text, or elsewhere.
  const status = statusOf(code) ?? ('status' in thrown ? statusOf(thrown.status) : null);
  if (status !== null) return { status, reason: reasonOf(errors[0]) ?? `http ${status}` };
  if (typeof code === 'string' && /^[A-Za-z_][A-Za-z0-9_]{1,60}$/.test(code))
    return { status: null, reason: code };
  const type = 'type' in thrown && typeof thrown.type === 'string' ? thrown.type : '';
  return /^[a-z-]{2,40}$/.test(type) ? { status: null, reason: type } : NO_ANSWER;
}

const NO_TOKEN = 'credentials';
const NO_ANSWER: Failure = { status: null, reason: 'noAnswer' };

const CREDENTIALS =
  /default credentials|invalid_grant|unauthorized_client|invalid_client|unable to impersonate|getaccesstoken|DECODER routines|PEM/i;

function statusOf(code: unknown): number | null {
  const status = typeof code === 'string' && /^\d{3}$/.test(code) ? Number(code) : code;
  return typeof status === 'number' && status >= 100 && status <= 599 ? status : null;
}

/** `status.errorResult` of a job. */
export function jobFailure(errorResult: unknown): Failure {
  const message =
    typeof errorResult === 'object' && errorResult !== null && 'message' in errorResult
      ? String(errorResult.message)
      : '';
  const reason = reasonOf(errorResult) ?? 'unknown';
  // A lost race for a table is told in words only.
  const conflict = /aborted due to concurrent update|concurrent update against table/i.test(message);
  if (message.includes(FENCED)) return { status: null, reason: 'fenced' };
  if (message.includes(TOO_MANY)) return { status: null, reason: 'deadLetters' };
  return { status: null, reason: conflict ? 'concurrentUpdate' : reason };
}

function reasonOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('reason' in error)) return null;
  return typeof error.reason === 'string' && /^[A-Za-z0-9_ -]{2,60}$/.test(error.reason)
    ? error.reason
    : null;
}

/** The service did not take the token; that none could be had is something else. */
export function isRefusedToken({ status, reason }: Failure): boolean {
  return status === 401 && reason !== NO_TOKEN;
}

/** Worth another attempt within the same call. */
export function isPassing(failure: Failure): boolean {
  if (QUOTA.has(failure.reason) || PASSING.has(failure.reason)) return true;
  if (failure.status !== null)
    return failure.status === 408 || failure.status === 429 || failure.status >= 500;
  return NETWORK.test(failure.reason);
}

const NETWORK = /^(E[A-Z]{3,}|ERR_[A-Z_]+|UND_[A-Z_]+|system|request-timeout|body-timeout|aborted|noAnswer)$/;

export function bigqueryError(failure: Failure, doing: string, state?: string): RowsealError {
  return new RowsealError(codeOf(failure), {
    detail: `${doing} (${failure.reason})`,
    origin: failure.reason,
    ...(state === undefined ? {} : { state }),
  });
}

function codeOf({ status, reason }: Failure): ErrorCode {
  if (reason === 'fenced') return 'RS-BQ-006';
  if (reason === 'deadLetters') return 'RS-SINK-001';
  if (reason === 'concurrentUpdate') return 'RS-BQ-013';
  if (QUOTA.has(reason) || status === 429) return 'RS-BQ-009';
  if (reason === 'billingNotEnabled' || reason === 'blocked' || reason === 'accessNotConfigured')
    return 'RS-BQ-014';
  if (status === 401 || reason === 'authError') return 'RS-BQ-002';
  if (reason === 'accessDenied' || status === 403) return 'RS-BQ-003';
  if (reason === 'notFound' || status === 404) return 'RS-BQ-010';
  if (isPassing({ status, reason })) return 'RS-BQ-008';
  return 'RS-BQ-011';
}
