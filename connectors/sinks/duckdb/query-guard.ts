import type { DuckDBConnection } from '@duckdb/node-api';
import { RowsealError } from '../../../src/error/rowseal-error.ts';

/**
 * Table functions that a query may call: they make rows of their arguments, or list what the database has. DuckDB has
 * others that read files, switch logging on, or force a checkpoint on the writer, all within a SELECT: so what is not
 * here is refused (`test/unit/duckdb/query-guard.test.ts` goes through every function there is).
 */
const TABLE_FUNCTIONS: ReadonlySet<string> = new Set([
  'duckdb_columns',
  'duckdb_constraints',
  'duckdb_schemas',
  'duckdb_tables',
  'duckdb_types',
  'duckdb_views',
  'generate_series',
  'json_each',
  'json_tree',
  'pragma_database_size',
  'pragma_storage_info',
  'pragma_table_info',
  'pragma_version',
  'range',
  'repeat',
  'repeat_row',
  'summary',
  'unnest',
]);

/** Scalar functions that do more than compute. */
const SCALAR_FUNCTIONS: ReadonlySet<string> = new Set(['currval', 'getenv', 'nextval', 'write_log']);

/**
 * One SELECT, and no function that does more than read. The statement is judged by DuckDB's own parse of it, not by its
 * text. What else it may try (other files, writing) the connection does not allow: see `query.ts`.
 *
 * @throws RowsealError RS-QRY-001, -002
 */
export async function checkQuery(connection: DuckDBConnection, sql: string): Promise<void> {
  const reader = await connection.runAndReadAll('SELECT json_serialize_sql($1::VARCHAR)', [sql]);
  const parsed = JSON.parse(String(reader.getRowsJS()[0]![0])) as ParsedSql;
  if (parsed.error) {
    if (parsed.error_type !== 'parser') throw new RowsealError('RS-QRY-001', { detail: 'this is no SELECT' });
    throw new RowsealError('RS-QRY-002', { detail: parsed.error_message });
  }
  const { length } = parsed.statements;
  if (length !== 1) throw new RowsealError('RS-QRY-001', { detail: `there are ${length} statements` });
  visit(parsed.statements);
}

type ParsedSql =
  | { readonly error: true; readonly error_type: string; readonly error_message: string }
  | { readonly error: false; readonly statements: readonly unknown[] };

function visit(node: unknown): void {
  if (Array.isArray(node)) {
    for (const item of node) visit(item);
    return;
  }
  if (typeof node !== 'object' || node === null) return;
  const {
    type,
    class: kind,
    function: called,
    function_name: name,
  } = node as Readonly<Record<string, unknown>>;
  if (type === 'TABLE_FUNCTION') {
    const wanted = functionName(called);
    if (!TABLE_FUNCTIONS.has(wanted)) throw refused(wanted);
  }
  if (kind === 'FUNCTION' && typeof name === 'string' && SCALAR_FUNCTIONS.has(name.toLowerCase()))
    throw refused(name);
  for (const value of Object.values(node)) visit(value);
}

function functionName(called: unknown): string {
  const name = (called as { readonly function_name?: unknown } | undefined)?.function_name;
  return typeof name === 'string' ? name.toLowerCase() : 'this table function';
}

function refused(name: string): RowsealError {
  return new RowsealError('RS-QRY-001', { detail: `${name} may not be called` });
}
