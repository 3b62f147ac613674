import { type RestField, standardType } from './bigquery-rules.ts';
import { DUCKDB_TYPES } from './bigquery-sql.ts';

/** A cell that came as protobuf; longs are decimal text: INT64, microseconds of a TIMESTAMP. */
export type FakeValue = string | number | boolean | Buffer | null | readonly FakeValue[];

/** The value as text, for DuckDB to read from JSON. */
export function cellText(value: FakeValue): string | null {
  if (value === null) return null;
  if (Buffer.isBuffer(value)) return value.toString('hex');
  if (Array.isArray(value)) return JSON.stringify(value.map((item: FakeValue) => cellText(item)));
  return Object.is(value, -0) ? '-0' : String(value);
}

/** What makes the column's value of that text, through the same narrow casts as staged text. */
export function fromCellText(field: RestField, text: string): string {
  const type = standardType(field.type);
  if (field.mode === 'REPEATED') {
    const item = fromCellText({ ...field, mode: 'NULLABLE' }, '"x"');
    return `CAST(list_transform(coalesce(from_json(${text}, '["VARCHAR"]'), []), lambda "x": ${item}) AS ${DUCKDB_TYPES[type]}[])`;
  }
  switch (type) {
    case 'BYTES':
      return `from_hex(${text})`;
    case 'DATE':
      return `DATE '1970-01-01' + CAST(${text} AS INTEGER)`;
    case 'TIMESTAMP':
      return `make_timestamptz(CAST(${text} AS BIGINT))`;
    case 'JSON':
      return `CAST(${text} AS JSON)`;
    default:
      return `bq_${type.toLowerCase()}(${text})`;
  }
}
