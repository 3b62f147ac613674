import { describe, expect, it } from 'vitest';
import type { MaskedColumn, MaskedTable } from '../../../src/model/masked.ts';
import { formatLsn, parseLsn } from '../../../src/model/position.ts';
import { diffTables } from '../../../src/model/schema-diff.ts';
import type { ColumnType } from '../../../src/model/type.ts';

const text: ColumnType = { kind: 'text', maxLength: null, padded: false };
const int: ColumnType = { kind: 'int', bits: 64, unsigned: false };
const column = (id: string | null, name: string, type: ColumnType = text, method = 'keep'): MaskedColumn => ({
  id,
  name,
  type,
  sourceType: 'text',
  method,
});
const table = (...columns: MaskedColumn[]): MaskedTable => ({
  namespace: 'n',
  name: 't',
  columns,
  key: [],
  policy: '{}',
  keyEpoch: 1,
  keyFingerprint: '0'.repeat(16),
});

describe('schema steps', () => {
  it('finds a rename by identity, where the source has one', () => {
    const steps = diffTables(table(column('1', 'a')), table(column('1', 'b')));
    expect(steps).toEqual([{ kind: 'rename-column', from: column('1', 'a'), to: column('1', 'b') }]);
  });

  it('without identities a rename is a drop and an add, drop first', () => {
    expect(diffTables(table(column(null, 'a')), table(column(null, 'b'))).map((s) => s.kind)).toEqual([
      'drop-column',
      'add-column',
    ]);
  });

  it('a column dropped and added again under its name is another column', () => {
    expect(diffTables(table(column('1', 'a')), table(column('2', 'a'))).map((s) => s.kind)).toEqual([
      'drop-column',
      'add-column',
    ]);
  });

  it('sees a new type, and a policy that begins to drop', () => {
    expect(diffTables(table(column('1', 'a')), table(column('1', 'a', int))).map((s) => s.kind)).toEqual([
      'retype-column',
    ]);
    expect(
      diffTables(table(column('1', 'a')), table(column('1', 'a', text, 'drop'))).map((s) => s.kind),
    ).toEqual(['drop-column']);
  });

  it('finds nothing between equal versions', () => {
    expect(diffTables(table(column('1', 'a', int)), table(column('1', 'a', { ...int })))).toEqual([]);
  });
});

describe('the text of an LSN', () => {
  it.each([
    ['0/0', 0n],
    ['16/B374D848', 0x16_b374_d848n],
    ['FFFFFFFF/FFFFFFFF', 0xffff_ffff_ffff_ffffn],
  ])('%s', (text, lsn) => {
    expect(parseLsn(text)).toBe(lsn);
    expect(formatLsn(lsn)).toBe(text);
  });

  it.each(['', '0', '0/', '/0', '0/123456789', 'x/1', '1/1 '])('refuses %j', (text) => {
    expect(parseLsn(text)).toBeNull();
  });
});
