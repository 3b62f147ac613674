import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Chunk } from '../../../connectors/sources/postgres/chunk.ts';
import { CopyPlan } from '../../../connectors/sources/postgres/copy-plan.ts';
import { CopyProgress } from '../../../connectors/sources/postgres/copy-progress.ts';
import {
  among,
  behind,
  type CopyCursor,
  type KeyOperators,
  type KeyOrder,
  keyText,
  openCursor,
  sealCursor,
} from '../../../connectors/sources/postgres/key-cursor.ts';
import { Pace } from '../../../connectors/sources/postgres/pace.ts';
import { slotWarnings } from '../../../connectors/sources/postgres/slot-watch.ts';
import { UnseenTransactions, Visibility } from '../../../connectors/sources/postgres/visibility.ts';
import { rowKey } from '../../../src/capture/row-key.ts';
import { TouchedKeys } from '../../../src/capture/touched-keys.ts';
import { type RawCell, UNCHANGED } from '../../../src/model/cell.ts';
import { Image, Op, type RowRun } from '../../../src/model/change.ts';
import { schema } from '../../support/policies.ts';

const table = schema({ id: null, note: null, big: null }, [0]);
const order: KeyOrder = {
  columns: [{ name: 'id', index: 0, type: 'text', operators: null, usual: true }],
  identity: 'by id',
};
/** Shows transactions below 100, but 50. */
const snapshot = Visibility.parse('50:100:50');

interface Change {
  readonly op: Op;
  readonly before?: RawCell[];
  readonly after?: RawCell[];
}

function run(...changes: Change[]): RowRun {
  return {
    table,
    count: changes.length,
    ops: Uint8Array.from(changes.map(({ op }) => op)),
    images: Uint8Array.from(
      changes.map(({ before, after }) => (before ? Image.before : 0) | (after ? Image.after : 0)),
    ),
    cells: changes.flatMap(({ before = [], after = [] }) => [...before, ...after]),
    firstOrdinal: 0,
    bytes: 0,
  };
}

const inserted = (...after: RawCell[]): Change => ({ op: Op.create, after });
const updated = (...after: RawCell[]): Change => ({ op: Op.update, after });
const moved = (from: string, ...after: RawCell[]): Change => ({
  op: Op.update,
  before: [from, UNCHANGED, UNCHANGED],
  after,
});
const deleted = (key: string): Change => ({ op: Op.delete, before: [key, UNCHANGED, UNCHANGED] });

function chunkOf(rows: RawCell[][], before: (chunk: Chunk) => void = () => {}): Chunk {
  const chunk = new Chunk(new UnseenTransactions());
  before(chunk);
  chunk.under(snapshot, table, order);
  for (const row of rows) chunk.cells.push(...row);
  chunk.count = rows.length;
  chunk.complete();
  return chunk;
}

function left(chunk: Chunk, touched = new TouchedKeys()): string[] {
  const rows = chunk.rows(touched);
  if (rows === null) return [];
  return [...rows.ops].map(
    (op, i) =>
      `${op} ${rows.cells
        .slice(i * 3, i * 3 + 3)
        .map(String)
        .join(' ')}`,
  );
}

describe('what a snapshot shows', () => {
  it('is what ended before it, on a circle of 32-bit ids', () => {
    const shown = Visibility.parse('4294967290:4294967300:4294967295,4294967297');
    // 4294967296 is 0 as pgoutput sends it.
    expect([4294967289, 4294967295, 0, 1, 3, 4, 5].map((xid) => shown.shows(xid))).toEqual([
      true,
      false,
      true,
      false,
      true,
      false,
      false,
    ]);
  });

  it('is waited for until it is all that came before', () => {
    const unseen = new UnseenTransactions([10, 50, 99]);
    const earlier = unseen.copy();
    expect(unseen.forget(snapshot)).toBe(false);
    expect(unseen.size).toBe(1);
    unseen.add(120);
    expect(unseen.forget(Visibility.parse('110:110:'))).toBe(false);
    expect(earlier.forget(Visibility.parse('110:110:'))).toBe(true);
  });
});

describe('Chunk', () => {
  const rows: RawCell[][] = [
    ['1', 'a', 'A'],
    ['2', 'b', 'B'],
    ['3', 'c', 'C'],
  ];

  it('leaves out what the stream told of after its snapshot, whenever it came by', () => {
    const chunk = chunkOf(rows, (early) => early.touch(run(updated('1', 'a2', 'A2')), 101));
    chunk.touch(run(deleted('2'), inserted('9', 'z', 'Z')), 102);
    const touched = new TouchedKeys();
    expect(left(chunk, touched)).toEqual([`${Op.read} 3 c C`]);
    touched.add('3');
    expect(left(chunk, touched)).toEqual([`${Op.update} 3 c C`]);
    expect(chunk.owed.size).toBe(0);
  });

  it('keeps what the snapshot shows already, and drops what ran while it was taken', () => {
    const chunk = chunkOf(rows);
    chunk.touch(run(updated('1', 'a', 'A')), 60);
    chunk.touch(run(updated('2', 'x', 'X')), 50);
    expect(left(chunk)).toEqual([`${Op.read} 1 a A`, `${Op.read} 3 c C`]);
  });

  it('puts a row together where a TOASTed value did not change, also when its key did', () => {
    const chunk = chunkOf(rows);
    chunk.touch(run(updated('1', 'a2', UNCHANGED)), 101);
    chunk.touch(run(updated('1', 'a3', UNCHANGED), moved('2', '20', UNCHANGED, UNCHANGED)), 102);
    chunk.touch(run(moved('20', '21', 'b2', UNCHANGED), updated('3', UNCHANGED, 'C2')), 103);
    expect(left(chunk)).toEqual([`${Op.update} 1 a3 A`, `${Op.update} 21 b2 B`, `${Op.update} 3 c C2`]);
    chunk.touch(run(updated('21', 'told', 'whole')), 104);
    expect(left(chunk)).toEqual([`${Op.update} 1 a3 A`, `${Op.update} 3 c C2`]);
    chunk.touch(run(deleted('1')), 105);
    chunk.touch(run(inserted('1', 'new', 'NEW'), updated('1', 'newer', UNCHANGED)), 106);
    expect(left(chunk)).toEqual([`${Op.update} 3 c C2`]);
  });

  it('owes a row that moved, with a value that is not here, to where the copy may have been', () => {
    const chunk = chunkOf(rows);
    chunk.touch(run(moved('77', '0', 'x', UNCHANGED)), 101);
    chunk.touch(run(moved('78', '00', 'y', UNCHANGED)), 60);
    // The same key: copied with that value, or still to be copied.
    chunk.touch(run(updated('79', 'z', UNCHANGED)), 101);
    expect([...chunk.owed]).toEqual([
      ['0', ['0']],
      ['00', ['00']],
    ]);
    chunk.touch(run(deleted('0')), 102);
    expect([...chunk.owed.keys()]).toEqual(['00']);
  });

  it('owes it for as long as the value is not told, also where it changes or moves again', () => {
    const chunk = chunkOf(rows);
    chunk.touch(run(moved('77', '0', 'x', UNCHANGED)), 101);
    chunk.touch(run(moved('78', '00', 'y', UNCHANGED)), 60);
    chunk.touch(run(updated('0', 'x2', UNCHANGED), updated('00', 'y2', UNCHANGED)), 102);
    expect([...chunk.owed.keys()]).toEqual(['0', '00']);
    chunk.touch(run(moved('0', '000', 'x3', UNCHANGED), updated('00', 'told', 'whole')), 103);
    expect([...chunk.owed.keys()]).toEqual(['000']);
  });

  it('leaves out a row whose key was given to one that is not here', () => {
    const chunk = chunkOf(rows);
    chunk.touch(run(deleted('1'), inserted('9', 'z', 'Z')), 101);
    chunk.touch(run(moved('9', '1', 'z2', UNCHANGED)), 102);
    expect(left(chunk)).toEqual([`${Op.read} 2 b B`, `${Op.read} 3 c C`]);
    expect([...chunk.owed]).toEqual([['1', ['1']]]);
    // It is not put together with what the other row had.
    chunk.touch(run(updated('1', 'z3', UNCHANGED)), 103);
    chunk.touch(run(deleted('2'), moved('1', '2', 'z4', UNCHANGED)), 104);
    expect(left(chunk)).toEqual([`${Op.read} 3 c C`]);
    expect([...chunk.owed.keys()]).toEqual(['2']);
    chunk.touch(run(updated('2', 'told', 'whole')), 105);
    expect(left(chunk)).toEqual([`${Op.read} 3 c C`]);
    expect(chunk.owed.size).toBe(0);
  });

  it('is empty after a truncate that its snapshot does not show', () => {
    const chunk = chunkOf(rows);
    chunk.empty(60);
    expect(left(chunk)).toHaveLength(3);
    chunk.empty(101);
    chunk.touch(run(inserted('1', 'n', 'N')), 101);
    expect(left(chunk)).toEqual([]);
  });

  it('says so when it met more than it can remember', () => {
    const chunk = new Chunk(new UnseenTransactions());
    const many = run(...Array.from({ length: 50_001 }, () => deleted('1')));
    for (let i = 0; i < 4; i++) chunk.touch(many, 101);
    expect(chunk.overwhelmed).toBe(true);
  });

  it.each([
    { what: 'the whole table', copied: [], held: ['1', '2', '3', '4', '5'] },
    { what: 'a part between what is copied and what is not', copied: ['1', '2'], held: ['3', '4'] },
  ])('ends with the table as it stands at its mark, whatever is done to it: $what', ({ copied, held }) => {
    const keys = ['1', '2', '3', '4', '5'];
    const isHeld = (key: string): boolean => held.includes(key);
    const change = fc.record({
      what: fc.constantFrom('insert', 'update', 'keep', 'move', 'delete', 'truncate'),
      key: fc.constantFrom(...keys),
      to: fc.constantFrom(...keys),
      shown: fc.boolean(),
      early: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
        const truth = new Map<string, [string, string]>(
          ['1', '2', '3', '5'].map((key) => [key, ['n', `B${key}`]]),
        );
        // What the sinks know of each row; rows that are not copied are not known in full.
        const sink = new Map<string, (string | null)[]>(copied.map((key) => [key, [key, 'n', `B${key}`]]));
        const touched = new TouchedKeys();
        const stream: [Change | null, number][] = [];
        let atSnapshot: RawCell[][] | null = null;
        const ordered = [...changes.filter(({ shown }) => shown), ...changes.filter(({ shown }) => !shown)];
        for (const [i, { what, key, to, shown }] of ordered.entries()) {
          if (!shown) atSnapshot ??= [...truth].map(([id, cells]) => [id, ...cells]);
          const xid = shown ? 60 : 101;
          const row = truth.get(key);
          if (what === 'truncate') {
            truth.clear();
            stream.push([null, xid]);
          } else if (what === 'insert' && row === undefined) {
            truth.set(key, [`n${i}`, `b${i}`]);
            stream.push([inserted(key, `n${i}`, `b${i}`), xid]);
          } else if (row !== undefined && what === 'update') {
            truth.set(key, [`n${i}`, `b${i}`]);
            stream.push([updated(key, `n${i}`, `b${i}`), xid]);
          } else if (row !== undefined && what === 'keep') {
            truth.set(key, [`n${i}`, row[1]]);
            stream.push([updated(key, `n${i}`, UNCHANGED), xid]);
          } else if (row !== undefined && what === 'move' && !truth.has(to)) {
            truth.delete(key);
            truth.set(to, [`n${i}`, row[1]]);
            stream.push([moved(key, to, `n${i}`, UNCHANGED), xid]);
          } else if (row !== undefined && what === 'delete') {
            truth.delete(key);
            stream.push([deleted(key), xid]);
          }
        }
        atSnapshot ??= [...truth].map(([id, cells]) => [id, ...cells]);
        const tell = (chunk: Chunk, part: typeof stream): void => {
          for (const [one, xid] of part) {
            if (one === null) chunk.empty(xid);
            else chunk.touch(run(one), xid);
            if (one === null) sink.clear();
            else {
              const from = String(one.before?.[0] ?? one.after?.[0]);
              const known = sink.get(from);
              sink.delete(from);
              if (one.after === undefined) continue;
              touched.add(String(one.after[0]));
              sink.set(
                String(one.after[0]),
                one.after.map((cell, c) => (cell === UNCHANGED ? (known?.[c] ?? null) : (cell as string))),
              );
            }
          }
        };
        const half = Math.floor(stream.length / 2);
        const shown = atSnapshot.filter(([id]) => isHeld(String(id)));
        const chunk = chunkOf(shown, (early) => tell(early, stream.slice(0, half)));
        tell(chunk, stream.slice(half));
        const rows = chunk.rows(touched);
        for (let i = 0; i < (rows?.count ?? 0); i++) {
          const cells = rows!.cells.slice(i * 3, i * 3 + 3) as string[];
          if (rows!.ops[i] === Op.read && sink.has(cells[0]!)) throw new Error('a new row that is there');
          sink.set(cells[0]!, cells);
          // Never a row that is no more, not even until what is owed is read.
          expect([cells[0], truth.get(cells[0]!)]).toEqual([cells[0], cells.slice(1)]);
        }
        // What is owed is read once more; what is not copied yet is read later.
        const owes = (key: string): boolean => chunk.owed.has(key);
        const settled = keys.filter((key) => !owes(key) && (isHeld(key) || copied.includes(key)));
        for (const key of settled) {
          const row = truth.get(key);
          expect([key, sink.get(key)]).toEqual([key, row === undefined ? undefined : [key, ...row]]);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('the cursor of a copy', () => {
  const two = schema({ a: null, b: null, c: null }, [0, 1]);
  const byTwo: KeyOrder = {
    columns: [
      { name: 'b', index: 1, type: 'integer', operators: null, usual: true },
      { name: 'a"', index: 0, type: 'text', operators: null, usual: true },
    ],
    identity: 'b, a',
  };

  it('follows the index, with literals that are text', () => {
    expect(behind(byTwo, null)).toBe('ORDER BY "b", "a"""');
    expect(behind(byTwo, ["1'; --", 'x'])).toBe(
      `WHERE ("b", "a""") > ('1''; --'::integer, 'x'::text) ORDER BY "b", "a"""`,
    );
    expect(among(byTwo, [['1', 'x']])).toBe(`WHERE ("b", "a""") IN (('1'::integer, 'x'::text))`);
    expect(keyText(two, byTwo, ['1', 'x'])).toBe(rowKey(['x', '1', null], 0, two.key));
  });

  it('names the operators that are not the server’s own, column by column', () => {
    const operators = ['<', '<=', '=', '>=', '>'].map((name) => `OPERATOR(ext.${name})`);
    const named: KeyOrder = {
      columns: [
        {
          name: 'a',
          index: 0,
          type: 'ext.citext',
          operators: operators as unknown as KeyOperators,
          usual: false,
        },
        { name: 'b', index: 1, type: 'integer', operators: null, usual: true },
      ],
      identity: 'a, b',
    };
    expect(behind(named, null)).toBe('ORDER BY "a" USING OPERATOR(ext.<), "b"');
    // A copy of one chunk needs no right to the extension's schema.
    const usual = { ...named, columns: named.columns.map((column) => ({ ...column, usual: true })) };
    expect(behind(usual, null)).toBe('ORDER BY "a", "b"');
    expect(behind(named, ["x'", '1'])).toBe(
      `WHERE "a" OPERATOR(ext.>=) 'x'''::ext.citext AND ("a" OPERATOR(ext.>) 'x'''::ext.citext OR "b" > '1'::integer) ORDER BY "a" USING OPERATOR(ext.<), "b"`,
    );
    expect(
      among(named, [
        ['x', '1'],
        ['y', '2'],
      ]),
    ).toBe(
      `WHERE ("a" OPERATOR(ext.=) 'x'::ext.citext AND "b" = '1'::integer) OR ("a" OPERATOR(ext.=) 'y'::ext.citext AND "b" = '2'::integer)`,
    );
  });

  it('is sealed, and not carried over a restart when too much is owed', () => {
    const cursor: CopyCursor = {
      order: 'b, a',
      last: ['1', 'x'],
      exhausted: false,
      owed: [['2', 'y']],
      rows: 7,
    };
    const seal = {
      seal: (_: unknown, text: string) => Buffer.from(text).toString('base64'),
      open: (_: unknown, sealed: string) =>
        sealed === 'other key' ? null : Buffer.from(sealed, 'base64').toString(),
    };
    expect(openCursor(seal, two, sealCursor(seal, two, cursor)!)).toEqual(cursor);
    expect(openCursor(seal, two, 'other key')).toBeNull();
    const much = { ...cursor, owed: Array.from({ length: 501 }, () => ['2', 'y']) };
    expect(sealCursor(seal, two, much)).toBeNull();
  });
});

describe('CopyPlan', () => {
  const [one, second, third, bare] = ['one', 'second', 'third', 'bare'].map((name) => ({
    namespace: 'public',
    name,
  }));

  it('copies as many tables at a time as it may, and says so in positions', () => {
    const plan = new CopyPlan([bare!, { ...one!, copied: 'x' }, second!, third!], [bare!], 'snapshot', 2);
    const first = plan.next()!;
    const other = plan.next()!;
    expect(plan.next()).toBeNull();
    expect([first.resumed, other.resumed]).toEqual(['x', null]);
    expect(plan.state).toEqual({
      phase: 'snapshot',
      copying: [bare, { ...one, copied: 'x' }, second, third],
    });
    plan.begin(other, { order: 'o', last: null, exhausted: false, owed: [], rows: 0 }, 'begun');
    expect(plan.state.copying).toContainEqual({ ...second, copied: 'begun' });
    plan.advance(other, { ...other.cursor!, rows: 1 }, 'y');
    plan.finish(one!);
    plan.finish(bare!);
    expect(plan.state).toEqual({ phase: 'snapshot', copying: [{ ...second, copied: 'y' }, third] });
    plan.next();
    plan.finish(second!);
    plan.finish(third!);
    expect([plan.done, plan.state]).toEqual([true, { phase: 'stream' }]);
  });
});

describe('the pace of copies', () => {
  it('keeps under its limits, and does not rush after a pause', () => {
    let now = 0;
    const pace = new Pace({ rowsPerSecond: 100, bytesPerSecond: 10_000 }, () => now);
    expect(pace.waitMs).toBe(0);
    pace.spend(50, 100);
    pace.spend(1, 10_000);
    expect(pace.waitMs).toBe(1_500);
    now = 60_000;
    pace.spend(500, 0);
    expect(pace.waitMs).toBe(4_900);
    expect(new Pace({ rowsPerSecond: null, bytesPerSecond: null }).waitMs).toBe(0);
  });

  it('tells the rows together and the time of the slowest', () => {
    let now = 0;
    const progress = new CopyProgress(() => now);
    expect(progress.stats()).toBeNull();
    const name = (table: string) => ({ namespace: 'public', name: table });
    progress.begin(name('a'), 1_000, 3_000);
    progress.begin(name('b'), 0, 100);
    now = 10_000;
    progress.advance(name('a'), 2_000);
    progress.advance(name('b'), 50);
    expect(progress.stats()).toEqual({
      table: 'public.a, public.b',
      rows: 2_050,
      estimatedRows: 3_100,
      secondsLeft: 10,
    });
  });
});

describe('a slot in danger', () => {
  const slot = {
    plugin: 'pgoutput',
    database: 'd',
    active: true,
    confirmedFlush: 1n,
    walStatus: 'reserved',
    retainedBytes: 1,
    safeBytes: 900,
    keepBytes: 1000,
    failover: false,
  };

  it('is told before it is lost', () => {
    expect(slotWarnings('s', slot)).toEqual([]);
    expect(slotWarnings('s', { ...slot, safeBytes: null, keepBytes: null })).toEqual([]);
    expect(slotWarnings('s', { ...slot, safeBytes: 200 })[0]).toMatchObject({
      code: 'RS-PG-026',
      level: 'warning',
    });
    expect(slotWarnings('s', { ...slot, walStatus: 'unreserved' })[0]).toMatchObject({ code: 'RS-PG-026' });
  });
});
