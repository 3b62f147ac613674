import type { BreakerState } from '../deliver/circuit-breaker.ts';

export { BREAKER_STATES } from '../deliver/circuit-breaker.ts';

/** What the pipeline is doing, for people, probes and metrics. */
export type PipelineState =
  | 'starting'
  | 'snapshot'
  | 'streaming'
  | 'waiting'
  | 'waiting_for_space'
  | 'halted'
  | 'stopped';

export const PIPELINE_STATES: readonly PipelineState[] = [
  'starting',
  'snapshot',
  'streaming',
  'waiting',
  'waiting_for_space',
  'halted',
  'stopped',
];

export interface WitnessStatus {
  readonly quorum: number;
  /** False: too few have cosigned for too long; the pipeline is not ready. */
  readonly met: boolean;
  /** Groups in the newest head that the quorum has cosigned since the start, and when that was. */
  readonly groups: number | null;
  readonly cosigned_at: string | null;
  readonly members: readonly {
    readonly name: string;
    readonly groups: number | null;
    readonly cosigned_at: string | null;
    readonly failures: number;
    readonly error: ShownError | null;
  }[];
}

export interface AnchorStatus {
  readonly name: string;
  readonly place: string;
  readonly groups: number | null;
  readonly kept_at: string | null;
  readonly failures: number;
  readonly error: ShownError | null;
}

export interface ShownError {
  readonly code: string;
  readonly title: string;
  readonly detail: string | null;
  readonly fix: string;
}

export interface SinkStatus {
  readonly name: string;
  readonly state: string;
  readonly breaker: BreakerState;
  /** The newest group that it has. */
  readonly group: number | null;
  readonly behind_groups: number;
  /** null: not known until what an earlier process left is delivered. */
  readonly behind_bytes: number | null;
  /** How long the oldest group has been waiting for it; null: not known yet. */
  readonly behind_ms: number | null;
  /** In memory for it: waiting, and in hand. Groups that wait for several sinks are counted with each. */
  readonly queue_bytes: number;
  readonly retries: number;
  /** When a halted sink is tried again, ISO 8601; null: it is not halted, or for good. */
  readonly retry_at: string | null;
  readonly rows: number;
  readonly dead_letters: number;
  readonly error: ShownError | null;
}

/** What became of the configuration when it was last read again. */
export interface ReloadStatus {
  readonly at: string;
  /** `pending`: taken over with the next group. `refused`: it would show more, or has another key. `failed`: it cannot be used. */
  readonly outcome: ReloadOutcome | 'pending';
  readonly error: ShownError | null;
  /** Options that changed and wait for a restart; names. */
  readonly restart_needed: readonly string[];
}

export const RELOAD_OUTCOMES = ['applied', 'unchanged', 'refused', 'failed'] as const;
export type ReloadOutcome = (typeof RELOAD_OUTCOMES)[number];

/** One consistent picture of a running pipeline; holds names, counts and positions, never a row value. */
export interface PipelineStatus {
  readonly pipeline: string;
  readonly version: string;
  readonly state: PipelineState;
  /** ISO 8601, UTC. */
  readonly since: string;
  /** Why it waits or halted. */
  readonly reason: ShownError | null;
  readonly source: {
    readonly position: string | null;
    readonly last_received: string | null;
    readonly retained_bytes: number | null;
    /** Whether the server goes on keeping that; null: not known. */
    readonly retention: { readonly status: string; readonly safe_bytes: number | null } | null;
    readonly warnings: readonly {
      readonly code: string | null;
      readonly detail: string;
      readonly fix: string | null;
    }[];
    /** Raw changes on our disk, encrypted, until their transaction ends; null: this source keeps none. */
    readonly spill: {
      readonly bytes: number;
      readonly transactions: number;
      /** Since the pipeline began. */
      readonly written_bytes: number;
    } | null;
    readonly snapshot: {
      readonly table: string;
      readonly rows: number;
      readonly estimated_rows: number | null;
      readonly seconds_left: number | null;
    } | null;
  };
  readonly sealed: {
    readonly group: number | null;
    readonly sealed_at: string | null;
    readonly commit_time: string | null;
  };
  /** Sealed groups in memory for all sinks, each counted once. */
  readonly queues: { readonly bytes: number; readonly max_bytes: number };
  readonly sinks: readonly SinkStatus[];
  readonly undecided_columns: Readonly<Record<string, number>>;
  /** Who outside has seen the log; null: no witnesses are configured. */
  readonly witnesses: WitnessStatus | null;
  readonly anchors: readonly AnchorStatus[];
  /** null: it was not read again since the start. */
  readonly reload: ReloadStatus | null;
}
