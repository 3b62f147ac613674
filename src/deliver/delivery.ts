import type { AuditLog, GroupIndex, SealedGroup } from '../audit/audit-log.ts';
import type { RowsealError } from '../error/rowseal-error.ts';
import { toRowsealError } from '../error/unexpected.ts';
import type { MaskedTable } from '../model/masked.ts';
import { tableKey } from '../model/table.ts';
import { GroupQueue } from './group-queue.ts';
import { backoffMs, defaultRetry, type RetryPolicy, sleep } from './retry.ts';
import type { DeliveryBatch, Sink, SinkStats } from './sink.ts';

export interface DeliveryOptions {
  readonly pipeline: string;
  /** Larger than that of any earlier run: fences older writers. */
  readonly epoch: bigint;
  /** Bytes of sealed groups kept in memory for this sink. */
  readonly queueBytes: number;
  /** Bytes of groups applied in one sink transaction; one larger group still goes whole. */
  readonly batchBytes: number;
  readonly retry?: RetryPolicy;
}

export interface DeliveryEvents {
  /** The sink is open, or a batch is durable. Throws to stop the run (law 6). */
  reached(sink: string, cursor: GroupIndex | null): void;
  delivered(sink: string, batch: DeliveryBatch, durationMs: number, stats: SinkStats): void;
  failed(sink: string, error: RowsealError, retryInMs: number | null): void;
}

export type SinkState =
  | { readonly kind: 'opening' | 'caught-up' | 'gathering' | 'delivering' | 'closed' }
  | { readonly kind: 'waiting' | 'stopped'; readonly error: RowsealError };

/**
 * Feeds one sink: sealed groups in order, from memory when it keeps up, from the log after a restart or when slow. A
 * failing sink waits and tries again, or stops; it never holds up sealing, confirms, or another sink.
 */
export class Delivery {
  readonly sink: Sink;
  readonly #log: AuditLog;
  readonly #options: DeliveryOptions;
  readonly #events: DeliveryEvents;
  readonly #queue: GroupQueue;
  readonly #known = new Map<string, MaskedTable>();
  #newest: GroupIndex | null;
  #cursor: GroupIndex | null = null;
  #state: SinkState = { kind: 'opening' };
  #wake: () => void = () => {};
  #roomWaiters: (() => void)[] = [];
  /** Bytes of groups that were sealed since the batch before was begun. */
  #waitingBytes = 0;
  #batchStartedMs = Number.NEGATIVE_INFINITY;

  constructor(sink: Sink, log: AuditLog, options: DeliveryOptions, events: DeliveryEvents) {
    this.sink = sink;
    this.#log = log;
    this.#options = options;
    this.#events = events;
    this.#queue = new GroupQueue(options.queueBytes);
    this.#newest = log.last?.index ?? null;
  }

  get state(): SinkState {
    return this.#state;
  }

  get cursor(): GroupIndex | null {
    return this.#cursor;
  }

  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  /** A group was sealed. Never blocks and never fails: what is not queued is read from the log. */
  offer(group: SealedGroup): void {
    this.#newest = group.index;
    this.#waitingBytes += group.bytes;
    this.#queue.offer(group);
    this.#wake();
  }

  /**
   * Resolves when the queue has room, or after `maxMs`, or at once when this sink is not getting on (then the log takes
   * the strain): a healthy sink slows the reader a little rather than read its rows twice.
   */
  room(maxMs: number): Promise<void> {
    const { kind } = this.#state;
    // One that gathers is meant to be behind.
    if (!this.#queue.full || this.sink.pace != null || (kind !== 'delivering' && kind !== 'caught-up')) {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, maxMs);
      this.#roomWaiters.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /**
   * Runs until `stop`, which lets the batch in hand finish, or `drain`, which first delivers everything sealed so far.
   * Rejects only for what must end the whole run: integrity, disk, bug.
   */
  async run(stop: AbortSignal, drain: AbortSignal): Promise<void> {
    const onSignal = (): void => this.#wake();
    stop.addEventListener('abort', onSignal);
    drain.addEventListener('abort', onSignal);
    let failures = 0;
    try {
      while (!stop.aborted) {
        try {
          await this.#open();
          await this.#deliver(stop, drain, () => {
            failures = 0;
          });
          return;
        } catch (thrown) {
          const error = toRowsealError(thrown);
          if (endsTheRun(error)) throw error;
          await this.#closeQuietly();
          if (!retryable(error)) {
            this.#settle({ kind: 'stopped', error });
            this.#events.failed(this.sink.name, error, null);
            return;
          }
          failures++;
          const waitMs = backoffMs(this.#options.retry ?? defaultRetry, failures, Math.random());
          this.#settle({ kind: 'waiting', error });
          this.#events.failed(this.sink.name, error, waitMs);
          if (drain.aborted) return;
          await sleep(waitMs, AbortSignal.any([stop, drain]));
        }
      }
    } finally {
      stop.removeEventListener('abort', onSignal);
      drain.removeEventListener('abort', onSignal);
      await this.#closeQuietly();
      if (this.#state.kind !== 'stopped') this.#settle({ kind: 'closed' });
    }
  }

  async #open(): Promise<void> {
    this.#settle({ kind: 'opening' });
    this.#known.clear();
    this.#cursor = await this.sink.open(this.#options.pipeline, this.#options.epoch);
    this.#events.reached(this.sink.name, this.#cursor);
  }

  async #deliver(stop: AbortSignal, drain: AbortSignal, onProgress: () => void): Promise<void> {
    while (!stop.aborted) {
      const next = this.#cursor === null ? 0 : this.#cursor + 1;
      if (this.#newest === null || next > this.#newest) {
        this.#settle({ kind: 'caught-up' });
        if (drain.aborted) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
          if (stop.aborted || drain.aborted) resolve();
        });
        continue;
      }
      if (await this.#gathers(stop, drain)) continue;
      this.#settle({ kind: 'delivering' });
      this.#batchStartedMs = performance.now();
      const queued = this.#takeQueued(next);
      if (queued.length > 0) {
        this.#releaseRoom();
        await this.#write(queued);
      } else {
        await this.#catchUp(next, stop);
      }
      onProgress();
    }
  }

  /** Waits while the sink's pace wants a larger batch; then true, and everything has to be looked at again. */
  async #gathers(stop: AbortSignal, drain: AbortSignal): Promise<boolean> {
    const { pace } = this.sink;
    if (pace === undefined || pace === null || drain.aborted || this.#waitingBytes >= pace.bytes)
      return false;
    const leftMs = pace.intervalMs - (performance.now() - this.#batchStartedMs);
    if (leftMs <= 0) return false;
    this.#settle({ kind: 'gathering' });
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, leftMs);
      this.#wake = () => {
        if (!stop.aborted && !drain.aborted && this.#waitingBytes < pace.bytes) return;
        clearTimeout(timer);
        resolve();
      };
      this.#wake();
    });
    return true;
  }

  /** A batch from memory; none when the pace lets a batch be larger than the queue holds: then the log has it whole. */
  #takeQueued(next: GroupIndex): readonly SealedGroup[] {
    this.#queue.discardBelow(next);
    const whole = this.#queue.newest === this.#newest;
    return this.sink.pace == null || whole ? this.#queue.take(next, this.#batchBytes) : [];
  }

  get #batchBytes(): number {
    return this.sink.pace?.bytes ?? this.#options.batchBytes;
  }

  /** Reads from the log until the queue holds what follows. */
  async #catchUp(from: GroupIndex, stop: AbortSignal): Promise<void> {
    let pending: SealedGroup[] = [];
    let bytes = 0;
    for await (const group of this.#log.read(from)) {
      if (pending.length > 0 && bytes + group.bytes > this.#batchBytes) {
        await this.#write(pending);
        pending = [];
        bytes = 0;
        if (stop.aborted) return;
      }
      pending.push(group);
      bytes += group.bytes;
    }
    if (pending.length > 0) await this.#write(pending);
    this.#queue.discardBelow((this.#cursor ?? -1) + 1);
  }

  async #write(groups: readonly SealedGroup[]): Promise<void> {
    for (const group of groups) {
      for (const table of group.tables) {
        if (this.#known.get(tableKey(table)) === table) continue;
        await this.sink.alter(table, group.index);
        this.#known.set(tableKey(table), table);
      }
    }
    const batch: DeliveryBatch = {
      after: this.#cursor,
      to: groups.at(-1)!.index,
      groups,
      rows: groups.reduce((sum, group) => sum + group.rows, 0),
      bytes: groups.reduce((sum, group) => sum + group.bytes, 0),
    };
    const started = performance.now();
    this.#cursor = await this.sink.write(batch);
    this.#waitingBytes = this.#cursor === this.#newest ? 0 : Math.max(0, this.#waitingBytes - batch.bytes);
    this.#events.reached(this.sink.name, this.#cursor);
    this.#events.delivered(this.sink.name, batch, performance.now() - started, this.sink.stats());
  }

  #settle(state: SinkState): void {
    this.#state = state;
    if (state.kind !== 'delivering') this.#releaseRoom();
  }

  #releaseRoom(): void {
    const waiters = this.#roomWaiters;
    this.#roomWaiters = [];
    for (const waiter of waiters) waiter();
  }

  async #closeQuietly(): Promise<void> {
    try {
      await this.sink.close();
    } catch {
      // The connection is gone either way; what mattered was durable when write returned.
    }
  }
}

/** A sink's own trouble stays with the sink; these do not. */
function endsTheRun(error: RowsealError): boolean {
  return error.kind === 'integrity' || error.kind === 'disk' || error.kind === 'bug';
}

function retryable(error: RowsealError): boolean {
  return error.kind === 'transient' || error.kind === 'auth';
}
