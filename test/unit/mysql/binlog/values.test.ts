import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { charsetOf } from '../../../../connectors/sources/mysql/binlog/charset.ts';
import { builtinCharset } from '../../../../connectors/sources/mysql/binlog/collation.ts';
import { writePadded, writeUnsigned } from '../../../../connectors/sources/mysql/binlog/digits.ts';
import { float32Text, float64Text } from '../../../../connectors/sources/mysql/binlog/float-text.ts';
import { geometryText } from '../../../../connectors/sources/mysql/binlog/geometry-text.ts';
import { writeUnsigned64 } from '../../../../connectors/sources/mysql/binlog/integer-cell.ts';
import { inet6Text } from '../../../../connectors/sources/mysql/binlog/network-address.ts';
import { mariadbUuidText } from '../../../../connectors/sources/mysql/binlog/uuid-text.ts';

/**
 * What PostgreSQL 18 prints, bytes of the number in big-endian hexadecimal first: powers of two and ten, edges, and
 * any.
 */
const postgres = JSON.parse(
  readFileSync(new URL('../../../golden/mysql/postgres-floats.jsonl', import.meta.url), 'utf8'),
) as Readonly<Record<'float32' | 'float64', readonly (readonly [string, string])[]>>;

describe('floats', () => {
  it('are what Postgres prints', () => {
    const wrong = [
      ...postgres.float32.filter(
        ([hex, text]) => float32Text(Buffer.from(hex, 'hex').readFloatBE(0)) !== text,
      ),
      ...postgres.float64.filter(
        ([hex, text]) => float64Text(Buffer.from(hex, 'hex').readDoubleBE(0)) !== text,
      ),
    ];
    expect(wrong).toEqual([]);
  });

  it('read back as the same number', () => {
    fc.assert(
      fc.property(fc.double(), (value) => {
        expect(Object.is(Number(float64Text(value)), value)).toBe(true);
      }),
    );
    fc.assert(
      fc.property(fc.float(), (value) => {
        expect(Object.is(Math.fround(Number(float32Text(value))), value)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('digits', () => {
  const out = Buffer.alloc(40);
  it('of any unsigned integer', () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), (value) => {
        expect(out.latin1Slice(0, writeUnsigned(out, 0, value))).toBe(String(value));
      }),
    );
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }), (value) => {
        const end = writeUnsigned64(out, 0, Number(value >> 32n), Number(value & 0xffff_ffffn));
        expect(out.latin1Slice(0, end)).toBe(String(value));
      }),
      { numRuns: 3000 },
    );
    for (let power = 1n; power < 1n << 64n; power *= 10n)
      for (const value of [power - 1n, power, power + 1n]) {
        const end = writeUnsigned64(out, 0, Number(value >> 32n), Number(value & 0xffff_ffffn));
        expect(out.latin1Slice(0, end)).toBe(String(value));
      }
  });

  it('with zeros in front', () => {
    fc.assert(
      fc.property(fc.nat(999_999_999), (value) => {
        expect(out.latin1Slice(0, writePadded(out, 0, value, 9))).toBe(String(value).padStart(9, '0'));
      }),
    );
  });
});

describe('character sets', () => {
  const decode = (charset: string, hex: string): string | null => {
    const bytes = Buffer.from(hex, 'hex');
    return charsetOf(charset)!.decode(bytes, 0, bytes.length);
  };

  it('are as the server converts them', () => {
    expect(decode('latin1', '8081ff')).toBe('€\x81ÿ');
    expect(decode('sjis', '815f8160')).toBe('\\〜');
    expect(decode('cp932', '8160f940')).toBe('～\ue69c');
    expect(decode('ujis', '8fa2b7f5a1')).toBe('~\ue000');
    expect(decode('ucs2', '20ac')).toBe('€');
    expect(decode('utf16', 'd83dde00')).toBe('😀');
    expect(decode('utf16le', '3dd800de')).toBe('😀');
    expect(decode('utf32', '0001f600')).toBe('😀');
    expect(decode('swe7', '5b5c5d')).toBe('ÄÖÅ');
  });

  it.each([
    ['utf8mb4', 'ff'],
    ['utf8mb4', 'c3'],
    ['utf8mb4', 'eda080'],
    ['ascii', '80'],
    ['cp1250', '81'],
    ['sjis', '81'],
    ['gbk', '8130'],
    ['gb18030', '8130'],
    ['ujis', '8fa2'],
    ['utf16', 'd83d'],
    ['utf16', '00'],
    ['utf32', '00110000'],
    ['utf32', '0000d800'],
    ['swe7', 'c4'],
  ])('%s has no text for %s', (charset, hex) => {
    expect(decode(charset, hex)).toBe(null);
  });

  it('have one decoder for each collation of the built-in table', () => {
    for (let id = 1; id < 4096; id++) {
      const name = builtinCharset(id);
      if (name !== undefined && name !== 'binary') expect(charsetOf(name)?.name).toBe(name);
    }
    expect([builtinCharset(63), builtinCharset(255), builtinCharset(2304), builtinCharset(1057)]).toEqual([
      'binary',
      'utf8mb4',
      'utf8mb4',
      'utf8mb3',
    ]);
    expect(builtinCharset(0)).toBe(undefined);
    expect(builtinCharset(65_000)).toBe(undefined);
  });
});

describe('other values', () => {
  it('a geometry is what PostGIS prints, the SRID inside', () => {
    const point = Buffer.from('e61000000101000000000000000000f03f0000000000000040', 'hex');
    expect(geometryText(point, 0, point.length)).toBe('0101000020E6100000000000000000F03F0000000000000040');
    point.fill(0, 0, 4);
    expect(geometryText(point, 0, point.length)).toBe('0101000000000000000000F03F0000000000000040');
  });

  it('an address is what MariaDB prints', () => {
    const text = (hex: string): string => inet6Text(Buffer.from(hex, 'hex'));
    expect(text('00000000000000000000000000000000')).toBe('::');
    expect(text('20010db8000000000000000000000001')).toBe('2001:db8::1');
    expect(text('00000000000000000000ffffc0000280')).toBe('::ffff:192.0.2.128');
    expect(text('00010002000300040005000600070008')).toBe('1:2:3:4:5:6:7:8');
  });

  it('a UUID is turned back where MariaDB turned it', () => {
    expect(mariadbUuidText(Buffer.from('00a0c91e6bf6a76511d07decf81d4fae', 'hex'))).toBe(
      'f81d4fae-7dec-11d0-a765-00a0c91e6bf6',
    );
    expect(mariadbUuidText(Buffer.from('017f22e279b07cc398c4dc0c0c07398f', 'hex'))).toBe(
      '017f22e2-79b0-7cc3-98c4-dc0c0c07398f',
    );
  });
});
