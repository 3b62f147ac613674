import { quoteIdentifier } from './identifier.ts';

/** A typed column as the canonical text of its values. */
export function textOf(name: string, type: string): string {
  const column = quoteIdentifier(name);
  switch (type) {
    case 'BLOB':
      return `'\\x' || lower(hex(${column}))`;
    case 'BOOLEAN':
      return `CASE ${column} WHEN true THEN 't' WHEN false THEN 'f' END`;
    case 'DATE':
    case 'TIMESTAMP':
    case 'TIMESTAMPTZ':
      // DuckDB writes the era behind the date, Postgres at the end.
      return `regexp_replace(CAST(${column} AS VARCHAR), '^(.*) \\(BC\\)(.*)$', '\\1\\2 BC')`;
    default:
      return `CAST(${column} AS VARCHAR)`;
  }
}
