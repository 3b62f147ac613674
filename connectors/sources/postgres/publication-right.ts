import type { Client } from 'pg';
import type { TableName } from '../../../src/model/table.ts';
import { quoteIdentifier } from './connection.ts';
import { postgresError } from './errors.ts';

/** The statement that makes the publication: for Rowseal itself, or for a person whom its role must ask. */
export function createPublication(publication: string, tables: readonly TableName[]): string {
  const list = tables
    .map((table) => `${quoteIdentifier(table.namespace)}.${quoteIdentifier(table.name)}`)
    .join(', ');
  return `CREATE PUBLICATION ${quoteIdentifier(publication)} FOR TABLE ${list} WITH (publish_via_partition_root = true)`;
}

/**
 * Why the role could not create the publication, if it could not: that takes CREATE on the database and ownership of every
 * table, which a role that only reads should not have.
 */
export async function whyNoPublication(client: Client, tables: readonly TableName[]): Promise<string | null> {
  try {
    const { rows } = await client.query<{ role: string; create: boolean; foreign: string[] }>(
      `SELECT current_user AS role,
              has_database_privilege(current_database(), 'CREATE') AS create,
              ARRAY(SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                    JOIN unnest($1::text[], $2::text[]) AS t (namespace, name) ON n.nspname = t.namespace AND c.relname = t.name
                    WHERE NOT pg_has_role(c.relowner, 'USAGE') ORDER BY 1) AS foreign
       FROM pg_roles WHERE rolname = current_user AND NOT rolsuper`,
      [tables.map(({ namespace }) => namespace), tables.map(({ name }) => name)],
    );
    const [row] = rows;
    if (row === undefined) return null;
    const reasons = [
      ...(row.create ? [] : ['lacks CREATE on the database']),
      ...(row.foreign.length === 0 ? [] : [`does not own ${row.foreign.join(', ')}`]),
    ];
    return reasons.length === 0 ? null : `role ${row.role} ${reasons.join(' and ')}`;
  } catch (thrown) {
    throw postgresError(thrown, 'looking at privileges');
  }
}
