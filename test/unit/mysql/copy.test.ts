import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Chunk } from '../../../connectors/sources/mysql/chunk.ts';
import { CopyPlan } from '../../../connectors/sources/mysql/copy-plan.ts';
import {
  behind,
  cursorOf,
  haveSameKey,
  isCursorOf,
  keyParts,
  openCursor,
  sealCursor,
} from '../../../connectors/sources/mysql/key-cursor.ts';
import { rowKey } from '../../../src/capture/row-key.ts';
import { TouchedKeys } from '../../../src/capture/touched-keys.ts';
import { generateMaskKeyFile, MaskKeys } from '../../../src/mask/keys.ts';
import { PositionCipher } from '../../../src/mask/position-cipher.ts';
import { UNCHANGED } from '../../../src/model/cell.ts';
import { Op } from '../../../src/model/change.ts';
import { schema } from '../../support/policies.ts';

const INT = { kind: 'int', bits: 32, unsigned: false } as const;
const table = schema({ a: INT, b: null, c: null }, [0, 1]);
const [one, two, three] = ['one', 'two', 'three'].map((name) => ({ namespace: 'shop', name }));
const captured = [one!, two!, three!];

describe('TouchedKeys', () => {
  it('never forgets a key', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.string(), (keys, other) => {
        const touched = new TouchedKeys();
        expect(touched.mayHave(other)).toBe(false);
        for (const key of keys) touched.add(key);
        for (const key of keys) expect(touched.mayHave(key)).toBe(true);
        expect(TouchedKeys.all().mayHave(other)).toBe(true);
      }),
      { numRuns: 20 },
    );
  });

  it('is seldom wrong about others', () => {
    const touched = new TouchedKeys();
    for (let i = 0; i < 200_000; i++) touched.add(String(i));
    let wrong = 0;
    for (let i = 200_000; i < 300_000; i++) if (touched.mayHave(String(i))) wrong++;
    expect(wrong).toBeLessThan(500);
  });
});

describe('Chunk', () => {
  it('leaves out what the stream named, and replaces what the sinks may have', () => {
    const chunk = new Chunk(table);
    chunk.cells.push('1', 'x', 'p', '2', 'y', 'q', '3', 'z', 'r');
    chunk.count = 3;
    chunk.touch(rowKey(['2', 'y', 'new'], 0, table.key)!, 0);
    chunk.touch(rowKey(['9', 'y', 'new'], 0, table.key)!, 1);
    chunk.settle();
    const touched = new TouchedKeys();
    touched.add(rowKey(['3', 'z', ''], 0, table.key)!);
    const event = chunk.rows(touched);
    if (event?.kind !== 'rows') throw new Error('no rows');
    expect(event.run.cells).toEqual(['1', 'x', 'p', '3', 'z', 'r']);
    expect([...event.run.ops]).toEqual([Op.read, Op.update]);
    chunk.empty();
    expect(chunk.rows(touched)).toBeNull();
  });

  it('has rows again that a transaction named and took back, and no others', () => {
    const chunk = new Chunk(table);
    chunk.cells.push('1', 'x', 'p', '2', 'y', 'q', '3', 'z', 'r');
    chunk.count = 3;
    const key = (a: string, b: string): string => rowKey([a, b], 0, table.key)!;
    const left = (): unknown => {
      const event = chunk.rows(new TouchedKeys());
      return event?.kind === 'rows' ? event.run.cells.filter((_, i) => i % 3 === 0) : null;
    };
    chunk.touch(key('1', 'x'), 0);
    chunk.touch(key('2', 'y'), 0);
    chunk.undo(0);
    chunk.settle();
    expect(left()).toEqual(['1', '2', '3']);
    // Named before the savepoint and behind it.
    chunk.touch(key('1', 'x'), 0);
    chunk.touch(key('1', 'x'), 5);
    chunk.touch(key('2', 'y'), 5);
    chunk.undo(5);
    chunk.settle();
    expect(left()).toEqual(['2', '3']);
    chunk.undo(0);
    expect(left()).toEqual(['2', '3']);
  });

  it('has no key for an image without one, and no two keys alike', () => {
    expect(rowKey([UNCHANGED, 'x', 'y'], 0, [0])).toBeNull();
    fc.assert(
      fc.property(fc.tuple(fc.string(), fc.string()), fc.tuple(fc.string(), fc.string()), (a, b) => {
        if (a[0] !== b[0] || a[1] !== b[1]) expect(rowKey(a, 0, [0, 1])).not.toBe(rowKey(b, 0, [0, 1]));
      }),
    );
  });
});

describe('key cursor', () => {
  it('writes a condition that an index can follow, of literals only', () => {
    const parts = keyParts(table);
    expect(behind(parts, null)).toBe('');
    expect(behind(parts, cursorOf(parts, ['5', "x'"]))).toBe(
      " WHERE `a` >= 5 AND ((`a` > 5) OR (`a` = 5 AND `b` > _utf8mb4 X'7827'))",
    );
    expect(() => parts[0]!.literal('1 OR 1=1')).toThrow(RangeError);
  });

  it('is sealed in positions: unreadable, and refused when changed or of another key', () => {
    const file = generateMaskKeyFile();
    const cipher = new PositionCipher(MaskKeys.parse(file, 1));
    const seal = {
      seal: (_: unknown, text: string) => cipher.seal(text),
      open: (_: unknown, text: string) => cipher.open(text),
    };
    const cursor = { columns: ['a', 'b'], literals: ['5', "X'73656372657421'"] };
    const sealed = sealCursor(seal, table, cursor);
    expect(sealed).not.toContain('73656372657421');
    expect(openCursor(seal, table, sealed)).toEqual(cursor);
    expect(openCursor(seal, schema({ a: INT, c: null }, [0]), sealed)).toBeNull();
    expect(cipher.open(`${sealed.slice(0, -2)}AA`)).toBeNull();
    expect(new PositionCipher(MaskKeys.parse(file, 2)).open(sealed)).toBeNull();
    expect(new PositionCipher(MaskKeys.parse(generateMaskKeyFile(), 1)).open(sealed)).toBeNull();
  });

  it('belongs to the key that it was made for', () => {
    const cursor = cursorOf(keyParts(table), ['5', 'x']);
    expect(isCursorOf(table, cursor)).toBe(true);
    const others = [
      schema({ a: INT, b: null, c: null }, [0]),
      schema({ a: INT, b: null, c: null }, [1, 0]),
      schema({ a: INT, b: null, c: null }, [0, 1, 2]),
      schema({ a: INT, b: null, c: null }, []),
    ];
    for (const other of others) {
      expect(isCursorOf(other, cursor)).toBe(false);
      expect(haveSameKey(other, table)).toBe(false);
    }
    // Columns may come and go around the key.
    expect(haveSameKey(schema({ c: null, a: INT, b: null }, [1, 2]), table)).toBe(true);
  });
});

describe('CopyPlan', () => {
  it('goes through the tables, and on from any position', () => {
    const plan = CopyPlan.initial(captured, captured);
    expect(plan.state).toEqual({ phase: 'snapshot', copying: captured, copied: null });
    expect(plan.streams(one!)).toBe(false);
    plan.next();
    expect(plan.streams(one!)).toBe(true);
    plan.advance({ columns: ['id'], literals: ['1'] }, 'sealed 1');
    expect(plan.state).toEqual({ phase: 'snapshot', copying: captured, copied: 'sealed 1' });
    const resumed = CopyPlan.resume(captured, plan.state);
    expect(resumed.current).toMatchObject({ name: one, sealedCursor: 'sealed 1', cursor: null });
    expect(resumed.current!.touched.mayHave('anything')).toBe(true);
    expect(resumed.state).toEqual(plan.state);
    plan.finish();
    for (const _ of [two, three]) {
      plan.next();
      plan.finish();
    }
    expect(plan.done).toBe(true);
    expect(plan.state).toEqual({ phase: 'stream', copied: null });
    // A later copy is not the first one.
    plan.again(two!);
    expect(plan.state).toEqual({ phase: 'stream', copying: [two], copied: null });
    expect(plan.streams(two!)).toBe(false);
  });

  it('knows a table under any spelling where the server does, and calls it as the configuration does', () => {
    const typed = { namespace: 'SHOP', name: 'One' };
    const plan = CopyPlan.resume(captured, { phase: 'stream', copied: null }, true);
    expect(plan.captured(typed)).toEqual(one);
    expect(plan.inDatabase('Shop')).toEqual(captured);
    plan.again(one!);
    expect(plan.state.copying).toEqual([one]);
    const exact = CopyPlan.resume(captured, { phase: 'stream', copied: null });
    expect(exact.captured(typed)).toBeNull();
    expect(exact.inDatabase('Shop')).toEqual([]);
  });

  it('begins a table again that was begun without a row, or whose cursor says nothing any more', () => {
    const begun = CopyPlan.resume(captured, { phase: 'snapshot', copying: [two!, three!], copied: null });
    expect(begun.current).toBeNull();
    expect(begun.upcoming).toEqual(two);
    // Also of the last table the first copy is not finished before its end.
    const last = CopyPlan.resume(captured, { phase: 'snapshot', copying: [three!], copied: 'x' });
    expect(last.state).toEqual({ phase: 'snapshot', copying: [three], copied: 'x' });
    last.finish();
    expect(last.state).toEqual({ phase: 'stream', copied: null });
    const lost = CopyPlan.resume(captured, { phase: 'snapshot', copying: [two!, three!], copied: 'x' });
    lost.restart();
    expect(lost.state).toEqual({ phase: 'snapshot', copying: [two, three], copied: null });
    const gone = CopyPlan.resume([three!], { phase: 'stream', copying: [two!, three!], copied: 'x' });
    expect(gone.state.copying).toEqual([three]);
  });
});
