/** What the pipeline is doing, for people, probes and metrics. */
export type PipelineState = 'starting' | 'snapshot' | 'streaming' | 'waiting' | 'halted' | 'stopped';

export const PIPELINE_STATES: readonly PipelineState[] = [
  'starting',
  'snapshot',
  'streaming',
  'waiting',
  'halted',
  'stopped',
];

/** A failure in names and numbers. */
export interface StatusError {
  readonly code: string;
  readonly title: string;
  readonly fix: string;
}

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
    readonly error: StatusError | null;
  }[];
}

export interface AnchorStatus {
  readonly name: string;
  readonly place: string;
  readonly groups: number | null;
  readonly kept_at: string | null;
  readonly failures: number;
  readonly error: StatusError | null;
}

/** One consistent picture of a running pipeline; holds names, counts and positions, never a row value. */
export interface PipelineStatus {
  readonly pipeline: string;
  readonly version: string;
  readonly state: PipelineState;
  /** ISO 8601, UTC. */
  readonly since: string;
  /** Why it waits or halted. */
  readonly reason: {
    readonly code: string;
    readonly title: string;
    readonly detail: string | null;
    readonly fix: string;
  } | null;
  readonly source: {
    readonly position: string | null;
    readonly last_received: string | null;
    readonly retained_bytes: number | null;
    readonly snapshot: {
      readonly table: string;
      readonly rows: number;
      readonly estimated_rows: number | null;
    } | null;
  };
  readonly sealed: {
    readonly group: number | null;
    readonly sealed_at: string | null;
    readonly commit_time: string | null;
  };
  readonly sinks: readonly {
    readonly name: string;
    readonly state: string;
    readonly group: number | null;
    readonly behind_groups: number;
    readonly rows: number;
    readonly dead_letters: number;
    readonly error: StatusError | null;
  }[];
  readonly undecided_columns: Readonly<Record<string, number>>;
  /** Who outside has seen the log; null: no witnesses are configured. */
  readonly witnesses: WitnessStatus | null;
  readonly anchors: readonly AnchorStatus[];
}
