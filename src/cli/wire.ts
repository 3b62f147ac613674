import type { AuditLog, NeedFrom } from '../audit/audit-log.ts';
import type { StorageOptions } from '../audit/file-audit-log.ts';
import { describeNeed } from '../audit/sink-need.ts';
import type { Source } from '../capture/source.ts';
import { loadMaskKeys, type RowsealConfig } from '../config/load.ts';
import { type ErrorCode, errorCodes } from '../error/codes.ts';
import { toRowsealError } from '../error/unexpected.ts';
import { customWorkers } from '../mask/method/custom-worker.ts';
import { CompiledPolicy } from '../mask/policy.ts';
import type { Finding } from '../model/finding.ts';
import type { MaskedTable } from '../model/masked.ts';
import type { TableSchema } from '../model/table.ts';
import type { PipelineObserver } from '../pipeline/observer.ts';
import { Pipeline } from '../pipeline/pipeline.ts';
import { throwOnError } from './findings.ts';
import { makeSink, type SinkWatch } from './make-sink.ts';
import { makeSource } from './make-source.ts';
import { imageAgeOf, type LogTimings, openLog } from './open-log.ts';
import { checkedViews, sinkMask } from './sink-masks.ts';
import { compareWithLog, type Prepared, sealCapturedSet } from './start-changes.ts';

export function makePolicy(config: RowsealConfig): CompiledPolicy {
  return new CompiledPolicy(config.mask.policy, loadMaskKeys(config, process.env), customWorkers);
}

/** What a stop may spend on delivering what is sealed. */
export const DRAIN_MS = 20_000;

export interface WiredPipeline {
  readonly pipeline: Pipeline;
  readonly makeSource: () => Source;
  readonly log: AuditLog;
  /** The newest sealed version of every table. */
  readonly tables: () => readonly MaskedTable[];
  /** What the operator should know of, though the pipeline may run. */
  readonly notices: readonly Finding[];
  /** Releases the audit log, and ends the threads of the policy's functions; call after `pipeline.run` settled. */
  close(): Promise<void>;
}

/**
 * Checks policy and source, opens the log, puts the pipeline together.
 *
 * @param prepare called when the log is open, before it is compared with the policy
 * @throws RowsealError before anything was created when the policy does not decide every column; RS-MASK-014
 */
export async function wirePipeline(
  config: RowsealConfig,
  observer: PipelineObserver,
  prepare: (prepared: Prepared) => Promise<void> = async () => {},
  timings: LogTimings | null = null,
): Promise<WiredPipeline> {
  const policy = makePolicy(config);
  try {
    return await wiredWith(policy, config, observer, prepare, timings);
  } catch (error) {
    policy.end();
    throw error;
  }
}

async function wiredWith(
  policy: CompiledPolicy,
  config: RowsealConfig,
  observer: PipelineObserver,
  prepare: (prepared: Prepared) => Promise<void>,
  timings: LogTimings | null,
): Promise<WiredPipeline> {
  const source = await makeSource(config, policy);
  const tables = await checkedTables(policy, source);
  for (const sink of config.sinks) {
    const mask = sinkMask(config, sink);
    if (mask !== null) checkedViews(mask, policy, tables);
  }
  const watch: SinkWatch = {
    unfit: (table, counts) => observer.unfitValues(table, counts),
    trouble: (sink, error, inMs) => observer.sinkFailed(sink, error, { kind: 'retry', inMs }),
  };
  const sinks = await Promise.all(config.sinks.map((sink) => makeSink(sink, config, watch)));
  let pipeline: Pipeline | null = null;
  const storage: StorageOptions = {
    pack: config.audit.compress,
    imageAge: imageAgeOf(config),
    sinkNeed: () => pipeline?.sinkNeed ?? { kind: 'unknown' },
    onHeld: (need) => observer.warning(heldImages(need)),
    onFailure: (thrown) => observer.storageFailed(toRowsealError(thrown)),
  };
  const { log, epoch } = await openLog(config, { storage, ...(timings === null ? {} : { timings }) });
  try {
    const changes = await sealCapturedSet(config, log);
    await prepare({ policy, log, tables });
    const notices = [...changes, ...compareWithLog({ policy, log, tables })];
    const made = new Pipeline({
      name: config.pipeline,
      makeSource: source,
      policy,
      log,
      sinks,
      epoch,
      limits: { maxBytes: config.audit.groupMaxBytes, maxAgeMs: config.audit.groupMaxMs },
      queueBytes: config.queueBytes,
      minFreeBytes: config.audit.minFreeBytes,
      drainMs: DRAIN_MS,
      leaveMs: 4_000,
      observer,
    });
    pipeline = made;
    return {
      pipeline: made,
      makeSource: source,
      log,
      tables: () => log.tables(),
      notices,
      close: async () => {
        await log.close();
        made.policies.end();
      },
    };
  } catch (error) {
    await log.close();
    throw error;
  }
}

/** The promise of an age is not kept as long as it lasts, so somebody should know. */
function heldImages(need: NeedFrom): Finding {
  const code = 'RS-AUD-033';
  const { title, fix } = errorCodes[code];
  return {
    level: 'warning',
    code,
    subject: `sink ${need.sink}`,
    detail: `${title}: ${describeNeed(need)}`,
    fix,
  };
}

/**
 * The captured tables as they are now. Whether the stream can go on is left to `open`, which knows what is sealed.
 *
 * @throws RowsealError for the first finding that speaks against a start
 */
export async function checkedTables(
  policy: CompiledPolicy,
  source: () => Source,
): Promise<readonly TableSchema[]> {
  const probe = source();
  try {
    const tables = await probe.tables();
    policy.check(tables);
    throwOnError((await probe.preflight()).filter(({ code }) => !isSourceLost(code)));
    return tables;
  } finally {
    await probe.close();
  }
}

function isSourceLost(code: string | null): boolean {
  return (
    code !== null && Object.hasOwn(errorCodes, code) && errorCodes[code as ErrorCode].kind === 'source-lost'
  );
}
