import { isDeepStrictEqual } from 'node:util';
import { changedOptions, needRestart } from '../config/changed-options.ts';
import type { HttpAccess } from '../config/http.ts';
import { loadConfig, loadHttpAccess, type RowsealConfig } from '../config/load.ts';
import { errorCodes } from '../error/codes.ts';
import { RowsealError } from '../error/rowseal-error.ts';
import { toRowsealError } from '../error/unexpected.ts';
import { displayName } from '../model/table.ts';
import type { LevelledLogger, LogLevel } from '../ops/log.ts';
import type { Metrics } from '../ops/metrics.ts';
import type { PolicySwitch } from '../pipeline/policy-switch.ts';
import type { ReloadOutcome, ReloadStatus } from '../pipeline/status.ts';
import { preparePolicy, type RunningPipeline, weakerIn } from './policy-change.ts';
import { shownError } from './running.ts';
import { changedSinkDomains } from './sink-masks.ts';

export interface ReloadOptions {
  /** As the process was started with. */
  readonly config: RowsealConfig;
  /** Whether a policy may follow that shows more. */
  readonly allowWeaker: boolean;
  /** Who may look, read again. */
  readonly door: (access: HttpAccess) => void;
  readonly logger: LevelledLogger;
  readonly metrics: Metrics;
}

/** What runs while the configuration is read again. */
export interface ReloadedPipeline extends RunningPipeline {
  readonly policies: PolicySwitch;
}

const TOLD_MAX = 20;

/** A server that has no TLS, or asks for no client certificates, does so until a restart. */
function isSameLock({ http: a }: RowsealConfig, { http: b }: RowsealConfig): boolean {
  return (
    (a.tls === null) === (b.tls === null) && (a.tls?.clientCaFile == null) === (b.tls?.clientCaFile == null)
  );
}

/**
 * Reads the configuration of a pipeline again: mask section, token and certificates, level of the log. Whatever is wrong with it,
 * what is in force goes on. It outlives the pipeline, which may end and be begun again: under the policy that was taken over
 * last, not under the one that the process was started with.
 */
export class Reload {
  readonly #options: ReloadOptions;
  /** What rows are masked by, or were when the pipeline ended; null: it has not begun yet. */
  #inForce: RowsealConfig['mask'] | null = null;
  /** Taken over last: it is in force, or waits for a group to end, or for the pipeline to be begun. */
  #next: RowsealConfig['mask'];
  #status: ReloadStatus | null = null;
  #work: Promise<unknown> = Promise.resolve();

  constructor(options: ReloadOptions) {
    this.#options = options;
    this.#next = options.config.mask;
  }

  /** What the pipeline is to be begun with, when a reading that is under way has ended. */
  async config(): Promise<RowsealConfig> {
    await this.#work;
    return { ...this.#options.config, mask: this.#next };
  }

  get status(): ReloadStatus | null {
    return this.#status;
  }

  /**
   * One after the other; settles when the outcome is known, or the change waits for a group to end.
   *
   * @param running null: the pipeline rests, and what is read holds from when it is begun again
   * @returns whether what the file says holds now, or will
   */
  again(running: ReloadedPipeline | null): Promise<boolean> {
    const done = this.#work.then(() => this.#read(running));
    this.#work = done;
    return done;
  }

  /** The pipeline was begun with this configuration. */
  begun({ mask }: RowsealConfig): void {
    this.#inForce = mask;
    if (this.#status?.outcome === 'pending' && isDeepStrictEqual(mask, this.#next))
      this.#ended('applied', null, this.#status.restart_needed);
  }

  /**
   * The pipeline could not be begun.
   *
   * @returns whether that was for what was taken over while it rested, and it is to be begun with what was in force before
   */
  gaveWay(error: RowsealError): boolean {
    if (error.kind !== 'policy' && !error.code.startsWith('RS-MASK-')) return false;
    if (this.#inForce === null || isDeepStrictEqual(this.#next, this.#inForce)) return false;
    this.#next = this.#inForce;
    this.#failed(error);
    return true;
  }

  async #read(running: ReloadedPipeline | null): Promise<boolean> {
    const { config, door } = this.#options;
    try {
      const next = loadConfig(config.file, process.env);
      const access = this.#access(next);
      const changed = changedOptions(config.document, next.document);
      const sameLock = isSameLock(next, config);
      const restart = [
        ...needRestart(changed, sameLock ? [] : ['http']),
        ...changedSinkDomains(config, running?.config.mask ?? next.mask, next.mask),
      ];
      if (sameLock) door(access);
      this.#speak(next.log.level);
      if (restart.length > 0) this.#tellRestart(restart);
      await this.#follow(next.mask, restart, running);
      return true;
    } catch (thrown) {
      this.#failed(toRowsealError(thrown));
      return false;
    }
  }

  #failed(error: RowsealError): void {
    const outcome = error.code === 'RS-MASK-014' || error.code === 'RS-MASK-019' ? 'refused' : 'failed';
    this.#ended(outcome, error, this.#status?.restart_needed ?? []);
    this.#options.logger.log('error', {
      message: `configuration not taken over: ${error.message}`,
      code: error.code,
      state: 'the policy in force goes on',
      ...(error.place?.path === undefined ? {} : { detail: error.place.path }),
      fix: error.fix,
    });
  }

  /** Where the server listens, and whether it may be open there, is what it was at the start: a new token has to do for that. */
  #access(next: RowsealConfig): HttpAccess {
    const { host, allowUnauthenticated } = this.#options.config.http;
    return loadHttpAccess({ http: { ...next.http, host, allowUnauthenticated } }, process.env);
  }

  async #follow(
    mask: RowsealConfig['mask'],
    restart: readonly string[],
    running: ReloadedPipeline | null,
  ): Promise<void> {
    const { config, allowWeaker, logger } = this.#options;
    // Resting it gives way only to what shows no more than its last rows did; before the first there is nothing to compare with.
    const before = running === null ? this.#inForce : this.#next;
    const weaker = before === null ? [] : weakerIn(config, before, mask);
    if (weaker.length > 0 && !allowWeaker)
      throw new RowsealError('RS-MASK-019', {
        detail: `${weaker.slice(0, TOLD_MAX).join(', ')}${weaker.length > TOLD_MAX ? ` and ${weaker.length - TOLD_MAX} more` : ''}`,
      });
    const same = isDeepStrictEqual(mask, this.#next);
    if (running === null) {
      this.#next = mask;
      if (same) this.#ended('unchanged', null, restart);
      else this.#set('pending', null, restart);
      logger.log(weaker.length > 0 ? 'warn' : 'info', {
        message: `configuration read again${weaker.length > 0 ? '; the policy shows more' : ''}: it holds when this pipeline is begun again`,
      });
      return;
    }
    // Also when nothing is new in the file: the key is read again, and must be the same.
    const change = await preparePolicy(running, mask, running.policies.current);
    if (same) {
      change.policy.end();
      this.#ended('unchanged', null, restart);
      logger.log('info', { message: 'configuration read again: the policy is the same' });
      return;
    }
    this.#next = mask;
    const pending = this.#set('pending', null, restart);
    running.policies.ask(change).then(
      () => {
        this.#inForce = mask;
        if (this.#status === pending) this.#ended('applied', null, restart);
        const tables = change.tables.map(displayName);
        logger.log(weaker.length > 0 ? 'warn' : 'info', {
          message: `policy taken over${weaker.length > 0 ? ', which shows more' : ''}; sealed for tables: ${tables.join(', ') || 'none of the log'}`,
          ...(tables.length === 0
            ? {}
            : {
                fix: `what was delivered before stays as it was until: rowseal resnapshot ${tables.map((table) => `--table ${table}`).join(' ')}`,
              }),
        });
      },
      () => {},
    );
  }

  #speak(level: LogLevel): void {
    const { logger } = this.#options;
    if (logger.level === level) return;
    logger.level = level;
    logger.log('info', { message: `log.level is ${level} from now on` });
  }

  #tellRestart(options: readonly string[]): void {
    const { title, fix } = errorCodes['RS-CFG-011'];
    this.#options.logger.log('warn', {
      message: `${title}: ${options.join(', ')}`,
      code: 'RS-CFG-011',
      fix,
    });
  }

  #ended(outcome: ReloadOutcome, error: RowsealError | null, restart: readonly string[]): void {
    this.#set(outcome, error, restart);
    this.#options.metrics.reloaded(outcome);
  }

  #set(
    outcome: ReloadStatus['outcome'],
    error: RowsealError | null,
    restart: readonly string[],
  ): ReloadStatus {
    this.#status = {
      at: new Date().toISOString(),
      outcome,
      error: error === null ? null : shownError(error),
      restart_needed: restart,
    };
    return this.#status;
  }
}
