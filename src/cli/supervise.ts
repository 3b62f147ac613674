import { join } from 'node:path';
import { NodeDisk } from '../audit/node-disk.ts';
import { backoffMs, defaultRetry, type RetryPolicy, sleep } from '../deliver/retry.ts';
import { Exit, exitCodeOf } from '../error/exit.ts';
import type { RowsealError } from '../error/rowseal-error.ts';
import { toRowsealError } from '../error/unexpected.ts';
import type { PipelineOutcome } from '../pipeline/pipeline.ts';
import type { PipelineUnit } from './pipeline-unit.ts';

export interface Supervision {
  /** Aborted when the process is asked to stop. */
  readonly stop: AbortSignal;
  /** A halt ends it, instead of waiting for a person. */
  readonly exitOnHalt: boolean;
  /**
   * `leave`: what a restart may mend ends it, and whoever started the process restarts it. `again`: it is begun again here,
   * after growing pauses, because other pipelines share the process.
   */
  readonly failures: 'leave' | 'again';
  /** It was begun for the first time, or waits until it can be. */
  readonly begun?: () => Promise<void>;
  /** Told how to have a halted pipeline begun again, and null when it is; only with `again`. */
  readonly onHalt?: (beginAgain: (() => void) | null) => void;
}

type Life =
  | PipelineOutcome
  /** What it needs is out of reach; it was there before. */
  | { readonly kind: 'unreachable'; readonly error: RowsealError };

const RESTART: RetryPolicy = { firstMs: 1_000, maxMs: 300_000 };
/** Who ran for so long has recovered from what failed before. */
const SETTLED_MS = 600_000;
const SPACE_LOOK_MS = 1_000;

/**
 * Runs one pipeline until it is asked to stop, or until only a person or a restart of the process can mend it. What ended
 * for want of space goes on by itself when there is room again, through the same recovery as after a restart. A first start is
 * refused when its source cannot be reached; a later one waits, because machines come up in any order.
 *
 * @returns exit code
 * @throws RowsealError what speaks against the first start, with `leave`
 */
export async function supervise(unit: PipelineUnit, options: Supervision): Promise<number> {
  const { stop, exitOnHalt } = options;
  let { begun } = options;
  for (let failures = 0; ; ) {
    const begunMs = performance.now();
    const outcome = await live(unit, options.failures, async () => {
      await begun?.();
      begun = undefined;
    });
    if (outcome.kind === 'stopped') return Exit.ok;
    const { error } = outcome;
    const exit = exitCodeOf(error);
    if (outcome.kind === 'halted') {
      if (exitOnHalt || stop.aborted) return exit;
      await untilBegunAgain(unit, error, options);
      if (stop.aborted) return exit;
      failures = 0;
      continue;
    }
    if (await lacksSpace(unit, error)) {
      await unit.end();
      await waitForSpace(unit, error, stop);
      if (stop.aborted) return Exit.ok;
      continue;
    }
    if (options.failures === 'leave' && outcome.kind !== 'unreachable') return exit;
    await unit.end();
    failures = performance.now() - begunMs > SETTLED_MS ? 1 : failures + 1;
    const away = outcome.kind === 'unreachable';
    const waitMs = backoffMs(away ? defaultRetry : RESTART, failures, Math.random());
    unit.rest('waiting', error);
    unit.logger.log('info', { message: 'this pipeline is begun again', retry_in_ms: waitMs });
    await unit.pause(waitMs, stop);
    if (stop.aborted) return away ? Exit.ok : exit;
  }
}

async function live(
  unit: PipelineUnit,
  failures: Supervision['failures'],
  begun: () => Promise<void>,
): Promise<Life> {
  try {
    await unit.begin();
  } catch (thrown) {
    const error = toRowsealError(thrown);
    if (comesBack(error) && (await hasLog(unit))) {
      await begun();
      return { kind: 'unreachable', error };
    }
    const later = failures === 'again' || (await lacksSpace(unit, error));
    if (!later) throw error;
    return mendsItself(error) ? { kind: 'failed', error } : { kind: 'halted', error };
  }
  await begun();
  return unit.work();
}

/** Of what a start needs only the source can be so: out of reach, or refusing the login, which may pass. */
function comesBack({ kind }: RowsealError): boolean {
  return kind === 'transient' || kind === 'auth';
}

/** Something was sealed here before. */
async function hasLog({ config }: PipelineUnit): Promise<boolean> {
  const names = await new NodeDisk().list(join(config.audit.directory, 'journal')).catch(() => []);
  return names.length > 0;
}

/** What a later start may find mended. */
function mendsItself({ kind }: RowsealError): boolean {
  return kind === 'transient' || kind === 'auth' || kind === 'disk' || kind === 'bug';
}

/** Alone, it keeps what it has, so that page and metrics tell of it; among others it lets go, so that commands can mend it. */
async function untilBegunAgain(unit: PipelineUnit, error: RowsealError, options: Supervision): Promise<void> {
  const again = new AbortController();
  if (options.failures === 'again') {
    await unit.end();
    unit.rest('halted', error);
    options.onHalt?.(() => again.abort());
  }
  // A pending promise does not keep a process alive; a timer does.
  const either = AbortSignal.any([options.stop, again.signal]);
  while (!either.aborted) await sleep(60_000, either);
  options.onHalt?.(null);
}

/** Whether it failed because the volume is full: not by a quota, or a limit of the process, which no waiting mends. */
async function lacksSpace(unit: PipelineUnit, error: RowsealError): Promise<boolean> {
  return error.code === 'RS-AUD-002' && !(await hasSpace(unit));
}

async function hasSpace({ config }: PipelineUnit): Promise<boolean> {
  const free = await new NodeDisk().freeBytes(config.audit.directory);
  return free === null || free >= Math.max(config.audit.minFreeBytes, 1 << 20);
}

async function waitForSpace(unit: PipelineUnit, error: RowsealError, stop: AbortSignal): Promise<void> {
  unit.rest('waiting_for_space', error);
  while (!stop.aborted && !(await hasSpace(unit))) await sleep(SPACE_LOOK_MS, stop);
}
