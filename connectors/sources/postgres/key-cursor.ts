import type { PositionSeal } from '../../../src/capture/position-seal.ts';
import { rowKey } from '../../../src/capture/row-key.ts';
import type { RawCell } from '../../../src/model/cell.ts';
import type { TableSchema } from '../../../src/model/table.ts';
import { quoteIdentifier, quoteLiteral } from './connection.ts';

/**
 * The order in which a table is walked: the columns of its unique index, in the index's order and with the comparison that
 * the columns have anyway. Only that order gives the next rows out of the index; `COLLATE "C"` would sort the whole table
 * for each chunk. All that is asked of it is that it stays the same from the first chunk to the last, so what it hangs on is
 * sealed with the cursor: columns, types, and the versions of their collations on this server.
 */
export interface KeyOrder {
  readonly columns: readonly KeyColumn[];
  readonly identity: string;
}

export interface KeyColumn {
  readonly name: string;
  /** Place among the table's columns. */
  readonly index: number;
  /** With its schema, as a cast takes it. */
  readonly type: string;
}

/** Canonical text of the key's columns, in the order of {@link KeyOrder}. */
export type KeyValues = readonly string[];

/** How far the copy of a table has come. */
export interface CopyCursor {
  /** {@link KeyOrder.identity} that it is of. */
  readonly order: string;
  /** Of the last row; null: no row was there. */
  readonly last: KeyValues | null;
  /** No row lies behind `last`; only `owed` is left. */
  readonly exhausted: boolean;
  /** Keys whose rows must be read once more; see `Chunk`. */
  readonly owed: readonly KeyValues[];
  /** Rows copied, for people. */
  readonly rows: number;
}

/** More keys than this are not carried over a restart; the copy of the table begins again. */
const OWED_IN_CURSOR = 500;

export function keyOf(order: KeyOrder, cells: readonly RawCell[], at: number): KeyValues {
  return order.columns.map(({ index }) => String(cells[at + index]));
}

/** The text by which rows with this key are known; see `rowKey`. */
export function keyText(table: TableSchema, order: KeyOrder, values: KeyValues): string {
  const cells: RawCell[] = [];
  order.columns.forEach(({ index }, i) => {
    cells[index] = values[i]!;
  });
  return rowKey(cells, 0, table.key)!;
}

/** Condition and order of the rows behind the cursor. The literals are of canonical text, cast to the column's type. */
export function behind(order: KeyOrder, last: KeyValues | null): string {
  const names = order.columns.map(({ name }) => quoteIdentifier(name)).join(', ');
  const where = last === null ? '' : `WHERE (${names}) > (${literals(order, last)}) `;
  return `${where}ORDER BY ${names}`;
}

/** Condition of just these keys. */
export function among(order: KeyOrder, keys: readonly KeyValues[]): string {
  const names = order.columns.map(({ name }) => quoteIdentifier(name)).join(', ');
  return `WHERE (${names}) IN (${keys.map((key) => `(${literals(order, key)})`).join(', ')})`;
}

function literals(order: KeyOrder, key: KeyValues): string {
  return order.columns.map(({ type }, i) => `${quoteLiteral(key[i]!)}::${type}`).join(', ');
}

/** null: too much is owed to be written down. */
export function sealCursor(seal: PositionSeal, table: TableSchema, cursor: CopyCursor): string | null {
  return cursor.owed.length > OWED_IN_CURSOR ? null : seal.seal(table, JSON.stringify(cursor));
}

/** null: sealed under another key or mask policy. */
export function openCursor(seal: PositionSeal, table: TableSchema, sealed: string): CopyCursor | null {
  const text = seal.open(table, sealed);
  return text === null ? null : (JSON.parse(text) as CopyCursor);
}
