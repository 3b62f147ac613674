import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { HttpAccess } from '../config/http.ts';
import type { RowsealConfig } from '../config/load.ts';
import type { MaskedTable } from '../model/masked.ts';
import { type OpsServer, startOpsServer } from '../ops/http.ts';
import type { Logger } from '../ops/log.ts';
import type { Metrics, Surroundings } from '../ops/metrics.ts';
import type { OpsMemory } from '../ops/ops-memory.ts';
import type { LogIdentity } from '../ops/ops-room.ts';
import type { Family } from '../ops/otlp-metrics.ts';
import { Throughput } from '../ops/throughput.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import type { PipelineStatus } from '../pipeline/status.ts';
import { packageVersion } from './context.ts';
import { LogVerification } from './log-verification.ts';
import type { Outside } from './outside.ts';
import { statusOf } from './running.ts';

/** What the page tells of. */
export interface Running {
  readonly config: RowsealConfig;
  readonly pipeline: Pipeline;
  readonly metrics: Metrics;
  readonly memory: OpsMemory;
  /** Table versions in the log. */
  readonly tables: () => readonly MaskedTable[];
  readonly outside: Outside;
}

/** Starts health, metrics and the status page, unless the configuration has none. */
export async function serveOps(
  running: Running,
  access: HttpAccess,
  logger: Logger,
): Promise<OpsServer | null> {
  const { config, pipeline, metrics, memory, tables, outside } = running;
  const { http } = config;
  if (!http.enabled) return null;
  const version = packageVersion();
  const status = (): PipelineStatus => statusOf(config, version, pipeline, outside);
  const log = logIdentity(config);
  const throughput = new Throughput(() => readingOf(status(), memory.activity.rows));
  const verification = new LogVerification(config.audit.directory);
  const server = await startOpsServer(http, access, {
    status,
    metrics: async () => {
      const now = status();
      return metrics.text(now, await surroundingsOf(running, now));
    },
    picture: () => {
      const now = status();
      memory.know(tables());
      return {
        ...now,
        log,
        tables: memory.activity.tables(now.undecided_columns),
        findings: memory.activity.notices(),
        history: throughput.history(),
        recent_changes: http.recentChanges,
      };
    },
    recent: () => memory.recent(),
    verify: () => verification.verify(),
  }).catch((error: unknown) => {
    throughput.close();
    throw error;
  });
  logger.log('info', { message: 'status page', address: server.address });
  if (access.token !== null && access.tls === null && !/^(localhost|127\.|::1$)/.test(http.host))
    logger.log('warn', {
      message: 'the token of the status page crosses the network in clear',
      fix: 'set http.tls, or let a proxy or mesh encrypt it',
    });
  return {
    address: server.address,
    close: () => {
      throughput.close();
      return server.close();
    },
  };
}

function readingOf(status: PipelineStatus, sealedRows: number) {
  const waiting = status.sinks.map((sink) => sink.behind_ms);
  return {
    sealedRows,
    deliveredRows: status.sinks.reduce((sum, sink) => sum + sink.rows, 0),
    lagMs:
      waiting.some((ms) => ms === null) || waiting.length === 0 ? null : Math.max(...waiting.map(Number)),
  };
}

/** The series of this moment, for an exporter. */
export async function familiesOf(running: Running): Promise<readonly Family[]> {
  const now = statusOf(running.config, packageVersion(), running.pipeline, running.outside);
  return running.metrics.families(now, await surroundingsOf(running, now));
}

async function surroundingsOf(
  { config, memory, tables }: Running,
  now: PipelineStatus,
): Promise<Surroundings> {
  memory.know(tables());
  return {
    tables: memory.activity.tables(now.undecided_columns),
    volume: await volumeOf(config.audit.directory),
  };
}

async function volumeOf(directory: string) {
  try {
    const { bavail, blocks, bsize } = await statfs(directory);
    return { freeBytes: bavail * bsize, sizeBytes: blocks * bsize };
  } catch {
    return null;
  }
}

function logIdentity({ audit }: RowsealConfig): LogIdentity {
  let key = '–';
  try {
    key = readFileSync(join(audit.directory, 'log.vkey'), 'utf8').trim();
  } catch {
    // Made with the log; a page without it is still a page.
  }
  return { origin: audit.origin, key, directory: audit.directory };
}
