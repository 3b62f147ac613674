import type { GroupIndex } from '../audit/audit-log.ts';

/** Read-only SQL over what a sink has delivered, answered by the process that owns the warehouse. */
export interface WarehouseReader {
  /** What a query may take at most; what is asked for beyond that is lowered to it. */
  readonly limits: QueryLimits;

  /**
   * Parts come in order: the columns, rows, the end. They show one moment: the groups up to a cursor, all tables alike.
   * Leaving the iteration, or the signal, stops the query.
   *
   * @throws RowsealError RS-QRY-001 … -004, -008
   */
  query(sql: string, limits: QueryLimits, signal: AbortSignal): AsyncIterable<QueryPart>;
}

export interface QueryLimits {
  readonly rows: number;
  readonly timeMs: number;
}

/** What JSON can say of a value; numbers beyond a double's exact ones are text. */
export type AnswerCell = null | boolean | number | string | readonly AnswerCell[] | AnswerStruct;
interface AnswerStruct {
  readonly [field: string]: AnswerCell;
}

export interface AnswerColumn {
  readonly name: string;
  readonly type: string;
}

export type QueryPart =
  | {
      readonly kind: 'columns';
      readonly columns: readonly AnswerColumn[];
      /** The last group in what is read; null: none was delivered yet. */
      readonly group: GroupIndex | null;
    }
  | { readonly kind: 'rows'; readonly rows: readonly (readonly AnswerCell[])[] }
  /** `more`: there were more rows than the limit. */
  | { readonly kind: 'end'; readonly rows: number; readonly more: boolean };
