import { describe, expect, it } from 'vitest';
import {
  decodeLeaf,
  encodeLeaf,
  type JournalLeaf,
  recordPosition,
  restorePosition,
} from '../../../src/audit/journal-leaf.ts';
import { describePosition, type MysqlPosition } from '../../../src/model/position.ts';

const POSITION: MysqlPosition = {
  kind: 'mysql',
  flavor: 'mysql',
  server: '3e11fa47-71ca-11e1-9e33-c80aa9429562',
  gtidSet: '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5',
  place: { file: 'binlog.000042', offset: 4_294_967_300 },
  fileBegan: 1_700_000_000,
  prepared: [{ file: 'binlog.000041', offset: 99 }],
  copying: [{ namespace: 'shop', name: 'orders' }],
  copied: 'p1.1.abc',
  phase: 'snapshot',
};

const leaf = (position: MysqlPosition): JournalLeaf => ({
  group: 7,
  position,
  sealedAtUs: 1n,
  commitTimeUs: null,
  transactions: 1,
  rows: 0,
  bytes: 0,
  gaps: [],
  tables: [],
  keys: [],
});

describe('a MySQL position in the journal', () => {
  it('comes back as it was, in every form', () => {
    const { copying: _, ...streaming } = POSITION;
    for (const position of [
      POSITION,
      { ...streaming, copied: null, prepared: [], phase: 'stream' as const },
      { ...POSITION, gtidSet: null, fileBegan: null },
      { ...POSITION, flavor: 'mariadb' as const, gtidSet: '0-1-5' },
    ])
      expect(decodeLeaf(encodeLeaf(leaf(position))).position).toEqual(position);
  });

  it('is refused when a member is of another form', () => {
    const text = encodeLeaf(leaf(POSITION)).toString('utf8');
    for (const [from, to] of [
      ['"offset":4294967300', '"offset":"4294967300"'],
      ['"flavor":"mysql"', '"flavor":"other"'],
      ['[["binlog.000041",99]]', '[["binlog.000041"]]'],
      ['"phase":"snapshot"', '"phase":"other"'],
    ] as const) {
      expect(text).toContain(from);
      expect(() => decodeLeaf(Buffer.from(text.replace(from, to)))).toThrow();
    }
  });

  it('is short in a record: where its transaction begins', () => {
    const begin = { ...POSITION, place: { file: 'binlog.000040', offset: 158 } };
    const bytes = recordPosition(begin);
    expect(Buffer.from(bytes).toString('utf8')).toBe('binlog.000040:158');
    expect(restorePosition(POSITION, bytes)).toEqual(begin);
    expect(describePosition(begin)).toMatch(/^binlog\.000040:158 3e11fa47/);
  });
});
