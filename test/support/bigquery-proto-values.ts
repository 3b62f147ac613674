import { type RestField, standardType } from './bigquery-rules.ts';
import { DUCKDB_TYPES } from './bigquery-sql.ts';

/** A cell that came as protobuf; bigint: INT64, days of a DATE, microseconds of a TIMESTAMP. */
export type FakeValue = string | number | bigint | boolean | Buffer | null | readonly FakeValue[];

/** The value as an expression of DuckDB, through the same narrow casts as staged text. */
export function duckdbLiteral(field: RestField, value: FakeValue): string {
  const type = standardType(field.type);
  if (Array.isArray(value)) {
    const items = value.map((item: FakeValue) => duckdbLiteral({ ...field, mode: 'NULLABLE' }, item));
    return `CAST([${items.join(', ')}] AS ${DUCKDB_TYPES[type]}[])`;
  }
  if (value === null) return 'NULL';
  const quoted = `'${String(value).replaceAll("'", "''")}'`;
  switch (type) {
    case 'BYTES':
      return `from_hex('${(value as Buffer).toString('hex')}')`;
    case 'DATE':
      return `DATE '1970-01-01' + CAST(${quoted} AS INTEGER)`;
    case 'TIMESTAMP':
      return `make_timestamptz(CAST(${quoted} AS BIGINT))`;
    case 'JSON':
      return `CAST(${quoted} AS JSON)`;
    case 'FLOAT64':
      return `CAST(${Object.is(value, -0) ? "'-0.0'" : quoted} AS DOUBLE)`;
    case 'BOOL':
      return String(value);
    default:
      return `bq_${type.toLowerCase()}(${quoted})`;
  }
}
