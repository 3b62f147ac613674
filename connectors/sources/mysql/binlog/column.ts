import { RowsealError } from '../../../../src/error/rowseal-error.ts';
import type { ColumnType } from '../../../../src/model/type.ts';
import type { BinlogColumn } from './binlog-event.ts';
import { charsetOf as decoderOf } from './charset.ts';
import { TypeCode } from './column-type-code.ts';
import { DECIMAL_PRECISION_MAX, DECIMAL_SCALE_MAX } from './decimal-cell.ts';
import { malformed } from './defect.ts';
import type { ColumnShape } from './table-map.ts';
import type { ColumnMetadata } from './table-metadata.ts';

const OTHER: ColumnType = { kind: 'other' };

/** Names of the geometry types by their number in WKB; 0 is any. */
const GEOMETRIES = [
  'geometry',
  'point',
  'linestring',
  'polygon',
  'multipoint',
  'multilinestring',
  'multipolygon',
  'geometrycollection',
] as const;

/** Bytes a character takes at most, for lengths in characters. */
function bytesPerCharacter(charset: string): number {
  switch (charset) {
    case 'utf8mb4':
    case 'utf16':
    case 'utf16le':
    case 'utf32':
    case 'gb18030':
      return 4;
    case 'utf8mb3':
    case 'ujis':
    case 'eucjpms':
      return 3;
    case 'ucs2':
    case 'big5':
    case 'gb2312':
    case 'gbk':
    case 'sjis':
    case 'cp932':
    case 'euckr':
      return 2;
    default:
      return 1;
  }
}

/** @throws RowsealError RS-MY-050, RS-MY-053, RS-MY-058 */
export function describeColumns(
  shapes: readonly ColumnShape[],
  metadata: ColumnMetadata,
  table: string,
  charsetOf: (collationId: number) => string | undefined,
): readonly BinlogColumn[] {
  return shapes.map((shape, index) => {
    const name = metadata.names![index]!;
    const collationId = metadata.collations[index]!;
    let charset: string | null = null;
    if (collationId !== null) {
      charset = charsetOf(collationId) ?? null;
      if (charset === null)
        throw new RowsealError('RS-MY-058', { detail: `column ${table}.${name}, collation ${collationId}` });
    } else if (isText(shape.code))
      throw malformed(`a table map without the character set of ${table}.${name}`);
    const unsigned = metadata.unsigned[index]!;
    const labels = metadata.labels[index]!.map((bytes) => labelText(bytes, charset, `${table}.${name}`));
    const geometryType = metadata.geometryTypes[index]!;
    const dimension = metadata.dimensions[index]!;
    const { type, spelled } = typeOf(shape, { unsigned, charset, labels, geometryType, dimension });
    return {
      name,
      type,
      sourceType: spelled,
      code: shape.code,
      nullable: shape.nullable,
      unsigned,
      collationId,
      charset,
      labels,
      geometryType,
      dimension,
      visible: metadata.visible[index]!,
    };
  });
}

function isText(code: number): boolean {
  switch (code) {
    case TypeCode.string:
    case TypeCode.varString:
    case TypeCode.varchar:
    case TypeCode.blob:
    case TypeCode.enum:
    case TypeCode.set:
    case TypeCode.varcharCompressed:
    case TypeCode.blobCompressed:
      return true;
    default:
      return false;
  }
}

function labelText(bytes: Buffer, charset: string | null, column: string): string {
  if (charset === 'binary') return bytes.toString('latin1');
  const decoder = charset === null ? undefined : decoderOf(charset);
  const text = decoder?.decode(bytes, 0, bytes.length);
  if (text === undefined || text === null)
    throw new RowsealError('RS-MY-058', { detail: `labels of column ${column}, character set ${charset}` });
  return text;
}

interface Described {
  readonly type: ColumnType;
  readonly spelled: string;
}

function typeOf(
  shape: ColumnShape,
  about: Pick<BinlogColumn, 'unsigned' | 'charset' | 'labels' | 'geometryType' | 'dimension'>,
): Described {
  const { unsigned, charset, labels } = about;
  const low = shape.metadata & 0xff;
  const high = shape.metadata >> 8;
  const sign = unsigned ? ' unsigned' : '';
  switch (shape.code) {
    case TypeCode.tiny:
      return { type: { kind: 'int', bits: 8, unsigned }, spelled: `tinyint${sign}` };
    case TypeCode.short:
      return { type: { kind: 'int', bits: 16, unsigned }, spelled: `smallint${sign}` };
    case TypeCode.int24:
      return { type: { kind: 'int', bits: 24, unsigned }, spelled: `mediumint${sign}` };
    case TypeCode.long:
      return { type: { kind: 'int', bits: 32, unsigned }, spelled: `int${sign}` };
    case TypeCode.longlong:
      return { type: { kind: 'int', bits: 64, unsigned }, spelled: `bigint${sign}` };
    case TypeCode.year:
      return { type: { kind: 'int', bits: 16, unsigned: true }, spelled: 'year' };
    case TypeCode.float:
      return { type: { kind: 'float', bits: 32 }, spelled: `float${sign}` };
    case TypeCode.double:
      return { type: { kind: 'float', bits: 64 }, spelled: `double${sign}` };
    case TypeCode.newdecimal:
      if (low < 1 || low > DECIMAL_PRECISION_MAX || high > Math.min(low, DECIMAL_SCALE_MAX))
        throw malformed('a decimal column of a precision or scale that cannot be');
      return {
        type: { kind: 'decimal', precision: low, scale: high },
        spelled: `decimal(${low},${high})${sign}`,
      };
    case TypeCode.bit: {
      const bits = high * 8 + low;
      if (bits < 1 || bits > 64 || low > 7) throw malformed('a bit column of a length that cannot be');
      return { type: OTHER, spelled: `bit(${bits})` };
    }
    case TypeCode.date:
    case TypeCode.newdate:
      return { type: { kind: 'date' }, spelled: 'date' };
    case TypeCode.time:
    case TypeCode.time2:
      return { type: { kind: 'interval' }, spelled: withFraction('time', shape) };
    case TypeCode.datetime:
    case TypeCode.datetime2:
      return { type: { kind: 'timestamp', withZone: false }, spelled: withFraction('datetime', shape) };
    case TypeCode.timestamp:
    case TypeCode.timestamp2:
      return { type: { kind: 'timestamp', withZone: true }, spelled: withFraction('timestamp', shape) };
    case TypeCode.enum:
    case TypeCode.set: {
      const list = labels.map((label) => `'${label.replaceAll("'", "''")}'`).join(',');
      return shape.code === TypeCode.enum
        ? { type: { kind: 'enum', labels }, spelled: `enum(${list})` }
        : { type: OTHER, spelled: `set(${list})` };
    }
    case TypeCode.string:
    case TypeCode.varchar:
    case TypeCode.varString:
    case TypeCode.varcharCompressed: {
      // A compressed column may hold one byte more than its length, for the mark of the method.
      const bytes = shape.code === TypeCode.varcharCompressed ? shape.metadata - 1 : shape.metadata;
      const fixed = shape.code === TypeCode.string;
      if (charset === 'binary')
        return { type: { kind: 'bytes' }, spelled: `${fixed ? 'binary' : 'varbinary'}(${bytes})` };
      const maxLength = Math.floor(bytes / bytesPerCharacter(charset!));
      return {
        type: { kind: 'text', maxLength, padded: false },
        spelled: `${fixed ? 'char' : 'varchar'}(${maxLength})`,
      };
    }
    case TypeCode.blob:
    case TypeCode.blobCompressed: {
      const size = ['tiny', '', 'medium', 'long'][low - 1];
      if (size === undefined) throw malformed('a blob column of a length that cannot be');
      return charset === 'binary'
        ? { type: { kind: 'bytes' }, spelled: `${size}blob` }
        : { type: { kind: 'text', maxLength: null, padded: false }, spelled: `${size}text` };
    }
    case TypeCode.json:
      return { type: { kind: 'json' }, spelled: 'json' };
    case TypeCode.geometry:
      return { type: OTHER, spelled: GEOMETRIES[about.geometryType ?? 0] ?? 'geometry' };
    case TypeCode.vector:
      return { type: OTHER, spelled: about.dimension === null ? 'vector' : `vector(${about.dimension})` };
    default:
      throw malformed('a column of an unknown type');
  }
}

function withFraction(name: string, shape: ColumnShape): string {
  if (shape.metadata > 6) throw malformed('a column with too many digits of a second');
  return shape.metadata === 0 ? name : `${name}(${shape.metadata})`;
}
