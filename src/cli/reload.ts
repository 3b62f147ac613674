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

export interface ReloadOptions {
  readonly running: RunningPipeline;
  readonly policies: PolicySwitch;
  /** Whether a policy may follow that shows more. */
  readonly allowWeaker: boolean;
  /** Who may look, read again. */
  readonly door: (access: HttpAccess) => void;
  readonly logger: LevelledLogger;
  readonly metrics: Metrics;
}

const TOLD_MAX = 20;

/** A server that has no TLS, or asks for no client certificates, does so until a restart. */
function isSameLock({ http: a }: RowsealConfig, { http: b }: RowsealConfig): boolean {
  return (
    (a.tls === null) === (b.tls === null) && (a.tls?.clientCaFile == null) === (b.tls?.clientCaFile == null)
  );
}

/**
 * Reads the configuration of a running pipeline again: mask section, token and certificates, level of the log. Whatever is wrong
 * with it, what is in force goes on.
 */
export class Reload {
  readonly #options: ReloadOptions;
  #mask: RowsealConfig['mask'];
  #status: ReloadStatus | null = null;
  #work: Promise<void> = Promise.resolve();

  constructor(options: ReloadOptions) {
    this.#options = options;
    this.#mask = options.running.config.mask;
  }

  get status(): ReloadStatus | null {
    return this.#status;
  }

  /** One after the other; settles when the outcome is known, or the change waits for a group to end. */
  again(): Promise<void> {
    this.#work = this.#work.then(() => this.#read());
    return this.#work;
  }

  async #read(): Promise<void> {
    const { running, logger, door } = this.#options;
    try {
      const next = loadConfig(running.config.file, process.env);
      const access = loadHttpAccess(next, process.env);
      const restart = needRestart(changedOptions(running.config.document, next.document));
      if (isSameLock(next, running.config)) door(access);
      this.#speak(next.log.level);
      if (restart.length > 0) this.#tellRestart(restart);
      await this.#follow(next.mask, restart);
    } catch (thrown) {
      const error = toRowsealError(thrown);
      const outcome = error.code === 'RS-MASK-014' || error.code === 'RS-MASK-019' ? 'refused' : 'failed';
      this.#ended(outcome, error, this.#status?.restart_needed ?? []);
      logger.log('error', {
        message: `configuration not taken over: ${error.message}`,
        code: error.code,
        state: 'the policy in force goes on',
        ...(error.place?.path === undefined ? {} : { detail: error.place.path }),
        fix: error.fix,
      });
    }
  }

  async #follow(mask: RowsealConfig['mask'], restart: readonly string[]): Promise<void> {
    const { running, policies, allowWeaker, logger } = this.#options;
    const weaker = weakerIn(running.config, this.#mask, mask);
    if (weaker.length > 0 && !allowWeaker)
      throw new RowsealError('RS-MASK-019', {
        detail: `${weaker.slice(0, TOLD_MAX).join(', ')}${weaker.length > TOLD_MAX ? ` and ${weaker.length - TOLD_MAX} more` : ''}`,
      });
    // Also when nothing is new in the file: the key is read again, and must be the same.
    const change = await preparePolicy(running, mask, policies.current);
    if (isDeepStrictEqual(mask, this.#mask)) {
      change.policy.end();
      this.#ended('unchanged', null, restart);
      logger.log('info', { message: 'configuration read again: the policy is the same' });
      return;
    }
    this.#mask = mask;
    const pending = this.#set('pending', null, restart);
    policies.ask(change).then(
      () => {
        if (this.#status === pending) this.#ended('applied', null, restart);
        const tables = change.tables.map(displayName).join(', ') || 'none of the log';
        logger.log(weaker.length > 0 ? 'warn' : 'info', {
          message: `policy taken over${weaker.length > 0 ? ', which shows more' : ''}; sealed for tables: ${tables}`,
          ...(change.tables.length === 0
            ? {}
            : { fix: 'what was delivered before stays as it was until: rowseal resnapshot --changed' }),
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
