import type { PositionSeal } from '../../../src/capture/position-seal.ts';
import type { RawCell } from '../../../src/model/cell.ts';
import type { Column, TableSchema } from '../../../src/model/table.ts';
import { quoteIdentifier } from './connection.ts';
import type { SelectedColumn } from './select-cell.ts';

/**
 * Walks a table in the order of its key: `WHERE key > (last copied) ORDER BY key LIMIT n`. The cursor is a list of SQL
 * literals, one a key column, each comparing to the column as its own values do.
 */
export type KeyCursor = readonly string[];

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
      selected: { expression, cell: { kind: 'plain' } },
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
        return plain((cell) => `_utf8mb4 X'${Buffer.from(cell, 'utf8').toString('hex')}'`);
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
  const names = parts.map((part) => quoteIdentifier(part.column.name));
  const alternatives = names.map((name, i) => {
    const equal = names.slice(0, i).map((earlier, j) => `${earlier} = ${cursor[j]}`);
    return [...equal, `${name} > ${cursor[i]}`].join(' AND ');
  });
  // The first condition alone is what an index can follow.
  return ` WHERE ${names[0]} >= ${cursor[0]} AND ((${alternatives.join(') OR (')}))`;
}

export function cursorOf(parts: readonly KeyPart[], cells: readonly RawCell[]): KeyCursor {
  return parts.map((part, i) => part.literal(cells[i] as string));
}

/** The cursor for a position, with the names of its columns: a table whose key was altered in between begins again. */
export function sealCursor(seal: PositionSeal, table: TableSchema, cursor: KeyCursor): string {
  return seal.seal(table, JSON.stringify({ columns: keyNames(table), literals: cursor }));
}

/** null: sealed otherwise, or for another key of the table. */
export function openCursor(seal: PositionSeal, table: TableSchema, sealed: string): KeyCursor | null {
  const text = seal.open(table, sealed);
  if (text === null) return null;
  const { columns, literals } = JSON.parse(text) as { columns: readonly string[]; literals: KeyCursor };
  const names = keyNames(table);
  return columns.length === names.length && columns.every((name, i) => name === names[i]) ? literals : null;
}

function keyNames(table: TableSchema): readonly string[] {
  return table.key.map((index) => table.columns[index]!.name);
}
