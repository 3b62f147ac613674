import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDuckdbSink } from '../../connectors/sinks/duckdb/sink.ts';
import type { SealedGroup } from '../../src/audit/audit-log.ts';
import type { DeliveryBatch, Sink } from '../../src/deliver/sink.ts';
import type { MaskedCell } from '../../src/model/cell.ts';
import type { MaskedEvent, MaskedTable } from '../../src/model/masked.ts';
import { at, begin, column, INT, type Row, rows, table, UNCHANGED } from '../support/masked.ts';
import { queryWarehouse } from '../support/warehouse.ts';

let directory: string;
let files = 0;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rowseal-duckdb-'));
});

afterAll(() => rm(directory, { recursive: true, force: true }));

const newFile = (): string => join(directory, `w${files++}.duckdb`);
const sinkOn = (path: string, history: 'none' | 'all' = 'all'): Sink =>
  createDuckdbSink({ name: 'w', path, history, memoryLimitBytes: 64_000_000, threads: 1 });

function group(index: number, events: readonly MaskedEvent[]): SealedGroup {
  const tables = [
    ...new Set(
      events.flatMap((event): MaskedTable[] =>
        event.kind === 'rows' ? [event.run.table] : 'table' in event ? [event.table] : [],
      ),
    ),
  ];
  return {
    index,
    position: at(index),
    sealedAtUs: 0n,
    commitTimeUs: 0n,
    transactions: 1,
    rows: events.reduce((sum, event) => sum + (event.kind === 'rows' ? event.run.count : 0), 0),
    bytes: 1,
    tables,
    resident: true,
    chunks: async function* () {
      yield [begin(index), ...events];
    },
  };
}

async function deliver(sink: Sink, after: number | null, groups: readonly SealedGroup[]): Promise<number> {
  for (const one of groups) for (const version of one.tables) await sink.alter(version, one.index);
  const batch: DeliveryBatch = {
    after,
    to: groups.at(-1)!.index,
    groups,
    rows: groups.reduce((sum, one) => sum + one.rows, 0),
    bytes: 1,
  };
  return sink.write(batch);
}

const sorted = (list: readonly (readonly (string | null)[])[]): string[] =>
  list.map((row) => JSON.stringify(row)).sort();

describe('the DuckDB sink against a plain model', () => {
  const people = table('people', [column('id', 1, INT), column('a', 2), column('b', 3)]);
  const bag = table('bag', [column('x', 1), column('y', 2)], []);
  type Step =
    | {
        readonly kind: 'create' | 'delete';
        readonly id: number;
        readonly a: string | null;
        readonly b: string | null;
      }
    | {
        readonly kind: 'update';
        readonly id: number;
        readonly to: number;
        readonly a: string | null;
        readonly keepB: boolean;
        readonly b: string | null;
      }
    | { readonly kind: 'truncate' }
    | { readonly kind: 'add' | 'take'; readonly x: string | null; readonly y: string };
  // The marks of the packed format, quotes, nulls and everything beyond ASCII are ordinary values here.
  const value = fc.option(
    fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 8 }),
      fc.constantFrom('\u001e', '\u001f', 'a\u001fb', '', "o'clock", '{"j":1}', 'NULL'),
    ),
    { freq: 5 },
  );
  const id = fc.integer({ min: 1, max: 6 });
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('create' as const), id, a: value, b: value }) },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('update' as const),
        id,
        to: id,
        a: value,
        keepB: fc.boolean(),
        b: value,
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete' as const), id, a: value, b: value }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'truncate' as const }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constantFrom('add' as const, 'take' as const),
        x: value,
        y: fc.constantFrom('p', 'q'),
      }),
    },
  );

  it('ends where a fold of the changes ends, however they are cut into batches', {
    timeout: 180_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(step, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        async (steps, together) => {
          const model = new Map<number, [string | null, string | null]>();
          const modelBag: [string | null, string][] = [];
          const groups: SealedGroup[] = [];
          for (const [index, list] of steps.entries()) {
            const events: MaskedEvent[] = [];
            let ordinal = 0;
            const push = (of: MaskedTable, row: Row): void => {
              events.push(rows(of, ordinal++, [row]));
            };
            for (const one of list) {
              switch (one.kind) {
                case 'create':
                  if (model.has(one.id)) break;
                  model.set(one.id, [one.a, one.b]);
                  push(people, { op: 'c', after: [String(one.id), one.a, one.b] });
                  break;
                case 'update': {
                  const before = model.get(one.id);
                  if (before === undefined || (one.to !== one.id && model.has(one.to))) break;
                  model.delete(one.id);
                  model.set(one.to, [one.a, one.keepB ? before[1] : one.b]);
                  const after: MaskedCell[] = [String(one.to), one.a, one.keepB ? UNCHANGED : one.b];
                  push(
                    people,
                    one.to === one.id
                      ? { op: 'u', after }
                      : { op: 'u', before: [String(one.id), UNCHANGED, UNCHANGED], after },
                  );
                  break;
                }
                case 'delete':
                  if (!model.delete(one.id)) break;
                  push(people, { op: 'd', before: [String(one.id), UNCHANGED, UNCHANGED] });
                  break;
                case 'truncate':
                  model.clear();
                  events.push({ kind: 'truncate', table: people, cascade: false, restartIdentity: false });
                  ordinal++;
                  break;
                case 'add':
                  modelBag.push([one.x, one.y]);
                  push(bag, { op: 'c', after: [one.x, one.y] });
                  break;
                case 'take': {
                  const found = modelBag.findIndex(([x, y]) => x === one.x && y === one.y);
                  if (found < 0) break;
                  modelBag.splice(found, 1);
                  push(bag, { op: 'd', before: [one.x, one.y] });
                }
              }
            }
            groups.push(group(index, events));
          }
          const path = newFile();
          const sink = sinkOn(path);
          expect(await sink.open('p', 1n)).toBeNull();
          await sink.alter(people, 0);
          await sink.alter(bag, 0);
          if (together) await deliver(sink, null, groups);
          else for (const [i, one] of groups.entries()) await deliver(sink, i === 0 ? null : i - 1, [one]);
          // A batch that came before does nothing.
          expect(await deliver(sink, null, groups)).toBe(groups.length - 1);
          await sink.close();
          expect(sorted(await queryWarehouse(path, 'SELECT * FROM public.people'))).toEqual(
            sorted([...model].map(([key, [a, b]]) => [String(key), a, b])),
          );
          expect(sorted(await queryWarehouse(path, 'SELECT * FROM public.bag'))).toEqual(sorted(modelBag));
          expect(await queryWarehouse(path, 'SELECT count(*) FROM _rowseal.dead_letters')).toEqual([['0']]);
          await rm(path);
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('fencing', () => {
  const t = table('t', [column('id', 1, INT)]);
  const one = (index: number): SealedGroup =>
    group(index, [rows(t, 0, [{ op: 'c', after: [String(index)] }])]);

  it('resumes at its cursor and refuses an older epoch and another pipeline', async () => {
    const path = newFile();
    const sink = sinkOn(path);
    await sink.open('p', 5n);
    await deliver(sink, null, [one(0)]);
    await sink.close();
    expect(await sink.open('p', 6n)).toBe(0);
    await sink.close();
    await expect(sink.open('p', 5n)).rejects.toMatchObject({ code: 'RS-DUCK-004' });
    await sink.close();
    await expect(sink.open('q', 9n)).rejects.toMatchObject({ code: 'RS-DUCK-003' });
    await sink.close();
  });

  it('writes nothing when the cursor is not where the batch begins', async () => {
    const path = newFile();
    const sink = sinkOn(path);
    await sink.open('p', 1n);
    await deliver(sink, null, [one(0)]);
    await expect(deliver(sink, 3, [one(4)])).rejects.toMatchObject({ code: 'RS-DUCK-004' });
    await sink.close();
    expect(await queryWarehouse(path, 'SELECT id FROM public.t')).toEqual([['0']]);
  });

  it('does not write into a table that is not its own', async () => {
    const path = newFile();
    const sink = sinkOn(path);
    await sink.open('p', 1n);
    await sink.close();
    await queryWarehouse(path, 'CREATE SCHEMA IF NOT EXISTS public');
    await queryWarehouse(path, 'CREATE TABLE public.T (mine INT)');
    await sink.open('p', 2n);
    await expect(sink.alter(t, 0)).rejects.toMatchObject({ code: 'RS-DUCK-005' });
    await sink.close();
  });
});

describe('schema changes', () => {
  it('adds, drops, renames (also in a circle) and retypes, and keeps what no longer fits', async () => {
    const path = newFile();
    const sink = sinkOn(path);
    const v1 = table('t', [column('id', 1, INT), column('a', 2), column('b', 3), column('gone', 4)]);
    const v2 = table('t', [
      column('id', 1, INT),
      column('b', 2),
      column('a', 3, INT),
      column('fresh', 5),
      column('FRESH', 6),
    ]);
    await sink.open('p', 1n);
    await deliver(sink, null, [
      group(0, [
        rows(v1, 0, [
          { op: 'c', after: ['1', 'was a', '42', 'x'] },
          { op: 'c', after: ['2', 'was a too', 'no number', 'x'] },
        ]),
      ]),
    ]);
    await deliver(sink, 0, [
      group(1, [
        rows(v1, 0, [{ op: 'c', after: ['3', 'late', '7', 'x'] }]),
        rows(v2, 1, [
          { op: 'c', after: ['4', 'b4', '4', 'f', 'F'] },
          { op: 'u', after: ['1', 'b1', UNCHANGED, 'f1', null] },
        ]),
      ]),
    ]);
    await sink.close();
    expect(sorted(await queryWarehouse(path, 'SELECT id, b, a, fresh, "FRESH_2" FROM public.t'))).toEqual(
      sorted([
        ['1', 'b1', '42', 'f1', null],
        ['2', 'was a too', null, null, null],
        ['3', 'late', '7', null, null],
        ['4', 'b4', '4', 'f', 'F'],
      ]),
    );
    expect(await queryWarehouse(path, 'SELECT column_name, value FROM _rowseal.dead_letters')).toEqual([
      ['a', 'no number'],
    ]);
    expect(
      await queryWarehouse(path, 'SELECT count(*) FROM public.t__history WHERE gone IS NOT NULL'),
    ).toEqual([['3']]);
  });

  it('keeps a version across a restart, and applies one twice without harm', async () => {
    const path = newFile();
    const v1 = table('t', [column('id', 1, INT), column('a', 2)]);
    const v2 = table('t', [column('id', 1, INT), column('renamed', 2)]);
    const sink = sinkOn(path);
    await sink.open('p', 1n);
    await deliver(sink, null, [group(0, [rows(v1, 0, [{ op: 'c', after: ['1', 'kept'] }])])]);
    await sink.close();
    await sink.open('p', 2n);
    await sink.alter({ ...v2 }, 1);
    await sink.alter({ ...v2 }, 1);
    await sink.close();
    expect(await queryWarehouse(path, 'SELECT id, renamed FROM public.t')).toEqual([['1', 'kept']]);
  });
});
