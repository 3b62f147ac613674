import type { Client } from 'pg';
import { type TableName, tableKey } from '../../../src/model/table.ts';
import { postgresError } from './errors.ts';

/** Types of a table's columns by their number. */
export type ColumnTypes = Readonly<Record<string, string>>;

/** By key of the table. */
export async function readColumnTypes(
  client: Client,
  tables: readonly TableName[],
): Promise<ReadonlyMap<string, ColumnTypes>> {
  try {
    const { rows } = await client.query<TableName & { readonly oid: string; readonly types: ColumnTypes }>(
      `SELECT n.nspname AS namespace, c.relname AS name, jsonb_object_agg(c.oid || '.' || a.attnum, a.atttypid || ' ' || a.atttypmod) AS types
       FROM unnest($1::text[], $2::text[]) AS t (namespace, name) JOIN pg_namespace n ON n.nspname = t.namespace
       JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = t.name
       JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped GROUP BY 1, 2`,
      [tables.map(({ namespace }) => namespace), tables.map(({ name }) => name)],
    );
    return new Map(rows.map((row) => [tableKey(row), row.types]));
  } catch (thrown) {
    throw postgresError(thrown, 'looking at columns');
  }
}

/** A column is of another type: the server has changed every row without a word. */
export function isRetyped(before: ColumnTypes, now: ColumnTypes): boolean {
  return Object.entries(now).some(
    ([column, type]) => before[column] !== undefined && before[column] !== type,
  );
}
