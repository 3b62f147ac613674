import { RowsealError } from '../../../../src/error/rowseal-error.ts';
import type { BinlogColumn, Flavor, TableMap } from './binlog-event.ts';
import { ByteReader } from './byte-reader.ts';
import { describeColumns } from './column.ts';
import { metadataBytes, TypeCode } from './column-type-code.ts';
import { malformed } from './defect.ts';
import { type ColumnMetadata, parseMetadata } from './table-metadata.ts';

/** A column as the fixed part of a table map has it; enough to tell where its cells end. */
export interface ColumnShape {
  /** With the types that hide behind 254 unfolded: 247, 248 or 254. */
  readonly code: number;
  /** Two bytes of metadata, the first one low; see `column.ts` for what they mean. */
  readonly metadata: number;
  readonly nullable: boolean;
}

/** MySQL's limit is 4096 columns (MariaDB's 4096 too). */
const COLUMNS_MAX = 4096;

/**
 * TABLE_MAP_EVENT: table id 6, flags 2, schema and table (length, name, NUL), column count, a type a column,
 * metadata, null bits, and the optional metadata that binlog_row_metadata=FULL fills.
 */
export class DecodedTableMap implements TableMap {
  readonly tableId: number;
  readonly schema: string;
  readonly table: string;
  readonly width: number;
  /** A copy of the event's body: an equal one is the same version. */
  readonly body: Buffer;
  readonly #typesAt: number;
  readonly #flavor: Flavor;
  readonly #charsetOf: (collationId: number) => string | undefined;
  #shapes: readonly ColumnShape[] | null = null;
  #optionalAt = 0;
  #metadata: ColumnMetadata | null = null;
  #columns: readonly BinlogColumn[] | null = null;

  constructor(
    body: Buffer,
    tableId: number,
    namesAt: number,
    flavor: Flavor,
    charsetOf: (collationId: number) => string | undefined,
  ) {
    this.tableId = tableId;
    this.body = Buffer.from(body);
    this.#flavor = flavor;
    this.#charsetOf = charsetOf;
    const reader = new ByteReader(this.body, namesAt, this.body.length);
    this.schema = name(reader);
    this.table = name(reader);
    this.width = reader.length();
    if (this.width === 0 || this.width > COLUMNS_MAX) throw malformed('a table of no or too many columns');
    this.#typesAt = reader.at;
  }

  /** `schema.table`, for messages. */
  get label(): string {
    return `${this.schema}.${this.table}`;
  }

  /** @throws RowsealError RS-MY-053 */
  get shapes(): readonly ColumnShape[] {
    if (this.#shapes !== null) return this.#shapes;
    const reader = new ByteReader(this.body, this.#typesAt, this.body.length);
    this.#shapes = columnShapes(reader, this.width, this.label);
    this.#optionalAt = reader.at;
    return this.#shapes;
  }

  get metadata(): ColumnMetadata {
    if (this.#metadata !== null) return this.#metadata;
    const shapes = this.shapes;
    const reader = new ByteReader(this.body, this.#optionalAt, this.body.length);
    this.#metadata = parseMetadata(reader, shapes, this.#flavor);
    return this.#metadata;
  }

  get columns(): readonly BinlogColumn[] {
    if (this.#columns !== null) return this.#columns;
    if (this.metadata.names === null) throw new RowsealError('RS-MY-052', { detail: `table ${this.label}` });
    this.#columns = describeColumns(this.shapes, this.metadata, this.label, this.#charsetOf);
    return this.#columns;
  }

  get primaryKey(): readonly { readonly column: number; readonly prefix: number }[] {
    return this.metadata.primaryKey;
  }
}

function name(reader: ByteReader): string {
  const text = reader.utf8(reader.length());
  reader.skip(1);
  return text;
}

function columnShapes(reader: ByteReader, width: number, table: string): readonly ColumnShape[] {
  const codes = reader.bytes(width);
  const metadata = reader.part(reader.length());
  const nullBits = reader.bytes((width + 7) >> 3);
  const shapes: ColumnShape[] = [];
  for (let i = 0; i < width; i++) {
    const code = codes[i]!;
    const bytes = metadataBytes(code);
    // Without the length of its metadata the columns behind it cannot be read.
    if (bytes === undefined)
      throw new RowsealError('RS-MY-053', { detail: `column ${i + 1} of ${table} has the type ${code}` });
    const low = bytes > 0 ? metadata.u8() : 0;
    const high = bytes > 1 ? metadata.u8() : 0;
    shapes.push({ ...unfold(code, low, high), nullable: ((nullBits[i >> 3]! >> (i & 7)) & 1) === 1 });
  }
  if (metadata.left > 0) throw malformed('a table map with metadata of no column');
  return shapes;
}

/**
 * Type 254 holds the real type in the first byte of its metadata: ENUM and SET with the size of a value in the
 * second, CHAR and BINARY with its length in bytes, of which bits 8 and 9 are turned into bits 4 and 5 of the first
 * (mysql: Field_string::do_save_field_metadata).
 */
function unfold(code: number, low: number, high: number): { code: number; metadata: number } {
  if (code !== TypeCode.string) return { code, metadata: low | (high << 8) };
  if (low === TypeCode.enum || low === TypeCode.set) return { code: low, metadata: high };
  if ((low & 0x30) !== 0x30) return { code: TypeCode.string, metadata: high | (((low & 0x30) ^ 0x30) << 4) };
  if (low !== TypeCode.string && low !== TypeCode.varString)
    throw malformed('a string column of an unknown real type');
  return { code: TypeCode.string, metadata: high };
}
