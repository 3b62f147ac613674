import { DuckDBInstance } from '@duckdb/node-api';

/** Rows of a query, after some scripts, every cell as DuckDB's own text; null stays null. The file must not be open elsewhere. */
export async function queryWarehouse(
  path: string,
  sql: string,
  before: readonly string[] = [],
): Promise<readonly (readonly (string | null)[])[]> {
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    for (const script of before) await connection.run(script);
    const rows = (await connection.runAndReadAll(sql)).getRowsJS();
    return rows.map((row) => row.map((cell) => (cell === null ? null : String(cell))));
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
