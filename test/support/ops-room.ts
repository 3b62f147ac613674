import type { OpsRoom, Picture } from '../../src/ops/ops-room.ts';
import type { PipelineStatus } from '../../src/pipeline/status.ts';

const STATUS: PipelineStatus = {
  pipeline: 'shop',
  version: '0.1.0',
  state: 'streaming',
  since: '2026-11-25T12:00:00.000Z',
  reason: null,
  source: {
    position: 'pg 0/16B3748',
    last_received: '2026-11-25T12:00:09.000Z',
    retained_bytes: 1_234_567,
    retention: null,
    warnings: [],
    spill: { bytes: 0, transactions: 0, written_bytes: 0 },
    snapshot: null,
  },
  sealed: { group: 812, sealed_at: '2026-11-25T12:00:08.000Z', commit_time: '2026-11-25T12:00:07.900Z' },
  queues: { bytes: 40_000, max_bytes: 6_291_456 },
  sinks: [
    {
      name: 'warehouse',
      state: 'delivering',
      breaker: 'closed',
      group: 812,
      behind_groups: 0,
      behind_bytes: 0,
      behind_ms: 0,
      queue_bytes: 0,
      retries: 0,
      retry_at: null,
      rows: 41_020,
      dead_letters: 0,
      error: null,
    },
  ],
  undecided_columns: {},
  witnesses: null,
  anchors: [],
  reload: null,
};

/** A room to look into, without a pipeline. */
export function opsRoom(changes: Partial<OpsRoom> = {}, status: Partial<PipelineStatus> = {}): OpsRoom {
  const now = { ...STATUS, ...status };
  const picture: Picture = {
    ...now,
    log: { origin: 'rowseal/shop', key: 'rowseal/shop+0123abcd+AbCd', directory: '/var/lib/rowseal/audit' },
    tables: [
      {
        name: 'public.customers',
        columns: 5,
        kept: 2,
        masked: 2,
        left_out: 1,
        undecided: 0,
        changes: 41_020,
        last_change: '2026-11-25T12:00:07.000Z',
      },
    ],
    findings: [],
    history: { interval_ms: 2_000, points: [] },
    recent_changes: 0,
  };
  return {
    status: () => now,
    picture: () => picture,
    metrics: async () => '# HELP nothing\n',
    recent: () => null,
    verify: async () => ({ kind: 'elsewhere', why: 'a test', command: 'rowseal audit verify' }),
    ...changes,
  };
}
