/** Rows of a query on the demo's DuckDB file, after the pipeline let go of it. */
export async function readWarehouse(path: string, sql: string): Promise<readonly Record<string, unknown>[]> {
  const { DuckDBInstance } = await import('@duckdb/node-api');
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(sql)).getRowObjectsJS();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}
