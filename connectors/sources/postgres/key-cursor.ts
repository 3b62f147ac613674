import type { PositionSeal } from '../../../src/capture/position-seal.ts';
import { rowKey } from '../../../src/capture/row-key.ts';
import type { RawCell } from '../../../src/model/cell.ts';
import type { TableSchema } from '../../../src/model/table.ts';
import { quoteIdentifier, quoteLiteral } from './connection.ts';

/**
 * The order in which a table is walked: the columns of its unique index, in the index's order and by its operators. Only that
 * order gives the next rows out of the index; `COLLATE "C"` would sort the whole table for each chunk. All that is asked of
 * it is that it stays the same from the first chunk to the last, so what it hangs on is sealed with the cursor: columns,
 * types, operators that are not the server's own, and the versions of the collations on this server.
 */
export interface KeyOrder {
  readonly columns: readonly KeyColumn[];
  readonly identity: string;
}

/** Of a btree, from its first strategy to its last; each as `OPERATOR(schema.name)`. */
export type KeyOperators = readonly [
  less: string,
  lessEqual: string,
  equal: string,
  greaterEqual: string,
  greater: string,
];

export interface KeyColumn {
  readonly name: string;
  /** Place among the table's columns. */
  readonly index: number;
  /** With its schema, as a cast takes it. */
  readonly type: string;
  /** null: those that `<` and `=` mean by themselves, of the server's own types. */
  readonly operators: KeyOperators | null;
  /** The type is ordered so by itself: a sort need not name an operator, for which its schema would have to be usable. */
  readonly usual: boolean;
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
  const by = order.columns.map(({ name, operators, usual }) =>
    operators === null || usual ? quoteIdentifier(name) : `${quoteIdentifier(name)} USING ${operators[0]}`,
  );
  const where = last === null ? '' : `WHERE ${isBehind(order, last)} `;
  return `${where}ORDER BY ${by.join(', ')}`;
}

/** Condition of just these keys. */
export function among(order: KeyOrder, keys: readonly KeyValues[]): string {
  if (isPlain(order))
    return `WHERE (${names(order)}) IN (${keys.map((key) => `(${literals(order, key)})`).join(', ')})`;
  const isKey = (key: KeyValues): string =>
    order.columns.map((column, i) => compared(column, EQUAL, key[i]!)).join(' AND ');
  return `WHERE ${keys.map((key) => `(${isKey(key)})`).join(' OR ')}`;
}

/**
 * A comparison of rows goes by the names of its operators, and by nothing else: under an empty search path `>` of an
 * extension's type is that of a type it can be cast to (citext: of text), which has another order than the index, or none.
 */
function isBehind(order: KeyOrder, last: KeyValues): string {
  if (isPlain(order)) return `(${names(order)}) > (${literals(order, last)})`;
  return order.columns.reduceRight((rest, column, i) => {
    const greater = compared(column, GREATER, last[i]!);
    if (rest === '') return greater;
    // The first part is what the index is searched by.
    return `${compared(column, GREATER_EQUAL, last[i]!)} AND (${greater} OR ${rest})`;
  }, '');
}

const [EQUAL, GREATER_EQUAL, GREATER] = [2, 3, 4] as const;
/** Of types that the server has of its own. */
const OWN: KeyOperators = ['<', '<=', '=', '>=', '>'];

function compared(
  { name, type, operators }: KeyColumn,
  operator: typeof EQUAL | typeof GREATER_EQUAL | typeof GREATER,
  value: string,
): string {
  return `${quoteIdentifier(name)} ${(operators ?? OWN)[operator]} ${quoteLiteral(value)}::${type}`;
}

function isPlain(order: KeyOrder): boolean {
  return order.columns.every(({ operators }) => operators === null);
}

function names(order: KeyOrder): string {
  return order.columns.map(({ name }) => quoteIdentifier(name)).join(', ');
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
