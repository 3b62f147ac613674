import type { GroupIndex, SealedGroup } from '../audit/audit-log.ts';
import type { Finding } from '../model/finding.ts';
import type { MaskedTable } from '../model/masked.ts';
import type { WarehouseReader } from './warehouse-reader.ts';

export interface SinkCapabilities {
  /** Rows with unchanged cells can be merged into what the target holds. */
  readonly partialRows: boolean;
  /** Tables without a row key can be mirrored. */
  readonly keylessTables: boolean;
  /** Schema changes commit together with rows. */
  readonly ddlInTransaction: boolean;
}

/** Of a warehouse where every batch has a price: batches are gathered, by time and by size. */
export interface SinkPace {
  /** From the beginning of one batch to that of the next, in milliseconds; sooner when `bytes` wait. */
  readonly intervalMs: number;
  /** Bytes of groups in one batch; one larger group still goes whole. */
  readonly bytes: number;
}

/**
 * A warehouse. Calls come one at a time. Rows and cursor become durable together (`atomic`), or rows carry a
 * deterministic version so that a replay converges (`convergent`): law 5.
 */
export interface Sink {
  readonly name: string;
  readonly kind: 'atomic' | 'convergent';
  readonly capabilities: SinkCapabilities;
  /** null: a batch goes as soon as there is one. */
  readonly pace?: SinkPace | null;
  /** Answers queries over what was delivered, for warehouses that nobody else can open meanwhile. */
  readonly reader?: WarehouseReader | null;

  /** What is missing or risky, with the fix. Creates nothing. */
  preflight(): Promise<readonly Finding[]>;

  /**
   * Connects, creates its own bookkeeping, fences any older writer of this pipeline (a write under a lower epoch fails
   * from now on) and returns the last group whose rows are durable; null: none.
   *
   * @throws RowsealError of kind `config` when the target belongs to another pipeline.
   */
  open(pipeline: string, epoch: bigint): Promise<GroupIndex | null>;

  /**
   * Makes the target able to hold rows of this table version: creates it, or applies added, dropped, renamed and
   * retyped columns against the version the sink knows (`model/schema-diff.ts`). Idempotent; comes before the
   * first batch with such rows. Rows of an older version may still follow in that batch: cells find their
   * column by identity, and a cell whose column is gone is left out of the mirror.
   */
  alter(table: MaskedTable, at: GroupIndex): Promise<void>;

  /**
   * Applies the batch and moves the cursor from `batch.after` to `batch.to`, durable on return.
   * Already applied: returns the cursor and does nothing. Unknown outcome (lost connection): the caller opens
   * the sink again and goes on from the cursor it returns.
   */
  write(batch: DeliveryBatch): Promise<GroupIndex>;

  /**
   * The signed head of the journal that was stored with the cursor, in the same transaction: what the warehouse, as an outside
   * copy, says of the log. For a sink that is open or closed; reads only, and fences nobody. null: there is none yet.
   */
  head(): Promise<string | null>;

  /** Counts since the sink was opened; cheap, from memory. */
  stats(): SinkStats;

  close(): Promise<void>;

  /**
   * The process ends now, for good: what the warehouse works on is left to it, and a call that waits for it rejects with
   * RS-RUN-004 at once. `open` of the next run finds what became of it. Only of sinks whose warehouse may take longer over a
   * batch than a stop has.
   */
  leave?(): void;
}

export interface SinkStats {
  readonly rows: number;
  /** By `namespace.name`: rows kept aside with a reason because the target cannot hold them (law 8). */
  readonly deadLetters: ReadonlyMap<string, number>;
}

/** Consecutive sealed groups, applied as one. Streams: a batch may be larger than memory. */
export interface DeliveryBatch {
  /** The cursor this batch follows; null: the sink is new. */
  readonly after: GroupIndex | null;
  readonly to: GroupIndex;
  /** The signed head of the journal with group `to` as its newest; stored with the cursor. */
  readonly head: string;
  readonly groups: readonly SealedGroup[];
  /** Rows and bytes over all groups, to choose a plan. */
  readonly rows: number;
  readonly bytes: number;
}
