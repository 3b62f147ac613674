import type { Client } from 'pg';
import { queryWarehouse } from '../warehouse.ts';

/** Every value of every row of every table, as text, in an order that is the same for the same rows. */
export type Dump = Readonly<Record<string, readonly string[]>>;

/** @param leaveOut bookkeeping that says who wrote, not what */
export async function dumpDuckdb(path: string, leaveOut = '_rowseal.cursor'): Promise<Dump> {
  const tables = await queryWarehouse(
    path,
    `SELECT table_schema, table_name FROM information_schema.tables ORDER BY 1, 2`,
  );
  const dump: Record<string, readonly string[]> = {};
  for (const [schema, name] of tables) {
    if (`${schema}.${name}` === leaveOut) continue;
    const columns = await queryWarehouse(
      path,
      `SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = '${schema}' AND table_name = '${name}' ORDER BY column_name`,
    );
    const cells = columns.map(([column]) => `CAST("${column}" AS VARCHAR)`);
    const rows = await queryWarehouse(path, `SELECT ${cells.join(', ')} FROM "${schema}"."${name}"`);
    dump[`${schema}.${name}`] = [JSON.stringify(columns), ...rows.map((row) => JSON.stringify(row)).sort()];
  }
  return dump;
}

/** @param prefix that the target's schemas have; left out of the names */
export async function dumpPostgres(client: Client, stateSchema: string, prefix: string): Promise<Dump> {
  const tables = await client.query<{ nspname: string; relname: string }>(
    `SELECT nspname, relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
     WHERE relkind = 'r' AND (nspname = $1 OR starts_with(nspname, $2)) ORDER BY 1, 2`,
    [stateSchema, prefix],
  );
  const dump: Record<string, readonly string[]> = {};
  for (const { nspname, relname } of tables.rows) {
    if (nspname === stateSchema && relname === 'cursor') continue;
    const columns = await client.query<{ attname: string; type: string }>(
      `SELECT attname, format_type(atttypid, atttypmod) AS type FROM pg_attribute
       WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attname`,
      [`"${nspname}"."${relname}"`],
    );
    const cells = columns.rows.map(({ attname }) => `"${attname}"::text`);
    const rows = await client.query<(string | null)[]>({
      text: `SELECT ${cells.join(', ')} FROM "${nspname}"."${relname}"`,
      rowMode: 'array',
    });
    const schema = nspname === stateSchema ? '_state' : nspname.slice(prefix.length);
    dump[`${schema}.${relname}`] = [
      JSON.stringify(columns.rows),
      ...rows.rows.map((row) => JSON.stringify(row)).sort(),
    ];
  }
  return dump;
}
