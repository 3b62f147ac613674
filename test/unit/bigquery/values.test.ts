import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePgArray } from '../../../connectors/sinks/bigquery/pg-array.ts';
import { timestampText } from '../../../connectors/sinks/bigquery/timestamp-text.ts';
import { type BigqueryType, bigqueryType, keyType } from '../../../connectors/sinks/bigquery/types.ts';
import { converterTo, isExactNumber, Misfit } from '../../../connectors/sinks/bigquery/values.ts';
import type { ColumnType } from '../../../src/model/type.ts';
import { TEXT } from '../../support/masked.ts';

const choices = { json: 'json', arrays: 'json', unboundedNumeric: 'string' } as const;
const decimal = (precision: number | null, scale: number | null): ColumnType => ({
  kind: 'decimal',
  precision,
  scale,
});
const INT32: ColumnType = { kind: 'int', bits: 32, unsigned: false };
const shown = (type: BigqueryType, source: ColumnType, text: string): string | null => {
  const converted = converterTo(type, source)(text);
  return converted instanceof Misfit ? null : converted;
};

describe('types', () => {
  it.each<[ColumnType, BigqueryType]>([
    [{ kind: 'boolean' }, 'BOOL'],
    [INT32, 'INT64'],
    [{ kind: 'int', bits: 64, unsigned: false }, 'INT64'],
    [{ kind: 'int', bits: 64, unsigned: true }, 'BIGNUMERIC'],
    [decimal(12, 2), 'NUMERIC'],
    [decimal(38, 9), 'NUMERIC'],
    [decimal(39, 9), 'BIGNUMERIC'],
    [decimal(12, 10), 'BIGNUMERIC'],
    [decimal(76, 38), 'BIGNUMERIC'],
    [decimal(77, 38), 'STRING'],
    [decimal(65, 39), 'STRING'],
    [decimal(27, -2), 'NUMERIC'],
    [decimal(28, -2), 'BIGNUMERIC'],
    [decimal(null, null), 'STRING'],
    [{ kind: 'float', bits: 32 }, 'FLOAT64'],
    [TEXT, 'STRING'],
    [{ kind: 'bytes' }, 'BYTES'],
    [{ kind: 'date' }, 'DATE'],
    [{ kind: 'time', withZone: false }, 'TIME'],
    [{ kind: 'time', withZone: true }, 'STRING'],
    [{ kind: 'timestamp', withZone: false }, 'DATETIME'],
    [{ kind: 'timestamp', withZone: true }, 'TIMESTAMP'],
    [{ kind: 'interval' }, 'STRING'],
    [{ kind: 'uuid' }, 'STRING'],
    [{ kind: 'json' }, 'JSON'],
    [{ kind: 'enum', labels: ['a'] }, 'STRING'],
    [{ kind: 'array', element: INT32 }, 'JSON'],
    [{ kind: 'other' }, 'STRING'],
  ])('%j is %s', (type, expected) => expect(bigqueryType(type, choices)).toBe(expected));

  it('have other choices', () => {
    const other = { json: 'string', arrays: 'repeated', unboundedNumeric: 'bignumeric' } as const;
    expect(bigqueryType({ kind: 'json' }, other)).toBe('STRING');
    expect(bigqueryType({ kind: 'array', element: INT32 }, other)).toBe('ARRAY<INT64>');
    expect(bigqueryType(decimal(null, null), other)).toBe('BIGNUMERIC');
  });

  it('of keys can be compared and declared', () => {
    expect(keyType({ kind: 'float', bits: 64 }, choices)).toBe('STRING');
    expect(keyType({ kind: 'json' }, choices)).toBe('STRING');
    expect(keyType({ kind: 'time', withZone: false }, choices)).toBe('STRING');
    expect(keyType({ kind: 'date' }, choices)).toBe('DATE');
  });
});

describe('values', () => {
  it.each<[BigqueryType, ColumnType, readonly string[], readonly string[]]>([
    ['INT64', INT32, ['0', '-2147483648', '2147483647'], ['2147483648', '', '1.0', '-', '1e3']],
    [
      'INT64',
      { kind: 'int', bits: 64, unsigned: false },
      ['9223372036854775807', '-9223372036854775808'],
      ['9223372036854775808', '-9223372036854775809', '99999999999999999999'],
    ],
    ['BOOL', { kind: 'boolean' }, ['t', 'f'], ['maybe', '', '1']],
    [
      'NUMERIC',
      decimal(38, 9),
      ['99999999999999999999999999999.999999999', '0', '-0.5'],
      ['NaN', 'Infinity', '1.0000000001', '100000000000000000000000000000', '', '.', '1e3'],
    ],
    [
      'BIGNUMERIC',
      decimal(76, 38),
      [`${'9'.repeat(38)}.${'9'.repeat(38)}`],
      [`1${'0'.repeat(38)}`, `0.${'0'.repeat(38)}1`, 'NaN'],
    ],
    ['FLOAT64', { kind: 'float', bits: 64 }, ['NaN', '-Infinity', '1e-300', '-0'], ['1e999', 'x', '']],
    [
      'DATE',
      { kind: 'date' },
      ['0001-01-01', '9999-12-31', '2024-02-29'],
      ['0000-00-00', '10000-01-01', '2023-02-29', '0044-03-15 BC', 'infinity'],
    ],
    [
      'TIME',
      { kind: 'time', withZone: false },
      ['23:59:59.999999', '00:00:00'],
      ['24:00:00', '-838:59:59', '12:00', '12:00:00.'],
    ],
    [
      'DATETIME',
      { kind: 'timestamp', withZone: false },
      ['0001-01-01 00:00:00', '9999-12-31 23:59:59.999999'],
      ['infinity', '10000-01-01 00:00:00', '2026-01-01 25:00:00', '0044-03-15 12:00:00 BC'],
    ],
    [
      'TIMESTAMP',
      { kind: 'timestamp', withZone: true },
      ['1969-12-31 23:59:59.999999+00'],
      ['2026-01-01 00:00:00+02', '2026-01-01 00:00:00', '-infinity'],
    ],
    [
      'JSON',
      { kind: 'json' },
      [
        '{}',
        'null',
        '18446744073709551615',
        '-9223372036854775808',
        '0.1',
        '1e10',
        '{"12345678901234567890123":"12345678901234567890123"}',
      ],
      [
        '',
        '{',
        '18446744073709551616',
        '0.1234567890123456789',
        '1e400',
        `${'['.repeat(501)}${']'.repeat(501)}`,
      ],
    ],
  ])('%s holds what it can, and nothing else', (type, source, good, bad) => {
    for (const text of good) expect(shown(type, source, text), text).not.toBeNull();
    for (const text of bad) expect(shown(type, source, text), text).toBeNull();
  });

  it('equal numbers are equal texts, so that a key is met once', () => {
    const normal = (text: string) => shown('NUMERIC', decimal(12, 2), text);
    expect([normal('1.50'), normal('01.5'), normal('-0.00'), normal('100')]).toEqual([
      '1.5',
      '1.5',
      '0',
      '100',
    ]);
  });

  it('bytes become base64', () => expect(shown('BYTES', { kind: 'bytes' }, '\\xdeadbeef')).toBe('3q2+7w=='));

  it('text is whole Unicode of a bearable length', () => {
    expect(shown('STRING', TEXT, 'a\ud800')).toBeNull();
    expect(shown('STRING', TEXT, 'x'.repeat(9_000_001))).toBeNull();
    expect(shown('STRING', TEXT, '😀')).toBe('😀');
  });

  it('arrays keep dimensions and NULLs as JSON; numbers that JSON would round stay text', () => {
    const ints: ColumnType = { kind: 'array', element: { kind: 'int', bits: 64, unsigned: false } };
    expect(shown('JSON', ints, '{1,NULL,{2}}')).toBe('[1,null,[2]]');
    expect(shown('JSON', { kind: 'array', element: decimal(40, 20) }, '{0.12345678901234567890}')).toBe(
      '["0.12345678901234567890"]',
    );
    expect(shown('JSON', { kind: 'array', element: { kind: 'boolean' } }, '{t,f}')).toBe('[true,false]');
    expect(shown('ARRAY<INT64>', ints, '{1,2}')).toBe('["1","2"]');
    expect(shown('ARRAY<INT64>', ints, '{1,NULL}')).toBeNull();
    expect(shown('ARRAY<INT64>', ints, '{{1},{2}}')).toBeNull();
  });

  it('arrays of any text are read as Postgres writes them', () => {
    const quoted = (items: readonly string[]): string =>
      `{${items.map((item) => `"${item.replace(/[\\"]/g, '\\$&')}"`).join(',')}}`;
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), (items) => {
        expect(parsePgArray(quoted(items))).toEqual(items);
      }),
    );
    for (const bad of ['', '{', '}', '{a', '{a,}', '{"a}', 'a', '{}x'])
      expect(parsePgArray(bad), bad).toBeNull();
  });

  it('a number is exact when JSON gives back its digits', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        expect(isExactNumber(String(value))).toBe(true);
      }),
    );
    expect(isExactNumber('1.50e3')).toBe(true);
    expect(isExactNumber('9007199254740993.5')).toBe(false);
  });

  it('microseconds become text, before 1970 too', () => {
    expect(timestampText(1_700_000_000_000_001n)).toBe('2023-11-14 22:13:20.000001+00');
    expect(timestampText(-1n)).toBe('1969-12-31 23:59:59.999999+00');
  });
});
