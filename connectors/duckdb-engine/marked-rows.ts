import type { DuckDBConnection } from '@duckdb/node-api';

/**
 * Rows of a table as text, streamed. Texts travel behind a mark: the driver cuts a byte order mark off their beginning.
 *
 * @param columns SQL of the columns, as text
 * @param from a table, or a query in brackets
 */
export async function* markedRows(
  connection: DuckDBConnection,
  columns: readonly string[],
  from: string,
): AsyncGenerator<readonly (readonly (string | null)[])[]> {
  const marked = columns.map((column) => `'!' || (${column})`);
  const result = await connection.stream(`SELECT ${marked.join(', ')} FROM ${from}`);
  while (true) {
    const chunk = await result.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) return;
    yield chunk.getRows().map((row) => row.map((cell) => (cell === null ? null : String(cell).slice(1))));
  }
}
