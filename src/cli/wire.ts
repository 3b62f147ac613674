import type { AuditLog } from '../audit/audit-log.ts';
import { parseSigningKey } from '../audit/keys.ts';
import { type OpenedAuditLog, openAuditLog } from '../audit/open.ts';
import type { Source } from '../capture/source.ts';
import {
  loadMaskKeys,
  type MysqlSourceConfig,
  type PostgresSourceConfig,
  type RowsealConfig,
  readKeyFile,
  type SourceConfig,
} from '../config/load.ts';
import type { SinkConfig } from '../config/sinks.ts';
import { selectTables } from '../deliver/selected-tables.ts';
import type { Sink } from '../deliver/sink.ts';
import type { ErrorCode } from '../error/codes.ts';
import { RowsealError } from '../error/rowseal-error.ts';
import { changedTables } from '../mask/changed-tables.ts';
import { customWorkers } from '../mask/method/custom-worker.ts';
import { CompiledPolicy } from '../mask/policy.ts';
import { PositionCipher } from '../mask/position-cipher.ts';
import type { Finding } from '../model/finding.ts';
import { retypedTables } from '../model/schema-diff.ts';
import { displayName, type TableName, type TableSchema, tableKey } from '../model/table.ts';
import type { PipelineObserver } from '../pipeline/observer.ts';
import { Pipeline } from '../pipeline/pipeline.ts';
import { throwOnError } from './findings.ts';

/** What a source is made of. Without a policy it can be looked at, but not run. */
type SourceSettings = Pick<RowsealConfig, 'source'> & Partial<Pick<RowsealConfig, 'mask'>>;

/** The only place that knows which implementations there are. Drivers are loaded when a command needs them. */
export async function makeSource(config: SourceSettings): Promise<() => Source> {
  const { source } = config;
  switch (source.type) {
    case 'postgres':
      return makePostgresSource(source, config);
    case 'mysql':
      return makeMysqlSource(source, config);
  }
}

async function makePostgresSource(
  source: PostgresSourceConfig,
  config: SourceSettings,
): Promise<() => Source> {
  const { createPostgresSource } = await import('../../connectors/sources/postgres/source.ts');
  const positionSeal = new LazyPositionSeal(config);
  return () =>
    createPostgresSource({
      ...shared(source),
      slot: source.slot,
      publication: source.publication,
      failoverSlot: source.failoverSlot,
      copyTables: source.copyTables,
      copyRowsPerSecond: source.copyRowsPerSecond,
      copyBytesPerSecond: source.copyBytesPerSecond,
      positionSeal,
    });
}

async function makeMysqlSource(source: MysqlSourceConfig, config: SourceSettings): Promise<() => Source> {
  const { createMysqlSource } = await import('../../connectors/sources/mysql/source.ts');
  const positionSeal = new LazyPositionSeal(config);
  return () =>
    createMysqlSource({
      ...shared(source),
      serverId: source.serverId,
      acceptServers: source.acceptServers,
      heartbeatMs: source.heartbeatMs,
      zeroDates: source.zeroDates,
      invalidText: source.invalidText,
      positionSeal,
    });
}

/** Keys are loaded when a copy is under way: a look at a source needs none. */
class LazyPositionSeal {
  readonly #config: SourceSettings;
  #made: { readonly cipher: PositionCipher; readonly policy: CompiledPolicy } | null = null;

  constructor(config: SourceSettings) {
    this.#config = config;
  }

  seal(table: TableSchema, text: string): string {
    return this.#use().cipher.seal(JSON.stringify([this.#policyOf(table), text]));
  }

  open(table: TableSchema, sealed: string): string | null {
    const opened = this.#use().cipher.open(sealed);
    if (opened === null) return null;
    const [sealedPolicy, text] = JSON.parse(opened) as [string, string];
    // A table that is masked otherwise now must not be continued in the middle.
    return sealedPolicy === this.#policyOf(table) ? text : null;
  }

  #policyOf(table: TableSchema): string {
    return this.#use().policy.compileMasker(table, 'running').table.policy;
  }

  #use(): { readonly cipher: PositionCipher; readonly policy: CompiledPolicy } {
    if (this.#made === null) {
      const { mask } = this.#config;
      if (mask === undefined) throw new RowsealError('RS-RUN-000', { detail: 'a copy without a policy' });
      const keys = loadMaskKeys({ mask }, process.env);
      this.#made = {
        cipher: new PositionCipher(keys),
        policy: new CompiledPolicy(mask.policy, keys, customWorkers),
      };
    }
    return this.#made;
  }
}

function shared(source: SourceConfig) {
  return {
    url: source.url,
    ...(source.password === null ? {} : { password: source.password }),
    tlsMode: source.tlsMode,
    tlsCa: source.tlsCa,
    tables: source.tables,
    snapshot: source.snapshot,
    idleIntervalMs: source.idleIntervalMs,
    receiveBufferBytes: 1 << 20,
  };
}

export async function makeSink(config: SinkConfig): Promise<Sink> {
  const sink = await makeBareSink(config);
  return config.tables === null ? sink : selectTables(sink, config.tables);
}

async function makeBareSink(config: SinkConfig): Promise<Sink> {
  switch (config.type) {
    case 'duckdb': {
      const { createDuckdbSink } = await import('../../connectors/sinks/duckdb/sink.ts');
      return createDuckdbSink(config);
    }
    case 'postgres': {
      const { createPostgresSink } = await import('../../connectors/sinks/postgres/sink.ts');
      return createPostgresSink(config);
    }
    case 'bigquery': {
      const { createBigquerySink } = await import('../../connectors/sinks/bigquery/sink.ts');
      return createBigquerySink(config);
    }
    case 'parquet': {
      const { createParquetSink } = await import('../../connectors/sinks/parquet/sink.ts');
      return createParquetSink(config);
    }
  }
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
  /** What the operator should know of, though the pipeline may run. */
  readonly notices: readonly Finding[];
  /** Releases the audit log; call after `pipeline.run` settled. */
  close(): Promise<void>;
}

/** What is there before a pipeline is put together. */
export interface Prepared {
  readonly policy: CompiledPolicy;
  readonly log: AuditLog;
  /** The captured tables as they are now. */
  readonly tables: readonly TableSchema[];
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
): Promise<WiredPipeline> {
  const policy = makePolicy(config);
  const source = await makeSource(config);
  const tables = await checkedTables(policy, source);
  const sinks = await Promise.all(config.sinks.map(makeSink));
  const { log, epoch } = await openLog(config);
  try {
    await prepare({ policy, log, tables });
    const notices = compareWithLog({ policy, log, tables });
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
    return { pipeline, notices, close: () => log.close() };
  } catch (error) {
    await log.close();
    throw error;
  }
}

async function checkedTables(policy: CompiledPolicy, source: () => Source): Promise<readonly TableSchema[]> {
  const probe = source();
  try {
    const tables = await probe.tables();
    policy.check(tables);
    throwOnError(await probe.preflight());
    return tables;
  } finally {
    await probe.close();
  }
}

/**
 * Tokens of two keys must not meet in one table: a table that was copied under another key, and is not about to be copied
 * again, stops the start. Other rules are told: what they made before stays as it is.
 *
 * @throws RowsealError RS-MASK-014
 */
function compareWithLog({ policy, log, tables }: Prepared): readonly Finding[] {
  const position = log.last?.position ?? null;
  if (position === null || (position.phase === 'snapshot' && position.copying === undefined)) return [];
  const due = new Set((position.copying ?? []).map(tableKey));
  const changed = changedTables(policy, tables, log.tables()).filter(
    ({ table }) => !due.has(tableKey(table)),
  );
  const keys = changed.filter(({ change }) => change === 'key');
  if (keys.length > 0) {
    const { sealed, now } = keys[0]!;
    throw new RowsealError('RS-MASK-014', {
      detail: `${keys.map(({ table }) => displayName(table)).join(', ')}: masked under epoch ${sealed.keyEpoch} of key ${sealed.keyFingerprint}, configured is epoch ${now.keyEpoch} of key ${now.keyFingerprint}`,
      state: 'not started; nothing was changed',
    });
  }
  return [
    ...changed.map(({ table }) => notice('RS-MASK-018', 'policy', table, 'was copied under other rules')),
    ...(position.kind === 'postgres' ? retypedTables(tables, log.tables()) : [])
      .filter((table) => !due.has(tableKey(table)))
      .map((table) => notice('RS-PG-033', 'source', table, 'has columns of another type than the log')),
  ];
}

function notice(code: ErrorCode, subject: string, table: TableName, what: string): Finding {
  const name = displayName(table);
  return {
    level: 'warning',
    code,
    subject,
    detail: `${name} ${what}`,
    fix: `rowseal resnapshot --table ${name}`,
  };
}
