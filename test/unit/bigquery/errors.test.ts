import { describe, expect, it } from 'vitest';
import {
  bigqueryError,
  failureOf,
  isPassing,
  jobFailure,
} from '../../../connectors/sinks/bigquery/errors.ts';

const CANARY = 'canary@example.com';
const api = (code: number, reason: string): Error =>
  Object.assign(new Error(CANARY), { code, errors: [{ reason, message: CANARY }] });
const withCode = (code: string): Error => Object.assign(new Error(CANARY), { code });

describe('what went wrong', () => {
  it.each<[string, unknown, string, boolean]>([
    ['a full backend', api(503, 'backendError'), 'RS-BQ-008', true],
    ['a rate limit told as 403', api(403, 'rateLimitExceeded'), 'RS-BQ-009', true],
    ['a quota', api(403, 'quotaExceeded'), 'RS-BQ-009', true],
    ['429 without a reason', Object.assign(new Error('x'), { code: 429 }), 'RS-BQ-009', true],
    ['a gateway without JSON', Object.assign(new Error('x'), { code: 502 }), 'RS-BQ-008', true],
    ['a missing permission', api(403, 'accessDenied'), 'RS-BQ-003', false],
    ['a rejected token', api(401, 'authError'), 'RS-BQ-002', false],
    ['a deleted key', new Error('invalid_grant: Invalid JWT Signature.'), 'RS-BQ-002', false],
    ['the same as the auth library has it', withCode('401'), 'RS-BQ-002', false],
    ['no credentials', new Error('Could not load the default credentials.'), 'RS-BQ-002', false],
    ['a key that is none', new Error('error:1E08010C:DECODER routines::unsupported'), 'RS-BQ-002', false],
    [
      'no way to the token service',
      new Error('unable to impersonate: getaddrinfo ENOTFOUND iamcredentials'),
      'RS-BQ-008',
      true,
    ],
    ['no billing', api(403, 'billingNotEnabled'), 'RS-BQ-014', false],
    ['something that is gone', api(404, 'notFound'), 'RS-BQ-010', false],
    ['a bad request', api(400, 'invalid'), 'RS-BQ-011', false],
    ['a cut', withCode('ECONNRESET'), 'RS-BQ-008', true],
    ['no name', withCode('ENOTFOUND'), 'RS-BQ-008', true],
    ['a stream that ended early', withCode('ERR_STREAM_PREMATURE_CLOSE'), 'RS-BQ-008', true],
    [
      'a timeout of node-fetch',
      Object.assign(new Error('x'), { type: 'request-timeout' }),
      'RS-BQ-008',
      true,
    ],
    ['anything else without an answer', new Error(CANARY), 'RS-BQ-008', true],
    ['not even an error', 'x', 'RS-BQ-008', true],
  ])('%s', (_, thrown, code, passing) => {
    const failure = failureOf(thrown);
    expect(isPassing(failure)).toBe(passing);
    const error = bigqueryError(failure, 'writing');
    expect(error.code).toBe(code);
    expect(JSON.stringify({ ...error, message: error.message })).not.toContain(CANARY);
  });

  it.each([
    ['invalidQuery', 'rowseal: fenced at [3:1]', 'RS-BQ-006', false],
    ['invalidQuery', 'rowseal: too many dead letters', 'RS-SINK-001', false],
    [
      'invalidQuery',
      'Transaction is aborted due to concurrent update against table p:d.t',
      'RS-BQ-013',
      false,
    ],
    ['invalidQuery', `Bad double value: ${CANARY}`, 'RS-BQ-011', false],
    ['jobRateLimitExceeded', 'x', 'RS-BQ-009', true],
    ['jobInternalError', 'x', 'RS-BQ-008', true],
    ['notFound', 'x', 'RS-BQ-010', false],
  ])('a job: %s, %s', (reason, message, code, passing) => {
    const failure = jobFailure({ reason, message });
    expect(isPassing(failure)).toBe(passing);
    const error = bigqueryError(failure, 'committing');
    expect(error.code).toBe(code);
    expect(error.message).not.toContain(CANARY);
  });
});
