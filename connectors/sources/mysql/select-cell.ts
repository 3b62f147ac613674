import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { RawCell } from '../../../src/model/cell.ts';
import type { Column } from '../../../src/model/table.ts';
import { vectorText } from './binlog/float-cell.ts';
import { float32Text, float64Text } from './binlog/float-text.ts';
import { geometryText } from './binlog/geometry-text.ts';
import { hexText, type InvalidText } from './binlog/text-cell.ts';
import { inCalendar, type ZeroDates } from './binlog/zero-date.ts';
import { quoteIdentifier } from './connection.ts';

/** How one column is selected, and made the text that the binlog decoder gives the same value. */
export interface SelectedColumn {
  /** In the list of a SELECT. */
  readonly expression: string;
  /** What the server sends: its text as it is, a text to convert, or bytes that are no text. */
  readonly cell:
    | {
        readonly kind: 'plain';
        /** What becomes of bytes that are no UTF-8; null: there are none. The server does not check every way in. */
        readonly invalid: ConvertBytes | null;
      }
    | { readonly kind: 'text'; readonly convert: (text: string) => RawCell }
    | { readonly kind: 'bytes'; readonly convert: ConvertBytes };
}

type ConvertBytes = (buffer: Buffer, start: number, end: number) => RawCell;

/** Made of digits and other ASCII by the server itself. */
export const PLAIN: SelectedColumn['cell'] = { kind: 'plain', invalid: null };

/** Text of a column, as somebody wrote it. @param where table and column, for the error RS-MY-059 */
export function writtenText(where: string, rule: InvalidText): SelectedColumn['cell'] {
  const refuse = (): never => {
    throw new RowsealError('RS-MY-059', { detail: `column ${where}` });
  };
  return { kind: 'plain', invalid: rule === 'hex' ? hexText : refuse };
}

/**
 * @param zerofill the server pads the number with zeros
 * @param hint MariaDB's VECTOR, whose bytes come as they are
 */
export function selectedColumn(
  column: Column,
  zerofill: boolean,
  rules: { readonly zeroDates: ZeroDates; readonly invalidText: InvalidText },
  table: string,
): SelectedColumn {
  const { zeroDates } = rules;
  const name = quoteIdentifier(column.name);
  const where = `${table}.${column.name}`;
  const text = (convert: (text: string) => RawCell): SelectedColumn => ({
    expression: name,
    cell: { kind: 'text', convert },
  });
  switch (column.type.kind) {
    case 'int':
      return zerofill && column.sourceType !== 'year'
        ? text(withoutZeros)
        : { expression: name, cell: PLAIN };
    case 'decimal':
      return zerofill ? text(withoutZeros) : { expression: name, cell: PLAIN };
    case 'float': {
      // Times a double 1 makes the server print every digit that counts, and keeps the sign of a zero; a FLOAT by itself
      // is cut to six.
      const print =
        column.type.bits === 32
          ? (value: string) => float32Text(Math.fround(Number(value)))
          : (value: string) => float64Text(Number(value));
      return {
        expression: `${name} * 1e0`,
        cell: { kind: 'text', convert: print },
      };
    }
    case 'bytes':
      return { expression: name, cell: { kind: 'bytes', convert: hexText } };
    case 'date':
      return text((value) => dateCell(value, value, zeroDates, where));
    case 'timestamp': {
      const zone = column.type.withZone ? '+00' : '';
      return text((value) => {
        const trimmed = withoutTrailingZeros(value);
        // The zero timestamp is no moment and has no zone.
        return dateCell(value, value.startsWith('0000-00-00') ? trimmed : trimmed + zone, zeroDates, where);
      });
    }
    case 'interval':
      return text(withoutTrailingZeros);
    case 'other':
      return other(column, name);
    default:
      return { expression: name, cell: writtenText(where, rules.invalidText) };
  }
}

function other(column: Column, name: string): SelectedColumn {
  const type = /^[a-z0-9]+/.exec(column.sourceType)?.[0] ?? '';
  switch (type) {
    case 'bit': {
      const bits = Number(/\d+/.exec(column.sourceType)?.[0] ?? 1);
      return {
        expression: name,
        cell: { kind: 'bytes', convert: (buffer, start, end) => bitText(buffer, start, end, bits) },
      };
    }
    case 'vector':
      return { expression: name, cell: { kind: 'bytes', convert: vectorText } };
    case 'geometry':
    case 'point':
    case 'linestring':
    case 'polygon':
    case 'multipoint':
    case 'multilinestring':
    case 'multipolygon':
    case 'geometrycollection':
      return { expression: name, cell: { kind: 'bytes', convert: geometryText } };
    default:
      return { expression: name, cell: PLAIN };
  }
}

function withoutZeros(text: string): string {
  return text.replace(/^(-?)0+(?=\d)/, '$1');
}

/** `12:00:00.500000` → `12:00:00.5`. */
function withoutTrailingZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

function dateCell(date: string, text: string, rule: ZeroDates, column: string): RawCell {
  if (inCalendar(Number(date.slice(0, 4)), Number(date.slice(5, 7)), Number(date.slice(8, 10)))) return text;
  if (rule === 'error') throw new RowsealError('RS-MY-057', { detail: `column ${column}` });
  return rule === 'null' ? null : text;
}

function bitText(buffer: Buffer, start: number, end: number, bits: number): string {
  let text = '';
  for (let at = start; at < end; at++) text += buffer[at]!.toString(2).padStart(8, '0');
  return text.slice(-bits).padStart(bits, '0');
}
