import type { PositionSeal } from '../../../src/capture/position-seal.ts';
import type { RawCell } from '../../../src/model/cell.ts';
import { type Column, displayName, type TableSchema } from '../../../src/model/table.ts';
import { quoteIdentifier } from './connection.ts';
import { PLAIN, type SelectedColumn, writtenText } from './select-cell.ts';

/**
 * Walks a table in the order of its key: `WHERE key > (last copied) ORDER BY key LIMIT n`. The cursor has a literal of SQL
 * for each key column, comparing to the column as its own values do. Of another key of the table it says nothing.
 */
export interface KeyCursor {
  readonly columns: readonly string[];
  readonly literals: readonly string[];
}

/** What is selected besides the row, and read back as a literal. */
export interface KeyPart {
  readonly column: Column;
  readonly selected: SelectedColumn;
  readonly literal: (cell: string) => string;
}

export function keyParts(table: TableSchema): readonly KeyPart[] {
  return table.key.map((index) => {
    const column = table.columns[index]!;
    const name = quoteIdentifier(column.name);
    const plain = (literal: (cell: string) => string, expression = name): KeyPart => ({
      column,
      selected: { expression, cell: PLAIN },
      literal,
    });
    switch (column.type.kind) {
      case 'int':
      case 'decimal':
        return plain(numeric);
      case 'float':
        return plain((cell) => `${numeric(cell)} * 1e0`, `${name} * 1e0`);
      case 'bytes':
        return {
          column,
          selected: {
            expression: name,
            cell: { kind: 'bytes', convert: (buffer, start, end) => buffer.toString('hex', start, end) },
          },
          literal: (cell) => `X'${cell}'`,
        };
      case 'enum':
        return plain(numeric, `${name} + 0`);
      default:
        // SET and BIT order by their bits.
        if (/^(set|bit)\b/.test(column.sourceType)) return plain(numeric, `${name} + 0`);
        // What is no text has no place in the order of texts.
        return {
          column,
          selected: {
            expression: name,
            cell: writtenText(`${displayName(table)}.${column.name}`, 'error'),
          },
          literal: (cell) => `_utf8mb4 X'${Buffer.from(cell, 'utf8').toString('hex')}'`,
        };
    }
  });
}

function numeric(cell: string): string {
  if (!/^-?[0-9.]+(e[+-]?\d+)?$/i.test(cell)) throw new RangeError('a numeric key is no number');
  return cell;
}

/** Rows behind the cursor; empty for all rows. */
export function behind(parts: readonly KeyPart[], cursor: KeyCursor | null): string {
  if (cursor === null) return '';
  const { literals } = cursor;
  const names = parts.map((part) => quoteIdentifier(part.column.name));
  const alternatives = names.map((name, i) => {
    const equal = names.slice(0, i).map((earlier, j) => `${earlier} = ${literals[j]}`);
    return [...equal, `${name} > ${literals[i]}`].join(' AND ');
  });
  // The first condition alone is what an index can follow.
  return ` WHERE ${names[0]} >= ${literals[0]} AND ((${alternatives.join(') OR (')}))`;
}

export function cursorOf(parts: readonly KeyPart[], cells: readonly RawCell[]): KeyCursor {
  return {
    columns: parts.map((part) => part.column.name),
    literals: parts.map((part, i) => part.literal(cells[i] as string)),
  };
}

/** The cursor was made for the key that the table has. */
export function isCursorOf(table: TableSchema, cursor: KeyCursor): boolean {
  return sameKey(keyNames(table), cursor.columns);
}

/** Rows of both versions are told apart by the same columns. */
export function haveSameKey(a: TableSchema, b: TableSchema): boolean {
  return a === b || sameKey(keyNames(a), keyNames(b));
}

export function sealCursor(seal: PositionSeal, table: TableSchema, cursor: KeyCursor): string {
  return seal.seal(table, JSON.stringify({ columns: cursor.columns, literals: cursor.literals }));
}

/** null: sealed otherwise, or for another key of the table. */
export function openCursor(seal: PositionSeal, table: TableSchema, sealed: string): KeyCursor | null {
  const text = seal.open(table, sealed);
  if (text === null) return null;
  const cursor = JSON.parse(text) as KeyCursor;
  return isCursorOf(table, cursor) ? cursor : null;
}

function sameKey(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}

function keyNames(table: TableSchema): readonly string[] {
  return table.key.map((index) => table.columns[index]!.name);
}
