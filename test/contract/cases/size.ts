import { expect } from 'vitest';
import type { MaskedCell } from '../../../src/model/cell.ts';
import type { MaskedEvent, MaskedTable } from '../../../src/model/masked.ts';
import { column, INT, type Row, rows, TEXT, table, UNCHANGED } from '../../support/masked.ts';
import { slow } from '../../support/slow.ts';
import type { Bench, Law } from '../sink-contract.ts';

const t = table('big', [column('id', 1, INT), column('name', 2), column('n', 3, INT)]);
/** Rows of one run, as sources send them. */
const RUN = 2_000;

export function sizeLaws(law: Law): void {
  law('one row', (bench) => batchOf(bench, 1));
  law('50,000 rows in a batch', (bench) => batchOf(bench, 50_000));
  law('1,000,000 rows in a batch', (bench) => batchOf(bench, 1_000_000), {
    skip: () => (slow ? null : 'slow'),
    timeoutMs: 1_800_000,
  });

  law('3,000 rows in a batch that move, change, and come again', async (bench) => {
    const count = 3_000;
    const cells = (id: number, round: number): string[] => [String(id), `name ${id} of round ${round}`, '1'];
    await bench.open();
    await bench.deliver([...runs(t, count, (id) => ({ op: 'c', after: cells(id, 1) }))]);
    const moves = runs(t, count, (id): Row => {
      if (id % 3 === 0) return { op: 'd', before: [String(id), UNCHANGED, UNCHANGED] };
      const to = id % 3 === 1 ? id + count : id;
      const name = id % 2 === 0 ? UNCHANGED : `moved ${id}`;
      return { op: 'u', before: [String(id), UNCHANGED, UNCHANGED], after: [String(to), name, '2'] };
    });
    const again = runs(t, count, (id): Row => {
      if (id % 3 === 0) return { op: 'c', after: cells(id, 3) };
      return { op: 'u', after: [String(id % 3 === 1 ? id + count : id), `name ${id}`, UNCHANGED] };
    });
    await bench.deliver([...moves]);
    await bench.expectAsModel(t);
    await bench.open();
    await bench.deliver([...again]);
    await bench.deliver([
      ...runs(t, count, (id) => ({ op: 'u', after: cells(id % 3 === 1 ? id + count : id, 4) })),
    ]);
    await bench.expectAsModel(t);
  });

  law('a table of 1,000 columns', async (bench) => {
    const width = Math.min(1_000, bench.harness.maxColumns);
    const types = [TEXT, INT, { kind: 'boolean' }, { kind: 'date' }] as const;
    const values = ['txt', '12', 't', '2026-01-02'];
    const columns = Array.from({ length: width - 1 }, (_, i) => column(`c${i}`, i + 2, types[i % 4]!));
    const wide = table('wide', [column('id', 1, INT), ...columns]);
    const cells = columns.map((_, i): MaskedCell => (i % 7 === 0 ? null : values[i % 4]!));
    await bench.open();
    await bench.deliver([
      rows(
        wide,
        0,
        Array.from({ length: 30 }, (_, id): Row => ({ op: 'c', after: [String(id), ...cells] })),
      ),
    ]);
    await bench.deliver([
      rows(wide, 0, [
        {
          op: 'u',
          after: [
            '3',
            ...cells.map((cell, i): MaskedCell => (i % 2 === 0 ? UNCHANGED : i % 4 === 1 ? '7' : cell)),
          ],
        },
        { op: 'd', before: ['4', ...cells.map((): MaskedCell => UNCHANGED)] },
      ]),
    ]);
    await bench.expectAsModel(wide);
  });

  law('a wide row of long texts is held or kept aside', async (bench) => {
    const width = Math.min(900, bench.harness.maxColumns);
    const columns = Array.from({ length: width - 1 }, (_, i) => column(`c${i}`, i + 2));
    const wide = table('long', [column('id', 1, INT), ...columns]);
    const long = columns.map((_, i) => `${i}`.padEnd(60, 'x'));
    const short = columns.map(() => 's');
    await bench.open();
    await bench.deliver([
      rows(wide, 0, [
        { op: 'c', after: ['1', ...short] },
        { op: 'c', after: ['2', ...long] },
        { op: 'c', after: ['3', ...short] },
      ]),
    ]);
    await bench.deliver([
      rows(wide, 0, [
        { op: 'u', after: ['3', UNCHANGED, ...long.slice(1)] },
        { op: 'u', after: ['1', ...short] },
      ]),
    ]);
    await bench.close();
    const mirror = new Map((await bench.target.mirror(wide))!.map(({ cells }) => [cells[0], cells]));
    expect(mirror.get('1')).toEqual(['1', ...short]);
    for (const id of ['2', '3']) {
      const whole = ['3', 's', ...long.slice(1)];
      const held = mirror.get(id);
      if (held !== undefined) expect(held).toEqual(id === '2' ? ['2', ...long] : whole);
      else {
        const letters = await bench.target.deadLetters();
        expect(letters.some(({ value }) => value?.includes(long[1]!) && value.includes(`"${id}"`))).toBe(
          true,
        );
      }
    }
  });

  law('a cell of 4 megabytes', async (bench) => {
    const giant = table('giant', [column('id', 1, INT), column('text', 2)]);
    await bench.open();
    await bench.deliver([rows(giant, 0, [{ op: 'c', after: ['1', 'é\\\t\n'.repeat(1_000_000)] }])]);
    await bench.deliver([rows(giant, 0, [{ op: 'u', before: ['1', UNCHANGED], after: ['2', UNCHANGED] }])]);
    await bench.expectAsModel(giant);
  });
}

/** Inserts, then one batch that updates, deletes and inserts as many. */
async function batchOf(bench: Bench, count: number): Promise<void> {
  await bench.open();
  const cells = (id: number, round: number): string[] => [
    String(id),
    `name ${id} of round ${round}`,
    String(id % 97),
  ];
  const first = bench.maker.sealStream(t, count, () =>
    runs(t, count, (id) => ({ op: 'c', after: cells(id, 1) })),
  );
  await bench.deliverSealed([first]);
  const second = bench.maker.sealStream(t, count, () =>
    runs(t, count, (id): Row => {
      if (id % 10 === 0) return { op: 'd', before: [String(id), UNCHANGED, UNCHANGED] };
      if (id % 10 === 1) return { op: 'c', after: cells(id + 10 * count, 2) };
      return { op: 'u', after: id % 2 === 0 ? cells(id, 2) : [String(id), `half ${id}`, UNCHANGED] };
    }),
  );
  await bench.deliverSealed([second]);
  expect(bench.sink.stats().rows).toBe(2 * count);
  await bench.expectAsModel(t);
}

function* runs(of: MaskedTable, count: number, row: (id: number) => Row): Generator<MaskedEvent> {
  for (let at = 0; at < count; at += RUN)
    yield rows(
      of,
      at,
      Array.from({ length: Math.min(RUN, count - at) }, (_, i) => row(at + i)),
    );
}
