import type { GroupIndex } from '../audit/audit-log.ts';
import type { MaskedTable } from '../model/masked.ts';
import type { DeadLetter } from './warehouse/dead-letters.ts';

/** What a warehouse holds, read and never changed: no bookkeeping is made, no writer fenced. */
export interface MirrorReader {
  readonly name: string;
  /**
   * null: there is nothing of a sink at all.
   *
   * @throws RowsealError when the warehouse cannot be reached, or is of a kind that nobody else may read meanwhile
   */
  open(): Promise<MirrorView | null>;
}

/** A warehouse at one moment, or at one cursor: see `moved`. */
export interface MirrorView {
  readonly pipeline: string;
  /** Last group whose rows are in it; null: none. */
  readonly cursor: GroupIndex | null;
  readonly tables: readonly MirroredTable[];

  /**
   * Every row of a table once, in any order, in pieces of bounded size.
   *
   * @throws RowsealError RS-REC-003 when the table is not as the sink made it; RS-REC-005 when it was not read to its end, or
   * RS-REC-002 when that is because the sink went on
   */
  rows(table: MirroredTable): AsyncIterable<readonly MirroredRow[]>;
  deadLetters(): AsyncIterable<readonly DeadLetter[]>;
  /** The cursor went on since `open`, so rows of later groups may have been read. Views of one moment never move. */
  moved(): Promise<boolean>;
  close(): Promise<void>;
}

export interface MirroredTable {
  /** The version that the sink knows. */
  readonly table: MaskedTable;
  /** What rows have as cells, in this order. */
  readonly columns: readonly MirroredColumn[];
  /** Rows carry where they come from. */
  readonly proof: boolean;
}

export interface MirroredColumn {
  /** See `columnIdentity`. */
  readonly identity: string;
  /** In the warehouse. */
  readonly name: string;
  /** What the column holds of a value's canonical text; null: it cannot hold it. Left out: the text itself. */
  readonly held?: (text: string) => string | null;
}

export interface MirroredRow {
  /** As text, canonical but for spellings that mean the same. */
  readonly cells: readonly (string | null)[];
  /** `seq` of its audit record; null: it carries none. */
  readonly seq: number | null;
}

/** A row that was read as text: its `seq` first, then its cells. */
export function mirroredRow([seq, ...cells]: readonly (string | null)[]): MirroredRow {
  return { cells, seq: seq == null ? null : Number(seq) };
}

/** Of what dead letters are read as text: group, table, key, column, value, reason. */
export function deadLetterRow(row: readonly (string | null)[]): DeadLetter {
  const [group, table, key, column, value, reason] = row;
  return {
    group: Number(group),
    table: table ?? '',
    key: key ?? null,
    column: column ?? '',
    value: value ?? null,
    reason: reason ?? '',
  };
}
