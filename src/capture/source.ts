import type { RowsealError } from '../error/rowseal-error.ts';
import type { ChangeBatch, RowRun } from '../model/change.ts';
import type { Finding } from '../model/finding.ts';
import type { Position } from '../model/position.ts';
import type { TableSchema } from '../model/table.ts';

/**
 * A source of changes. One reader at a time; all methods may be called only after the previous one settled, except
 * `confirm` and `close`, which may be called while `open`'s iterator is being pulled.
 */
export interface Source {
  /** What is missing or risky, with the fix. Reads only; creates nothing. Never throws for what it can report. */
  preflight(): Promise<readonly Finding[]>;

  /** The tables this pipeline captures, as they are now; used to compile the policy before anything is opened. */
  tables(): Promise<readonly TableSchema[]>;

  /** Every table that could be captured, whatever the configuration names; for `init` and `scan`. Reads only. */
  discover(): Promise<readonly DiscoveredTable[]>;

  /**
   * Up to `rows` rows of a table as they are now, in the text form of the stream, spread over the table where that is
   * cheap: one run of `read` rows. Raw values, for the eyes of `scan`, `init` and `preview`; a run never calls it.
   */
  sample(table: TableSchema, rows: number): Promise<RowRun>;

  /**
   * Streams whole transactions in commit order, strictly after `after`. `null`: nothing is sealed yet, so create what
   * is needed (publication, slot) and copy the tables, woven into the stream. A position that names tables in `copying` has
   * these copied, or their copies finished, while the stream goes on. Not pulling is the backpressure: memory here stays bounded whatever the transaction size,
   * and the connection is kept alive by the source itself.
   *
   * @throws RowsealError of kind `source-lost` when the stream cannot continue exactly at `after` (law 6).
   */
  open(after: Position | null, signal: AbortSignal): AsyncIterable<ChangeBatch>;

  /**
   * Whether `open(after)` could go on, as the server stands now, and where capture would begin anew if somebody accepted
   * a gap. Reads only.
   *
   * @throws RowsealError when neither is possible
   */
  assess(after: Position): Promise<Assessment>;

  /**
   * Everything up to here is sealed and synced: the source may discard it. Cumulative, never lower than before,
   * returns at once. Nothing else makes the source discard (law 3).
   */
  confirm(position: Position): void;

  /** What status and metrics show; cheap, from memory. */
  stats(): SourceStats;

  /**
   * The volume of the log is short of space: what this source keeps there is let go of at once, and read again from the
   * server. Absent: it keeps nothing.
   */
  makeRoom?(): void;

  /** Ends the stream and frees connections; idempotent. Leaves slot and publication in place. */
  close(): Promise<void>;
}

export interface Assessment {
  /** Of kind `source-lost`; null: the stream can go on exactly. */
  readonly hole: RowsealError | null;
  /** The beginning of a new copy, at the server's present. Everything between is given up. */
  readonly restart: Position;
  /** What lies between, as far as the server can tell; null: it cannot. */
  readonly lost: string | null;
  /** What capture changes on the server when it begins anew; null: nothing. */
  readonly effect: string | null;
}

export interface DiscoveredTable {
  readonly table: TableSchema;
  /** The server's own estimate; null: it has none. */
  readonly estimatedRows: number | null;
}

export interface SourceStats {
  /** Wall-clock milliseconds of the last byte received (keepalives count); null before the first. */
  readonly lastReceivedMs: number | null;
  /** Bytes of WAL or binlog the server keeps for this reader, where known. */
  readonly retainedBytes: number | null;
  /** Whether the server will go on keeping it; null or absent: not known. */
  readonly retention?: {
    /** The server's own word (Postgres: wal_status). */
    readonly status: string;
    /** Bytes that may be written before it keeps no more; null: no limit. */
    readonly safeBytes: number | null;
  } | null;
  /** What the operator should see to while it runs; absent: nothing. */
  readonly warnings?: readonly Finding[];
  /** What this source keeps on a disk of ours until it can be handed on, encrypted; null or absent: nothing ever. */
  readonly spill?: SpillStats | null;
  readonly snapshot: {
    /** Several that are copied at the same time are one: their names with commas, their rows together. */
    readonly table: string;
    readonly rows: number;
    readonly estimatedRows: number | null;
    /** At the pace until now; null or absent: not known. */
    readonly secondsLeft?: number | null;
  } | null;
}

export interface SpillStats {
  /** On the disk now. */
  readonly bytes: number;
  /** Transactions of which something is there now. */
  readonly transactions: number;
  /** Ever written since the pipeline began, whatever became of it. */
  readonly writtenBytes: number;
}
