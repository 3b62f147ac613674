import { parseSigningKey } from '../audit/keys.ts';
import { type OpenedAuditLog, openAuditLog } from '../audit/open.ts';
import type { Source } from '../capture/source.ts';
import { loadMaskKeys, type RowsealConfig, readKeyFile, type SinkConfig } from '../config/load.ts';
import type { Sink } from '../deliver/sink.ts';
import { customWorkers } from '../mask/custom-worker.ts';
import { CompiledPolicy } from '../mask/policy.ts';
import type { PipelineObserver } from '../pipeline/observer.ts';
import { Pipeline } from '../pipeline/pipeline.ts';

/** The only place that knows which implementations there are. Drivers are loaded when a command needs them. */
export async function makeSource(config: Pick<RowsealConfig, 'source'>): Promise<() => Source> {
  const { createPostgresSource } = await import('../../connectors/sources/postgres/source.ts');
  const { source } = config;
  return () =>
    createPostgresSource({
      url: source.url,
      ...(source.password === null ? {} : { password: source.password }),
      tlsMode: source.tlsMode,
      tlsCa: source.tlsCa,
      slot: source.slot,
      publication: source.publication,
      tables: source.tables,
      snapshot: source.snapshot,
      idleIntervalMs: source.idleIntervalMs,
      receiveBufferBytes: 1 << 20,
    });
}

export async function makeSink(sink: SinkConfig): Promise<Sink> {
  const { createDuckdbSink } = await import('../../connectors/sinks/duckdb/sink.ts');
  return createDuckdbSink(sink);
}

export function makePolicy(config: RowsealConfig): CompiledPolicy {
  return new CompiledPolicy(config.mask.policy, loadMaskKeys(config, process.env), customWorkers);
}

export function openLog(config: RowsealConfig): Promise<OpenedAuditLog> {
  const { audit } = config;
  return openAuditLog({
    directory: audit.directory,
    origin: audit.origin,
    signer: parseSigningKey(readKeyFile(audit.keyFile)),
    segmentMaxBytes: audit.segmentMaxBytes,
  });
}

export interface WiredPipeline {
  readonly pipeline: Pipeline;
  /** Releases the audit log; call after `pipeline.run` settled. */
  close(): Promise<void>;
}

/**
 * Checks policy and source, opens the log, puts the pipeline together.
 *
 * @throws RowsealError before anything was created when the policy does not decide every column
 */
export async function wirePipeline(
  config: RowsealConfig,
  observer: PipelineObserver,
): Promise<WiredPipeline> {
  const policy = makePolicy(config);
  const source = await makeSource(config);
  const probe = source();
  try {
    policy.check(await probe.tables());
    const { throwOnError } = await import('./findings.ts');
    throwOnError(await probe.preflight());
  } finally {
    await probe.close();
  }
  const sinks = await Promise.all(config.sinks.map(makeSink));
  const { log, epoch } = await openLog(config);
  const pipeline = new Pipeline({
    name: config.pipeline,
    makeSource: source,
    policy,
    log,
    sinks,
    epoch,
    limits: { maxBytes: config.audit.groupMaxBytes, maxAgeMs: config.audit.groupMaxMs },
    queueBytes: config.queueBytes,
    batchBytes: config.queueBytes,
    drainMs: 20_000,
    observer,
  });
  return { pipeline, close: () => log.close() };
}
