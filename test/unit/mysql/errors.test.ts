import { describe, expect, it } from 'vitest';
import { isLocked, mysqlError, streamError } from '../../../connectors/sources/mysql/errors.ts';

const thrown = (message: string, fields: Readonly<Record<string, unknown>>): Error =>
  Object.assign(new Error(message), fields);

function errorPacket(number: number): Buffer {
  const packet = Buffer.from('\xff..#HY000Duplicate entry secret', 'latin1');
  packet.writeUInt16LE(number, 1);
  return packet;
}

describe('mysqlError', () => {
  it('tells a connection that was cut in the TLS handshake from a certificate that is refused', () => {
    const code = 'HANDSHAKE_SSL_ERROR';
    for (const cut of [
      thrown('read ECONNRESET', { code, errno: -104, syscall: 'read' }),
      thrown('Client network socket disconnected before secure TLS connection was established', { code }),
    ])
      expect(mysqlError(cut, 'connecting')).toMatchObject({ code: 'RS-MY-016', kind: 'transient' });
    for (const refused of [
      thrown('self-signed certificate', { code }),
      thrown('write EPROTO 0A000410:SSL routines', { code, errno: -71, syscall: 'write' }),
    ])
      expect(mysqlError(refused, 'connecting')).toMatchObject({ code: 'RS-MY-017', kind: 'config' });
  });

  it('waits for what waiting mends', () => {
    for (const name of [
      'ER_SERVER_OFFLINE_MODE',
      'ER_USER_LIMIT_REACHED',
      'ER_CANT_CREATE_THREAD',
      'ER_LOCK_WAIT_TIMEOUT',
      'ER_TABLE_DEF_CHANGED',
    ])
      expect(mysqlError(thrown('', { code: name }), 'connecting').kind, name).toBe('transient');
    expect(mysqlError(thrown('', { code: 'ER_PARSE_ERROR' }), 'x').kind).toBe('config');
  });
});

describe('streamError', () => {
  it('waits for locks, an ALTER in between and a server that closes', () => {
    for (const number of [1053, 1205, 1213, 1317, 1412, 1927, 3032])
      expect(streamError(errorPacket(number), 'copying a table'), String(number)).toMatchObject({
        code: 'RS-MY-016',
        kind: 'transient',
      });
  });

  it('tells a lock from what ends a connection', () => {
    const locked = [1053, 1205, 1213, 1317].filter((number) =>
      isLocked(streamError(errorPacket(number), 'x')),
    );
    expect(locked).toEqual([1205, 1213]);
    expect(isLocked(thrown('', { origin: '1205' }))).toBe(false);
  });

  it('does not repeat what the server said', () => {
    expect(JSON.stringify(streamError(errorPacket(1054), 'x'))).not.toContain('secret');
  });
});
