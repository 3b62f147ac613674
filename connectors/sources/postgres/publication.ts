import type { Client } from 'pg';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { displayName, type TableName, tableKey } from '../../../src/model/table.ts';
import { postgresError } from './errors.ts';
import { createPublication } from './publication-right.ts';

/**
 * Creates the publication, or checks that the one there publishes every table and operation. It must exist before
 * the slot: a publication made later does not apply to WAL that was written before.
 *
 * @throws RowsealError RS-PG-021, RS-PG-031
 */
export async function ensurePublication(
  client: Client,
  publication: string,
  tables: readonly TableName[],
): Promise<void> {
  const missing = await publicationProblems(client, publication, tables);
  if (missing !== null && missing.length > 0)
    throw new RowsealError('RS-PG-021', { detail: `${publication}: ${missing.join(', ')}` });
  const filtered = missing === null ? [] : await filteredTables(client, publication, tables);
  if (filtered.length > 0)
    throw new RowsealError('RS-PG-031', { detail: `${publication}: ${filtered.join(', ')}` });
  if (missing !== null) return;
  try {
    await client.query(createPublication(publication, tables));
  } catch (thrown) {
    const error = postgresError(thrown, 'creating the publication');
    // What the role may not is not to read a table, and the mend is another one.
    throw error.origin === '42501'
      ? new RowsealError('RS-PG-040', {
          detail: publication,
          fix: `as their owner: ${createPublication(publication, tables)};`,
        })
      : error;
  }
}

/** Whether stored generated columns are in the stream (18 and later); false also when there is no such publication. */
export async function publishesGenerated(client: Client, publication: string): Promise<boolean> {
  try {
    const { rows } = await client.query<{ stored: boolean }>(
      "SELECT coalesce(to_jsonb(p) ->> 'pubgencols' = 's', false) AS stored FROM pg_publication p WHERE pubname = $1",
      [publication],
    );
    return rows[0]?.stored ?? false;
  } catch (thrown) {
    throw postgresError(thrown, 'looking at the publication');
  }
}

/** Captured tables of which it leaves out rows (WHERE) or columns (a list); 15 and later. */
export async function filteredTables(
  client: Client,
  publication: string,
  tables: readonly TableName[],
): Promise<readonly string[]> {
  try {
    const { rows } = await client.query<TableName>(
      `SELECT n.nspname AS namespace, c.relname AS name FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
       JOIN pg_class c ON c.oid = r.prrelid JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE p.pubname = $1 AND (to_jsonb(r) ->> 'prqual' IS NOT NULL OR to_jsonb(r) ->> 'prattrs' IS NOT NULL)`,
      [publication],
    );
    const captured = new Set(tables.map(tableKey));
    return rows.filter((table) => captured.has(tableKey(table))).map(displayName);
  } catch (thrown) {
    throw postgresError(thrown, 'looking at the publication');
  }
}

/** What the publication lacks; null when it does not exist. */
export async function publicationProblems(
  client: Client,
  publication: string,
  tables: readonly TableName[],
): Promise<readonly string[] | null> {
  try {
    const { rows } = await client.query<{ i: boolean; u: boolean; d: boolean; t: boolean }>(
      'SELECT pubinsert AS i, pubupdate AS u, pubdelete AS d, pubtruncate AS t FROM pg_publication WHERE pubname = $1',
      [publication],
    );
    const found = rows[0];
    if (found === undefined) return null;
    const problems = Object.entries({ insert: found.i, update: found.u, delete: found.d, truncate: found.t })
      .filter(([, published]) => !published)
      .map(([operation]) => `does not publish ${operation}`);
    const covered = await client.query<{ namespace: string; name: string }>(
      'SELECT schemaname AS namespace, tablename AS name FROM pg_publication_tables WHERE pubname = $1',
      [publication],
    );
    const names = new Set(covered.rows.map(tableKey));
    return [
      ...problems,
      ...tables.filter((table) => !names.has(tableKey(table))).map((table) => `lacks ${displayName(table)}`),
    ];
  } catch (thrown) {
    throw postgresError(thrown, 'looking at the publication');
  }
}

/** Keys of the tables whose updates it publishes already. */
export async function updatesPublished(client: Client, publication: string): Promise<ReadonlySet<string>> {
  try {
    const { rows } = await client.query<TableName>(
      `SELECT t.schemaname AS namespace, t.tablename AS name FROM pg_publication p JOIN pg_publication_tables t ON t.pubname = p.pubname
       WHERE p.pubname = $1 AND p.pubupdate`,
      [publication],
    );
    return new Set(rows.map(tableKey));
  } catch (thrown) {
    throw postgresError(thrown, 'looking at the publication');
  }
}
