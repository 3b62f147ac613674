import { describe, expect, it } from 'vitest';
import { columnTypeNamed } from '../../../src/model/type-name.ts';

describe('types by name', () => {
  it.each([
    ['bigint', { kind: 'int', bits: 64, unsigned: false }],
    ['INT UNSIGNED', { kind: 'int', bits: 32, unsigned: true }],
    ['int(11)', { kind: 'int', bits: 32, unsigned: false }],
    ['numeric', { kind: 'decimal', precision: null, scale: null }],
    ['numeric(10, 2)', { kind: 'decimal', precision: 10, scale: 2 }],
    ['decimal(5)', { kind: 'decimal', precision: 5, scale: 0 }],
    ['double precision', { kind: 'float', bits: 64 }],
    ['character varying(80)', { kind: 'text', maxLength: 80, padded: false }],
    ['varchar', { kind: 'text', maxLength: null, padded: false }],
    ['char', { kind: 'text', maxLength: 1, padded: true }],
    ['character(3)', { kind: 'text', maxLength: 3, padded: true }],
    ['timestamp(3) with time zone', { kind: 'timestamp', withZone: true }],
    ['timestamp without time zone', { kind: 'timestamp', withZone: false }],
    ['timestamptz', { kind: 'timestamp', withZone: true }],
    ['time with time zone', { kind: 'time', withZone: true }],
    ['datetime(6)', { kind: 'timestamp', withZone: false }],
    ['jsonb', { kind: 'json' }],
    ['inet', { kind: 'other' }],
    ["enum('new', 'old')", { kind: 'enum', labels: ['new', 'old'] }],
    ['enum(Low, High)', { kind: 'enum', labels: ['Low', 'High'] }],
    ['text[]', { kind: 'array', element: { kind: 'text', maxLength: null, padded: false } }],
    [
      'numeric(4,1)[][]',
      { kind: 'array', element: { kind: 'array', element: { kind: 'decimal', precision: 4, scale: 1 } } },
    ],
  ])('%s', (name, type) => expect(columnTypeNamed(name)).toEqual(type));

  it.each(['', 'texd', 'constructor', '__proto__', 'mood[]', 'date of birth'])('knows no `%s`', (name) =>
    expect(columnTypeNamed(name)).toBeNull(),
  );
});
