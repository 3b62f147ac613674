import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { GroupMemory } from '../../../src/deliver/group-memory.ts';
import { DeliveryBench, FakeLog, group, seal } from '../../support/delivery-bench.ts';

it('gathers groups until the interval is over, and all of them at a drain', async () => {
  const bench = new DeliveryBench({ pace: { intervalMs: 150, bytes: 1_000_000 } }).start();
  const { batches, delivery } = bench;
  seal(group(0), bench);
  await sleep(30);
  expect(batches.map(({ to }) => to)).toEqual([0]);
  for (let i = 1; i < 4; i++) seal(group(i), bench);
  await sleep(30);
  expect(batches).toHaveLength(1);
  expect(delivery.state.kind).toBe('gathering');
  await sleep(150);
  expect(batches.map(({ to }) => to)).toEqual([0, 3]);
  seal(group(4), bench);
  await bench.drained();
  expect(batches.map(({ to }) => to)).toEqual([0, 3, 4]);
});

it('goes at once when enough waits', async () => {
  const bench = new DeliveryBench({ pace: { intervalMs: 60_000, bytes: 5_000 } }).start();
  const { batches } = bench;
  seal(group(0), bench);
  await sleep(20);
  seal(group(1, 2_500), bench);
  await sleep(20);
  expect(batches).toHaveLength(1);
  seal(group(2, 2_500), bench);
  await sleep(20);
  expect(batches.map(({ to, groups }) => [to, groups.length])).toEqual([
    [0, 1],
    [2, 2],
  ]);
  seal(group(3, 300), bench);
  await bench.drained();
  expect(batches.at(-1)!.to).toBe(3);
});

it('takes a batch that outgrew memory from the log, whole, and never holds up the reader', async () => {
  const memory = new GroupMemory(8_000, 1);
  const log = new FakeLog();
  const bench = new DeliveryBench({ pace: { intervalMs: 100, bytes: 1_000_000 } }, { log, memory }).start();
  const { batches } = bench;
  seal(group(0), bench);
  await sleep(20);
  for (let i = 1; i < 12; i++) {
    seal(group(i), bench);
    const before = performance.now();
    await memory.room(1_000);
    expect(performance.now() - before).toBeLessThan(50);
  }
  await sleep(150);
  expect(batches.map(({ to }) => to)).toEqual([0, 11]);
  expect(log.readings).toEqual([1]);
  // And memory serves again.
  seal(group(12), bench);
  await bench.drained();
  expect(batches.at(-1)!.to).toBe(12);
  expect(log.readings).toEqual([1]);
});
