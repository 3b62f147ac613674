import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from '@prometheus-io/client';
import { opLetter } from '../model/change.ts';
import type { MaskedEvent } from '../model/masked.ts';
import { displayName } from '../model/table.ts';
import {
  BREAKER_STATES,
  PIPELINE_STATES,
  type PipelineState,
  type PipelineStatus,
  type ReloadOutcome,
  type SinkStatus,
} from '../pipeline/status.ts';
import type { TableStatus } from './activity.ts';
import { LatencyMetrics } from './latency-metrics.ts';
import { MaskMetrics } from './mask-metrics.ts';
import type { Family } from './otlp-metrics.ts';
import { ReloadMetrics } from './reload-metrics.ts';
import { SpillMetrics } from './spill-metrics.ts';

/** What is read when somebody scrapes, besides the status. */
export interface Surroundings {
  readonly tables: readonly TableStatus[];
  /** Of the volume that holds the log; null: it cannot be asked. */
  readonly volume: { readonly freeBytes: number; readonly sizeBytes: number } | null;
  readonly minFreeBytes: number;
}

/** Of a sealed group: what its metrics are made of. */
export interface SealedMeasure {
  readonly commitTimeUs: bigint | null;
  readonly sealedAtUs: bigint;
  readonly bytes: number;
}

/** Tables with a series of their own; the rest share `_other`, so that a large schema cannot swamp a Prometheus. */
const MAX_TABLES = 200;

/**
 * What Prometheus scrapes. Timestamps instead of ages: lag is `time() - rowseal_delivered_commit_timestamp_seconds`, and
 * goes on growing when the pipeline hangs.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #tables = new Set<string>();
  /** How long changes and the steps that make them durable take. */
  readonly latency: LatencyMetrics;
  readonly #mask: MaskMetrics;
  readonly #reloads: ReloadMetrics;
  readonly #volumeFloor: Gauge<string>;
  readonly #state: Gauge<string>;
  readonly #received: Gauge<string>;
  readonly #sealedCommit: Gauge<string>;
  readonly #deliveredCommit: Gauge<string>;
  readonly #retained: Gauge<string>;
  readonly #safe: Gauge<string>;
  readonly #retention: Gauge<string>;
  readonly #warnings: Gauge<string>;
  readonly #spill: SpillMetrics;
  readonly #changes: Counter<string>;
  readonly #sealedRecords: Counter<string>;
  readonly #sealSeconds: Histogram<string>;
  readonly #deliverySeconds: Histogram<string>;
  readonly #backlog: Gauge<string>;
  readonly #backlogBytes: Gauge<string>;
  readonly #lag: Gauge<string>;
  readonly #queue: Gauge<string>;
  readonly #queues: Gauge<string>;
  readonly #queuesMax: Gauge<string>;
  readonly #retries: Counter<string>;
  readonly #retriesSeen = new Map<string, number>();
  readonly #breaker: Gauge<string>;
  readonly #deliveredRows: Counter<string>;
  readonly #deadLetters: Gauge<string>;
  readonly #errors: Counter<string>;
  readonly #undecided: Gauge<string>;
  readonly #unfit: Counter<string>;
  readonly #leaks: Counter<string>;
  readonly #sealedGroups: Counter<string>;
  readonly #sealedBytes: Counter<string>;
  readonly #deliveredGroups: Counter<string>;
  readonly #columns: Gauge<string>;
  readonly #volumeFree: Gauge<string>;
  readonly #volumeSize: Gauge<string>;
  readonly #headSigned: Gauge<string>;
  readonly #memory: Gauge<string>;
  readonly #cosigned: Gauge<string>;
  readonly #witnessFailures: Counter<string>;
  readonly #quorumMet: Gauge<string>;
  readonly #quorumAt: Gauge<string>;
  readonly #cosignedGroups: Gauge<string>;
  readonly #anchored: Gauge<string>;
  readonly #anchorFailures: Counter<string>;

  /** @param ownProcess false: other pipelines share the process, whose own figures are told elsewhere */
  constructor(pipeline: string, version: string, sinks: readonly string[], ownProcess = true) {
    const registers = [this.#registry];
    this.#registry.setDefaultLabels({ pipeline });
    const gauge = (name: string, help: string, labelNames: string[] = []): Gauge<string> =>
      new Gauge({ name: `rowseal_${name}`, help, labelNames, registers });
    const counter = (name: string, help: string, labelNames: string[] = []): Counter<string> =>
      new Counter({ name: `rowseal_${name}`, help, labelNames, registers });
    const histogram = (name: string, help: string, labelNames: string[] = []): Histogram<string> =>
      new Histogram({
        name: `rowseal_${name}`,
        help,
        labelNames,
        buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
        registers,
      });
    if (ownProcess) collectDefaultMetrics({ register: this.#registry });
    this.#reloads = new ReloadMetrics(this.#registry);
    this.#volumeFloor = gauge(
      'audit_min_free_bytes',
      'Free space below which nothing is sealed (audit.min_free_bytes).',
    );
    this.latency = new LatencyMetrics(this.#registry);
    this.#mask = new MaskMetrics(this.#registry);
    this.#sealedGroups = counter('sealed_groups_total', 'Groups of transactions sealed.');
    this.#sealedBytes = counter('sealed_bytes_total', 'Bytes of masked cells sealed.');
    this.#deliveredGroups = counter('delivered_groups_total', 'Groups durable in the sink.', ['sink']);
    this.#columns = gauge('policy_columns', 'Columns of a table by what the policy does with them.', [
      'table',
      'decision',
    ]);
    this.#volumeFree = gauge('audit_volume_free_bytes', 'Free space of the volume that holds the audit log.');
    this.#volumeSize = gauge('audit_volume_size_bytes', 'Size of the volume that holds the audit log.');
    gauge('build_info', 'Version of Rowseal; always 1.', ['version']).labels({ version }).set(1);
    this.#state = gauge('pipeline_state', '1 for the state the pipeline is in.', ['state']);
    this.#received = gauge(
      'source_received_timestamp_seconds',
      'When the last byte came from the source; heartbeats count.',
    );
    this.#sealedCommit = gauge(
      'sealed_commit_timestamp_seconds',
      'Commit time of the newest sealed transaction.',
    );
    this.#deliveredCommit = gauge(
      'delivered_commit_timestamp_seconds',
      'Commit time of the newest transaction durable in the sink.',
      ['sink'],
    );
    this.#retained = gauge('source_retained_bytes', 'WAL the server keeps for this pipeline.');
    this.#safe = gauge(
      'source_retention_safe_bytes',
      'WAL that may be written before the server stops keeping what this pipeline needs; absent without a limit.',
    );
    this.#retention = gauge(
      'source_retention_status',
      "1 for the server's own word on what it keeps for this pipeline (Postgres: wal_status of the slot).",
      ['status'],
    );
    this.#warnings = gauge('source_warnings', 'What should be seen to at the source, by code.', ['code']);
    this.#spill = new SpillMetrics(this.#registry);
    this.#changes = counter('changes_total', 'Row operations sealed, by c u d r t.', ['op']);
    this.#sealedRecords = counter('sealed_records_total', 'Change records sealed.', ['table']);
    this.#sealSeconds = histogram(
      'seal_duration_seconds',
      'From the decision to seal a group until it is durable and signed.',
    );
    this.#deliverySeconds = histogram('delivery_duration_seconds', 'Time of one sink transaction.', ['sink']);
    this.#backlog = gauge('delivery_backlog_groups', 'Sealed groups that the sink does not have yet.', [
      'sink',
    ]);
    this.#backlogBytes = gauge(
      'delivery_backlog_bytes',
      'Bytes of those groups; not there until what an earlier process left is delivered.',
      ['sink'],
    );
    this.#lag = gauge(
      'delivery_lag_seconds',
      'For how long the oldest sealed group has been waiting for the sink; 0 when it has all.',
      ['sink'],
    );
    this.#queue = gauge(
      'delivery_queue_bytes',
      'Sealed groups in memory that wait for the sink or are being written; those of several sinks count with each.',
      ['sink'],
    );
    this.#queues = gauge('queue_bytes', 'Sealed groups in memory for all sinks, each counted once.');
    this.#queuesMax = gauge('queue_max_bytes', 'Most that they may take (memory.queue_bytes).');
    this.#retries = counter('delivery_retries_total', 'Attempts of the sink after a failure.', ['sink']);
    this.#breaker = gauge(
      'sink_breaker_state',
      '1 for the state of the circuit breaker of the sink: closed is working, open is halted, half-open is a trial.',
      ['sink', 'state'],
    );
    this.#deliveredRows = counter('delivered_rows_total', 'Row operations durable in the sink.', ['sink']);
    this.#deadLetters = gauge(
      'dead_letters',
      'Values kept aside since the start because the target cannot hold them.',
      ['sink'],
    );
    this.#errors = counter('errors_total', 'Errors met, by kind.', ['kind']);
    this.#undecided = gauge(
      'undecided_columns',
      'Columns redacted because the policy does not decide them.',
      ['table'],
    );
    this.#unfit = counter(
      'mask_unfit_values_total',
      'Values that the method of their column could not take, by reason; they became what its rule says.',
      ['table', 'column', 'reason'],
    );
    this.#leaks = counter(
      'mask_leaks_total',
      'Row images in which the leak guard met personal data, or the raw value of a masked column, in a kept column.',
      ['table', 'column', 'kind'],
    );
    this.#headSigned = gauge('head_signed_timestamp_seconds', 'When the newest group was sealed and signed.');
    this.#memory = gauge('memory_used_bytes', 'Resident memory of the process.');
    this.#cosigned = gauge('witness_cosigned_timestamp_seconds', 'When the witness last cosigned a head.', [
      'witness',
    ]);
    this.#witnessFailures = counter(
      'witness_failures_total',
      'Submissions that the witness did not cosign, by error code; sealing does not wait for it.',
      ['witness', 'code'],
    );
    this.#quorumMet = gauge(
      'witness_quorum_met',
      '1 while enough witnesses have cosigned a head of late, or none are asked for; 0 when not.',
    );
    this.#quorumMet.set(1);
    this.#quorumAt = gauge(
      'witness_quorum_timestamp_seconds',
      'When the newest head was cosigned that a quorum has; 0: none since the start.',
    );
    this.#cosignedGroups = gauge(
      'witness_quorum_groups',
      'Groups in the newest head that the quorum has cosigned.',
    );
    this.#anchored = gauge('anchor_kept_timestamp_seconds', 'When the anchor last took a head.', ['anchor']);
    this.#anchorFailures = counter(
      'anchor_failures_total',
      'Heads that the anchor did not take, by error code.',
      ['anchor', 'code'],
    );
    for (const state of PIPELINE_STATES) this.#state.labels({ state }).set(0);
    for (const op of Object.values(opLetter)) this.#changes.labels({ op }).inc(0);
    for (const sink of sinks) {
      this.#backlog.labels({ sink }).set(0);
      this.#deliveredRows.labels({ sink }).inc(0);
      this.#deadLetters.labels({ sink }).set(0);
      this.#retries.labels({ sink }).inc(0);
      this.#deliveredGroups.labels({ sink }).inc(0);
    }
  }

  entered(state: PipelineState): void {
    for (const other of PIPELINE_STATES) this.#state.labels({ state: other }).set(other === state ? 1 : 0);
  }

  masked(events: readonly MaskedEvent[]): void {
    for (const event of events) {
      if (event.kind === 'truncate') this.#changes.labels({ op: 't' }).inc();
      if (event.kind !== 'rows') continue;
      const { run } = event;
      this.#mask.masked(run);
      const counts = new Map<number, number>();
      for (let i = 0; i < run.count; i++) counts.set(run.ops[i]!, (counts.get(run.ops[i]!) ?? 0) + 1);
      for (const [op, count] of counts)
        this.#changes.labels({ op: opLetter[op as keyof typeof opLetter] }).inc(count);
      this.#sealedRecords.labels({ table: this.#table(displayName(run.table)) }).inc(run.count);
    }
  }

  sealed({ commitTimeUs, sealedAtUs, bytes }: SealedMeasure, durationMs: number): void {
    if (commitTimeUs !== null) {
      this.#sealedCommit.set(Number(commitTimeUs) / 1e6);
      this.latency.sealed(Number(sealedAtUs - commitTimeUs) / 1e6);
    }
    this.#headSigned.set(Number(sealedAtUs) / 1e6);
    this.#sealedGroups.inc();
    this.#sealedBytes.inc(bytes);
    this.#sealSeconds.observe(durationMs / 1000);
  }

  delivered(
    sink: string,
    batch: { readonly rows: number; readonly groups: readonly SealedMeasure[] },
    durationMs: number,
  ): void {
    this.#deliveredRows.labels({ sink }).inc(batch.rows);
    this.#deliveredGroups.labels({ sink }).inc(batch.groups.length);
    const nowUs = Date.now() * 1000;
    for (const { commitTimeUs } of batch.groups) {
      if (commitTimeUs === null) continue;
      this.#deliveredCommit.labels({ sink }).set(Number(commitTimeUs) / 1e6);
      this.latency.delivered(sink, (nowUs - Number(commitTimeUs)) / 1e6);
    }
    this.#deliverySeconds.labels({ sink }).observe(durationMs / 1000);
  }

  failed(kind: string): void {
    this.#errors.labels({ kind }).inc();
  }

  unfit(table: string, column: string, reason: string, count: number): void {
    this.#unfit.labels({ table: this.#table(table), column, reason }).inc(count);
  }

  leaked(table: string, column: string, kind: string, count: number): void {
    this.#leaks.labels({ table: this.#table(table), column, kind }).inc(count);
  }

  reloaded(outcome: ReloadOutcome): void {
    this.#reloads.reloaded(outcome);
  }

  cosigned(witness: string, timeS: number): void {
    this.#cosigned.labels({ witness }).set(timeS);
  }

  witnessFailed(witness: string, code: string): void {
    this.#witnessFailures.labels({ witness, code }).inc();
  }

  anchored(anchor: string, atMs: number): void {
    this.#anchored.labels({ anchor }).set(atMs / 1000);
  }

  anchorFailed(anchor: string, code: string): void {
    this.#anchorFailures.labels({ anchor, code }).inc();
  }

  /** The text of a scrape; gauges that mirror the status are brought up to date first. */
  text(status: PipelineStatus, surroundings: Surroundings): Promise<string> {
    this.#mirror(status, surroundings);
    return this.#registry.metrics();
  }

  /** The same series for whoever sends them elsewhere. */
  families(status: PipelineStatus, surroundings: Surroundings): Promise<readonly Family[]> {
    this.#mirror(status, surroundings);
    return this.#registry.getMetricsAsJSON();
  }

  #mirror(status: PipelineStatus, { tables, volume, minFreeBytes }: Surroundings): void {
    this.#volumeFloor.set(minFreeBytes);
    for (const table of tables) {
      const label = this.#table(table.name);
      if (label !== table.name) continue;
      for (const decision of ['masked', 'left_out', 'kept', 'undecided'] as const)
        this.#columns.labels({ table: label, decision }).set(table[decision]);
    }
    if (volume !== null) {
      this.#volumeFree.set(volume.freeBytes);
      this.#volumeSize.set(volume.sizeBytes);
    }
    if (status.source.last_received !== null)
      this.#received.set(Date.parse(status.source.last_received) / 1000);
    if (status.source.retained_bytes !== null) this.#retained.set(status.source.retained_bytes);
    const { retention } = status.source;
    const safe = retention?.safe_bytes ?? null;
    if (safe === null) this.#safe.remove({});
    else this.#safe.labels({}).set(safe);
    this.#retention.reset();
    if (retention !== null) this.#retention.labels({ status: retention.status }).set(1);
    this.#warnings.reset();
    for (const { code } of status.source.warnings) this.#warnings.labels({ code: code ?? '' }).set(1);
    this.#spill.mirror(status.source.spill);
    for (const sink of status.sinks) {
      this.#sink(sink);
    }
    if (status.witnesses !== null) {
      this.#quorumMet.set(status.witnesses.met ? 1 : 0);
      this.#cosignedGroups.set(status.witnesses.groups ?? 0);
      this.#quorumAt.set(Date.parse(status.witnesses.cosigned_at ?? '1970-01-01T00:00:00Z') / 1000);
    }
    for (const [table, columns] of Object.entries(status.undecided_columns))
      this.#undecided.labels({ table: this.#table(table) }).set(columns);
    this.#queues.set(status.queues.bytes);
    this.#queuesMax.set(status.queues.max_bytes);
    this.#memory.set(process.memoryUsage.rss());
  }

  #sink(status: SinkStatus): void {
    const labels = { sink: status.name };
    this.#backlog.labels(labels).set(status.behind_groups);
    this.#deadLetters.labels(labels).set(status.dead_letters);
    this.#queue.labels(labels).set(status.queue_bytes);
    if (status.behind_bytes === null) this.#backlogBytes.remove(labels);
    else this.#backlogBytes.labels(labels).set(status.behind_bytes);
    if (status.behind_ms === null) this.#lag.remove(labels);
    else this.#lag.labels(labels).set(status.behind_ms / 1000);
    // A pipeline that was begun again in this process counts from nothing.
    const seen = this.#retriesSeen.get(status.name) ?? 0;
    this.#retries.labels(labels).inc(status.retries < seen ? status.retries : status.retries - seen);
    this.#retriesSeen.set(status.name, status.retries);
    for (const state of BREAKER_STATES)
      this.#breaker.labels({ ...labels, state }).set(state === status.breaker ? 1 : 0);
  }

  #table(name: string): string {
    if (this.#tables.has(name)) return name;
    if (this.#tables.size >= MAX_TABLES) return '_other';
    this.#tables.add(name);
    return name;
  }
}
