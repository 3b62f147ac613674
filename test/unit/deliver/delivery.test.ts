import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { GroupMemory } from '../../../src/deliver/group-memory.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { HoldBack } from '../../../src/pipeline/hold-back.ts';
import { DeliveryBench, FakeLog, group, seal } from '../../support/delivery-bench.ts';
import { column, INT, table } from '../../support/masked.ts';
import { until } from '../../support/project.ts';

/** One sealed group after the other as a pipeline hands them on, as long as `more` says. */
async function sealWhile(more: () => boolean, benches: readonly DeliveryBench[]): Promise<void> {
  const { memory, log } = benches[0]!;
  const holdBack = new HoldBack(performance.now());
  while (more()) {
    seal(group(log.sealed.length), ...benches);
    const from = performance.now();
    await memory.room(holdBack.allowedMs(from));
    holdBack.held(from, performance.now());
    await sleep(1);
  }
}

function sealFor(ms: number, benches: readonly DeliveryBench[]): Promise<void> {
  const ends = performance.now() + ms;
  return sealWhile(() => performance.now() < ends, benches);
}

const sequence = (count: number): readonly number[] => Array.from({ length: count }, (_, i) => i);

describe('versions of a table', () => {
  it('go into the sink one after the other, though their groups wait together', async () => {
    const [first, second] = [table('people', [column('id', 1, INT)]), table('people', [column('id', 1)])];
    const other = table('orders', [column('id', 1, INT)]);
    const log = new FakeLog();
    for (const [i, tables] of [[first, other], [first], [second], [other], [second], [first]].entries())
      log.sealed.push({ ...group(i), tables });
    const bench = new DeliveryBench({}, { log, memory: new GroupMemory(1_000_000, 1) }).start();
    await bench.drained();
    expect(bench.batches.map(({ groups }) => groups.map(({ index }) => index))).toEqual([
      [0, 1],
      [2, 3, 4],
      [5],
    ]);
    expect(bench.batches.map(({ after, to }) => [after, to])).toEqual([
      [null, 1],
      [1, 4],
      [4, 5],
    ]);
  });
});

describe('a slow sink', () => {
  it('that catches up from the log does not slow the source, however many small groups there are', {
    timeout: 120_000,
  }, async () => {
    const log = new FakeLog();
    for (let i = 0; i < 5_000; i++) log.sealed.push(group(i));
    const shared = { log, memory: new GroupMemory(50_000, 1) };
    const bench = new DeliveryBench({ write: () => sleep(400) }, shared, 20_000).start();
    // Each waited 2 s for the queue of a sink that reads from the log: these would take a minute and a half.
    const from = performance.now();
    await sealWhile(() => log.sealed.length < 5_045, [bench]);
    expect(performance.now() - from).toBeLessThan(45_000);
    await bench.stopped();
  });

  it('that catches up has no group before the pipeline was told of it, though the log has it already', async () => {
    const log = new FakeLog();
    for (let i = 0; i < 3; i++) log.sealed.push(group(i));
    const bench = new DeliveryBench({}, { log, memory: new GroupMemory(50_000, 1) });
    log.sealed.push(group(3));
    bench.start();
    await until('what was told of', () => bench.delivered.length >= 3);
    await sleep(50);
    expect(bench.delivered).toEqual([0, 1, 2]);
    bench.memory.add(group(3));
    bench.delivery.offer(group(3));
    await bench.drained();
    expect(bench.delivered).toEqual([0, 1, 2, 3]);
  });

  it('that keeps up but for hiccups is fed from memory: the source waits a little', async () => {
    let hiccup = true;
    const write = async (): Promise<void> => {
      await sleep(hiccup ? 300 : 1);
      hiccup = false;
    };
    const shared = { log: new FakeLog(), memory: new GroupMemory(50_000, 1) };
    const bench = new DeliveryBench({ write }, shared).start();
    await sealFor(800, [bench]);
    await bench.drained();
    expect(bench.delivered).toEqual(sequence(shared.log.sealed.length));
    expect(shared.log.readings).toEqual([]);
  });

  it('that fell behind goes on from memory when it has caught up', async () => {
    // The first batch takes until there is more than memory holds.
    const enough = Promise.withResolvers<void>();
    const write = async (): Promise<void> => {
      await enough.promise;
      await sleep(1);
    };
    const shared = { log: new FakeLog(), memory: new GroupMemory(50_000, 1) };
    const bench = new DeliveryBench({ write }, shared).start();
    for (let i = 0; i < 400; i++) {
      seal(group(i), bench);
      if (i % 40 === 0) await sleep(1);
    }
    enough.resolve();
    await until('it has caught up', () => bench.delivered.length === shared.log.sealed.length);
    const readings = shared.log.readings.length;
    expect(readings).toBeGreaterThan(0);
    await sealFor(300, [bench]);
    expect(shared.log.readings.length).toBe(readings);
    await bench.drained();
    expect(bench.delivered).toEqual(sequence(shared.log.sealed.length));
  });

  it('holds up the source once, and not again as long as it is behind', { timeout: 240_000 }, async () => {
    const shared = { log: new FakeLog(), memory: new GroupMemory(20_000, 1) };
    const goOn = Promise.withResolvers<void>();
    let stuck = false;
    const bench = new DeliveryBench({ write: () => (stuck ? goOn.promise : sleep(200)) }, shared).start();
    await sealFor(1_500, [bench]);
    stuck = true;
    await until('it is stuck', () => bench.delivery.state.kind !== 'caught-up');
    // The credit is used up; with it each of these would wait for two seconds.
    const holdBack = new HoldBack(performance.now());
    holdBack.held(performance.now() - 2_000, performance.now());
    const from = performance.now();
    for (let i = 0; i < 100; i++) {
      seal(group(shared.log.sealed.length), bench);
      await shared.memory.room(holdBack.allowedMs(performance.now()));
      await sleep(1);
    }
    expect(performance.now() - from).toBeLessThan(60_000);
    goOn.resolve();
    await bench.drained();
    expect(bench.delivered).toEqual(sequence(shared.log.sealed.length));
  });

  it('never holds up the others', { timeout: 180_000 }, async () => {
    const shared = { log: new FakeLog(), memory: new GroupMemory(60_000, 3) };
    const fast = new DeliveryBench({ name: 'fast' }, shared).start();
    const slow = new DeliveryBench({ name: 'slow', write: () => sleep(3_000) }, shared).start();
    const dead = new DeliveryBench(
      {
        name: 'dead',
        open: async () => {
          throw new RowsealError('RS-PGS-001');
        },
      },
      shared,
    ).start();
    // More than memory holds.
    while (shared.log.sealed.length < 1_500) await sealFor(500, [fast, slow, dead]);
    const sealed = shared.log.sealed.length;
    await until('the fast one has all', () => fast.cursor === sealed - 1);
    expect(shared.memory.bytes).toBeLessThanOrEqual(60_000);
    expect(dead.delivery.backlog).toMatchObject({ groups: sealed, cursor: null });
    await Promise.all([fast, slow, dead].map((bench) => bench.drained()));
    expect(fast.delivered).toEqual(sequence(sealed));
    expect(slow.delivered).toEqual(sequence(sealed));
    // What the slow one left behind it read from the log; the fast one never had to.
    expect(shared.log.readings.length).toBeGreaterThan(0);
    expect(shared.memory.bytes).toBe(0);
  });
});

describe('lag', () => {
  it('is groups, bytes and time; bytes are not known of what an earlier process left', async () => {
    const log = new FakeLog();
    for (let i = 0; i < 3; i++) log.sealed.push(group(i));
    let go: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    const bench = new DeliveryBench({ write: () => held }, { log, memory: new GroupMemory(100_000, 1) });
    const { backlog } = bench.delivery;
    bench.start();
    await until('it is written', () => bench.delivery.state.kind === 'catching-up');
    expect([backlog.groups, backlog.bytes, backlog.waitingMs(50)]).toEqual([3, null, null]);
    seal(group(3, 70), bench);
    seal(group(4, 30), bench);
    expect([backlog.groups, backlog.knownBytes]).toEqual([5, 100]);
    go();
    await until('all is delivered', () => bench.caughtUp);
    expect([backlog.groups, backlog.bytes, backlog.waitingMs(50)]).toEqual([0, 0, 0]);
    await bench.stopped();
    seal(group(5, 11), bench);
    seal(group(6, 11), bench);
    // Sealed 5 ms after the beginning of time.
    expect([backlog.groups, backlog.bytes, backlog.waitingMs(50)]).toEqual([2, 22, 45]);
  });
});

describe('a sink that fails', () => {
  it('waits and goes on where it was when waiting helps', async () => {
    let failures = 2;
    const write = async (): Promise<void> => {
      if (failures-- > 0) throw new RowsealError('RS-PGS-006');
    };
    const bench = new DeliveryBench({ write }).start();
    seal(group(0), bench);
    await until('it goes on', () => bench.delivered.length > 0 && bench.caughtUp);
    expect(bench.delivered).toEqual([0]);
    expect(bench.failures.map(({ verdict }) => verdict.kind)).toEqual(['retry', 'retry']);
    expect(bench.delivery).toMatchObject({ breaker: 'closed', retries: 2 });
    await bench.drained();
  });

  it('is halted by a bug, keeps its cursor, and is tried again after a pause', async () => {
    let broken = false;
    const write = async (): Promise<void> => {
      if (broken) throw new RowsealError('RS-PGS-007');
    };
    const bench = new DeliveryBench({ write }).start();
    seal(group(0), bench);
    await until('the first is there', () => bench.delivered.length > 0 && bench.caughtUp);
    broken = true;
    seal(group(1), bench);
    await until('it is halted', () => bench.delivery.state.kind === 'halted');
    expect(bench.delivery).toMatchObject({ breaker: 'open', cursor: 0 });
    expect(bench.delivery.state).toMatchObject({ kind: 'halted', error: { code: 'RS-PGS-007' } });
    expect(bench.memory.bytes).toBe(0);
    await until('it is tried again', () => bench.failures.length > 1);
    broken = false;
    seal(group(2), bench);
    await until('it goes on', () => bench.delivered.length > 1 && bench.caughtUp);
    expect(bench.delivered).toEqual([0, 1, 2]);
    expect(bench.delivery).toMatchObject({ breaker: 'closed' });
    await bench.drained();
  });

  it('is halted for good by a newer writer', async () => {
    const bench = new DeliveryBench({
      open: async () => {
        throw new RowsealError('RS-PGS-004');
      },
    }).start();
    await bench.ended();
    expect(bench.delivery.state).toMatchObject({ kind: 'halted', retryAtMs: null });
    expect(bench.failures).toHaveLength(1);
  });

  it('does not keep a stop waiting for its pause', async () => {
    const bench = new DeliveryBench({
      open: async () => {
        throw new RowsealError('RS-PGS-002');
      },
      pauses: { firstMs: 600_000, maxMs: 600_000 },
    }).start();
    await until('it is halted', () => bench.delivery.state.kind === 'halted');
    // The pause is longer than a test may take.
    await bench.drained();
    expect(bench.delivery.state.kind).toBe('halted');
  });

  it('is tried at once when somebody says that it is mended', async () => {
    let mended = false;
    const bench = new DeliveryBench({
      open: async () => {
        if (!mended) throw new RowsealError('RS-PGS-002');
        return null;
      },
      pauses: { firstMs: 600_000, maxMs: 600_000 },
    }).start();
    seal(group(0), bench);
    await until('it is halted', () => bench.delivery.state.kind === 'halted');
    bench.delivery.tryNow();
    await until('it is halted again', () => bench.failures.length === 2);
    await until('it waits again', () => bench.delivery.state.kind === 'halted');
    mended = true;
    bench.delivery.tryNow();
    await until('it has caught up', () => bench.caughtUp);
    expect(bench.delivered).toEqual([0]);
    // Nothing to wait for: said twice, it changes nothing.
    bench.delivery.tryNow();
    await bench.drained();
  });

  it('that can be left is left when its batch takes longer than a stop has, and nothing is told as a failure', async () => {
    const { promise, reject } = Promise.withResolvers<never>();
    const begun = Promise.withResolvers<void>();
    const bench = new DeliveryBench({
      write: () => {
        begun.resolve();
        return promise;
      },
      leave: () => reject(new RowsealError('RS-RUN-004', { detail: 'left' })),
    }).start();
    seal(group(0), bench);
    await begun.promise;
    await bench.left();
    expect(bench.failures).toEqual([]);
    expect(bench.delivery.state).toEqual({ kind: 'closed' });
    expect(bench.delivered).toEqual([]);
  });

  it('ends the whole run when it knows a larger log than there is', async () => {
    const log = new FakeLog();
    for (let i = 0; i < 3; i++) log.sealed.push(group(i));
    const run = (head: string | null): DeliveryBench =>
      new DeliveryBench(
        { open: async () => 2, head: () => head },
        { log, memory: new GroupMemory(100_000, 1) },
      ).start();
    await expect(run('head 3').ended()).rejects.toMatchObject({ code: 'RS-RUN-003', kind: 'integrity' });
    await expect(run('something else').ended()).rejects.toMatchObject({ code: 'RS-RUN-006' });
    for (const head of ['head 2', null]) {
      const bench = run(head);
      await until('it is open', () => bench.caughtUp);
      await bench.stopped();
    }
  });

  it('ends the whole run only by what is wrong with the log', async () => {
    const bench = new DeliveryBench({
      write: async () => {
        throw new RowsealError('RS-AUD-004');
      },
    }).start();
    seal(group(0), bench);
    await expect(bench.ended()).rejects.toMatchObject({ code: 'RS-AUD-004' });
  });
});
