import type { ColumnType } from '../../../src/model/type.ts';
import { TEXT } from '../masked.ts';

export interface ExtremeValues {
  readonly type: ColumnType;
  readonly values: readonly string[];
}

const integer = (bits: 8 | 16 | 24 | 32 | 64, unsigned: boolean): ExtremeValues => ({
  type: { kind: 'int', bits, unsigned },
  values: unsigned
    ? ['0', String(2n ** BigInt(bits) - 1n)]
    : ['0', '-1', String(-(2n ** BigInt(bits - 1))), String(2n ** BigInt(bits - 1) - 1n)],
});

const texts = [
  '',
  ' ',
  '  padded  ',
  'NULL',
  'null',
  '\\N',
  '\\.',
  'a\tb\nc\r\\d',
  '"quoted" \'single\'',
  'a,b;c|d',
  '\u001e',
  'one\u001ftwo\u001ethree',
  '\u0001\u0008\u007f',
  '\ufeffbom',
  'é e\u0301 ß',
  '日本語 😀 👩‍👩‍👧',
  '\u202eright to left',
  '=cmd()',
  '{"a":1}',
  'x'.repeat(70_000),
];

/** Values at the ends of every canonical type: what a source may send, and a warehouse must hold or keep aside. */
export const extremeValues: readonly ExtremeValues[] = [
  { type: { kind: 'boolean' }, values: ['t', 'f'] },
  ...([8, 16, 24, 32, 64] as const).flatMap((bits) => [integer(bits, false), integer(bits, true)]),
  {
    type: { kind: 'decimal', precision: 12, scale: 2 },
    values: ['0.00', '-0.01', '9999999999.99', '-9999999999.99', 'NaN'],
  },
  {
    type: { kind: 'decimal', precision: 38, scale: 9 },
    values: ['99999999999999999999999999999.999999999', '-0.000000001'],
  },
  { type: { kind: 'decimal', precision: 65, scale: 30 }, values: [`${'9'.repeat(35)}.${'9'.repeat(30)}`] },
  {
    type: { kind: 'decimal', precision: null, scale: null },
    values: ['0', `1${'0'.repeat(200)}`, `0.${'0'.repeat(200)}1`, 'NaN', 'Infinity', '-Infinity', '1.10'],
  },
  { type: { kind: 'decimal', precision: 3, scale: -2 }, values: ['99900', '-100'] },
  {
    type: { kind: 'float', bits: 64 },
    values: ['0', '-0', '5e-324', '1.7976931348623157e+308', '0.1', 'NaN', 'Infinity', '-Infinity'],
  },
  {
    type: { kind: 'float', bits: 32 },
    values: ['0', '1e-45', '3.4028235e+38', '0.1', 'NaN', 'Infinity', '-Infinity'],
  },
  { type: TEXT, values: texts },
  { type: { kind: 'text', maxLength: 5, padded: true }, values: ['abc  ', '     ', '日本語  '] },
  { type: { kind: 'bytes' }, values: ['\\x', '\\x00', '\\xdeadbeef', `\\x${'00ff'.repeat(5_000)}`] },
  {
    type: { kind: 'date' },
    values: [
      '1970-01-01',
      '0001-01-01',
      '9999-12-31',
      '10000-01-01',
      '0044-03-15 BC',
      '4713-01-01 BC',
      'infinity',
      '-infinity',
    ],
  },
  {
    type: { kind: 'time', withZone: false },
    values: ['00:00:00', '23:59:59.999999', '24:00:00', '12:30:00.1'],
  },
  {
    type: { kind: 'time', withZone: true },
    values: ['00:00:00+00', '23:59:59.999999-15:59', '12:00:00+05:30'],
  },
  {
    type: { kind: 'timestamp', withZone: false },
    values: [
      '1970-01-01 00:00:00',
      '1969-12-31 23:59:59.999999',
      '0001-01-01 00:00:00',
      '9999-12-31 23:59:59.999999',
      '4713-01-01 00:00:00 BC',
      '294276-12-31 23:59:59.999999',
      'infinity',
      '-infinity',
    ],
  },
  {
    type: { kind: 'timestamp', withZone: true },
    values: [
      '1970-01-01 00:00:00+00',
      '0001-01-01 00:00:00+00',
      '9999-12-31 23:59:59.999999+00',
      '0044-03-15 12:00:00+00 BC',
      '294276-12-31 23:59:59.999999+00',
      'infinity',
      '-infinity',
    ],
  },
  {
    type: { kind: 'interval' },
    values: ['00:00:00', '1 year 2 mons 3 days 04:05:06.789', '-178000000 years', '-1 days +02:03:00'],
  },
  {
    type: { kind: 'uuid' },
    values: ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff'],
  },
  {
    type: { kind: 'json' },
    values: [
      'null',
      '{}',
      '[]',
      '"text"',
      '12345678901234567890123',
      '{"a":{"b":[1,2.50,{"c":null}]},"é":"😀"}',
      '{"big":0.1234567890123456789}',
      '"\\u0000"',
    ],
  },
  { type: { kind: 'enum', labels: ['a', 'B c', 'é'] }, values: ['a', 'B c', 'é'] },
  {
    type: { kind: 'array', element: { kind: 'int', bits: 32, unsigned: false } },
    values: ['{}', '{1,NULL,3}', '{{1,2},{3,4}}', '[0:1]={7,8}'],
  },
  {
    type: { kind: 'array', element: TEXT },
    values: ['{}', '{""}', '{"a,b","c\\"d","NULL",NULL}', '{"{}","\\\\"}', '{é,😀}'],
  },
  { type: { kind: 'array', element: { kind: 'other' } }, values: ['{(1,1),(0,0);(2,2),(1,1)}'] },
  { type: { kind: 'other' }, values: ['192.168.0.1/24', '[1,5)', '(1,2)', "'a':1 'b':2"] },
];

/** Values that a type cannot hold: after a method that gives text of its own, or from a source with laxer rules. */
export const unfitValues: readonly ExtremeValues[] = [
  { type: { kind: 'boolean' }, values: ['maybe', ''] },
  { type: { kind: 'int', bits: 16, unsigned: false }, values: ['32768', '1.5', 'x', ''] },
  { type: { kind: 'int', bits: 64, unsigned: true }, values: ['18446744073709551616', '-1'] },
  { type: { kind: 'decimal', precision: 6, scale: 2 }, values: ['12345.67', '1.234', 'x'] },
  { type: { kind: 'float', bits: 64 }, values: ['1e999', 'x'] },
  { type: { kind: 'bytes' }, values: ['\\xzz', '\\x123', 'plain'] },
  { type: { kind: 'date' }, values: ['0000-00-00', '2026-02-30', 'x'] },
  { type: { kind: 'time', withZone: false }, values: ['-838:59:59', '25:00:00'] },
  { type: { kind: 'timestamp', withZone: false }, values: ['0000-00-00 00:00:00', '2026-01-01 25:00:00'] },
  { type: { kind: 'uuid' }, values: ['not-a-uuid'] },
  { type: { kind: 'json' }, values: ['{', ''] },
  { type: TEXT, values: ['nul \u0000 in text'] },
];
