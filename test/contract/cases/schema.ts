import { expect } from 'vitest';
import type { MaskedTable } from '../../../src/model/masked.ts';
import { column, INT, rows, TEXT, table, UNCHANGED } from '../../support/masked.ts';
import type { Law } from '../sink-contract.ts';

const v1 = table('t', [column('id', 1, INT), column('a', 2), column('b', 3), column('gone', 4)]);

export function schemaLaws(law: Law): void {
  law('columns come, go and change their names in mid-stream', async (bench) => {
    // a and b change places, gone goes, two names differ in case only.
    const v2 = table('t', [
      column('id', 1, INT),
      column('b', 2),
      column('a', 3),
      column('fresh', 5),
      column('FRESH', 6),
    ]);
    await bench.open();
    await bench.deliver([
      rows(v1, 0, [
        { op: 'c', after: ['1', 'a1', 'b1', 'x'] },
        { op: 'c', after: ['2', 'a2', 'b2', 'x'] },
      ]),
    ]);
    await bench.deliver([
      rows(v1, 0, [
        { op: 'c', after: ['3', 'late', 'b3', 'x'] },
        { op: 'u', after: ['2', UNCHANGED, 'b2 again', 'x'] },
      ]),
      rows(v2, 2, [
        { op: 'c', after: ['4', 'a4', 'b4', 'f', 'F'] },
        { op: 'u', after: ['1', 'a1 again', UNCHANGED, 'f1', null] },
      ]),
    ]);
    await bench.expectAsModel(v2);
  });

  law('a dropped column that comes back under its name is another one', async (bench) => {
    const without = table('t', [column('id', 1, INT), column('a', 2), column('b', 3)]);
    const again = table('t', [column('id', 1, INT), column('a', 2), column('b', 3), column('gone', 7)]);
    await bench.open();
    await bench.deliver([rows(v1, 0, [{ op: 'c', after: ['1', 'a', 'b', 'old'] }])]);
    await bench.deliver([rows(without, 0, [{ op: 'c', after: ['2', 'a', 'b'] }])]);
    await bench.deliver([rows(again, 0, [{ op: 'c', after: ['3', 'a', 'b', 'new'] }])]);
    await bench.expectAsModel(again);
  });

  law('a retyped column keeps what fits, and the rest as dead letters', async (bench) => {
    const before = table('r', [column('id', 1, INT), column('v', 2)]);
    const after = table('r', [column('id', 1, INT), column('v', 2, INT)]);
    const wider = table('r', [column('id', 1, INT), column('v', 2, TEXT)]);
    await bench.open();
    await bench.deliver([
      rows(before, 0, [
        { op: 'c', after: ['1', '42'] },
        { op: 'c', after: ['2', 'no number'] },
      ]),
    ]);
    await bench.deliver([
      rows(before, 0, [{ op: 'c', after: ['3', 'late'] }]),
      rows(after, 1, [{ op: 'c', after: ['4', '4'] }]),
    ]);
    await bench.deliver([rows(wider, 0, [{ op: 'c', after: ['5', 'text again'] }])]);
    await bench.close();
    const mirror = new Map((await bench.target.mirror(wider))!.map(({ cells }) => [cells[0], cells[1]]));
    expect([mirror.get('1'), mirror.get('4'), mirror.get('5')]).toEqual(['42', '4', 'text again']);
    const kept = await bench.target.deadLetters();
    for (const [id, value] of [
      ['2', 'no number'],
      ['3', 'late'],
    ] as const) {
      // Null for as long as the column could not hold it, or there again.
      if (mirror.get(id) === null)
        expect(kept).toContainEqual(expect.objectContaining({ column: 'v', value }));
      else expect(mirror.get(id)).toBe(value);
    }
    expect(mirror.size).toBe(5);
  });

  law('a table version holds across a restart, and applies twice without harm', async (bench) => {
    const v2 = table('t', [column('id', 1, INT), column('renamed', 2), column('b', 3), column('gone', 4)]);
    await bench.open();
    await bench.deliver([rows(v1, 0, [{ op: 'c', after: ['1', 'a', 'b', 'c'] }])]);
    await bench.close();
    await bench.open();
    await bench.sink.alter({ ...v2 }, 1);
    await bench.sink.alter({ ...v2 }, 1);
    await bench.close();
    await bench.open();
    await bench.deliver([rows(v2, 0, [{ op: 'u', after: ['1', UNCHANGED, 'later', UNCHANGED] }])]);
    await bench.expectAsModel(v2);
  });

  law('the key may change its columns', async (bench) => {
    const byId = table('k', [column('id', 1, INT), column('code', 2)]);
    const byCode = table('k', [column('id', 1, INT), column('code', 2)], [1]);
    await bench.open();
    await bench.deliver([
      rows(
        byId,
        0,
        ['1', '2'].map((id) => ({ op: 'c' as const, after: [id, `c${id}`] })),
      ),
    ]);
    await bench.deliver([
      rows(byCode, 0, [
        { op: 'u', after: ['7', 'c1'] },
        { op: 'd', before: [UNCHANGED, 'c2'] },
        { op: 'c', after: ['7', 'c3'] },
      ]),
    ]);
    await bench.close();
    const mirror = (await bench.target.mirror(byCode))!.map(({ cells }) => cells);
    expect([...mirror].sort()).toEqual([
      ['7', 'c1'],
      ['7', 'c3'],
    ]);
  });

  law(
    'rows of a version with another key are found by that key',
    async (bench) => {
      const byId = table('k', [column('id', 1, INT), column('code', 2)]);
      const byCode = table('k', [column('id', 1, INT), column('code', 2)], [1]);
      const bare = table('k', [column('id', 1, INT), column('code', 2)], []);
      await bench.open();
      await bench.deliver([
        rows(
          byId,
          0,
          ['1', '2', '3', '4'].map((id) => ({ op: 'c' as const, after: [id, `c${id}`] })),
        ),
      ]);
      await bench.deliver([
        rows(byId, 0, [
          { op: 'd', before: ['1', UNCHANGED] },
          { op: 'u', before: ['2', UNCHANGED], after: ['20', UNCHANGED] },
        ]),
        rows(byCode, 2, [
          { op: 'd', before: [UNCHANGED, 'c3'] },
          { op: 'u', after: ['21', 'c2'] },
        ]),
        rows(bare, 4, [{ op: 'd', before: ['4', 'c4'] }]),
        rows(byCode, 5, [{ op: 'c', after: ['5', 'c5'] }]),
      ]);
      await bench.close();
      const mirror = (await bench.target.mirror(byCode))!.map(({ cells }) => cells);
      expect([...mirror].sort()).toEqual([
        ['21', 'c2'],
        ['5', 'c5'],
      ]);
    },
    { skip: ({ keyMayChange }) => (keyMayChange ? null : 'views know the newest key') },
  );

  law(
    'many rows of a version with another key take the place of those that have it',
    async (bench) => {
      const byId = table('k', [column('id', 1, INT), column('code', 2), column('note', 3)]);
      const byCode = table('k', [column('id', 1, INT), column('code', 2), column('note', 3)], [1]);
      // More than any sink handles one by one.
      const ids = Array.from({ length: 300 }, (_, n) => String(n));
      await bench.open();
      await bench.deliver([
        rows(
          byId,
          0,
          ids.map((id) => ({ op: 'c' as const, after: [id, `old ${id}`, `note ${id}`] })),
        ),
      ]);
      await bench.deliver([
        rows(
          byId,
          0,
          ids.map((id, n) => ({
            op: 'u' as const,
            after: [id, `new ${id}`, n % 2 === 0 ? UNCHANGED : `note ${id}`],
          })),
        ),
        rows(byCode, ids.length, [{ op: 'c', after: ['300', 'new 300', 'note 300'] }]),
      ]);
      await bench.close();
      const mirror = (await bench.target.mirror(byCode))!.map(({ cells }) => cells.join(', '));
      expect([...mirror].sort()).toEqual([...ids, '300'].map((id) => `${id}, new ${id}, note ${id}`).sort());
    },
    { skip: ({ keyMayChange }) => (keyMayChange ? null : 'views know the newest key') },
  );

  law('reserved, long, odd and case-colliding names', async (bench) => {
    const names = [
      'select',
      'Table',
      'table',
      'é ñ',
      '日本',
      'a"b',
      "it's",
      'a.b',
      'x;--',
      ' ',
      '_op',
      'null',
      '$1',
      '{}',
      '`',
    ];
    const odd: MaskedTable[] = ['order', 'Ünïcode "q"', 'UPPER', 'upper', "o'clock"].map((name) =>
      table(name, [column('id', 1, INT), ...names.map((of, i) => column(of, i + 2))]),
    );
    const colliding = bench.harness.caseSensitiveNames ? [] : ['upper'];
    const usable = odd.filter(({ name }) => !colliding.includes(name));
    await bench.open();
    await bench.deliver(
      usable.map((one, i) => rows(one, i, [{ op: 'c', after: ['1', ...names.map((name) => `v ${name}`)] }])),
    );
    await bench.deliver(
      usable.map((one, i) =>
        rows(one, i, [
          { op: 'u', after: ['1', ...names.map((name, n) => (n % 2 === 0 ? UNCHANGED : name))] },
        ]),
      ),
    );
    await bench.expectAsModel(...usable);
  });
}
