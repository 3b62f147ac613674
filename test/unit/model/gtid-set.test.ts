import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GtidSet } from '../../../src/model/gtid-set.ts';

const A = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const B = 'aaaaaaaa-71ca-11e1-9e33-c80aa9429562';
const set = (text: string): GtidSet => {
  const parsed = GtidSet.parse(text);
  if (parsed === null) throw new Error(`not a set: ${text}`);
  return parsed;
};

/** The slow truth: every identifier as a text of its own. */
type Model = ReadonlySet<string>;
const identifiers = fc.array(
  fc.record({
    uuid: fc.constantFrom(A, B),
    tag: fc.constantFrom('', 'one', 'two'),
    number: fc.bigInt({ min: 1n, max: 12n }),
  }),
  { maxLength: 40 },
);
const model = (items: readonly { uuid: string; tag: string; number: bigint }[]): Model =>
  new Set(items.map((item) => `${item.uuid}:${item.tag}:${item.number}`));
const built = (items: readonly { uuid: string; tag: string; number: bigint }[]): GtidSet => {
  const result = new GtidSet();
  for (const item of items) result.add(item.uuid, item.tag, item.number);
  return result;
};
const spread = (s: GtidSet): Model => {
  const all = new Set<string>();
  for (const { uuid, tag, intervals } of s.ranges())
    for (const { first, last } of intervals)
      for (let n = first; n <= last; n++) all.add(`${uuid}:${tag}:${n}`);
  return all;
};

describe('GtidSet', () => {
  it('reads what servers print and prints one form', () => {
    expect(String(set(''))).toBe('');
    expect(String(set(`${B}:1,\n ${A}:7:1-3:4-5`))).toBe(`${A}:1-5:7,${B}:1`);
    expect(String(set(`${A.toUpperCase()}:1-3:Tag_1:5:1:other:2`))).toBe(`${A}:1-3:other:2:tag_1:1:5`);
    expect(String(set(`${A}:tag:1, ${A}:4`))).toBe(`${A}:4:tag:1`);
  });

  it('refuses what is no set', () => {
    for (const text of [
      'x',
      A,
      `${A}:`,
      `${A}:0`,
      `${A}:3-2`,
      `${A}:1,`,
      `${A}:tag`,
      `${A}:a:b:1`,
      `${A}:1-9223372036854775808`,
      `${A}:1;${B}:1`,
      `${A}:9tag:1`,
      `${A.slice(1)}:1`,
    ])
      expect(GtidSet.parse(text), text).toBeNull();
  });

  it('is the set of its identifiers', () => {
    fc.assert(
      fc.property(identifiers, (items) => {
        const s = built(items);
        expect(spread(s)).toEqual(model(items));
        for (const item of items) expect(s.has(item.uuid, item.tag, item.number)).toBe(true);
        expect(s.has(A, '', 99n)).toBe(false);
        expect(String(set(String(s)))).toBe(String(s));
        expect(s.empty).toBe(items.length === 0);
        expect(s.tagged).toBe(items.some((item) => item.tag !== ''));
      }),
    );
  });

  it('union, subtract and contains are those of sets', () => {
    fc.assert(
      fc.property(identifiers, identifiers, (one, two) => {
        const [a, b, ma, mb] = [built(one), built(two), model(one), model(two)];
        expect(spread(a.union(b))).toEqual(new Set([...ma, ...mb]));
        expect(spread(a.subtract(b))).toEqual(new Set([...ma].filter((item) => !mb.has(item))));
        expect(a.contains(b)).toBe([...mb].every((item) => ma.has(item)));
        // Nothing of it changes its operands.
        expect(spread(a)).toEqual(ma);
        expect(spread(b)).toEqual(mb);
      }),
    );
  });

  it('holds neighbours in one interval, whatever the order', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([1n, 2n, 3n, 4n, 5n, 7n, 8n], { minLength: 7 }), (order) => {
        const s = new GtidSet();
        for (const number of order) s.add(A, '', number);
        expect(String(s)).toBe(`${A}:1-5:7-8`);
      }),
    );
  });
});
