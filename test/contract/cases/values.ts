import { tmpdir } from 'node:os';
import { expect } from 'vitest';
import { isRowsealError } from '../../../src/error/rowseal-error.ts';
import type { MaskedCell } from '../../../src/model/cell.ts';
import { reconcile } from '../../../src/reconcile/reconcile.ts';
import { column, INT, rows, table, UNCHANGED } from '../../support/masked.ts';
import { type ExtremeValues, extremeValues, unfitValues } from '../../support/sink/extreme-values.ts';
import { deliver } from '../../support/sink/groups.ts';
import { normalText } from '../../support/sink/normal-text.ts';
import type { Bench, Law } from '../sink-contract.ts';

const small = table('small', [
  column('id', 1, INT),
  column('n', 2, { kind: 'int', bits: 16, unsigned: false }),
]);
const value = (id: number, n: string) => rows(small, 0, [{ op: 'c', after: [String(id), n] }]);

export function valueLaws(law: Law): void {
  law('extreme values of every type are held or kept aside, never bent', (bench) =>
    heldOrKept(bench, extremeValues),
  );

  law('values beyond their type are held or kept aside, never bent', (bench) =>
    heldOrKept(bench, unfitValues),
  );

  law('a row whose key cannot be held is kept aside whole', async (bench) => {
    const keyed = table('keyed', [column('day', 1, { kind: 'date' }), column('v', 2)]);
    const bad = '0000-00-00';
    await bench.open();
    await bench.deliver([
      rows(keyed, 0, [
        { op: 'c', after: ['2026-01-01', 'good'] },
        { op: 'c', after: [bad, 'first'] },
      ]),
    ]);
    await bench.deliver([
      rows(keyed, 0, [
        { op: 'u', after: [bad, 'second'] },
        { op: 'u', after: ['2026-01-01', 'better'] },
      ]),
    ]);
    await bench.deliver([
      rows(keyed, 0, [
        { op: 'd', before: [bad, UNCHANGED] },
        { op: 'c', after: ['2026-01-02', 'next'] },
      ]),
    ]);
    await bench.close();
    const mirror = (await bench.target.mirror(keyed))!.map(({ cells }) => cells);
    expect([...mirror].sort()).toEqual([
      ['2026-01-01', 'better'],
      ['2026-01-02', 'next'],
    ]);
    const dead = await bench.target.deadLetters();
    expect(dead.some((one) => one.value?.includes(bad) && one.group === 0)).toBe(true);
    expect(dead.some((one) => one.value?.includes(bad) && one.group === 1)).toBe(true);
    // The other cells of such a row are nowhere else: they are kept too.
    expect(dead.some((one) => one.value?.includes('first'))).toBe(true);
    expect(dead.some((one) => one.value?.includes('second'))).toBe(true);
  });

  law('a row that is kept aside whole is not taken for one that somebody removed', async (bench) => {
    const keyed = table(
      'keyed',
      [column('n', 1, INT), column('day', 2, { kind: 'date' }), column('v', 3)],
      [1, 0],
    );
    const group = bench.maker.seal([
      rows(keyed, 0, [
        { op: 'c', after: ['1', '2026-01-01', 'good'] },
        { op: 'c', after: ['2', '0000-00-00', 'bad'] },
      ]),
    ]);
    await bench.open();
    await bench.deliverSealed([group]);
    await bench.close();
    const view = (await bench.target.reader().open())!;
    const report = await reconcile({
      sink: 'w',
      view,
      groups: (async function* () {
        yield group;
      })(),
      sealed: group.index,
      workDirectory: tmpdir(),
      limit: 10,
      progress: { reading: () => {}, comparing: () => {} },
    }).finally(() => view.close());
    expect(report.differences).toEqual([]);
    expect(report.tables).toMatchObject([{ table: 'public.keyed', rows: 1, deadLetters: 1 }]);
    const whole = (await bench.target.deadLetters()).filter((letter) => letter.column === '');
    expect(whole).toMatchObject([{ value: expect.stringContaining('"bad"') as string }]);
  });

  law('values beyond their type that the same batch changes again stay in the history', async (bench) => {
    await bench.open();
    await bench.deliver([
      rows(small, 0, [
        { op: 'c', after: ['1', '70000'] },
        { op: 'u', after: ['1', '5'] },
      ]),
    ]);
    await bench.close();
    expect((await bench.target.mirror(small))!.map(({ cells }) => cells)).toEqual([['1', '5']]);
    const kept = (await bench.target.deadLetters()).map((one) => one.value);
    // Without a history nobody asked for what came between.
    if ((await bench.target.history(small)) !== null) expect(kept).toEqual(['70000']);
  });

  law('values beyond their type in partial, changed and keyless rows', async (bench) => {
    const keyless = table(
      'loose',
      [column('n', 1, { kind: 'int', bits: 16, unsigned: false }), column('v', 2)],
      [],
    );
    const mixed = table('mixed', [column('id', 1, INT), column('d', 2, { kind: 'date' }), column('v', 3)]);
    await bench.open();
    await bench.deliver([
      rows(mixed, 0, [{ op: 'c', after: ['1', '2026-01-01', 'v'] }]),
      rows(keyless, 1, [
        { op: 'c', after: ['70000', 'loose'] },
        { op: 'c', after: ['7', 'loose'] },
      ]),
    ]);
    await bench.deliver([
      rows(mixed, 0, [
        { op: 'u', after: ['1', '2026-02-31', UNCHANGED] },
        { op: 'u', before: ['1', UNCHANGED, UNCHANGED], after: ['2', UNCHANGED, 'w'] },
      ]),
      rows(keyless, 2, [{ op: 'd', before: ['70000', 'loose'] }]),
    ]);
    await bench.close();
    expect((await bench.target.mirror(mixed))!.map(({ cells }) => cells)).toEqual([['2', null, 'w']]);
    expect((await bench.target.mirror(keyless))!.map(({ cells }) => cells)).toEqual([['7', 'loose']]);
    const kept = (await bench.target.deadLetters()).map((one) => one.value);
    expect(kept).toContain('2026-02-31');
    expect(kept).toContain('70000');
  });

  law('more dead letters than allowed stop the sink, and nothing is lost', async (bench) => {
    const limit = { maxDeadLetters: 3 };
    await bench.open(limit);
    await bench.deliver([value(1, '1'), value(2, '70000'), value(3, '70001')]);
    expect([...bench.sink.stats().deadLetters]).toEqual([['public.small', 2]]);
    await bench.close();
    // The count is that of the target: a restart does not begin anew.
    await bench.open(limit);
    const over = bench.maker.seal([value(4, '70002'), value(5, '70003'), value(6, '6')]);
    const refused = deliver(bench.sink, bench.cursor, [over]);
    await expect(refused).rejects.toMatchObject({ kind: 'data', code: 'RS-SINK-001' });
    await expect(refused).rejects.toSatisfy(
      (error) => isRowsealError(error) && !error.message.includes('70002'),
    );
    await bench.open(limit);
    expect(bench.cursor).toBe(0);
    await bench.close();
    expect((await bench.target.mirror(small))!.map(({ cells }) => cells[0]).sort()).toEqual(['1', '2', '3']);
    expect(await bench.target.deadLetters()).toHaveLength(2);
    await bench.open({ maxDeadLetters: 4 });
    bench.cursor = await deliver(bench.sink, bench.cursor, [over]);
    await bench.close();
    expect((await bench.target.mirror(small))!.map(({ cells }) => cells[0]).sort()).toEqual([
      '1',
      '2',
      '3',
      '4',
      '5',
      '6',
    ]);
    await bench.expectDeadLetters(
      ['70000', '70001', '70002', '70003'].map((n) => ({ column: 'n', value: n })),
    );
  });
}

/** Every value is in the mirror as it was, or null there and among the dead letters as it was. */
async function heldOrKept(bench: Bench, list: readonly ExtremeValues[]): Promise<void> {
  const tables = list.map(({ type }, i) =>
    table(`values_${i}`, [column('id', 1, INT), column('v', 2, type)]),
  );
  await bench.open();
  for (const [i, { values }] of list.entries()) {
    const cells: (string | null)[] = [...values, null];
    // One batch each, so that no value's trouble makes the sink look closer at another's.
    for (const [id, cell] of cells.entries())
      await bench.deliver([rows(tables[i]!, 0, [{ op: 'c', after: [String(id), cell] }])]);
    // Once more as updates: the target's own rows are met.
    await bench.deliver([
      rows(
        tables[i]!,
        0,
        cells.map((cell, id) => ({ op: 'u' as const, after: [String(id), cell] as MaskedCell[] })),
      ),
    ]);
  }
  await bench.close();
  const dead = await bench.target.deadLetters();
  const bent: string[] = [];
  for (const [i, { type, values }] of list.entries()) {
    const mirror = new Map((await bench.target.mirror(tables[i]!))!.map(({ cells }) => [cells[0], cells[1]]));
    values.forEach((wanted, id) => {
      const found = mirror.get(String(id));
      if (found === undefined) bent.push(`${type.kind} ${wanted.slice(0, 40)}: no row`);
      else if (found === null) {
        const kept = dead.some((one) => one.table.endsWith(tables[i]!.name) && one.value === wanted);
        if (!kept) bent.push(`${type.kind} ${wanted.slice(0, 40)}: null, and no dead letter`);
      } else if (normalText(type, found) !== normalText(type, wanted))
        bent.push(`${type.kind} ${wanted.slice(0, 40)}: is ${found.slice(0, 40)}`);
    });
    if (mirror.get(String(values.length)) !== null) bent.push(`${type.kind}: a null is not null`);
  }
  expect(bent).toEqual([]);
}
