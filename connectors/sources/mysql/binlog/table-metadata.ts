import type { Flavor } from './binlog-event.ts';
import type { ByteReader } from './byte-reader.ts';
import { TypeCode } from './column-type-code.ts';
import { malformed } from './defect.ts';
import type { ColumnShape } from './table-map.ts';

/** Fields of the optional metadata (mysql: libs/mysql/binlog/event/rows_event.h, Table_map_event). */
const FIELD = {
  signedness: 1,
  defaultCharset: 2,
  columnCharset: 3,
  columnName: 4,
  setValues: 5,
  enumValues: 6,
  geometryType: 7,
  simplePrimaryKey: 8,
  primaryKeyWithPrefix: 9,
  enumAndSetDefaultCharset: 10,
  enumAndSetColumnCharset: 11,
  columnVisibility: 12,
  vectorDimension: 13,
} as const;

/** By column index; null and 0 where it does not apply or was not sent. */
export interface ColumnMetadata {
  /** null: not sent, binlog_row_metadata is MINIMAL. */
  readonly names: readonly string[] | null;
  readonly unsigned: readonly boolean[];
  readonly collations: readonly (number | null)[];
  /** Bytes of the labels of enum and set, in the character set of the column. */
  readonly labels: readonly (readonly Buffer[])[];
  readonly geometryTypes: readonly (number | null)[];
  readonly dimensions: readonly (number | null)[];
  readonly visible: readonly boolean[];
  readonly primaryKey: readonly { readonly column: number; readonly prefix: number }[];
}

/**
 * Type, length and value, one field after the other; unknown ones are passed over. Most values hold an entry for each
 * column of some kind only, in the order of the columns.
 *
 * @throws RowsealError RS-MY-050
 */
export function parseMetadata(
  reader: ByteReader,
  shapes: readonly ColumnShape[],
  flavor: Flavor,
): ColumnMetadata {
  const width = shapes.length;
  const which = (kind: (code: number) => boolean): readonly number[] =>
    shapes.flatMap((shape, index) => (kind(shape.code) ? [index] : []));
  const characters = which((code) => isCharacter(code, flavor));
  const choices = which((code) => code === TypeCode.enum || code === TypeCode.set);
  let names: string[] | null = null;
  const unsigned = new Array<boolean>(width).fill(false);
  const collations = new Array<number | null>(width).fill(null);
  const labels = new Array<readonly Buffer[]>(width).fill([]);
  const geometryTypes = new Array<number | null>(width).fill(null);
  const dimensions = new Array<number | null>(width).fill(null);
  const visible = new Array<boolean>(width).fill(true);
  let primaryKey: { column: number; prefix: number }[] = [];

  const seen = new Set<number>();
  while (reader.left > 0) {
    const type = reader.u8();
    const value = reader.part(reader.length());
    if (seen.has(type)) throw malformed('a table map that says something twice');
    seen.add(type);
    switch (type) {
      case FIELD.signedness:
        bits(value, which(isNumeric), unsigned);
        break;
      case FIELD.defaultCharset:
        defaultCollation(value, characters, collations);
        break;
      case FIELD.enumAndSetDefaultCharset:
        defaultCollation(value, choices, collations);
        break;
      case FIELD.columnCharset:
        numbers(value, characters, collations);
        break;
      case FIELD.enumAndSetColumnCharset:
        numbers(value, choices, collations);
        break;
      case FIELD.columnName:
        names = [];
        while (value.left > 0) names.push(value.utf8(value.length()));
        if (names.length !== width) throw malformed('a table map with names of other columns');
        break;
      case FIELD.setValues:
        labelLists(
          value,
          which((code) => code === TypeCode.set),
          labels,
        );
        break;
      case FIELD.enumValues:
        labelLists(
          value,
          which((code) => code === TypeCode.enum),
          labels,
        );
        break;
      case FIELD.geometryType:
        numbers(
          value,
          which((code) => code === TypeCode.geometry),
          geometryTypes,
        );
        break;
      case FIELD.vectorDimension:
        numbers(
          value,
          which((code) => code === TypeCode.vector),
          dimensions,
        );
        break;
      case FIELD.simplePrimaryKey:
      case FIELD.primaryKeyWithPrefix:
        primaryKey = keyColumns(value, width, type === FIELD.primaryKeyWithPrefix);
        break;
      case FIELD.columnVisibility:
        bits(
          value,
          shapes.map((_, index) => index),
          visible,
        );
        break;
    }
  }
  return { names, unsigned, collations, labels, geometryTypes, dimensions, visible, primaryKey };
}

function isNumeric(code: number): boolean {
  switch (code) {
    case TypeCode.tiny:
    case TypeCode.short:
    case TypeCode.int24:
    case TypeCode.long:
    case TypeCode.longlong:
    case TypeCode.newdecimal:
    case TypeCode.float:
    case TypeCode.double:
    case TypeCode.year:
      return true;
    default:
      return false;
  }
}

/** Whose collations are sent. The flavors differ: MySQL counts VECTOR, MariaDB GEOMETRY, each of them as binary. */
function isCharacter(code: number, flavor: Flavor): boolean {
  switch (code) {
    case TypeCode.string:
    case TypeCode.varString:
    case TypeCode.varchar:
    case TypeCode.blob:
    case TypeCode.varcharCompressed:
    case TypeCode.blobCompressed:
      return true;
    case TypeCode.vector:
      return flavor === 'mysql';
    case TypeCode.geometry:
      return flavor === 'mariadb';
    default:
      return false;
  }
}

/** A bit for each of `columns`, the first one highest in its byte. */
function bits(value: ByteReader, columns: readonly number[], into: boolean[]): void {
  const bytes = value.bytes((columns.length + 7) >> 3);
  columns.forEach((column, i) => {
    into[column] = ((bytes[i >> 3]! >> (7 - (i & 7))) & 1) === 1;
  });
}

function numbers(value: ByteReader, columns: readonly number[], into: (number | null)[]): void {
  for (const column of columns) into[column] = value.length();
}

/** The collation of most, then pairs of the place among `columns` and the collation of the others. */
function defaultCollation(value: ByteReader, columns: readonly number[], into: (number | null)[]): void {
  const usual = value.length();
  for (const column of columns) into[column] = usual;
  while (value.left > 0) {
    const column = columns[value.length()];
    if (column === undefined) throw malformed('a table map with the character set of no column');
    into[column] = value.length();
  }
}

function labelLists(value: ByteReader, columns: readonly number[], into: (readonly Buffer[])[]): void {
  for (const column of columns) {
    const count = value.length();
    const list: Buffer[] = [];
    for (let i = 0; i < count; i++) list.push(value.bytes(value.length()));
    into[column] = list;
  }
}

function keyColumns(
  value: ByteReader,
  width: number,
  prefixed: boolean,
): { readonly column: number; readonly prefix: number }[] {
  const key: { column: number; prefix: number }[] = [];
  while (value.left > 0) {
    const column = value.length();
    if (column >= width) throw malformed('a table map with a key of no column');
    key.push({ column, prefix: prefixed ? value.length() : 0 });
  }
  return key;
}
