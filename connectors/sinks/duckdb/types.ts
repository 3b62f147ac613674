import type { ColumnType } from '../../../src/model/type.ts';

const MAX_DECIMAL_PRECISION = 38;

/** The DuckDB type that holds every value of a column, or VARCHAR where none does (docs/duckdb.md has the table). */
export function duckdbType(type: ColumnType): string {
  switch (type.kind) {
    case 'boolean':
      return 'BOOLEAN';
    case 'int': {
      const signed = { 8: 'TINYINT', 16: 'SMALLINT', 24: 'INTEGER', 32: 'INTEGER', 64: 'BIGINT' }[type.bits];
      return type.unsigned ? `U${signed}` : signed;
    }
    case 'decimal': {
      const { precision, scale } = type;
      const fits =
        precision !== null &&
        scale !== null &&
        precision <= MAX_DECIMAL_PRECISION &&
        scale >= 0 &&
        scale <= precision;
      return fits ? `DECIMAL(${precision},${scale})` : 'VARCHAR';
    }
    case 'float':
      return type.bits === 32 ? 'FLOAT' : 'DOUBLE';
    case 'bytes':
      return 'BLOB';
    case 'date':
      return 'DATE';
    case 'time':
      return type.withZone ? 'VARCHAR' : 'TIME';
    case 'timestamp':
      return type.withZone ? 'TIMESTAMPTZ' : 'TIMESTAMP';
    case 'uuid':
      return 'UUID';
    case 'json':
      return 'JSON';
    case 'text':
    case 'interval':
    case 'enum':
    case 'array':
    case 'other':
      return 'VARCHAR';
  }
}

/** SQL that turns canonical text into the column's type. `careful`: null instead of an error. */
export function castExpression(text: string, type: string, careful: boolean): string {
  if (type === 'VARCHAR') return text;
  const cast = careful ? 'TRY_CAST' : 'CAST';
  // Canonical bytes are '\x' and hex digits; DuckDB's own cast knows another notation.
  if (type === 'BLOB')
    return careful
      ? `(CASE WHEN regexp_full_match(${text}, '\\\\x([0-9a-f]{2})*') THEN from_hex(substr(${text}, 3)) END)`
      : `from_hex(substr(${text}, 3))`;
  return `${cast}(${text} AS ${type})`;
}
