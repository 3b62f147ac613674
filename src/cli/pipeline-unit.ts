import type { HttpAccess } from '../config/http.ts';
import type { RowsealConfig } from '../config/load.ts';
import { sleep } from '../deliver/retry.ts';
import type { RowsealError } from '../error/rowseal-error.ts';
import { toRowsealError } from '../error/unexpected.ts';
import type { MaskedTable } from '../model/masked.ts';
import type { LevelledLogger } from '../ops/log.ts';
import { Metrics } from '../ops/metrics.ts';
import { OpsMemory } from '../ops/ops-memory.ts';
import type { PipelineOutcome } from '../pipeline/pipeline.ts';
import type { PipelineState, PipelineStatus } from '../pipeline/status.ts';
import { packageVersion } from './context.ts';
import { type Outside, startOutside } from './outside.ts';
import { Reload } from './reload.ts';
import { observe, restingStatus, statusOf } from './running.ts';
import { familiesOf } from './serve-ops.ts';
import { serveQueries } from './serve-queries.ts';
import { startTelemetry, type Telemetry } from './telemetry.ts';
import { type WiredPipeline, wirePipeline } from './wire.ts';

export interface UnitOptions {
  /** Other pipelines share the process. */
  readonly shared: boolean;
  readonly allowWeaker: boolean;
  /** Takes what lets a client in, read again; does nothing for one that does not own the door. */
  readonly door: (access: HttpAccess) => void;
}

interface Life {
  readonly config: RowsealConfig;
  readonly wired: WiredPipeline;
  readonly outside: Outside;
  readonly stopAnswering: () => Promise<void>;
}

/**
 * One configured pipeline of this process. It may end and be begun again; its metrics, its log lines, what the page
 * remembers of it and the policy in force go on.
 */
export class PipelineUnit {
  /** As the process was started with: its mask section may have been replaced since. */
  readonly config: RowsealConfig;
  readonly logger: LevelledLogger;
  readonly metrics: Metrics;
  readonly memory: OpsMemory;
  readonly #telemetry: Telemetry | null;
  readonly #reload: Reload;
  #life: Life | null = null;
  #tables: readonly MaskedTable[] = [];
  #rest: { readonly state: PipelineState; readonly reason: RowsealError | null; readonly sinceMs: number };
  #stopping = false;
  /** Settles when it is decided whether it can be begun. */
  #beginning: Promise<void> = Promise.resolve();
  #wake = new AbortController();

  private constructor(
    config: RowsealConfig,
    logger: LevelledLogger,
    options: UnitOptions,
    telemetry: Telemetry | null,
  ) {
    this.config = config;
    this.logger = logger;
    this.#telemetry = telemetry;
    this.#rest = { state: 'starting', reason: null, sinceMs: Date.now() };
    this.metrics = new Metrics(
      config.pipeline,
      packageVersion(),
      config.sinks.map((sink) => sink.name),
      !options.shared,
    );
    this.memory = new OpsMemory(config.http.recentChanges);
    const { allowWeaker, door } = options;
    this.#reload = new Reload({ config, allowWeaker, door, logger, metrics: this.metrics });
  }

  static async make(
    config: RowsealConfig,
    logger: LevelledLogger,
    options: UnitOptions,
  ): Promise<PipelineUnit> {
    const telemetry = await startTelemetry(config, logger);
    const unit = new PipelineUnit(config, logger, options, telemetry);
    telemetry?.measure(() => familiesOf(unit));
    return unit;
  }

  /**
   * Checks and opens everything; `work` then runs it.
   *
   * @throws RowsealError as `wirePipeline`
   */
  begin(): Promise<void> {
    const done = this.#begin();
    this.#beginning = done.catch(() => {});
    return done;
  }

  async #begin(): Promise<void> {
    // Who waits for the source goes on waiting while it is asked.
    if (this.#rest.state !== 'waiting') this.#enter('starting', null);
    try {
      await this.#beginWith(await this.#reload.config());
    } catch (thrown) {
      if (!this.#reload.gaveWay(toRowsealError(thrown))) throw thrown;
      await this.#beginWith(await this.#reload.config());
    }
  }

  async #beginWith(config: RowsealConfig): Promise<void> {
    const { logger, metrics, memory } = this;
    const wired = await wirePipeline(
      config,
      observe(logger, metrics, memory, this.#telemetry?.traces ?? null),
      undefined,
      metrics.latency,
    );
    try {
      const outside = await startOutside(config, logger, metrics);
      for (const { level, subject, code, detail, fix } of wired.notices) {
        logger.log(level === 'ok' ? 'info' : 'warn', {
          message: level === 'ok' ? `${subject} ${detail}` : detail,
          ...(code === null ? {} : { code }),
          ...(fix === null ? {} : { fix }),
        });
      }
      const stopAnswering = await serveQueries(
        config,
        wired.pipeline.deliveries.map(({ sink }) => sink),
        logger,
      );
      this.#life = { config, wired, outside, stopAnswering };
      this.#reload.begun(config);
    } catch (error) {
      await wired.close();
      throw error;
    }
    if (this.#stopping) this.#life.wired.pipeline.stop();
  }

  /** After `begin`: until it is stopped, halts or fails. */
  work(): Promise<PipelineOutcome> {
    return this.#life!.wired.pipeline.run();
  }

  /** Lets go of the log and all connections. Idempotent. */
  async end(): Promise<void> {
    const life = this.#life;
    if (life === null) return;
    const { pipeline } = life.wired;
    this.#tables = this.tables();
    this.#rest = { state: pipeline.state, reason: pipeline.reason, sinceMs: pipeline.sinceMs };
    await life.stopAnswering();
    await life.outside.stop();
    this.#life = null;
    await life.wired.close();
  }

  /** Nothing runs until it is begun again; this is why. */
  rest(state: PipelineState, reason: RowsealError): void {
    this.#enter(state, reason);
    this.logger.log(state === 'halted' ? 'error' : 'warn', {
      message: `${state}: ${reason.message}`,
      state,
      code: reason.code,
      fix: reason.fix,
    });
  }

  /** Until the time is over, it is to stop, or somebody says that something has changed. */
  pause(ms: number, stop: AbortSignal): Promise<void> {
    this.#wake = new AbortController();
    return sleep(ms, AbortSignal.any([stop, this.#wake.signal]));
  }

  /** Seals what is whole, delivers what is sealed; `work` then ends. */
  stop(): void {
    this.#stopping = true;
    this.#life?.wired.pipeline.stop();
  }

  /**
   * Reads the configuration again, for what can change while it runs; a halted sink is tried at once.
   *
   * @returns whether what the file says holds now, or when the pipeline is begun again
   */
  async reload(): Promise<boolean> {
    await this.#beginning;
    const life = this.#life;
    if (life === null) {
      const taken = await this.#reload.again(null);
      this.#wake.abort();
      return taken;
    }
    const { makeSource, log, pipeline } = life.wired;
    if (pipeline.state === 'halted') {
      this.logger.log('warn', {
        message: 'the configuration is not read again: this pipeline does not run',
        fix: 'mend what halted it; a restart reads everything',
      });
      return false;
    }
    const taken = await this.#reload.again({
      config: life.config,
      makeSource,
      log,
      policies: pipeline.policies,
    });
    for (const delivery of pipeline.deliveries) delivery.tryNow();
    return taken;
  }

  tables(): readonly MaskedTable[] {
    return this.#life?.wired.tables() ?? this.#tables;
  }

  status(): PipelineStatus {
    const life = this.#life;
    const { state, sinceMs, reason } = this.#rest;
    return {
      ...(life === null
        ? restingStatus(this.config, packageVersion(), state, sinceMs, reason)
        : statusOf(this.config, packageVersion(), life.wired.pipeline, life.outside)),
      reload: this.#reload.status,
    };
  }

  /** After `end`, when it is not begun any more. */
  async close(): Promise<void> {
    await this.end();
    await this.#telemetry?.close();
  }

  #enter(state: PipelineState, reason: RowsealError | null): void {
    this.#rest = { state, reason, sinceMs: Date.now() };
    this.metrics.entered(state);
  }
}
