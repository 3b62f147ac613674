import { Counter, Gauge, Histogram, Registry } from '@prometheus-io/client';
import { opLetter } from '../model/change.ts';
import type { MaskedEvent } from '../model/masked.ts';
import { displayName } from '../model/table.ts';
import { PIPELINE_STATES, type PipelineState, type PipelineStatus } from '../pipeline/status.ts';

/** Tables with a series of their own; the rest share `_other`, so that a large schema cannot swamp a Prometheus. */
const MAX_TABLES = 200;

/**
 * What Prometheus scrapes. Timestamps instead of ages: lag is `time() - rowseal_delivered_commit_timestamp_seconds`, and
 * goes on growing when the pipeline hangs.
 */
export class Metrics {
  readonly #registry = new Registry();
  readonly #tables = new Set<string>();
  readonly #state: Gauge<string>;
  readonly #received: Gauge<string>;
  readonly #sealedCommit: Gauge<string>;
  readonly #deliveredCommit: Gauge<string>;
  readonly #retained: Gauge<string>;
  readonly #safe: Gauge<string>;
  readonly #warnings: Gauge<string>;
  readonly #changes: Counter<string>;
  readonly #sealedRecords: Counter<string>;
  readonly #sealSeconds: Histogram<string>;
  readonly #deliverySeconds: Histogram<string>;
  readonly #backlog: Gauge<string>;
  readonly #deliveredRows: Counter<string>;
  readonly #deadLetters: Gauge<string>;
  readonly #errors: Counter<string>;
  readonly #undecided: Gauge<string>;
  readonly #unfit: Counter<string>;
  readonly #leaks: Counter<string>;
  readonly #headSigned: Gauge<string>;
  readonly #memory: Gauge<string>;

  constructor(pipeline: string, version: string, sinks: readonly string[]) {
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
    this.#warnings = gauge('source_warnings', 'What should be seen to at the source, by code.', ['code']);
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
    for (const state of PIPELINE_STATES) this.#state.labels({ state }).set(0);
    for (const op of Object.values(opLetter)) this.#changes.labels({ op }).inc(0);
    for (const sink of sinks) {
      this.#backlog.labels({ sink }).set(0);
      this.#deliveredRows.labels({ sink }).inc(0);
      this.#deadLetters.labels({ sink }).set(0);
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
      const counts = new Map<number, number>();
      for (let i = 0; i < run.count; i++) counts.set(run.ops[i]!, (counts.get(run.ops[i]!) ?? 0) + 1);
      for (const [op, count] of counts)
        this.#changes.labels({ op: opLetter[op as keyof typeof opLetter] }).inc(count);
      this.#sealedRecords.labels({ table: this.#table(displayName(run.table)) }).inc(run.count);
    }
  }

  sealed(commitTimeUs: bigint | null, sealedAtUs: bigint, durationMs: number): void {
    if (commitTimeUs !== null) this.#sealedCommit.set(Number(commitTimeUs) / 1e6);
    this.#headSigned.set(Number(sealedAtUs) / 1e6);
    this.#sealSeconds.observe(durationMs / 1000);
  }

  delivered(sink: string, rows: number, commitTimeUs: bigint | null, durationMs: number): void {
    this.#deliveredRows.labels({ sink }).inc(rows);
    if (commitTimeUs !== null) this.#deliveredCommit.labels({ sink }).set(Number(commitTimeUs) / 1e6);
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

  undecided(table: string, columns: number): void {
    this.#undecided.labels({ table: this.#table(table) }).set(columns);
  }

  /** The text of a scrape; gauges that mirror the status are brought up to date first. */
  async text(status: PipelineStatus): Promise<string> {
    if (status.source.last_received !== null)
      this.#received.set(Date.parse(status.source.last_received) / 1000);
    if (status.source.retained_bytes !== null) this.#retained.set(status.source.retained_bytes);
    const safe = status.source.retention?.safe_bytes ?? null;
    if (safe !== null) this.#safe.set(safe);
    this.#warnings.reset();
    for (const { code } of status.source.warnings) this.#warnings.labels({ code: code ?? '' }).set(1);
    for (const sink of status.sinks) {
      this.#backlog.labels({ sink: sink.name }).set(sink.behind_groups);
      this.#deadLetters.labels({ sink: sink.name }).set(sink.dead_letters);
    }
    this.#memory.set(process.memoryUsage.rss());
    return this.#registry.metrics();
  }

  #table(name: string): string {
    if (this.#tables.has(name)) return name;
    if (this.#tables.size >= MAX_TABLES) return '_other';
    this.#tables.add(name);
    return name;
  }
}
