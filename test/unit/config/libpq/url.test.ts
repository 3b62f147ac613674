import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hostsOf } from '../../../../src/config/libpq/hosts.ts';
import { isPostgresUrl, parseUrl, withoutSecrets } from '../../../../src/config/libpq/url.ts';
import { isRowsealError } from '../../../../src/error/rowseal-error.ts';

const read = (text: string): Record<string, string> => Object.fromEntries(parseUrl(text));

describe('a connection URI', () => {
  // The examples of the PostgreSQL manual, 34.1.1.2, and what they mean.
  it.each([
    ['postgresql://', {}],
    ['postgresql://localhost', { host: 'localhost' }],
    ['postgresql://localhost:5433', { host: 'localhost', port: '5433' }],
    ['postgresql://localhost/mydb', { host: 'localhost', dbname: 'mydb' }],
    ['postgresql://user@localhost', { host: 'localhost', user: 'user' }],
    ['postgresql://user:secret@localhost', { host: 'localhost', user: 'user', password: 'secret' }],
    [
      'postgresql://other@localhost/otherdb?connect_timeout=10&application_name=myapp',
      {
        user: 'other',
        host: 'localhost',
        dbname: 'otherdb',
        connect_timeout: '10',
        application_name: 'myapp',
      },
    ],
    [
      'postgresql://host1:123,host2:456/somedb?target_session_attrs=any&application_name=myapp',
      {
        host: 'host1,host2',
        port: '123,456',
        dbname: 'somedb',
        target_session_attrs: 'any',
        application_name: 'myapp',
      },
    ],
    [
      'postgresql://user@localhost:5433/mydb?sslmode=require',
      { user: 'user', host: 'localhost', port: '5433', dbname: 'mydb', sslmode: 'require' },
    ],
    ['postgresql:///mydb?host=localhost&port=5433', { dbname: 'mydb', host: 'localhost', port: '5433' }],
    ['postgresql://[2001:db8::1234]/database', { host: '2001:db8::1234', dbname: 'database' }],
    ['postgresql://%2Fvar%2Flib%2Fpostgresql/dbname', { host: '/var/lib/postgresql', dbname: 'dbname' }],
    [
      'postgres://u:p%40%3A%2F@h/d?ssl=true',
      { user: 'u', password: 'p@:/', host: 'h', dbname: 'd', sslmode: 'require' },
    ],
    ['postgres://u@h/d?keepalives=1', { user: 'u', host: 'h', dbname: 'd' }],
    ['postgres:///?service=shop', { service: 'shop' }],
  ])('%s', (text, expected) => expect(read(text)).toEqual(expected));

  it.each([
    'http://localhost',
    'postgres:/h/d',
    'postgres://h/d/e',
    'postgres://u:canary@x@h/d',
    'postgres://a:b:canary/d',
    'postgres://h/d?canary',
    'postgres://h/d?sslmode=canary=1',
    'postgres://h/d?sslmode=require&sslmode=prefer',
    'postgres://h/d?host=other',
    'postgres://h/d?hostaddr=127.0.0.1',
    'postgres://h/d?options=-c%20canary',
    'postgres://h/d?require_auth=none',
    'postgres://h/d?CANARY-canary=1',
    'postgres://h%zz/canary',
    'postgres://h%ff/canary',
    'postgres://h%00/canary',
    'postgres://h1,,h2/canary',
    'postgres://[::1/canary',
  ])('%s is refused, and not quoted', (text) => {
    let thrown: unknown = null;
    try {
      parseUrl(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ code: 'RS-PG-023' });
    expect(`${String(thrown)} ${(thrown as { fix: string }).fix}`).not.toContain('canary');
  });

  it('pairs hosts with ports, or has one port for all', () => {
    const hosts = (text: string) => hostsOf(parseUrl(text)).map(({ host, port }) => `${host} ${port}`);
    expect(hosts('postgres://a,b:5433/d')).toEqual(['a 5432', 'b 5433']);
    expect(hosts('postgres:///d?host=a,b&port=6')).toEqual(['a 6', 'b 6']);
    expect(() => hosts('postgres:///d?host=a,b,c&port=6,7')).toThrow('3 hosts and 2 ports');
    expect(() => hosts('postgres://a:0/d')).toThrow('from 1 to 65535');
    expect(() => hosts('postgres://a:65536/d')).toThrow('from 1 to 65535');
    expect(() => hosts('postgres:///d')).toThrow('no host');
  });

  it('gives back what was written into it, and shows it without its secrets', () => {
    const text = fc.string({ minLength: 1, unit: 'grapheme' }).filter((value) => !value.includes('\0'));
    fc.assert(
      fc.property(
        text,
        text,
        text,
        fc.domain(),
        fc.integer({ min: 1, max: 65_535 }),
        (user, password, database, host, port) => {
          const secret = `canary${password}`;
          const url = `postgres://${encodeURIComponent(user)}:${encodeURIComponent(secret)}@${host}:${port}/${encodeURIComponent(database)}?sslpassword=${encodeURIComponent(secret)}&sslmode=prefer`;
          expect(read(url)).toEqual({
            user,
            password: secret,
            dbname: database,
            host,
            port: String(port),
            sslpassword: secret,
            sslmode: 'prefer',
          });
          const shown = withoutSecrets(url);
          expect(shown).not.toContain('canary');
          expect(read(shown)).toEqual({
            user,
            dbname: database,
            host,
            port: String(port),
            sslmode: 'prefer',
          });
        },
      ),
    );
  });

  it('reads any text to settings or RS-PG-023', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9:@/?&=,%[\]. -]{0,60}$/), (rest) => {
        try {
          parseUrl(`postgres://${rest}`);
        } catch (thrown) {
          expect(isRowsealError(thrown) && thrown.code).toBe('RS-PG-023');
        }
      }),
      { numRuns: 2_000 },
    );
    expect(isPostgresUrl('mysql://h')).toBe(false);
  });
});
