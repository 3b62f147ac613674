import { tmpdir } from 'node:os';
import type { AuditLog } from '../audit/audit-log.ts';
import type { ImageAge } from '../audit/expire.ts';
import type { StorageOptions } from '../audit/file-audit-log.ts';
import { NodeDisk } from '../audit/node-disk.ts';
import { type OpenedAuditLog, openAuditLog } from '../audit/open.ts';
import type { Signer } from '../audit/signers/signer.ts';
import { tableDirectory } from '../audit/table-directory.ts';
import { compareCapturedSet } from '../capture/captured-set.ts';
import type { Source } from '../capture/source.ts';
import {
  loadMaskKeys,
  loggedTables,
  type MysqlSourceConfig,
  type PostgresSourceConfig,
  type RowsealConfig,
  type SourceConfig,
} from '../config/load.ts';
import { postgresConnection } from '../config/postgres-connection.ts';
import type { SinkConfig } from '../config/sinks.ts';
import type { MirrorReader } from '../deliver/mirror-reader.ts';
import { selectTables, type TableSelection } from '../deliver/selected-tables.ts';
import type { Sink } from '../deliver/sink.ts';
import { type ErrorCode, errorCodes } from '../error/codes.ts';
import { RowsealError } from '../error/rowseal-error.ts';
import { toRowsealError } from '../error/unexpected.ts';
import { changedTables } from '../mask/changed-tables.ts';
import { customWorkers } from '../mask/method/custom-worker.ts';
import { CompiledPolicy } from '../mask/policy.ts';
import { PositionCipher } from '../mask/position-cipher.ts';
import type { SinkMask } from '../mask/sink-mask.ts';
import type { Finding } from '../model/finding.ts';
import type { MaskedTable } from '../model/masked.ts';
import { isMessageLog } from '../model/message-log.ts';
import { retypedTables } from '../model/schema-diff.ts';
import { displayName, type TableName, type TableSchema, tableKey } from '../model/table.ts';
import type { PipelineObserver } from '../pipeline/observer.ts';
import { Pipeline } from '../pipeline/pipeline.ts';
import { throwOnError } from './findings.ts';
import { loginOf } from './login-of.ts';
import { loadSigner } from './signer.ts';
import { checkedViews, sinkMask } from './sink-masks.ts';
import { tableNamed } from './table-choice.ts';
import { timedDisk, timedSigner } from './timed-log.ts';

/** What a source is made of. Without a policy it can be looked at, but not run. */
type SourceSettings = Pick<RowsealConfig, 'source'> & Partial<Pick<RowsealConfig, 'mask' | 'audit' | 'file'>>;

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
  // After a disk that was full the server keeps large transactions, for as long as this process lives.
  let { streaming } = source;
  return () =>
    createPostgresSource({
      ...shared(source),
      // Read at each connect: certificates and passwords change while Rowseal runs.
      connection: postgresConnection({ ...source, ...loginOf(config) }, process.env),
      slot: source.slot,
      publication: source.publication,
      failoverSlot: source.failoverSlot,
      receiveTimeoutMs: source.receiveTimeoutMs,
      messages: source.messages,
      origin: source.origin,
      streaming,
      spillDirectory: config.audit?.directory ?? tmpdir(),
      onSpillFailure: () => {
        streaming = false;
      },
      copyTables: source.copyTables,
      copyRowsPerSecond: source.copyRowsPerSecond,
      copyBytesPerSecond: source.copyBytesPerSecond,
      positionSeal,
    });
}

async function makeMysqlSource(source: MysqlSourceConfig, config: SourceSettings): Promise<() => Source> {
  const { createMysqlSource } = await import('../../connectors/sources/mysql/source.ts');
  const { RolledBack } = await import('../../connectors/sources/mysql/rolled-back.ts');
  const positionSeal = new LazyPositionSeal(config);
  const rolledBack = new RolledBack();
  return () =>
    createMysqlSource({
      ...shared(source),
      ...loginOf(config),
      tlsMode: source.tlsMode,
      tlsCa: source.tlsCa,
      serverId: source.serverId,
      acceptServers: source.acceptServers,
      heartbeatMs: source.heartbeatMs,
      zeroDates: source.zeroDates,
      invalidText: source.invalidText,
      maxUnpackedBytes: source.maxUnpackedBytes,
      positionSeal,
      rolledBack,
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
    tables: source.tables,
    snapshot: source.snapshot,
    idleIntervalMs: source.idleIntervalMs,
    receiveBufferBytes: 1 << 20,
  };
}

/** What a sink tells that is not of its deliveries. */
export interface SinkWatch {
  /** Values that the sink's own rules could not take. */
  readonly unfit: PipelineObserver['unfitValues'];
  /** Trouble beside delivery, such as a snapshot that could not be published. */
  readonly trouble: (sink: string, error: RowsealError, retryInMs: number) => void;
}

const UNWATCHED: SinkWatch = { unfit: () => {}, trouble: () => {} };

/** A sink as the configuration wants it fed: with its selection of tables and columns, and its stricter rules. */
export async function makeSink(
  sink: SinkConfig,
  config: RowsealConfig,
  watch: SinkWatch = UNWATCHED,
): Promise<Sink> {
  const bare = await makeBareSink(sink, watch.trouble);
  const mask = sinkMask(config, sink);
  return mask === null ? bare : selectTables(bare, told(mask, watch.unfit));
}

/** Counts what the sink's rules could not take, run by run. */
function told(mask: SinkMask, unfit: PipelineObserver['unfitValues']): TableSelection {
  return {
    viewOf: (table) => {
      const view = mask.viewOf(table);
      if (view === null || view.changes.length === 0) return view;
      return {
        table: view.table,
        mask: (run) => {
          const masked = view.mask(run);
          const counts = view.takeUnfit();
          if (counts.length > 0) unfit(displayName(table), counts);
          return masked;
        },
      };
    },
  };
}

async function makeBareSink(config: SinkConfig, report: SinkWatch['trouble']): Promise<Sink> {
  switch (config.type) {
    case 'duckdb': {
      const { createDuckdbSink } = await import('../../connectors/sinks/duckdb/sink.ts');
      const retryMs = config.snapshots?.intervalMs ?? 0;
      return createDuckdbSink({ ...config, query: config.query.enabled ? config.query : null }, (error) =>
        report(config.name, error, retryMs),
      );
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
      return createParquetSink(config, (error) => report(config.name, error, config.intervalMs));
    }
  }
}

/** Reads what a sink holds, without being one. */
export async function makeMirrorReader(config: SinkConfig): Promise<MirrorReader> {
  switch (config.type) {
    case 'duckdb': {
      const { createDuckdbMirrorReader } = await import('../../connectors/sinks/duckdb/mirror-reader.ts');
      return createDuckdbMirrorReader(config);
    }
    case 'postgres': {
      const { createPostgresMirrorReader } = await import('../../connectors/sinks/postgres/mirror-reader.ts');
      return createPostgresMirrorReader(config);
    }
    case 'bigquery': {
      const { createBigqueryMirrorReader } = await import('../../connectors/sinks/bigquery/mirror-reader.ts');
      return createBigqueryMirrorReader(config);
    }
    case 'parquet': {
      const { createParquetMirrorReader } = await import('../../connectors/sinks/parquet/mirror-reader.ts');
      return createParquetMirrorReader(config);
    }
  }
}

export function makePolicy(config: RowsealConfig): CompiledPolicy {
  return new CompiledPolicy(config.mask.policy, loadMaskKeys(config, process.env), customWorkers);
}

/** How long the steps take that make a group durable and signed. */
export interface LogTimings {
  fsynced(seconds: number): void;
  signed(seconds: number): void;
}

export interface OpenLogOptions {
  /** What becomes of old segments while it is open; by default nothing does. */
  readonly storage?: StorageOptions;
  readonly timings?: LogTimings;
  /** By default the configured one. */
  readonly signer?: Signer;
}

export function openLog(
  config: RowsealConfig,
  { storage, timings, signer = loadSigner(config) }: OpenLogOptions = {},
): Promise<OpenedAuditLog> {
  const { audit } = config;
  return openAuditLog({
    directory: audit.directory,
    origin: audit.origin,
    signer: timings === undefined ? signer : timedSigner(signer, (seconds) => timings.signed(seconds)),
    ...(timings === undefined
      ? {}
      : { disk: timedDisk(new NodeDisk(), (seconds) => timings.fsynced(seconds)) }),
    segmentMaxBytes: audit.segmentMaxBytes,
    disclosure: disclosureBy(audit.columnDisclosure),
    ...(storage === undefined ? {} : { storage }),
  });
}

function disclosureBy(
  columnar: RowsealConfig['audit']['columnDisclosure'],
): (table: string) => 'row' | 'column' {
  if (columnar === 'all') return () => 'column';
  const directories = new Set([...columnar].map((name) => tableDirectory(tableNamed(name))));
  return (table) => (directories.has(table) ? 'column' : 'row');
}

const DAY_US = 86_400_000_000n;

/** null: row images are kept for good. */
export function imageAgeOf({ audit, source }: RowsealConfig): ImageAge | null {
  const { rowImagesDays, tables } = audit.retention;
  const ages = new Map<string, bigint>();
  for (const table of loggedTables(source)) {
    const days = tables.get(displayName(table)) ?? (tables.has(displayName(table)) ? null : rowImagesDays);
    if (days !== null) ages.set(tableDirectory(table), BigInt(days) * DAY_US);
  }
  if (ages.size === 0) return null;
  const [shortestUs] = [...ages.values()].sort((a, b) => (a < b ? -1 : 1)) as [bigint];
  return { of: (table) => ages.get(table) ?? null, shortestUs };
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
  timings: LogTimings | null = null,
): Promise<WiredPipeline> {
  const policy = makePolicy(config);
  const source = await makeSource(config);
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
  const storage: StorageOptions = {
    pack: config.audit.compress,
    imageAge: imageAgeOf(config),
    onFailure: (thrown) => observer.storageFailed(toRowsealError(thrown)),
  };
  const { log, epoch } = await openLog(config, { storage, ...(timings === null ? {} : { timings }) });
  try {
    const changes = await sealCapturedSet(config, log);
    await prepare({ policy, log, tables });
    const notices = [...changes, ...compareWithLog({ policy, log, tables })];
    const pipeline = new Pipeline({
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
    return {
      pipeline,
      makeSource: source,
      log,
      tables: () => log.tables(),
      notices,
      close: () => log.close(),
    };
  } catch (error) {
    await log.close();
    throw error;
  }
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

/**
 * Seals which tables are captured from here on, if others than before, and that those which came are copied first.
 *
 * @returns what the operator should know
 */
async function sealCapturedSet(config: RowsealConfig, log: AuditLog): Promise<readonly Finding[]> {
  if (log.last === null) return [];
  const { tables, snapshot } = config.source;
  // Of messages there is nothing to copy, and those of a time without their prefix are in no slot's past.
  const known = log.tables().filter((table) => !isMessageLog(table));
  const set = compareCapturedSet(log.last.position, known, tables, snapshot === 'initial');
  if (set === null) return [];
  await log.begin().seal(set.position);
  const told = (names: readonly TableName[], detail: string): readonly Finding[] =>
    names.map((name) => ({ level: 'ok', code: null, subject: displayName(name), detail, fix: null }));
  return [
    ...told(
      set.entered,
      snapshot === 'initial' ? 'is captured from now on, and copied first' : 'is captured from now on',
    ),
    ...told(set.left, 'is captured no longer; what the sinks and the log have of it stays'),
  ];
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
