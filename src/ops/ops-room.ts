import type { PipelineStatus } from '../pipeline/status.ts';
import type { Notice, TableStatus } from './activity.ts';
import type { RecentChange } from './recent-changes.ts';
import type { History } from './throughput.ts';

/** What the audit log says of itself, for auditors. */
export interface LogIdentity {
  readonly origin: string;
  /** The public key as a C2SP vkey. */
  readonly key: string;
  readonly directory: string;
}

/** Everything `/status.json` tells: names, counts, times and positions, never a row value. */
export interface Picture extends PipelineStatus {
  readonly log: LogIdentity;
  readonly tables: readonly TableStatus[];
  readonly findings: readonly Notice[];
  readonly history: History;
  /** Whether `/recent.json` has something to show. */
  readonly recent_changes: number;
}

/** What a verification that the page asked for came to. */
export type Verdict =
  | {
      readonly kind: 'verified';
      readonly at: string;
      readonly groups: number;
      readonly records: number;
      readonly signatures: number;
      readonly problems: number;
      /** The first problem, as `audit verify` words it. */
      readonly first: string | null;
    }
  /** Too much to read beside a running pipeline, or it took too long: here is how to do it elsewhere. */
  | { readonly kind: 'elsewhere'; readonly why: string; readonly command: string };

/** Behind the door: what the server may tell, and the one thing it may start. */
export interface OpsRoom {
  status(): PipelineStatus;
  picture(): Picture;
  metrics(): Promise<string>;
  /** Newest first; null: not kept. */
  recent(): readonly RecentChange[] | null;
  /** One at a time: who asks meanwhile gets the same answer. */
  verify(): Promise<Verdict>;
}
