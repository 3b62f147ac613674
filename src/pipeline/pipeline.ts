import type { AuditLog, SealedGroup, SinkNeed } from '../audit/audit-log.ts';
import type { Source } from '../capture/source.ts';
import { Delivery } from '../deliver/delivery.ts';
import { GroupMemory } from '../deliver/group-memory.ts';
import { needOf } from '../deliver/need.ts';
import { backoffMs, defaultRetry, type RetryPolicy, sleep } from '../deliver/retry.ts';
import type { Sink } from '../deliver/sink.ts';
import { RowsealError } from '../error/rowseal-error.ts';
import { toRowsealError } from '../error/unexpected.ts';
import type { CompiledPolicy } from '../mask/policy.ts';
import { isCopying, type Position } from '../model/position.ts';
import { displayName } from '../model/table.ts';
import { Capture } from './capture.ts';
import type { GroupingLimits } from './grouping.ts';
import { HoldBack } from './hold-back.ts';
import { MaskStage } from './mask-stage.ts';
import type { PipelineObserver } from './observer.ts';
import { PolicySwitch } from './policy-switch.ts';
import { Progress } from './progress.ts';
import { SpaceGuard } from './space-guard.ts';
import type { PipelineState } from './status.ts';

export interface PipelineOptions {
  readonly name: string;
  /** Makes a fresh source for every connection attempt. */
  readonly makeSource: () => Source;
  readonly policy: CompiledPolicy;
  readonly log: AuditLog;
  readonly sinks: readonly Sink[];
  /** Larger than that of any earlier run of this pipeline. */
  readonly epoch: bigint;
  readonly limits: GroupingLimits;
  /** Bytes of sealed groups in memory for all sinks together, batches in hand among them. */
  readonly queueBytes: number;
  /** Free space on the volume of the log below which nothing is sealed. */
  readonly minFreeBytes: number;
  /** How long a stop may spend on delivering what is sealed, in milliseconds. */
  readonly drainMs: number;
  /** How long after that a batch in hand may take, in milliseconds; then its sink is left, if it can be. */
  readonly leaveMs: number;
  readonly observer: PipelineObserver;
  readonly retry?: RetryPolicy;
  /** Pauses before a halted sink is tried again. */
  readonly pauses?: RetryPolicy;
}

export type PipelineOutcome =
  | { readonly kind: 'stopped' }
  /** A restart cannot mend it, or must not be tried without a person. */
  | { readonly kind: 'halted'; readonly error: RowsealError }
  /** A restart recovers: failed fsync, bug. */
  | { readonly kind: 'failed'; readonly error: RowsealError };

const SPACE_LOOK_MS = 1_000;

/**
 * One source, one mask, one log, any number of sinks. `run` goes on until `stop`, or until something that neither waiting
 * nor a reconnect can mend.
 */
export class Pipeline {
  readonly deliveries: readonly Delivery[];
  readonly memory: GroupMemory;
  readonly progress: Progress;
  readonly policies: PolicySwitch;
  readonly #options: PipelineOptions;
  readonly #stop = new AbortController();
  readonly #drain = new AbortController();
  /** Aborted when a batch in hand takes longer than the stop has. */
  readonly #leave = new AbortController();
  /** Aborted by whatever ends the run; deliveries then stop after the batch in hand. */
  readonly #abandon = new AbortController();
  readonly #undecided = new Map<string, number>();
  readonly #space: SpaceGuard;
  readonly #holdBack = new HoldBack(performance.now());
  #source: Source | null = null;
  #state: PipelineState = 'starting';
  #sinceMs = Date.now();
  #reason: RowsealError | null = null;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.progress = new Progress(options.log.last, (position) => this.#source?.confirm(position));
    this.#space = new SpaceGuard(() => options.log.freeBytes(), options.minFreeBytes);
    this.policies = new PolicySwitch(options.policy);
    this.memory = new GroupMemory(options.queueBytes, options.sinks.length);
    this.deliveries = options.sinks.map(
      (sink) =>
        new Delivery(
          sink,
          options.log,
          this.memory,
          {
            pipeline: options.name,
            epoch: options.epoch,
            batchBytes: options.queueBytes >> 1,
            ...(options.retry === undefined ? {} : { retry: options.retry }),
            ...(options.pauses === undefined ? {} : { pauses: options.pauses }),
          },
          {
            reached: (name, cursor) => this.progress.sinkReached(name, cursor),
            delivered: (name, batch, durationMs, stats) =>
              options.observer.batchDelivered(name, batch, durationMs, stats),
            failed: (name, error, verdict) => options.observer.sinkFailed(name, error, verdict),
          },
        ),
    );
  }

  get state(): PipelineState {
    return this.#state;
  }

  /** Wall-clock milliseconds of the last change of state. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** Why it waits or halted. */
  get reason(): RowsealError | null {
    return this.#reason;
  }

  get source(): Source | null {
    return this.#source;
  }

  /** What the sinks have yet to read of the log. */
  get sinkNeed(): SinkNeed {
    return needOf(this.deliveries);
  }

  /** Columns redacted because the policy does not decide them, by table. */
  undecidedColumns(): ReadonlyMap<string, number> {
    return this.#undecided;
  }

  /** Seals what is whole, delivers what is sealed, then `run` resolves. Idempotent. */
  stop(): void {
    this.#stop.abort();
  }

  async run(): Promise<PipelineOutcome> {
    let failure: RowsealError | null = null;
    const fail = (thrown: unknown): void => {
      failure ??= toRowsealError(thrown);
      this.#abandon.abort();
      this.#stop.abort();
    };
    const deliveries = this.deliveries.map((delivery) =>
      delivery
        .run(this.#abandon.signal, this.#drain.signal, this.#leave.signal)
        .then(() => {
          const error = this.#haltedForGood();
          if (error !== null && !this.#stop.signal.aborted) fail(error);
        })
        .catch(fail),
    );
    await this.#captureUntilStopped().catch(fail);
    const { drainMs, leaveMs } = this.#options;
    const deadline = setTimeout(() => this.#abandon.abort(), drainMs);
    const last = setTimeout(() => this.#leave.abort(), drainMs + leaveMs);
    this.#drain.abort();
    await Promise.all(deliveries);
    clearTimeout(deadline);
    clearTimeout(last);
    return this.#settle(failure);
  }

  /** What halted a sink when none is left, and none is tried again: then there is nothing to run for. */
  #haltedForGood(): RowsealError | null {
    let first: RowsealError | null = null;
    for (const { state } of this.deliveries) {
      if (state.kind !== 'halted' || state.retryAtMs !== null) return null;
      first ??= state.error;
    }
    return first;
  }

  #settle(failure: RowsealError | null): PipelineOutcome {
    if (failure === null || failure.kind === 'shutdown') {
      this.#enter('stopped', null);
      return { kind: 'stopped' };
    }
    this.#enter('halted', failure);
    return { kind: restartMends(failure) ? 'failed' : 'halted', error: failure };
  }

  /** One connection after the other, each from the newest sealed position. */
  async #captureUntilStopped(): Promise<void> {
    let failures = 0;
    while (!this.#stop.signal.aborted) {
      const source = this.#options.makeSource();
      this.#source = source;
      try {
        const sealedBefore = this.progress.sealed?.index;
        await this.#capture(source, () => {
          failures = 0;
        });
        if (sealedBefore !== this.progress.sealed?.index) failures = 0;
      } catch (thrown) {
        const error = toRowsealError(thrown);
        if (!waitingMayMend(error)) throw error;
        if (this.#stop.signal.aborted) return;
        failures++;
        const waitMs = backoffMs(this.#options.retry ?? defaultRetry, failures, Math.random());
        this.#enter('waiting', error);
        this.#options.observer.problem('source', this.#options.name, error, waitMs);
        await sleep(waitMs, this.#stop.signal);
      } finally {
        await closeQuietly(source);
      }
    }
  }

  async #capture(source: Source, onProgress: () => void): Promise<void> {
    const after = this.progress.sealed?.position ?? null;
    this.#enterWorking(after);
    // What an earlier connection sealed but could not tell the server any more.
    this.progress.confirmSealed();
    const capture = new Capture({
      source,
      log: this.#options.log,
      policies: this.policies,
      stage: new MaskStage((table) => this.policies.current.compileMasker(table, 'running'), {
        newVersion: (masker) => {
          const name = displayName(masker.table);
          this.#undecided.set(name, masker.undecided.length);
          if (masker.undecided.length > 0) this.#options.observer.undecidedColumns(name, masker.undecided);
        },
        unfit: (table, counts) => this.#options.observer.unfitValues(displayName(table), counts),
        leaks: (table, counts) => this.#options.observer.leaks(displayName(table), counts),
      }),
      limits: this.#options.limits,
      after,
      room: (bytes) => this.#room(bytes),
      onMasked: (events) => this.#options.observer.masked(events),
      onSealed: (group, durationMs) => {
        onProgress();
        return this.#sealed(group, durationMs);
      },
    });
    await capture.run(this.#stop.signal);
  }

  async #sealed(group: SealedGroup, durationMs: number): Promise<void> {
    this.progress.groupSealed(group);
    if (this.#state !== 'waiting_for_space') this.#enterWorking(group.position);
    this.#options.observer.groupSealed(group, durationMs);
    for (const warning of this.#source?.stats().warnings ?? []) this.#options.observer.warning(warning);
    this.memory.add(group);
    for (const delivery of this.deliveries) delivery.offer(group);
    const fromMs = performance.now();
    await this.memory.room(this.#holdBack.allowedMs(fromMs));
    this.#holdBack.held(fromMs, performance.now());
  }

  /** Nothing is read or sealed until there is room; sinks go on. A stop does not wait: the floor leaves room for it. */
  async #room(bytes: number): Promise<void> {
    const { signal } = this.#stop;
    while (!(await this.#space.allows(bytes, performance.now())) && !signal.aborted) {
      this.#waitForSpace();
      await sleep(SPACE_LOOK_MS, signal);
    }
    if (this.#state === 'waiting_for_space') this.#enterWorking(this.progress.sealed?.position ?? null);
  }

  #waitForSpace(): void {
    if (this.#state === 'waiting_for_space') return;
    const { freeBytes, floorBytes } = this.#space;
    this.#enter(
      'waiting_for_space',
      new RowsealError('RS-AUD-018', {
        detail: `${freeBytes} bytes are free, audit.min_free_bytes is ${floorBytes}`,
      }),
    );
    // What the source keeps beside the log would wait for us to read on, and we for the space that it takes.
    this.#source?.makeRoom?.();
  }

  #enterWorking(position: Position | null): void {
    this.#enter(position === null || isCopying(position) ? 'snapshot' : 'streaming', null);
  }

  #enter(state: PipelineState, reason: RowsealError | null): void {
    if (this.#state === state && this.#reason === reason) return;
    this.#state = state;
    this.#reason = reason;
    this.#sinceMs = Date.now();
    this.#options.observer.stateChanged(state, reason);
  }
}

async function closeQuietly(source: Source): Promise<void> {
  try {
    await source.close();
  } catch {
    // The connection is given up either way; confirms that did not arrive are repeated at the next start.
  }
}

/** Running, rejected credentials may be about to change: the secret files are read again at the next attempt. */
function waitingMayMend(error: RowsealError): boolean {
  return error.kind === 'transient' || error.kind === 'auth';
}

function restartMends(error: RowsealError): boolean {
  return error.kind === 'bug' || error.kind === 'disk';
}
