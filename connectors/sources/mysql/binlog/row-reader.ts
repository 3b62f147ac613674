import { RowsealError } from '../../../../src/error/rowseal-error.ts';
import type { BinlogColumn, ColumnHint } from './binlog-event.ts';
import type { CellReader } from './cell-writer.ts';
import { charsetOf } from './charset.ts';
import { TypeCode } from './column-type-code.ts';
import { compressedWriter } from './compressed-column.ts';
import { decimalCharacters, decimalReader } from './decimal-cell.ts';
import { malformed } from './defect.ts';
import { enumReader, setReader } from './enum-cell.ts';
import { FLOAT_CHARACTERS, readDouble, readFloat, vectorText } from './float-cell.ts';
import { geometryText } from './geometry-text.ts';
import { bitReader, integerReader, readYear } from './integer-cell.ts';
import { jsonText } from './json-binary.ts';
import { inet4Text, inet6Text } from './network-address.ts';
import type { DecodedTableMap } from './table-map.ts';
import {
  dateReader,
  datetime2Reader,
  oldDatetimeReader,
  oldTimestampReader,
  readOldTime,
  TEMPORAL_CHARACTERS,
  time2Reader,
  timestamp2Reader,
} from './temporal-cell.ts';
import {
  INLINE_BYTES,
  INLINE_TEXT_BYTES,
  type InvalidText,
  longLengthReader,
  paddedBytesWriter,
  shortLengthReader,
  textWriter,
  type ValueWriter,
  writeBytes,
} from './text-cell.ts';
import { mariadbUuidText } from './uuid-text.ts';
import type { ZeroDates } from './zero-date.ts';

export interface CellRules {
  readonly zeroDates: ZeroDates;
  readonly invalidText: InvalidText;
  readonly maxUnpackedBytes: number;
}

/**
 * How the rows of one table map are read: made once for each version of a table, so that no cell looks at a type.
 * Closures, not source text: a reader made with `new Function` was measured and was no faster.
 */
export interface RowReader {
  /** By column. */
  readonly cells: readonly CellReader[];
  /** Characters that a row writes at most. */
  readonly characters: number;
  /** Columns of type JSON, which partial updates count, and the size of their length: by column, 0 for others. */
  readonly jsonLengthBytes: readonly number[];
  readonly jsonColumns: number;
}

/** @throws RowsealError RS-MY-052, RS-MY-053, RS-MY-058 */
export function compileRowReader(
  map: DecodedTableMap,
  hints: ReadonlyMap<number, ColumnHint>,
  rules: CellRules,
): RowReader {
  const compiled = map.columns.map((column, index) =>
    compileCell(column, map.shapes[index]!.metadata, hints.get(index), `${map.label}.${column.name}`, rules),
  );
  const jsonLengthBytes = map.shapes.map((shape) => (shape.code === TypeCode.json ? shape.metadata : 0));
  return {
    cells: compiled.map(({ read }) => read),
    characters: compiled.reduce((sum, { characters }) => sum + characters, 0),
    jsonLengthBytes,
    jsonColumns: jsonLengthBytes.filter((bytes) => bytes > 0).length,
  };
}

interface CompiledCell {
  readonly read: CellReader;
  /** Characters it writes at most; what stands aside counts nothing. */
  readonly characters: number;
}

const INTEGER_CHARACTERS = 20;
const TEXT_CHARACTERS = Math.max(INLINE_TEXT_BYTES, 2 + 2 * INLINE_BYTES);

function compileCell(
  about: BinlogColumn,
  metadata: number,
  hint: ColumnHint | undefined,
  column: string,
  rules: CellRules,
): CompiledCell {
  const temporal = { zeroDates: rules.zeroDates, column };
  const integer = (bytes: 1 | 2 | 3 | 4 | 8): CompiledCell => ({
    read: integerReader(bytes, about.unsigned),
    characters: INTEGER_CHARACTERS,
  });
  const moment = (read: CellReader): CompiledCell => ({ read, characters: TEMPORAL_CHARACTERS });
  const aside = (text: (source: Buffer, start: number, end: number) => string): CompiledCell => ({
    read: longLengthReader(lengthBytes(metadata), (source, start, end, writer) =>
      writer.aside(text(source, start, end)),
    ),
    characters: 0,
  });
  switch (about.code) {
    case TypeCode.tiny:
      return integer(1);
    case TypeCode.short:
      return integer(2);
    case TypeCode.int24:
      return integer(3);
    case TypeCode.long:
      return integer(4);
    case TypeCode.longlong:
      return integer(8);
    case TypeCode.year:
      return { read: readYear, characters: 4 };
    case TypeCode.float:
      return { read: readFloat, characters: FLOAT_CHARACTERS };
    case TypeCode.double:
      return { read: readDouble, characters: FLOAT_CHARACTERS };
    case TypeCode.newdecimal: {
      const precision = metadata & 0xff;
      return { read: decimalReader(precision, metadata >> 8), characters: decimalCharacters(precision) };
    }
    case TypeCode.bit: {
      const bits = (metadata >> 8) * 8 + (metadata & 0xff);
      return { read: bitReader(bits), characters: bits };
    }
    case TypeCode.date:
    case TypeCode.newdate:
      return moment(dateReader(temporal));
    case TypeCode.time:
      return moment(readOldTime);
    case TypeCode.time2:
      return moment(time2Reader(metadata));
    case TypeCode.datetime:
      return moment(oldDatetimeReader(temporal));
    case TypeCode.datetime2:
      return moment(datetime2Reader(metadata, temporal));
    case TypeCode.timestamp:
      return moment(oldTimestampReader(temporal));
    case TypeCode.timestamp2:
      return moment(timestamp2Reader(metadata, temporal));
    case TypeCode.enum:
      return { read: enumReader(choiceBytes(metadata, 2), about.labels), characters: 0 };
    case TypeCode.set:
      return { read: setReader(choiceBytes(metadata, 8), about.labels), characters: 0 };
    case TypeCode.string:
      return {
        read: shortLengthReader(metadata, hinted(hint) ?? fixedValue(about, metadata, column, rules)),
        characters: TEXT_CHARACTERS,
      };
    case TypeCode.varchar:
    case TypeCode.varString:
      return {
        read: shortLengthReader(metadata, hinted(hint) ?? plainValue(about, column, rules)),
        characters: TEXT_CHARACTERS,
      };
    case TypeCode.varcharCompressed:
      return {
        read: shortLengthReader(
          metadata,
          compressedWriter(plainValue(about, column, rules), rules.maxUnpackedBytes),
        ),
        characters: TEXT_CHARACTERS,
      };
    case TypeCode.blob:
      return {
        read: longLengthReader(lengthBytes(metadata), hinted(hint) ?? plainValue(about, column, rules)),
        characters: TEXT_CHARACTERS,
      };
    case TypeCode.blobCompressed:
      return {
        read: longLengthReader(
          lengthBytes(metadata),
          compressedWriter(plainValue(about, column, rules), rules.maxUnpackedBytes),
        ),
        characters: TEXT_CHARACTERS,
      };
    case TypeCode.json:
      return aside(jsonText);
    case TypeCode.geometry:
      return aside(geometryText);
    case TypeCode.vector:
      return aside(vectorText);
    default:
      throw new RowsealError('RS-MY-053', { detail: `column ${column} has the type ${about.code}` });
  }
}

/** CHAR without its padding, as the server gives it; BINARY with it. */
function fixedValue(about: BinlogColumn, length: number, column: string, rules: CellRules): ValueWriter {
  return about.charset === 'binary' ? paddedBytesWriter(length) : plainValue(about, column, rules);
}

function plainValue(about: BinlogColumn, column: string, rules: CellRules): ValueWriter {
  if (about.charset === 'binary') return writeBytes;
  const charset = charsetOf(about.charset!);
  if (charset === undefined)
    throw new RowsealError('RS-MY-058', { detail: `column ${column}, character set ${about.charset}` });
  return textWriter(charset, rules.invalidText, column);
}

/** The types of MariaDB that look like plain bytes. The server leaves out zero bytes at the end of the fixed ones. */
function hinted(hint: ColumnHint | undefined): ValueWriter | null {
  switch (hint) {
    case undefined:
      return null;
    case 'uuid':
      return fixedBytes(16, mariadbUuidText);
    case 'inet6':
      return fixedBytes(16, inet6Text);
    case 'inet4':
      return fixedBytes(4, inet4Text);
    case 'vector':
      return (source, start, end, writer) => writer.aside(vectorText(source, start, end));
  }
}

function fixedBytes(length: number, text: (bytes: Uint8Array) => string): ValueWriter {
  return (source, start, end, writer) => {
    if (end - start > length) throw malformed('a value that is longer than its type');
    const bytes = Buffer.alloc(length);
    source.copy(bytes, 0, start, end);
    writer.aside(text(bytes));
  };
}

function lengthBytes(metadata: number): number {
  if (metadata < 1 || metadata > 4) throw malformed('a column with a length of no or too many bytes');
  return metadata;
}

function choiceBytes(metadata: number, max: number): number {
  if (metadata < 1 || metadata > max) throw malformed('an enum or set of no or too many bytes');
  return metadata;
}
