import type { AuditLog, GroupIndex, SealedGroup } from '../audit/audit-log.ts';
import type { RowsealError } from '../error/rowseal-error.ts';
import { toRowsealError } from '../error/unexpected.ts';
import type { MaskedTable } from '../model/masked.ts';
import { tableKey } from '../model/table.ts';
import { Backlog } from './backlog.ts';
import { type BreakerState, CircuitBreaker, defaultPauses, type Verdict } from './circuit-breaker.ts';
import type { GroupMemory, MemoryReader } from './group-memory.ts';
import { defaultRetry, type RetryPolicy, sleep } from './retry.ts';
import type { DeliveryBatch, Sink, SinkStats } from './sink.ts';
import { expectKnown } from './stored-head.ts';
import { bringsNewVersion } from './table-version.ts';

export interface DeliveryOptions {
  readonly pipeline: string;
  /** Larger than that of any earlier run: fences older writers. */
  readonly epoch: bigint;
  /** Bytes of groups applied in one sink transaction; one larger group still goes whole. */
  readonly batchBytes: number;
  readonly retry?: RetryPolicy;
  /** Pauses before a halted sink is tried again. */
  readonly pauses?: RetryPolicy;
}

export interface DeliveryEvents {
  /** The sink is open, or a batch is durable. Throws to stop the run (law 6). */
  reached(sink: string, cursor: GroupIndex | null): void;
  delivered(sink: string, batch: DeliveryBatch, durationMs: number, stats: SinkStats): void;
  failed(sink: string, error: RowsealError, verdict: Verdict): void;
}

export type SinkState =
  | { readonly kind: 'opening' | 'caught-up' | 'gathering' | 'delivering' | 'catching-up' | 'closed' }
  | { readonly kind: 'waiting'; readonly error: RowsealError }
  /** Wall-clock milliseconds of the next attempt; null: there is none. */
  | { readonly kind: 'halted'; readonly error: RowsealError; readonly retryAtMs: number | null };

/**
 * Feeds one sink: sealed groups in order, from memory when it keeps up, from the log after a restart or when slow. A
 * failing sink waits, or is halted; it never holds up sealing, confirms, or another sink.
 */
export class Delivery {
  readonly sink: Sink;
  readonly backlog: Backlog;
  readonly #log: AuditLog;
  readonly #memory: MemoryReader;
  readonly #options: DeliveryOptions;
  readonly #events: DeliveryEvents;
  readonly #breaker: CircuitBreaker;
  readonly #known = new Map<string, MaskedTable>();
  #state: SinkState = { kind: 'opening' };
  #retries = 0;
  #headChecked = false;
  #answered = false;
  #wake: () => void = () => {};
  #hurry = new AbortController();
  #batchStartedMs = Number.NEGATIVE_INFINITY;

  constructor(
    sink: Sink,
    log: AuditLog,
    memory: GroupMemory,
    options: DeliveryOptions,
    events: DeliveryEvents,
  ) {
    this.sink = sink;
    this.#log = log;
    // One that gathers is meant to be behind: nobody waits for it.
    this.#memory = memory.reader(sink.pace == null);
    this.#options = options;
    this.#events = events;
    this.#breaker = new CircuitBreaker(options.retry ?? defaultRetry, options.pauses ?? defaultPauses);
    this.backlog = new Backlog(log.last?.index ?? null);
    this.#needWhatComes();
  }

  get state(): SinkState {
    return this.#state;
  }

  get breaker(): BreakerState {
    return this.#breaker.state;
  }

  get cursor(): GroupIndex | null {
    return this.backlog.cursor;
  }

  /** Whether the sink has said, since the start, what it has. Before, a cursor of null says nothing. */
  get answered(): boolean {
    return this.#answered;
  }

  /** Bytes of groups in memory that wait for this sink or are being written by it. */
  get queuedBytes(): number {
    return this.#memory.bytes;
  }

  /** Attempts after a failure, since the start. */
  get retries(): number {
    return this.#retries;
  }

  /** A group was sealed, and is in memory if there is room. Never blocks and never fails. */
  offer(group: SealedGroup): void {
    this.backlog.sealed(group);
    this.#wake();
  }

  /** Somebody may have mended what it waits for: ends the pause before the next attempt, if there is one. */
  tryNow(): void {
    this.#hurry.abort();
  }

  /**
   * Runs until `stop`, which lets the batch in hand finish, or `drain`, which first delivers everything sealed so far, or
   * until the sink is halted for good. Rejects only for what must end the whole run: the log is not what it should be.
   *
   * @param leave comes after `stop`, when the batch in hand takes too long: a sink that can is left to it (`Sink.leave`)
   */
  async run(stop: AbortSignal, drain: AbortSignal, leave: AbortSignal): Promise<void> {
    const onSignal = (): void => this.#wake();
    const onLeave = (): void => this.sink.leave?.();
    const asked = AbortSignal.any([stop, drain]);
    asked.addEventListener('abort', onSignal);
    stop.addEventListener('abort', onSignal);
    leave.addEventListener('abort', onLeave);
    try {
      while (!stop.aborted) {
        try {
          await this.#open();
          await this.#deliver(stop, drain);
          return;
        } catch (thrown) {
          const error = toRowsealError(thrown);
          if (endsTheRun(error)) throw error;
          this.#memory.need(null);
          await this.#closeQuietly();
          if (leave.aborted) return;
          const waitMs = this.#judge(error);
          if (waitMs === null || drain.aborted) return;
          this.#hurry = new AbortController();
          await sleep(waitMs, AbortSignal.any([asked, this.#hurry.signal]));
          if (this.#state.kind === 'halted' && asked.aborted) return;
          this.#retries++;
          this.#breaker.tries();
        }
      }
    } finally {
      asked.removeEventListener('abort', onSignal);
      stop.removeEventListener('abort', onSignal);
      leave.removeEventListener('abort', onLeave);
      this.#memory.need(null);
      await this.#closeQuietly();
      if (this.#state.kind !== 'halted') this.#state = { kind: 'closed' };
    }
  }

  /** @returns milliseconds until the next attempt; null: there is none */
  #judge(error: RowsealError): number | null {
    const verdict = this.#breaker.failed(error, Math.random());
    const waitMs = verdict.kind === 'retry' ? verdict.inMs : verdict.retryInMs;
    this.#state =
      verdict.kind === 'retry'
        ? { kind: 'waiting', error }
        : { kind: 'halted', error, retryAtMs: waitMs === null ? null : Date.now() + waitMs };
    this.#events.failed(this.sink.name, error, verdict);
    return waitMs;
  }

  async #open(): Promise<void> {
    this.#state = { kind: 'opening' };
    this.#known.clear();
    this.#needWhatComes();
    const cursor = await this.sink.open(this.#options.pipeline, this.#options.epoch);
    this.#events.reached(this.sink.name, cursor);
    await this.#checkHead();
    this.backlog.opened(cursor);
    this.#answered = true;
    this.#memory.need(this.backlog.next);
  }

  /**
   * A log that lost what the sink has must not go on, even if it is as large again. Once: while it runs a log only grows.
   *
   * @throws RowsealError RS-RUN-003, -006
   */
  async #checkHead(): Promise<void> {
    if (this.#headChecked) return;
    const head = await this.sink.head();
    if (head !== null) expectKnown(this.sink.name, await this.#log.compareHead(head));
    this.#headChecked = true;
  }

  /** Where the sink is, is not known yet: what is sealed from now on may serve it. */
  #needWhatComes(): void {
    this.#memory.need((this.backlog.newest ?? -1) + 1);
  }

  async #deliver(stop: AbortSignal, drain: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      if (this.backlog.groups <= 0) {
        this.#state = { kind: 'caught-up' };
        this.#breaker.worked();
        if (drain.aborted) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
          if (stop.aborted || drain.aborted) resolve();
        });
        continue;
      }
      if (await this.#gathers(stop, drain)) continue;
      this.#batchStartedMs = performance.now();
      const groups = this.#fromMemory();
      if (groups.length > 0) {
        this.#state = { kind: 'delivering' };
        await this.#write(groups);
      } else {
        this.#state = { kind: 'catching-up' };
        await this.#catchUp(stop);
      }
    }
  }

  /** Waits while the sink's pace wants a larger batch; then true, and everything has to be looked at again. */
  async #gathers(stop: AbortSignal, drain: AbortSignal): Promise<boolean> {
    const { pace } = this.sink;
    const enough = (): boolean => pace == null || this.backlog.knownBytes >= pace.bytes;
    if (pace == null || drain.aborted || enough()) return false;
    const leftMs = pace.intervalMs - (performance.now() - this.#batchStartedMs);
    if (leftMs <= 0) return false;
    this.#state = { kind: 'gathering' };
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, leftMs);
      this.#wake = () => {
        if (!stop.aborted && !drain.aborted && !enough()) return;
        clearTimeout(timer);
        resolve();
      };
      this.#wake();
    });
    return true;
  }

  /** A batch from memory; none when the pace lets a batch be larger than that: then the log has it whole. */
  #fromMemory(): readonly SealedGroup[] {
    const { next, newest } = this.backlog;
    const groups = this.#memory.take(next, this.#batchBytes);
    if (this.sink.pace == null || groups.length === 0 || groups.at(-1)!.index === newest) return groups;
    this.#memory.release();
    return [];
  }

  get #batchBytes(): number {
    return this.sink.pace?.bytes ?? this.#options.batchBytes;
  }

  /** Reads from the log until memory serves what follows. What was not in memory is not there while it is written either. */
  async #catchUp(stop: AbortSignal): Promise<void> {
    let pending: SealedGroup[] = [];
    let bytes = 0;
    for await (const group of this.#log.read(this.backlog.next)) {
      // Durable in the log a moment before anybody is told: a cursor there would be ahead of what decides the confirms.
      if (group.index > (this.backlog.newest ?? -1)) break;
      if (pending.length > 0) {
        const goesOn = this.sink.pace == null && this.#memory.servesFrom(group.index);
        if (goesOn || bytes + group.bytes > this.#batchBytes) {
          await this.#write(pending);
          pending = [];
          bytes = 0;
          if (stop.aborted || goesOn) return;
        }
      }
      pending.push(group);
      bytes += group.bytes;
    }
    if (pending.length > 0) await this.#write(pending);
  }

  async #write(groups: readonly SealedGroup[]): Promise<void> {
    this.#memory.need(groups.at(-1)!.index + 1);
    try {
      for (const together of this.#byVersion(groups)) if (!(await this.#writeTogether(together))) return;
    } finally {
      this.#memory.release();
    }
  }

  /**
   * Rows go in under the version that they were sealed with, however many groups came together: what does not fit another one is kept
   * aside as a replay keeps it.
   */
  #byVersion(groups: readonly SealedGroup[]): readonly (readonly SealedGroup[])[] {
    const known = new Map(this.#known);
    const runs: SealedGroup[][] = [];
    for (const group of groups) {
      if (runs.length === 0 || bringsNewVersion(known, group)) runs.push([]);
      runs.at(-1)!.push(group);
      for (const table of group.tables) known.set(tableKey(table), table);
    }
    return runs;
  }

  /** @returns whether the sink took all of it */
  async #writeTogether(groups: readonly SealedGroup[]): Promise<boolean> {
    const last = groups.at(-1)!;
    for (const group of groups) {
      for (const table of group.tables) {
        if (this.#known.get(tableKey(table)) === table) continue;
        await this.sink.alter(table, group.index);
        this.#known.set(tableKey(table), table);
      }
    }
    const batch: DeliveryBatch = {
      after: this.backlog.cursor,
      to: last.index,
      head: last.head,
      groups,
      rows: groups.reduce((sum, group) => sum + group.rows, 0),
      bytes: groups.reduce((sum, group) => sum + group.bytes, 0),
    };
    const started = performance.now();
    const cursor = await this.sink.write(batch);
    this.#events.reached(this.sink.name, cursor);
    this.backlog.delivered(groups);
    if (cursor !== last.index) this.backlog.opened(cursor);
    this.#breaker.worked();
    this.#events.delivered(this.sink.name, batch, performance.now() - started, this.sink.stats());
    return cursor === last.index;
  }

  async #closeQuietly(): Promise<void> {
    try {
      await this.sink.close();
    } catch {
      // The connection is gone either way; what mattered was durable when write returned.
    }
  }
}

/** A sink's own trouble stays with the sink; what is wrong with the log does not. */
function endsTheRun(error: RowsealError): boolean {
  return error.kind === 'integrity' || error.kind === 'disk';
}
