import { expect } from 'vitest';
import { column, INT, rows, table } from '../../support/masked.ts';
import { deliver, headOf } from '../../support/sink/groups.ts';
import type { Law } from '../sink-contract.ts';

const t = table('t', [column('id', 1, INT), column('v', 2)]);
const row = (id: number) => rows(t, 0, [{ op: 'c', after: [String(id), 'v'] }]);

export function headLaws(law: Law): void {
  law('the signed head of the journal is stored with the cursor', async (bench) => {
    const outside = bench.target.sink();
    expect(await outside.head()).toBeNull();
    await bench.open();
    expect(await bench.sink.head()).toBeNull();
    await bench.deliver([row(1)], [row(2)]);
    expect(await bench.sink.head()).toBe(headOf(1));
    // A group without rows is a group.
    await bench.deliver([]);
    expect(await bench.sink.head()).toBe(headOf(2));
    await bench.close();
    // By somebody who takes nothing over: the writer that follows is not fenced.
    expect(await outside.head()).toBe(headOf(2));
    await bench.open();
    expect(await bench.sink.head()).toBe(headOf(2));
    await bench.deliver([row(3)]);
    await bench.close();
    expect(await outside.head()).toBe(headOf(3));
    await outside.close();
  });

  law('the head of a batch that is refused is not stored', async (bench) => {
    await bench.open({ maxDeadLetters: 0 });
    await bench.deliver([row(1)]);
    const bad = rows(t, 0, [{ op: 'c', after: ['no number', 'v'] }]);
    const groups = [bench.maker.seal([bad])];
    await expect(deliver(bench.sink, bench.cursor, groups)).rejects.toMatchObject({ code: 'RS-SINK-001' });
    await bench.close();
    expect(await bench.target.sink().head()).toBe(headOf(0));
  });
}
