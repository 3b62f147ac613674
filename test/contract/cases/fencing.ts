import { expect } from 'vitest';
import { isRowsealError, type RowsealError } from '../../../src/error/rowseal-error.ts';
import { column, INT, rows, table } from '../../support/masked.ts';
import { deliver } from '../../support/sink/groups.ts';
import { bag, peopleLater, randomGroups } from '../../support/sink/random-groups.ts';
import type { Law } from '../sink-contract.ts';

const t = table('t', [column('id', 1, INT), column('v', 2)]);
const row = (id: number, v = 'v') => rows(t, 0, [{ op: 'c', after: [String(id), v] }]);

export function fencingLaws(law: Law): void {
  law('replay from an older cursor changes nothing', async (bench) => {
    const groups = randomGroups(3, 12);
    await bench.open();
    for (const group of groups.slice(0, 8)) await bench.deliverSealed([group]);
    // Wholly behind the cursor: done already.
    expect(await deliver(bench.sink, null, groups.slice(0, 8))).toBe(7);
    expect(await deliver(bench.sink, 2, groups.slice(3, 6))).toBe(7);
    // Partly ahead of it: an atomic sink refuses, a convergent one comes to the same state.
    const overlap = deliver(bench.sink, 4, groups.slice(5, 10));
    if (bench.harness.kind === 'atomic') {
      await expect(overlap).rejects.toSatisfy(isRowsealError);
      await bench.open();
      expect(bench.cursor).toBe(7);
    } else bench.cursor = await overlap;
    const applied = bench.cursor! + 1;
    await bench.model.apply(groups.slice(8, applied));
    await bench.deliverSealed(groups.slice(applied));
    await bench.expectAsModel(peopleLater, bag);
  });

  law('a batch that does not follow the cursor is refused', async (bench) => {
    await bench.open();
    await bench.deliver([row(1)]);
    const skipped = bench.maker.seal([row(2)]);
    const gapped = bench.maker.seal([row(3)]);
    if (bench.harness.kind === 'atomic') {
      await expect(deliver(bench.sink, skipped.index, [gapped])).rejects.toSatisfy(isRowsealError);
      await bench.open();
      expect(bench.cursor).toBe(0);
    }
    await bench.deliverSealed([skipped, gapped]);
    await bench.expectAsModel(t);
  });

  law('a zombie writer is fenced by its epoch', async (bench) => {
    const { target, harness } = bench;
    const zombie = target.sink();
    await zombie.open('p', 1n);
    const groups = [row(1), row(2), row(3)].map((event) => bench.maker.seal([event]));
    await deliver(zombie, null, groups.slice(0, 1));
    if (!harness.concurrentWriters) await zombie.close();
    const heir = target.sink();
    expect(await heir.open('p', 2n)).toBe(0);
    const refused = harness.concurrentWriters
      ? deliver(zombie, 0, groups.slice(1, 2))
      : heir.close().then(() => zombie.open('p', 1n));
    await expect(refused).rejects.toSatisfy(stops);
    await zombie.close();
    if (!harness.concurrentWriters) await heir.open('p', 2n);
    // What the zombie tried is not there, and the heir goes on.
    await deliver(heir, 0, groups.slice(1));
    await heir.close();
    await expect(zombie.open('p', 1n)).rejects.toSatisfy(stops);
    await zombie.close();
    await bench.model.apply(groups);
    await bench.expectAsModel(t);
  });

  law(
    'a fenced writer changes no table',
    async (bench) => {
      const { target } = bench;
      const zombie = target.sink();
      await zombie.open('p', 1n);
      const first = bench.maker.seal([row(1)]);
      await deliver(zombie, null, [first]);
      const heir = target.sink();
      await heir.open('p', 2n);
      const altered = table('t', [column('id', 1, INT), column('v', 2), column('late', 3)]);
      await expect(zombie.alter(altered, 1)).rejects.toSatisfy(stops);
      await expect(zombie.alter(table('other', [column('id', 1, INT)]), 1)).rejects.toSatisfy(stops);
      await zombie.close();
      await heir.close();
      await bench.model.apply([first]);
      await bench.expectAsModel(t);
      expect(await target.mirror(table('other', [column('id', 1, INT)]))).toBeNull();
    },
    { skip: ({ concurrentWriters }) => (concurrentWriters ? null : 'one process owns the target') },
  );

  law('the target of another pipeline is refused', async (bench) => {
    await bench.open();
    await bench.deliver([row(1)]);
    await bench.close();
    const other = bench.target.sink();
    await expect(other.open('q', 9n)).rejects.toMatchObject({ kind: 'config' });
    await other.close();
    await bench.open();
    expect(bench.cursor).toBe(0);
    await bench.expectAsModel(t);
  });

  law('a table that is not its own is left alone', async (bench) => {
    await bench.open();
    await bench.close();
    await bench.target.occupy(t);
    await bench.open();
    const group = bench.maker.seal([row(1)]);
    await expect(deliver(bench.sink, null, [group])).rejects.toMatchObject({ kind: 'schema' });
  });

  for (const when of ['before', 'after'] as const) {
    law(
      `ambiguous commit: the answer is lost, the commit ${when === 'after' ? 'happened' : 'did not happen'}`,
      async (bench) => {
        const cut = await bench.target.cutSink();
        const groups = randomGroups(21, 6);
        try {
          let cursor = await cut.sink.open('p', 1n);
          for (const group of groups.slice(0, 3)) cursor = await deliver(cut.sink, cursor, [group]);
          for (const version of groups[3]!.tables) await cut.sink.alter(version, 3);
          cut.cutNextCommit(when);
          await expect(deliver(cut.sink, cursor, groups.slice(3, 5))).rejects.toSatisfy(
            (error) => isRowsealError(error) && error.kind === 'transient',
          );
          // As the delivery does: closed, opened again, and on from where it is.
          await cut.sink.close();
          cursor = await cut.sink.open('p', 1n);
          const expected = when === 'after' ? [4] : bench.harness.kind === 'atomic' ? [2] : [2, 4];
          expect(expected).toContain(cursor);
          await deliver(cut.sink, cursor, groups.slice(cursor! + 1));
        } finally {
          await cut.sink.close();
          await cut.close();
        }
        await bench.model.apply(groups);
        await bench.expectAsModel(peopleLater, bag);
      },
    );
  }
}

/** Trying again cannot help: the delivery stops this sink. */
function stops(error: unknown): boolean {
  return isRowsealError(error) && (error as RowsealError).kind === 'config';
}
