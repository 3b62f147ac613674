import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findPassword } from '../../../../src/config/libpq/password-file.ts';
import { parseServiceFile } from '../../../../src/config/libpq/service-file.ts';
import { isRowsealError } from '../../../../src/error/rowseal-error.ts';

const use = { host: 'db', port: 5432, database: 'shop', user: 'rowseal' };

describe('a password file', () => {
  it.each([
    ['db:5432:shop:rowseal:secret', 'secret'],
    ['# db:5432:shop:rowseal:no\n\nother:*:*:*:no\n*:*:*:*:yes\ndb:5432:shop:rowseal:late', 'yes'],
    ['db:*:*:rowseal:with spaces # and this\r\n', 'with spaces # and this'],
    ['*:*:*:*:a\\:b\\\\c', 'a:b\\c'],
    // As libpq: what follows another colon is not part of it.
    ['*:*:*:*:one:two', 'one'],
    ['db:5433:shop:rowseal:no', null],
    ['db:5432:shop:rowseal', null],
    // A wildcard is the whole field.
    ['d*:5432:shop:rowseal:no', null],
    ['\\*:5432:shop:rowseal:no', null],
    ['*:*:*:*:', ''],
    ['', null],
  ])('%j gives %j', (text, expected) => expect(findPassword(text, use)).toBe(expected));

  it('calls the usual sockets localhost', () => {
    const text = 'localhost:*:*:*:local';
    expect(findPassword(text, { ...use, host: '/var/run/postgresql' })).toBe('local');
    expect(findPassword(text, { ...use, host: '/srv/socket' })).toBe(null);
  });

  it('finds what was written into it, whatever characters it has', () => {
    const field = fc.string({ minLength: 1 }).filter((value) => !/[\n\r\0]/.test(value) && value !== '*');
    const escaped = (value: string): string => value.replace(/[\\:]/g, '\\$&');
    fc.assert(
      fc.property(field, field, field, field, (host, database, user, password) => {
        fc.pre(!host.startsWith('#') && !host.startsWith('/'));
        const line = [host, '5432', database, user, password].map(escaped).join(':');
        expect(findPassword(`x:y\n${line}\n`, { host, port: 5432, database, user })).toBe(password);
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), (text) => {
        findPassword(text, use);
      }),
    );
  });
});

describe('a service file', () => {
  const text = `# ours
[other]
host=elsewhere
broken

[shop]
host=db1,db2
  user=rowseal
user=late
password=a=b
keepalives=1
[shop]
dbname=never
`;

  it('gives the first section of the name, and the first line for a parameter', () => {
    expect(Object.fromEntries(parseServiceFile(text, 'shop', 'f')!)).toEqual({
      host: 'db1,db2',
      user: 'rowseal',
      password: 'a=b',
    });
    expect(parseServiceFile(text, 'unknown', 'f')).toBe(null);
  });

  it.each([
    ['[shop]\nhost', 'RS-PG-048'],
    ['[shop]\nservice=other', 'RS-PG-048'],
    ['[shop]\nldap://x', 'RS-PG-048'],
    ['[shop\nhost=x', 'RS-PG-048'],
    ['[shop]\nhost = x', 'RS-PG-023'],
    ['[shop]\nhostaddr=10.0.0.1', 'RS-PG-023'],
  ])('%j is %s', (content, code) => {
    expect(() => parseServiceFile(content, 'shop', 'f')).toThrow(expect.objectContaining({ code }));
  });

  it('reads any text to settings or one of two errors, and quotes none of it', () => {
    // In capitals it is never the name of a parameter, which may be told.
    const line = fc.oneof(
      fc.constantFrom('[shop]', 'host=CANARY', 'password=CANARY', '#', ''),
      fc.string({ unit: 'binary-ascii' }).map((value) => `CANARY${value}`),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        try {
          parseServiceFile(lines.join('\n'), 'shop', 'f');
        } catch (thrown) {
          if (!isRowsealError(thrown)) throw thrown;
          expect(['RS-PG-023', 'RS-PG-048']).toContain(thrown.code);
          expect(`${thrown.message} ${thrown.fix}`).not.toMatch(/canary/i);
        }
      }),
    );
  });
});
