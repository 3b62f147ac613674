import type { RawCell } from './cell.ts';
import type { Position } from './position.ts';
import type { TableSchema } from './table.ts';

/** One row operation. The numbers are the audit format's (docs/audit-format.md) and never change. */
export const Op = { create: 1, update: 2, delete: 3, read: 4, truncate: 5 } as const;
export type Op = (typeof Op)[keyof typeof Op];

/** c u d r t, as people know them from Debezium's envelope. */
export const opLetter: Readonly<Record<Op, 'c' | 'u' | 'd' | 'r' | 't'>> = {
  1: 'c',
  2: 'u',
  3: 'd',
  4: 'r',
  5: 't',
};

/** Bits of {@link RowRun.images}: which row images a row carries. */
export const Image = { before: 1, after: 2 } as const;

/**
 * Consecutive row operations of one transaction on one version of one table: structure of arrays, because an
 * allocation per row is what makes a connector slow.
 */
export interface RowRun {
  readonly table: TableSchema;
  readonly count: number;
  /** One {@link Op} a row. */
  readonly ops: Uint8Array;
  /** One set of {@link Image} bits a row. create, read: after. delete: before. update: after, and before when the source sent one. */
  readonly images: Uint8Array;
  /**
   * Row after row; within a row the before image (if any), then the after image (if any), each exactly
   * `table.columns.length` cells. A before image that carries only the key has UNCHANGED elsewhere.
   */
  readonly cells: readonly RawCell[];
  /** Ordinal of the first row among the row operations of its transaction, from 0. */
  readonly firstOrdinal: number;
  /** Bytes of the cells on the wire, for budgets. */
  readonly bytes: number;
}

export interface Transaction {
  /** Source's own id (Postgres xid, MySQL GTID) as text; `snapshot` for a chunk of the initial copy. */
  readonly id: string;
  /** Where this transaction ends (Postgres: LSN of the commit record), for the record. */
  readonly position: Position;
  /** Commit time, microseconds since 1970-01-01 UTC. */
  readonly commitTimeUs: bigint;
}

/**
 * What a source emits, in stream order. Rows lie between a begin and a commit; a transaction may span any number of
 * batches. A snapshot is a series of transactions of `read` rows between snapshot begin and end events, which too
 * lie inside transactions.
 */
export type ChangeEvent =
  | { readonly kind: 'begin'; readonly transaction: Transaction }
  | { readonly kind: 'rows'; readonly run: RowRun }
  | {
      readonly kind: 'truncate';
      readonly table: TableSchema;
      readonly cascade: boolean;
      readonly restartIdentity: boolean;
    }
  /** begin: what was copied of this table before is void (a sink empties its target). end: the copy is complete. */
  | { readonly kind: 'snapshot'; readonly table: TableSchema; readonly phase: 'begin' | 'end' }
  /** Resume point after this transaction. */
  | { readonly kind: 'commit'; readonly position: Position }
  /** Outside transactions: nothing that concerns this pipeline lies before this position. */
  | { readonly kind: 'idle'; readonly position: Position };

export interface ChangeBatch {
  readonly events: readonly ChangeEvent[];
  /** Bytes on the wire, for budgets. */
  readonly bytes: number;
}
