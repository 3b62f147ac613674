import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { AuditLog, SealedGroup } from '../../../src/audit/audit-log.ts';
import { Delivery } from '../../../src/deliver/delivery.ts';
import type { DeliveryBatch, Sink, SinkPace } from '../../../src/deliver/sink.ts';
import { at } from '../../support/masked.ts';

const group = (index: number, bytes = 100): SealedGroup => ({
  index,
  position: at(index),
  sealedAtUs: 0n,
  commitTimeUs: 0n,
  transactions: 1,
  rows: 1,
  bytes,
  tables: [],
  resident: true,
  chunks: async function* () {},
});

function bench(pace: SinkPace | null, queueBytes = 1_000) {
  const sealed: SealedGroup[] = [];
  const batches: DeliveryBatch[] = [];
  const read: number[] = [];
  const log = {
    last: null,
    read: async function* (from: number) {
      read.push(from);
      yield* sealed.filter(({ index }) => index >= from);
    },
  } as unknown as AuditLog;
  const sink: Sink = {
    name: 's',
    kind: 'atomic',
    capabilities: { partialRows: true, keylessTables: true, ddlInTransaction: true },
    pace,
    preflight: async () => [],
    open: async () => null,
    alter: async () => {},
    write: async (batch) => {
      batches.push(batch);
      return batch.to;
    },
    stats: () => ({ rows: 0, deadLetters: new Map() }),
    close: async () => {},
  };
  const delivery = new Delivery(
    sink,
    log,
    { pipeline: 'p', epoch: 1n, queueBytes, batchBytes: 1_000_000 },
    { reached: () => {}, delivered: () => {}, failed: () => {} },
  );
  const drain = new AbortController();
  const done = delivery.run(new AbortController().signal, drain.signal);
  return {
    batches,
    read,
    delivery,
    offer: (one: SealedGroup) => {
      sealed.push(one);
      delivery.offer(one);
    },
    drained: async () => {
      drain.abort();
      await done;
    },
  };
}

it('gathers groups until the interval is over, and all of them at a drain', async () => {
  const { batches, offer, drained, delivery } = bench({ intervalMs: 150, bytes: 1_000_000 });
  offer(group(0));
  await sleep(30);
  expect(batches.map(({ to }) => to)).toEqual([0]);
  for (let i = 1; i < 4; i++) offer(group(i));
  await sleep(30);
  expect(batches).toHaveLength(1);
  expect(delivery.state.kind).toBe('gathering');
  await sleep(150);
  expect(batches.map(({ to }) => to)).toEqual([0, 3]);
  offer(group(4));
  await drained();
  expect(batches.map(({ to }) => to)).toEqual([0, 3, 4]);
});

it('goes at once when enough waits', async () => {
  const { batches, offer, drained } = bench({ intervalMs: 60_000, bytes: 500 });
  offer(group(0));
  await sleep(20);
  offer(group(1, 300));
  await sleep(20);
  expect(batches).toHaveLength(1);
  offer(group(2, 300));
  await sleep(20);
  expect(batches.map(({ to, groups }) => [to, groups.length])).toEqual([
    [0, 1],
    [1, 1],
  ]);
  await drained();
  expect(batches.at(-1)!.to).toBe(2);
});

it('takes a batch that outgrew memory from the log, whole, and never holds up the reader', async () => {
  const { batches, offer, read, delivery, drained } = bench({ intervalMs: 100, bytes: 1_000_000 }, 250);
  offer(group(0));
  await sleep(20);
  for (let i = 1; i < 8; i++) {
    offer(group(i));
    const before = performance.now();
    await delivery.room(1_000);
    expect(performance.now() - before).toBeLessThan(50);
  }
  await sleep(150);
  expect(batches.map(({ to }) => to)).toEqual([0, 7]);
  expect(read).toEqual([1]);
  // And memory serves again.
  offer(group(8));
  await drained();
  expect(batches.at(-1)!.to).toBe(8);
  expect(read).toEqual([1]);
});
