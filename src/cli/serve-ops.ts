import { readFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { HttpAccess, HttpConfig } from '../config/http.ts';
import type { RowsealConfig } from '../config/load.ts';
import { type OpsServer, startOpsServer } from '../ops/http.ts';
import type { Logger } from '../ops/log.ts';
import type { Surroundings } from '../ops/metrics.ts';
import type { LogIdentity, OpsRoom } from '../ops/ops-room.ts';
import type { Family } from '../ops/otlp-metrics.ts';
import { processMetrics } from '../ops/process-metrics.ts';
import { Throughput } from '../ops/throughput.ts';
import type { PipelineStatus } from '../pipeline/status.ts';
import { LogVerification } from './log-verification.ts';
import type { PipelineUnit } from './pipeline-unit.ts';

/** Starts health, metrics and the status page of these pipelines, unless the configuration has none. */
export async function serveOps(
  units: readonly [PipelineUnit, ...PipelineUnit[]],
  http: HttpConfig,
  access: HttpAccess,
  logger: Logger,
): Promise<OpsServer | null> {
  if (!http.enabled) return null;
  const [first, ...others] = units.map(roomOf) as [Room, ...Room[]];
  const rooms = [first, ...others] as const;
  const closeRooms = (): void => {
    for (const { throughput } of rooms) throughput.close();
  };
  const server = await startOpsServer(
    http,
    access,
    [first.room, ...others.map(({ room }) => room)],
    ...(others.length === 0 ? [] : [processMetrics()]),
  ).catch((error: unknown) => {
    closeRooms();
    throw error;
  });
  logger.log('info', { message: 'status page', address: server.address });
  if (access.token !== null && access.tls === null && !/^(localhost|127\.|::1$)/.test(http.host))
    logger.log('warn', {
      message: 'the token of the status page crosses the network in clear',
      fix: 'set http.tls, or let a proxy or mesh encrypt it',
    });
  return {
    ...server,
    close: () => {
      closeRooms();
      return server.close();
    },
  };
}

interface Room {
  readonly room: OpsRoom;
  readonly throughput: Throughput;
}

function roomOf(unit: PipelineUnit): Room {
  const { config, memory, metrics } = unit;
  const verification = new LogVerification(config.audit.directory);
  const throughput = new Throughput(() => readingOf(unit.status(), memory.activity.rows));
  const room: OpsRoom = {
    status: () => unit.status(),
    metrics: async () => {
      const now = unit.status();
      return metrics.text(now, await surroundingsOf(unit, now));
    },
    picture: () => {
      const now = unit.status();
      memory.know(unit.tables());
      return {
        ...now,
        log: logIdentity(config),
        tables: memory.activity.tables(now.undecided_columns),
        findings: memory.activity.notices(),
        history: throughput.history(),
        recent_changes: config.http.recentChanges,
      };
    },
    recent: () => memory.recent(),
    verify: () => verification.verify(),
  };
  return { room, throughput };
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
export async function familiesOf(unit: PipelineUnit): Promise<readonly Family[]> {
  const now = unit.status();
  return unit.metrics.families(now, await surroundingsOf(unit, now));
}

async function surroundingsOf(unit: PipelineUnit, now: PipelineStatus): Promise<Surroundings> {
  unit.memory.know(unit.tables());
  return {
    tables: unit.memory.activity.tables(now.undecided_columns),
    volume: await volumeOf(unit.config.audit.directory),
    minFreeBytes: unit.config.audit.minFreeBytes,
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
