import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MariadbGtidPosition } from '../../../src/model/mariadb-gtid.ts';

const at = (text: string): MariadbGtidPosition => {
  const parsed = MariadbGtidPosition.parse(text);
  if (parsed === null) throw new Error(`not a position: ${text}`);
  return parsed;
};

describe('MariadbGtidPosition', () => {
  it('reads and prints, domains ascending', () => {
    expect(String(at(''))).toBe('');
    expect(String(at('10-2-7, 0-1-18446744073709551615'))).toBe('0-1-18446744073709551615,10-2-7');
    for (const text of [
      '0-1',
      '0-1-2,',
      'a-1-2',
      '0-1-2,0-1-3',
      '4294967296-1-1',
      '0-1-18446744073709551616',
    ])
      expect(MariadbGtidPosition.parse(text), text).toBeNull();
  });

  it('knows whether it got as far as another', () => {
    expect(at('0-1-5').reaches(at('0-2-5'))).toBe(true);
    expect(at('0-1-5,1-1-1').reaches(at('0-1-4'))).toBe(true);
    expect(at('0-1-5').reaches(at('0-1-6'))).toBe(false);
    expect(at('0-1-5').reaches(at('0-1-5,1-1-1'))).toBe(false);
    expect(at('0-1-5').reaches(at(''))).toBe(true);
  });

  it('takes the newest of a domain, and copies stay apart', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            domain: fc.integer({ min: 0, max: 3 }),
            serverId: fc.integer({ min: 1, max: 9 }),
            sequence: fc.bigInt({ min: 1n, max: 1000n }),
          }),
        ),
        (gtids) => {
          const position = new MariadbGtidPosition();
          const model = new Map<number, string>();
          for (const gtid of gtids) {
            const before = position.copy();
            const text = String(before);
            position.add(gtid);
            expect(String(before)).toBe(text);
            model.set(gtid.domain, `${gtid.domain}-${gtid.serverId}-${gtid.sequence}`);
          }
          const expected = [...model].sort(([a], [b]) => a - b).map(([, gtid]) => gtid);
          expect(String(position)).toBe(expected.join(','));
          expect(String(at(String(position)))).toBe(String(position));
        },
      ),
    );
  });
});
