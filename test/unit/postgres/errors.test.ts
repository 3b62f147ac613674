import { describe, expect, it } from 'vitest';
import { CREATING_SLOT, postgresError } from '../../../connectors/sources/postgres/errors.ts';

describe('what the driver or the server threw', () => {
  it.each([
    [new Error('The server does not support SSL connections'), 'RS-PG-034'],
    [new Error('There was an error establishing an SSL connection'), 'RS-PG-034'],
    [Object.assign(new Error('x'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' }), 'RS-PG-017'],
    [Object.assign(new Error('x'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' }), 'RS-PG-041'],
    [Object.assign(new Error('x'), { code: '28P01' }), 'RS-PG-002'],
    [Object.assign(new Error('x'), { code: 'ECONNREFUSED' }), 'RS-PG-001'],
    [Object.assign(new Error('x'), { code: '40P01' }), 'RS-PG-035'],
    [Object.assign(new Error('x'), { code: '53300' }), 'RS-PG-035'],
    [Object.assign(new Error('x'), { code: '25P04' }), 'RS-PG-035'],
    [Object.assign(new Error('x'), { code: '53400' }), 'RS-PG-005'],
    [new TypeError('a@example.com of undefined'), 'RS-RUN-000'],
    [new Error('Connection terminated unexpectedly'), 'RS-PG-016'],
    [new Error('Client has encountered a connection error and is not queryable'), 'RS-PG-016'],
    [new Error('Client was closed and is not queryable'), 'RS-PG-016'],
    [Object.assign(new Error('x'), { code: 'CERT_HAS_EXPIRED' }), 'RS-PG-042'],
    [Object.assign(new Error('x'), { code: 'ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED' }), 'RS-PG-043'],
    [Object.assign(new Error('x'), { code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED' }), 'RS-PG-043'],
    [Object.assign(new Error('Key (email)=(a@example.com)'), { code: '23505' }), 'RS-PG-018'],
  ])('%s is %s', (thrown, code) => {
    const error = postgresError(thrown, 'connecting');
    expect(error.code).toBe(code);
    expect(error.message).not.toContain('a@example.com');
  });

  it('a slot that a killed process left for a moment is waited for', () => {
    const thrown = Object.assign(new Error('x'), { code: '42710' });
    expect(postgresError(thrown, CREATING_SLOT)).toMatchObject({ code: 'RS-PG-012', kind: 'transient' });
    expect(postgresError(thrown, 'creating the publication').code).toBe('RS-PG-018');
  });
});
