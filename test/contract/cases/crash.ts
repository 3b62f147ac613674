import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { ChildOrders } from '../../support/sink/child.ts';
import { deliver, headOf } from '../../support/sink/groups.ts';
import { bag, people, peopleLater, randomGroups, randomNumbers } from '../../support/sink/random-groups.ts';
import { ReferenceWarehouse } from '../../support/sink/reference-warehouse.ts';
import { slow } from '../../support/slow.ts';
import { expectEqual, type Law, type SinkHarness, type SinkTarget } from '../sink-contract.ts';

const CHILD = fileURLToPath(new URL('../../support/sink/child.ts', import.meta.url));
/** Kills in a quick run, spread over all steps. */
const QUICK_KILLS = 16;

export function crashLaws(law: Law): void {
  law(
    'SIGKILL at every step: rows and cursor agree, and the rest follows',
    async ({ harness, target }) => {
      const work = { seed: 7, groups: 6, groupsInBatch: 2 };
      const steps = await runChild(harness, target, { ...work, epoch: '1', killAtStep: null });
      expect(steps).toBeGreaterThan(3);
      const stride = slow ? 1 : Math.max(1, steps! / QUICK_KILLS);
      for (let at = 0; at < steps!; at += stride) {
        const fresh = await harness.make();
        try {
          const ended = await runChild(harness, fresh, { ...work, epoch: '1', killAtStep: Math.floor(at) });
          expect(ended, `killed at step ${Math.floor(at)}`).toBeNull();
          await expectAgreement(harness, fresh, 2n, work);
          await finish(harness, fresh, 3n, work);
        } finally {
          await fresh.drop();
        }
      }
    },
    { timeoutMs: slow ? 3_600_000 : 240_000 },
  );

  law(
    'SIGKILL at random, again and again',
    async ({ harness, target }) => {
      const work = { seed: 11, groups: 400, groupsInBatch: 3 };
      const random = randomNumbers(5);
      let epoch = 1n;
      for (let kill = 0; kill < 6; kill++) {
        await killChild(harness, target, { ...work, epoch: String(epoch++), killAtStep: null }, random(250));
        await expectAgreement(harness, target, epoch++, work);
      }
      await finish(harness, target, epoch, work);
    },
    { timeoutMs: 240_000 },
  );
}

type Work = Pick<ChildOrders, 'seed' | 'groups' | 'groupsInBatch'>;

/** An atomic sink holds the groups up to its cursor and nothing else, whenever it is looked at. */
async function expectAgreement(
  harness: SinkHarness,
  target: SinkTarget,
  epoch: bigint,
  work: Work,
): Promise<void> {
  if (harness.kind !== 'atomic') return;
  const sink = target.sink();
  const cursor = await sink.open('p', epoch);
  expect(await sink.head()).toBe(cursor === null ? null : headOf(cursor));
  await sink.close();
  const groups = randomGroups(work.seed, work.groups).slice(0, cursor === null ? 0 : cursor + 1);
  const model = await new ReferenceWarehouse().apply(groups);
  for (const table of [people, bag])
    if (groups.some((group) => group.tables.some(({ name }) => name === table.name)))
      await expectEqual(target, model, table === people && isLater(groups) ? peopleLater : table);
}

function isLater(groups: ReturnType<typeof randomGroups>): boolean {
  return groups.some((group) => group.tables.includes(peopleLater));
}

/** Goes on from the cursor to the end. */
async function finish(harness: SinkHarness, target: SinkTarget, epoch: bigint, work: Work): Promise<void> {
  const groups = randomGroups(work.seed, work.groups);
  const sink = target.sink();
  try {
    const cursor = await sink.open('p', epoch);
    const rest = groups.slice(cursor === null ? 0 : cursor + 1);
    if (rest.length > 0) await deliver(sink, cursor, rest);
  } finally {
    await sink.close();
  }
  const model = await new ReferenceWarehouse().apply(groups);
  await expectEqual(target, model, peopleLater);
  await expectEqual(target, model, bag);
  expect(harness.kind === 'convergent' || (await target.deadLetters()).length === 0).toBe(true);
}

/** @returns the number of steps it took; null: it was killed */
async function runChild(
  harness: SinkHarness,
  target: SinkTarget,
  orders: Omit<ChildOrders, 'module' | 'address'>,
): Promise<number | null> {
  const { child, output } = start(harness, target, orders);
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  if (signal === 'SIGKILL') return null;
  expect(code, output()).toBe(0);
  return Number(/^steps (\d+)$/m.exec(output())![1]);
}

async function killChild(
  harness: SinkHarness,
  target: SinkTarget,
  orders: Omit<ChildOrders, 'module' | 'address'>,
  afterMs: number,
): Promise<void> {
  const { child, output } = start(harness, target, orders);
  const closed = once(child, 'close');
  while (!output().includes('open\n') && child.exitCode === null)
    await new Promise((resolve) => setTimeout(resolve, 5));
  // It may have done everything before this process got to look.
  if (child.exitCode !== null) expect(child.exitCode, output()).toBe(0);
  await new Promise((resolve) => setTimeout(resolve, afterMs));
  child.kill('SIGKILL');
  await closed;
}

function start(harness: SinkHarness, target: SinkTarget, orders: Omit<ChildOrders, 'module' | 'address'>) {
  const all: ChildOrders = { ...orders, module: harness.childModule, address: target.address };
  const child = spawn(process.execPath, [CHILD, JSON.stringify(all)], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  return { child, output: () => text };
}
