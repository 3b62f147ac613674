import fc from 'fast-check';
import { expect } from 'vitest';
import type { SealedGroup } from '../../../src/audit/audit-log.ts';
import type { MaskedCell } from '../../../src/model/cell.ts';
import type { MaskedEvent } from '../../../src/model/masked.ts';
import { column, DROPPED, INT, type Row, rows, table, UNCHANGED } from '../../support/masked.ts';
import { deliver } from '../../support/sink/groups.ts';
import { bag, peopleLater, randomGroups } from '../../support/sink/random-groups.ts';
import { ReferenceWarehouse } from '../../support/sink/reference-warehouse.ts';
import { expectEqual, type Law } from '../sink-contract.ts';

const t = table('t', [column('id', 1, INT), column('a', 2), column('b', 3)]);
const two = table('two', [column('k', 1, INT), column('v', 2), column('l', 3)], [0, 2]);
const truncate = { kind: 'truncate', table: t, cascade: false, restartIdentity: false } as const;

export function rowLaws(law: Law): void {
  law(
    'random changes, in batches of any size, are the plain fold',
    async ({ harness }) => {
      await fc.assert(
        fc.asyncProperty(
          fc.integer({ min: 0, max: 1e9 }),
          fc.integer({ min: 1, max: 9 }),
          async (seed, size) => {
            const target = await harness.make();
            try {
              const groups = randomGroups(seed, 9);
              const sink = target.sink();
              let cursor = await sink.open('p', 1n);
              for (let at = 0; at < groups.length; at += size)
                cursor = await deliver(sink, cursor, groups.slice(at, at + size));
              await sink.close();
              const model = await new ReferenceWarehouse().apply(groups);
              await expectEqual(target, model, peopleLater);
              await expectEqual(target, model, bag);
              expect(await target.deadLetters()).toEqual([]);
            } finally {
              await target.drop();
            }
          },
        ),
        { numRuns: 15 },
      );
    },
    { timeoutMs: 240_000 },
  );

  law('a key change is a delete and an insert, also in a circle', async (bench) => {
    await bench.open();
    const key = (id: string): MaskedCell[] => [id, UNCHANGED, UNCHANGED];
    await bench.deliver([
      rows(
        t,
        0,
        ['1', '2', '3'].map((id) => ({ op: 'c' as const, after: [id, `a${id}`, `b${id}`] })),
      ),
      rows(two, 3, [{ op: 'c', after: ['1', 'v', 'x'] }]),
    ]);
    await bench.deliver([
      // 1 → 9 → 2's place, 2 → 1, in one transaction.
      rows(t, 0, [
        { op: 'u', before: key('1'), after: ['9', UNCHANGED, 'moved'] },
        { op: 'u', before: key('2'), after: ['1', 'from 2', UNCHANGED] },
        { op: 'u', before: key('9'), after: ['2', UNCHANGED, UNCHANGED] },
      ]),
      rows(two, 3, [{ op: 'u', before: ['1', UNCHANGED, 'x'], after: ['1', UNCHANGED, 'y,x'] }]),
    ]);
    await bench.expectAsModel(t, two);
  });

  law('unchanged cells keep what is there, from the batch or from the warehouse', async (bench) => {
    await bench.open();
    await bench.deliver([
      rows(t, 0, [
        { op: 'c', after: ['1', 'a1', 'b1'] },
        { op: 'u', after: ['1', UNCHANGED, 'b2'] },
        { op: 'c', after: ['2', null, 'kept'] },
      ]),
    ]);
    await bench.deliver(
      [rows(t, 0, [{ op: 'u', after: ['1', 'a3', UNCHANGED] }])],
      [rows(t, 0, [{ op: 'u', after: ['1', UNCHANGED, UNCHANGED] }])],
      [rows(t, 0, [{ op: 'u', before: ['2', UNCHANGED, UNCHANGED], after: ['3', UNCHANGED, UNCHANGED] }])],
    );
    await bench.expectAsModel(t);
    await bench.expectDeadLetters([]);
  });

  law('an unchanged cell of a row that is not there is null, and told', async (bench) => {
    await bench.open();
    await bench.deliver([rows(t, 0, [{ op: 'u', after: ['5', 'known', UNCHANGED] }])]);
    await bench.expectAsModel(t);
    if (bench.harness.completesRows) expect((await bench.target.deadLetters()).length).toBe(1);
  });

  law('what a copy has still to bring is no dead letter, however much it is', async (bench) => {
    // Groups that were sealed while the table was copied.
    const copied = (...events: readonly MaskedEvent[]): SealedGroup => {
      const group = bench.maker.seal(events);
      return { ...group, position: { ...group.position, copying: [t] } };
    };
    await bench.open({ maxDeadLetters: 0 });
    await bench.deliverSealed([copied({ kind: 'snapshot', table: t, phase: 'begin' })]);
    await bench.deliverSealed([
      copied(rows(t, 0, [{ op: 'u', after: ['5', 'changed', UNCHANGED] }])),
      copied(
        rows(t, 0, [
          { op: 'u', after: ['6', UNCHANGED, 'changed'] },
          { op: 'u', before: ['7', UNCHANGED, UNCHANGED], after: ['8', UNCHANGED, UNCHANGED] },
        ]),
      ),
    ]);
    // As sources bring them: a row that may be there already replaces it.
    await bench.deliverSealed([
      copied(
        rows(t, 0, [
          ...['5', '6', '8'].map((id) => ({ op: 'u' as const, after: [id, `a${id}`, `b${id}`] })),
          { op: 'r', after: ['9', 'a9', 'b9'] },
        ]),
      ),
    ]);
    await bench.deliver([{ kind: 'snapshot', table: t, phase: 'end' }]);
    await bench.deliver([rows(t, 0, [{ op: 'u', after: ['5', UNCHANGED, 'later'] }])]);
    await bench.expectAsModel(t);
    await bench.expectDeadLetters([]);
  });

  law('truncate empties the table at its place in the stream', async (bench) => {
    await bench.open();
    await bench.deliver([rows(t, 0, [{ op: 'c', after: ['1', 'a', 'b'] }])]);
    await bench.deliver([
      rows(t, 0, [{ op: 'c', after: ['2', 'gone', 'b'] }]),
      truncate,
      rows(t, 2, [
        { op: 'c', after: ['1', 'new', 'b'] },
        { op: 'c', after: ['3', 'new', 'b'] },
      ]),
    ]);
    await bench.expectAsModel(t);
  });

  law('a new copy voids what was there', async (bench) => {
    await bench.open();
    await bench.deliver([rows(t, 0, [{ op: 'c', after: ['1', 'old', 'b'] }])]);
    await bench.deliver(
      [
        { kind: 'snapshot', table: t, phase: 'begin' },
        rows(t, 1, [{ op: 'r', after: ['2', 'copied', 'b'] }]),
      ],
      [rows(t, 0, [{ op: 'r', after: ['3', 'copied', 'b'] }]), { kind: 'snapshot', table: t, phase: 'end' }],
    );
    await bench.deliver([rows(t, 0, [{ op: 'u', after: ['3', 'streamed', UNCHANGED] }])]);
    await bench.expectAsModel(t);
  });

  law('a table without a key is a bag of rows', async (bench) => {
    await bench.open();
    const same = { op: 'c' as const, after: ['same', null] };
    await bench.deliver([rows(bag, 0, [same, same, same, { op: 'c', after: ['other', '1'] }])]);
    await bench.deliver([
      rows(bag, 0, [
        { op: 'd', before: ['same', null] },
        { op: 'u', before: ['other', '1'], after: ['other', '2'] },
        { op: 'c', after: ['passing', 'x'] },
        { op: 'd', before: ['passing', 'x'] },
      ]),
    ]);
    await bench.expectAsModel(bag);
  });

  law('delete and insert of one key, in one batch and across', async (bench) => {
    await bench.open();
    const gone: Row = { op: 'd', before: ['1', UNCHANGED, UNCHANGED] };
    await bench.deliver([rows(t, 0, [{ op: 'c', after: ['1', 'first', 'b'] }])]);
    await bench.deliver([rows(t, 0, [gone, { op: 'c', after: ['1', 'second', 'b'] }])]);
    await bench.deliver([rows(t, 0, [gone])]);
    await bench.deliver([
      rows(t, 0, [{ op: 'c', after: ['1', 'third', 'b'] }, gone, { op: 'c', after: ['1', 'fourth', null] }]),
    ]);
    await bench.expectAsModel(t);
  });

  law('dropped columns have no place', async (bench) => {
    const hidden = table('hidden', [column('id', 1, INT), column('secret', 2, INT, 'drop'), column('v', 3)]);
    await bench.open();
    await bench.deliver([rows(hidden, 0, [{ op: 'c', after: ['1', DROPPED, 'v'] }])]);
    await bench.deliver([rows(hidden, 0, [{ op: 'u', after: ['1', DROPPED, 'w'] }])]);
    await bench.expectAsModel(hidden);
  });

  law('rows that were erased from the log leave holes that hurt nothing', async (bench) => {
    await bench.open();
    await bench.deliver([rows(t, 0, [{ op: 'c', after: ['1', 'a', 'b'] }])]);
    // Row 2 and the beginning of row 3 were erased: of 2 the delete is left, of 3 an update.
    await bench.deliver([
      rows(t, 3, [
        { op: 'd', before: ['2', UNCHANGED, UNCHANGED] },
        { op: 'u', after: ['3', 'c', UNCHANGED] },
      ]),
      { kind: 'erasure', table: t, erasure: { tags: [], actor: 'x', reason: 'y', images: 2 } },
      { kind: 'finding', table: t, finding: { action: 'alert', columns: [] } },
      {
        kind: 'gap',
        gap: {
          cause: 'RS-PG-008',
          from: '0/1',
          to: '0/2',
          tables: [],
          copied: true,
          actor: 'somebody',
          reason: 'a test',
        },
      },
    ]);
    await bench.expectAsModel(t);
  });

  law('groups without rows move the cursor', async (bench) => {
    await bench.open();
    await bench.deliver([], [rows(t, 0, [{ op: 'c', after: ['1', 'a', 'b'] }])], []);
    await bench.deliver([]);
    await bench.close();
    await bench.open();
    expect(bench.cursor).toBe(3);
    await bench.expectAsModel(t);
  });
}
