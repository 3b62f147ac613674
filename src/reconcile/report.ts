/** What stands otherwise in the warehouse than the log says. */
export type Difference =
  | {
      readonly kind: 'changed';
      readonly table: string;
      readonly key: Readonly<Record<string, string | null>>;
      /** Of the audit record that says how the row must be. */
      readonly seq: number;
      /** Of the record that the row says it comes from; null: it says none. */
      readonly foundSeq: number | null;
      readonly columns: readonly ChangedColumn[];
    }
  | {
      readonly kind: 'removed';
      readonly table: string;
      readonly key: Readonly<Record<string, string | null>>;
      readonly seq: number;
    }
  | {
      readonly kind: 'added';
      readonly table: string;
      /** As it stands in the warehouse: the log knows no such row. */
      readonly key: Readonly<Record<string, string | null>>;
      readonly foundSeq: number | null;
    }
  /** The table is gone, or is not as the sink made it: none of its rows could be looked at. */
  | { readonly kind: 'table'; readonly table: string; readonly reason: string };

export interface ChangedColumn {
  readonly name: string;
  /** The masked value that the log has. */
  readonly expected: string | null;
  /** What was put there is not shown: nobody masked it. */
  readonly found: 'null' | `${number} characters`;
}

export interface ReconciledTable {
  readonly table: string;
  readonly rows: number;
  readonly changed: number;
  readonly added: number;
  readonly removed: number;
  /** Rows whose images are erased or expired in the log: they are there, and what is in them cannot be said. */
  readonly untold: number;
  /** Cells that were not compared: their image is gone, or their column has had another type since. */
  readonly uncomparedCells: number;
  /** Cells and rows that the warehouse holds as dead letters instead. */
  readonly deadLetters: number;
}

export interface ReconcileReport {
  readonly sink: string;
  /** The group at which both were compared; what was sealed since is not in the warehouse yet. */
  readonly cursor: number;
  readonly sealed: number;
  readonly tables: readonly ReconciledTable[];
  /** The first ones; `tables` counts all. */
  readonly differences: readonly Difference[];
  readonly equal: boolean;
}
