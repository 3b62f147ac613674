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
    /** Whether the server goes on keeping that; null: not known. */
    readonly retention: { readonly status: string; readonly safe_bytes: number | null } | null;
    readonly warnings: readonly {
      readonly code: string | null;
      readonly detail: string;
      readonly fix: string | null;
    }[];
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
  readonly sinks: readonly {
    readonly name: string;
    readonly state: string;
    readonly group: number | null;
    readonly behind_groups: number;
    readonly rows: number;
    readonly dead_letters: number;
    readonly error: { readonly code: string; readonly title: string; readonly fix: string } | null;
  }[];
  readonly undecided_columns: Readonly<Record<string, number>>;
}
