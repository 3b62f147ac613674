import type { SinkChildModule } from '../../contract/sink-contract.ts';
import { deliver } from './groups.ts';
import { randomGroups } from './random-groups.ts';

/** What the parent tells the process that delivers until it is killed. */
export interface ChildOrders {
  readonly module: string;
  readonly address: unknown;
  readonly epoch: string;
  readonly seed: number;
  readonly groups: number;
  readonly groupsInBatch: number;
  /** Requests to the warehouse before this process kills itself; null: it does not. */
  readonly killAtStep: number | null;
}

const orders = JSON.parse(process.argv[2]!) as ChildOrders;
const { openSink, watchSteps } = (await import(orders.module)) as SinkChildModule;
let steps = 0;
watchSteps(() => {
  if (steps++ === orders.killAtStep) {
    process.kill(process.pid, 'SIGKILL');
    // Nothing of this thread may go on until the signal is there.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  }
});
const groups = randomGroups(orders.seed, orders.groups);
const sink = openSink(orders.address);
let cursor = await sink.open('p', BigInt(orders.epoch));
process.stdout.write('open\n');
while (cursor === null || cursor < orders.groups - 1) {
  const next: number = cursor === null ? 0 : cursor + 1;
  cursor = await deliver(sink, cursor, groups.slice(next, next + orders.groupsInBatch));
}
await sink.close();
process.stdout.write(`steps ${steps}\n`);
