import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  noTlsConfig,
  type PostgresTlsConfig,
  postgresConnection,
} from '../../../src/config/postgres-connection.ts';

let home: string;
const at = (name: string): string => join(home, name);

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'rowseal-home-'));
  writeFileSync(at('.pgpass'), 'db1:*:*:*:one\ndb2:*:*:*:two\n', { mode: 0o600 });
  writeFileSync(at('open.pgpass'), '*:*:*:*:open\n', { mode: 0o644 });
  writeFileSync(at('other.pgpass'), '*:*:*:*:other\n', { mode: 0o600 });
  writeFileSync(at('.pg_service.conf'), '[shop]\nhost=db2\nuser=of-service\nport=5433\n');
  writeFileSync(at('pg_service.conf'), '[shop]\nhost=never\n[wide]\nhost=db1\ndbname=wide\nuser=w\n');
  writeFileSync(at('ca.pem'), 'AUTHORITY');
  writeFileSync(at('client.crt'), 'CERTIFICATE');
  writeFileSync(at('client.key'), 'KEY', { mode: 0o600 });
  writeFileSync(at('open.key'), 'KEY', { mode: 0o644 });
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

interface More {
  readonly password?: string;
  readonly tls?: Partial<PostgresTlsConfig>;
  readonly env?: Readonly<Record<string, string>>;
}

function connection(url: string, { password, tls = {}, env = {} }: More = {}) {
  return postgresConnection(
    { url, password: password ?? null, tls: { ...noTlsConfig, ...tls } },
    { HOME: home, ...env },
  );
}

describe('how a server is reached', () => {
  it('is said by configuration, URL, service and environment, in this order', () => {
    expect(connection('postgres://u:p@h/d')).toMatchObject({
      hosts: [{ host: 'h', port: 5432, password: 'p' }],
      user: 'u',
      database: 'd',
      sessionAttrs: 'any',
      channelBinding: 'prefer',
      connectTimeoutMs: 15_000,
      tls: { mode: null, negotiation: 'postgres', roots: null, client: null },
    });
    expect(connection('postgres://u:p@h/d', { password: 'q' }).hosts[0]!.password).toBe('q');
    const env = { PGHOST: 'e', PGUSER: 'e', PGDATABASE: 'e', PGPASSWORD: 'e', PGSSLMODE: 'verify-full' };
    expect(connection('postgres://db1/d?service=shop', { env })).toMatchObject({
      hosts: [{ host: 'db1', port: 5433, password: 'e' }],
      user: 'of-service',
      database: 'd',
      tls: { mode: 'verify-full' },
    });
    expect(connection('postgres://', { env: { PGSERVICE: 'wide', PGSYSCONFDIR: home } })).toMatchObject({
      hosts: [{ host: 'db1', password: 'one' }],
      database: 'wide',
    });
    expect(connection('postgres://h/d', { env: { ...env, PGSERVICE: '' } }).user).toBe('e');
  });

  it('has a password for each host from the password file, which nobody else may read', () => {
    const url = 'postgres://u@db1,db2:5433,db3/d';
    expect(connection(url).hosts.map(({ password }) => password)).toEqual(['one', 'two', null]);
    expect(connection(url, { env: { PGPASSFILE: at('other.pgpass') } }).hosts[2]!.password).toBe('other');
    expect(connection(`${url}?passfile=${at('missing')}`).hosts[0]!.password).toBe(null);
    expect(() => connection(`${url}?passfile=${at('open.pgpass')}`)).toThrow(
      expect.objectContaining({ code: 'RS-CFG-005', fix: `chmod 600 ${at('open.pgpass')}` }),
    );
    // With a password, the file is not looked at.
    expect(connection(`${url}?passfile=${at('open.pgpass')}`, { password: 'p' }).hosts[0]!.password).toBe(
      'p',
    );
  });

  it('asks several hosts for a primary, unless it is told otherwise', () => {
    expect(connection('postgres://u@a,b/d').sessionAttrs).toBe('primary');
    expect(connection('postgres://u@a,b/d?target_session_attrs=any&load_balance_hosts=random')).toMatchObject(
      {
        sessionAttrs: 'any',
        loadBalance: true,
      },
    );
    expect(connection('postgres://u@a/d?connect_timeout=1').connectTimeoutMs).toBe(2_000);
    expect(connection('postgres://u@a/d?connect_timeout=0').connectTimeoutMs).toBe(0);
  });

  it('has its certificates from files', () => {
    const tls = {
      certFile: at('client.crt'),
      keyFile: at('client.key'),
      keyPassword: 'k',
      caFile: at('ca.pem'),
    };
    expect(connection('postgres://u@a/d?ssl_min_protocol_version=TLSv1.3', { tls }).tls).toMatchObject({
      roots: 'AUTHORITY',
      client: { chain: 'CERTIFICATE', key: 'KEY', passphrase: 'k' },
      minVersion: 'TLSv1.3',
    });
    const system = connection('postgres://u@a/d?sslrootcert=system').tls;
    expect(system.mode).toBe('verify-full');
    expect(Array.isArray(system.roots)).toBe(true);
  });

  it.each<[string, string, More, string]>([
    ['no user', 'postgres://h/d', {}, 'RS-PG-023'],
    ['no database', 'postgres://u@h', {}, 'RS-PG-023'],
    ['an unknown mode', 'postgres://u@h/d?sslmode=on', {}, 'RS-PG-023'],
    ['a mode said twice', 'postgres://u@h/d?sslmode=require', { tls: { mode: 'prefer' } }, 'RS-PG-023'],
    [
      'a weak mode with everybody’s authorities',
      'postgres://u@h/d?sslrootcert=system&sslmode=verify-ca',
      {},
      'RS-PG-023',
    ],
    ['direct without TLS', 'postgres://u@h/d?sslnegotiation=direct&sslmode=prefer', {}, 'RS-PG-023'],
    ['an old TLS', 'postgres://u@h/d?ssl_max_protocol_version=TLSv1', {}, 'RS-PG-023'],
    ['an unknown service', 'postgres://u@h/d?service=none', {}, 'RS-PG-048'],
    [
      'a service file that is not there',
      'postgres://u@h/d?service=shop',
      { env: { PGSERVICEFILE: '/nonexistent/f' } },
      'RS-PG-048',
    ],
    ['an authority that is not there', 'postgres://u@h/d?sslrootcert=/nonexistent/ca', {}, 'RS-CFG-006'],
  ])('%s is refused', (_, url, more, code) => {
    expect(() => connection(url, more)).toThrow(expect.objectContaining({ code }));
  });

  it('lets the environment ask for more than the default, not for less', () => {
    const env = { PGSSLMODE: 'prefer' };
    expect(() => connection('postgres://u@h/d', { env })).toThrow(
      expect.objectContaining({ code: 'RS-CFG-007' }),
    );
    expect(connection('postgres://u@127.0.0.1/d', { env }).tls.mode).toBe('prefer');
    expect(connection('postgres://u@h/d', { env, tls: { mode: 'require' } }).tls.mode).toBe('require');
  });

  it('refuses a key that others may read', () => {
    const tls = { certFile: at('client.crt'), keyFile: at('open.key') };
    expect(() => connection('postgres://u@h/d', { tls })).toThrow(
      expect.objectContaining({ code: 'RS-CFG-005' }),
    );
  });
});
