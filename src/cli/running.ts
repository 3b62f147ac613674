import type { SourceStats } from '../capture/source.ts';
import type { RowsealConfig } from '../config/load.ts';
import type { Delivery } from '../deliver/delivery.ts';
import { errorCodes } from '../error/codes.ts';
import type { RowsealError } from '../error/rowseal-error.ts';
import { describePosition } from '../model/position.ts';
import type { GroupTraces } from '../ops/group-traces.ts';
import type { Logger } from '../ops/log.ts';
import type { Metrics } from '../ops/metrics.ts';
import type { OpsMemory } from '../ops/ops-memory.ts';
import type { PipelineObserver } from '../pipeline/observer.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import type {
  PipelineState,
  PipelineStatus,
  ShownError,
  SinkStatus,
  WitnessStatus,
} from '../pipeline/status.ts';
import type { QuorumState } from '../witness/submitter.ts';
import type { Outside } from './outside.ts';

/** Passes what a pipeline tells on to log and metrics. */
export function observe(
  logger: Logger,
  metrics: Metrics,
  memory: OpsMemory,
  traces: GroupTraces | null = null,
): PipelineObserver {
  const told = new Told();
  return {
    stateChanged(state, reason) {
      metrics.entered(state);
      if (reason !== null) metrics.failed(reason.kind);
      logger.log(reason === null ? 'info' : state.startsWith('waiting') ? 'warn' : 'error', {
        message: reason === null ? state : `${state}: ${reason.message}`,
        state,
        ...(reason === null ? {} : { code: reason.code, fix: reason.fix }),
      });
    },
    masked(events) {
      metrics.masked(events);
      memory.masked(events);
    },
    groupSealed(group, durationMs) {
      metrics.sealed(group, durationMs);
      memory.sealed(group.index, group.sealedAtUs);
      traces?.sealed(group, durationMs);
      logger.log('debug', {
        message: 'sealed',
        group: group.index,
        rows: group.rows,
        position: describePosition(group.position),
      });
    },
    batchDelivered(sink, batch, durationMs) {
      metrics.delivered(sink, batch, durationMs);
      traces?.delivered(sink, batch.groups, durationMs);
      logger.log('debug', {
        message: 'delivered',
        sink,
        first_group: (batch.after ?? -1) + 1,
        group: batch.to,
        rows: batch.rows,
      });
    },
    problem(where, name, error, retryInMs) {
      metrics.failed(error.kind);
      logger.log('warn', {
        message: error.message,
        code: error.code,
        ...(where === 'sink' ? { sink: name } : {}),
        ...(retryInMs === null ? {} : { retry_in_ms: retryInMs }),
        fix: error.fix,
      });
    },
    storageFailed(error) {
      metrics.failed(error.kind);
      logger.log('error', {
        message: error.message,
        code: error.code,
        state: 'the log goes on; an old segment stays as it is until the next start',
        fix: error.fix,
      });
    },
    sinkFailed(sink, error, verdict) {
      metrics.failed(error.kind);
      const retryInMs = verdict.kind === 'retry' ? verdict.inMs : verdict.retryInMs;
      logger.log(verdict.kind === 'retry' ? 'warn' : 'error', {
        message: error.message,
        code: error.code,
        sink,
        ...(verdict.kind === 'retry'
          ? {}
          : { state: 'this sink is halted; sealing and the other sinks go on' }),
        ...(retryInMs === null ? {} : { retry_in_ms: retryInMs }),
        fix: error.fix,
      });
    },
    warning({ code, detail, fix }) {
      if (!told.first(`warning ${code}`)) return;
      logger.log('warn', { message: detail, code: code ?? '', fix: fix ?? '' });
    },
    unfitValues(table, counts) {
      for (const { column, reason, count } of counts) {
        metrics.unfit(table, column, reason, count);
        memory.activity.unfit(table, column, reason, count);
        if (!told.first(`unfit ${table}.${column} ${reason}`)) continue;
        logger.log('warn', {
          message: 'values do not fit the method of their column; counted in rowseal_mask_unfit_values_total',
          table,
          column,
          reason,
          fix: `see docs/masking.md, on_error`,
        });
      }
    },
    leaks(table, counts) {
      for (const { column, kind, count } of counts) {
        metrics.leaked(table, column, kind, count);
        memory.activity.leaked(table, column, kind, count);
        if (!told.first(`leak ${table}.${column} ${kind}`)) continue;
        logger.log('warn', {
          message: 'personal data in a column that the policy keeps; counted in rowseal_mask_leaks_total',
          code: 'RS-MASK-012',
          table,
          column,
          reason: kind,
          fix: `mask ${table}.${column}, or name it under mask.leak_guard.except`,
        });
      }
    },
    undecidedColumns(table, columns) {
      logger.log('warn', {
        message: 'columns without a decision are redacted',
        code: 'RS-MASK-001',
        table,
        columns,
        fix: `decide them under mask.tables.${table}`,
      });
    },
  };
}

/** What repeats with every row is told once an hour; the metrics count it all. */
class Told {
  readonly #at = new Map<string, number>();

  first(what: string): boolean {
    const now = performance.now();
    const last = this.#at.get(what);
    if (last !== undefined && now - last < 3_600_000) return false;
    this.#at.set(what, now);
    return true;
  }
}

/** A picture of the pipeline at this moment, from memory. */
export function statusOf(
  config: RowsealConfig,
  version: string,
  pipeline: Pipeline,
  outside: Outside,
): Omit<PipelineStatus, 'reload'> {
  const { sealed } = pipeline.progress;
  const stats: SourceStats = pipeline.source?.stats() ?? {
    lastReceivedMs: null,
    retainedBytes: null,
    snapshot: null,
  };
  const { reason } = pipeline;
  return {
    pipeline: config.pipeline,
    version,
    state: pipeline.state,
    since: new Date(pipeline.sinceMs).toISOString(),
    reason: reason === null ? null : shownError(reason),
    source: {
      position: sealed === null ? null : describePosition(sealed.position),
      last_received: stats.lastReceivedMs === null ? null : new Date(stats.lastReceivedMs).toISOString(),
      retained_bytes: stats.retainedBytes,
      retention:
        stats.retention == null
          ? null
          : { status: stats.retention.status, safe_bytes: stats.retention.safeBytes },
      warnings: (stats.warnings ?? []).map(({ code, detail, fix }) => ({ code, detail, fix })),
      spill:
        stats.spill == null
          ? null
          : {
              bytes: stats.spill.bytes,
              transactions: stats.spill.transactions,
              written_bytes: stats.spill.writtenBytes,
            },
      snapshot:
        stats.snapshot === null
          ? null
          : {
              table: stats.snapshot.table,
              rows: stats.snapshot.rows,
              estimated_rows: stats.snapshot.estimatedRows,
              seconds_left: stats.snapshot.secondsLeft ?? null,
            },
    },
    sealed: {
      group: sealed?.index ?? null,
      sealed_at: sealed === null ? null : isoOfUs(sealed.sealedAtUs),
      commit_time: sealed === null || sealed.commitTimeUs === null ? null : isoOfUs(sealed.commitTimeUs),
    },
    queues: { bytes: pipeline.memory.bytes, max_bytes: pipeline.memory.maxBytes },
    sinks: pipeline.deliveries.map(sinkStatus),
    undecided_columns: Object.fromEntries(pipeline.undecidedColumns()),
    witnesses: witnessStatus(outside.witnesses()),
    anchors: outside.anchors().map((anchor) => ({
      name: anchor.name,
      place: anchor.place,
      groups: anchor.groups,
      kept_at: isoOfMs(anchor.atMs),
      failures: anchor.failures,
      error: anchor.error === null ? null : shownError(anchor.error),
    })),
  };
}

/** Of a pipeline that does not run at the moment. */
export function restingStatus(
  config: RowsealConfig,
  version: string,
  state: PipelineState,
  sinceMs: number,
  reason: RowsealError | null,
): Omit<PipelineStatus, 'reload'> {
  return {
    pipeline: config.pipeline,
    version,
    state,
    since: new Date(sinceMs).toISOString(),
    reason: reason === null ? null : shownError(reason),
    source: {
      position: null,
      last_received: null,
      retained_bytes: null,
      retention: null,
      warnings: [],
      spill: null,
      snapshot: null,
    },
    sealed: { group: null, sealed_at: null, commit_time: null },
    queues: { bytes: 0, max_bytes: config.queueBytes },
    sinks: [],
    undecided_columns: {},
    witnesses: null,
    anchors: [],
  };
}

function witnessStatus(state: QuorumState | null): WitnessStatus | null {
  if (state === null) return null;
  return {
    quorum: state.quorum,
    met: state.met,
    groups: state.groups,
    cosigned_at: isoOfMs(state.atMs),
    members: state.witnesses.map(({ name, groups, timeS, failures, error }) => ({
      name,
      groups,
      cosigned_at: isoOfMs(timeS === null ? null : timeS * 1000),
      failures,
      error: error === null ? null : shownError(error),
    })),
  };
}

/** null also for what is no time: a witness may say anything. */
function isoOfMs(ms: number | null): string | null {
  const date = new Date(ms ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

function sinkStatus(delivery: Delivery): SinkStatus {
  const { state, breaker, backlog, sink } = delivery;
  const stats = sink.stats();
  return {
    name: sink.name,
    state: state.kind,
    breaker,
    group: backlog.cursor,
    behind_groups: backlog.groups,
    behind_bytes: backlog.bytes,
    behind_ms: backlog.waitingMs(Date.now()),
    queue_bytes: delivery.queuedBytes,
    retries: delivery.retries,
    retry_at:
      state.kind === 'halted' && state.retryAtMs !== null ? new Date(state.retryAtMs).toISOString() : null,
    rows: stats.rows,
    dead_letters: [...stats.deadLetters.values()].reduce((sum, count) => sum + count, 0),
    error: 'error' in state ? shownError(state.error) : null,
  };
}

export function shownError({ code, detail, fix }: RowsealError): ShownError {
  return { code, title: errorCodes[code].title, detail, fix };
}

function isoOfUs(us: bigint): string {
  return new Date(Number(us / 1000n)).toISOString();
}
