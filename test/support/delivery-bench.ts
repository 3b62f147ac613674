import type { AuditLog, HeadComparison, SealedGroup } from '../../src/audit/audit-log.ts';
import type { Verdict } from '../../src/deliver/circuit-breaker.ts';
import { Delivery } from '../../src/deliver/delivery.ts';
import { GroupMemory } from '../../src/deliver/group-memory.ts';
import type { RetryPolicy } from '../../src/deliver/retry.ts';
import type { DeliveryBatch, Sink, SinkPace } from '../../src/deliver/sink.ts';
import type { RowsealError } from '../../src/error/rowseal-error.ts';
import { at } from './masked.ts';

/** Groups and sinks without rows, for tests of who gets what when. */

export const group = (index: number, bytes = 100, resident = true): SealedGroup => ({
  index,
  position: at(index),
  sealedAtUs: BigInt(index) * 1_000n,
  commitTimeUs: 0n,
  transactions: 1,
  rows: 1,
  head: `head ${index}`,
  bytes,
  tables: [],
  resident,
  chunks: async function* () {},
});

/** A log in memory; what was read of it is kept, by where a reading began. */
export class FakeLog {
  readonly sealed: SealedGroup[] = [];
  readonly readings: number[] = [];

  get log(): AuditLog {
    const { sealed, readings } = this;
    return {
      get last() {
        return sealed.at(-1) ?? null;
      },
      compareHead: async (note: string): Promise<HeadComparison> => {
        const [, index] = /^head (\d+)$/.exec(note) ?? [];
        if (index === undefined) return { kind: 'malformed' };
        const size = Number(index) + 1;
        return size > sealed.length ? { kind: 'ahead', size, ownSize: sealed.length } : { kind: 'known' };
      },
      read: async function* (from: number) {
        readings.push(from);
        for (let next = from; next < sealed.length; next++) yield { ...sealed[next]!, resident: false };
      },
    } as unknown as AuditLog;
  }
}

export interface FakeSinkOptions {
  readonly name?: string;
  readonly pace?: SinkPace | null;
  readonly open?: () => Promise<number | null>;
  readonly head?: () => string | null;
  readonly write?: (batch: DeliveryBatch) => Promise<void>;
  readonly leave?: () => void;
  /** Of a halted sink; short ones unless a test wants it to stay halted. */
  readonly pauses?: RetryPolicy;
}

export class DeliveryBench {
  readonly batches: DeliveryBatch[] = [];
  readonly failures: { readonly error: RowsealError; readonly verdict: Verdict }[] = [];
  readonly log: FakeLog;
  readonly memory: GroupMemory;
  readonly delivery: Delivery;
  readonly #stop = new AbortController();
  readonly #drain = new AbortController();
  readonly #leave = new AbortController();
  #done: Promise<void> = Promise.resolve();
  cursor: number | null = null;

  constructor(
    options: FakeSinkOptions,
    shared?: { readonly log: FakeLog; readonly memory: GroupMemory },
    batchBytes = 1_000_000,
  ) {
    this.log = shared?.log ?? new FakeLog();
    this.memory = shared?.memory ?? new GroupMemory(1_000_000, 1);
    const sink: Sink = {
      name: options.name ?? 's',
      kind: 'atomic',
      capabilities: { partialRows: true, keylessTables: true, ddlInTransaction: true },
      pace: options.pace ?? null,
      preflight: async () => [],
      open: async () => (options.open === undefined ? this.cursor : options.open()),
      alter: async () => {},
      write: async (batch) => {
        await options.write?.(batch);
        this.batches.push(batch);
        this.cursor = batch.to;
        return batch.to;
      },
      head: async () => options.head?.() ?? null,
      stats: () => ({ rows: 0, deadLetters: new Map() }),
      close: async () => {},
      leave: () => options.leave?.(),
    };
    const fast = { firstMs: 10, maxMs: 20 };
    this.delivery = new Delivery(
      sink,
      this.log.log,
      this.memory,
      { pipeline: 'p', epoch: 1n, batchBytes, retry: fast, pauses: options.pauses ?? fast },
      {
        reached: () => {},
        delivered: () => {},
        failed: (_, error, verdict) => this.failures.push({ error, verdict }),
      },
    );
  }

  /** There is nothing left to deliver, and the sink is well. */
  get caughtUp(): boolean {
    return this.delivery.state.kind === 'caught-up' && this.delivery.backlog.groups === 0;
  }

  start(): this {
    this.#done = this.delivery.run(this.#stop.signal, this.#drain.signal, this.#leave.signal);
    return this;
  }

  /** What was delivered, without holes and without repetitions. */
  get delivered(): readonly number[] {
    return this.batches.flatMap(({ groups }) => groups.map(({ index }) => index));
  }

  async drained(): Promise<void> {
    this.#drain.abort();
    await this.#done;
  }

  async stopped(): Promise<void> {
    this.#stop.abort();
    await this.#done;
  }

  async left(): Promise<void> {
    this.#stop.abort();
    this.#leave.abort();
    await this.#done;
  }

  ended(): Promise<void> {
    return this.#done;
  }
}

/** As the pipeline does with every sealed group. */
export function seal(one: SealedGroup, ...benches: readonly DeliveryBench[]): void {
  benches[0]!.log.sealed.push(one);
  benches[0]!.memory.add(one);
  for (const { delivery } of benches) delivery.offer(one);
}
