import { expect, it } from 'vitest';
import { GroupMemory } from '../../../src/deliver/group-memory.ts';
import { DeliveryBench, FakeLog, group, seal } from '../../support/delivery-bench.ts';
import { until } from '../../support/project.ts';

/** Longer than a test may take. */
const NEVER_MS = 600_000;

it('gathers groups until the interval is over, and all of them at a drain', async () => {
  const writtenMs: number[] = [];
  const write = async (): Promise<void> => void writtenMs.push(performance.now());
  const bench = new DeliveryBench({ pace: { intervalMs: 200, bytes: 1_000_000 }, write }).start();
  const { batches } = bench;
  const beganMs = performance.now();
  seal(group(0), bench);
  await until('the first goes at once', () => batches.length === 1);
  for (let i = 1; i < 4; i++) seal(group(i), bench);
  await until('the interval is over', () => batches.length === 2);
  // Timers may be a millisecond early.
  expect(writtenMs[1]! - beganMs).toBeGreaterThan(195);
  expect(batches.map(({ to }) => to)).toEqual([0, 3]);
  seal(group(4), bench);
  await bench.drained();
  expect(batches.map(({ to }) => to)).toEqual([0, 3, 4]);
});

it('goes at once when enough waits', async () => {
  const bench = new DeliveryBench({ pace: { intervalMs: NEVER_MS, bytes: 5_000 } }).start();
  const { batches, delivery } = bench;
  seal(group(0), bench);
  await until('the first goes at once', () => batches.length === 1 && bench.caughtUp);
  seal(group(1, 2_500), bench);
  await until('it gathers', () => delivery.state.kind === 'gathering');
  expect(batches).toHaveLength(1);
  seal(group(2, 2_500), bench);
  await until('enough waits', () => batches.length === 2);
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
  const pace = { intervalMs: NEVER_MS, bytes: 1_200 };
  const bench = new DeliveryBench({ pace }, { log, memory }).start();
  const { batches } = bench;
  seal(group(0), bench);
  await until('the first goes at once', () => batches.length === 1 && bench.caughtUp);
  for (let i = 1; i < 12; i++) {
    // With the last of them enough waits.
    seal(group(i, i < 11 ? 100 : 200), bench);
    await memory.room(NEVER_MS);
  }
  await until('the batch is there', () => batches.length === 2);
  expect(batches.map(({ to }) => to)).toEqual([0, 11]);
  expect(log.readings).toEqual([1]);
  // And memory serves again.
  seal(group(12), bench);
  await bench.drained();
  expect(batches.at(-1)!.to).toBe(12);
  expect(log.readings).toEqual([1]);
});
