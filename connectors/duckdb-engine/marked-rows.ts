import type { DuckDBConnection } from '@duckdb/node-api';
import { CutShort } from './failure.ts';

/**
 * Rows of a table as text, streamed. Texts travel behind a mark: the driver cuts a byte order mark off their beginning.
 *
 * The driver takes an error in the middle of a stream for its end, so the rows are counted before. (An answer in a
 * temporary table would be whole, but large mirrors do not fit beside themselves.)
 *
 * @param columns SQL of the columns, as text
 * @param from a table, or a query in brackets, that does not lose rows meanwhile
 * @throws CutShort
 */
export async function* markedRows(
  connection: DuckDBConnection,
  columns: readonly string[],
  from: string,
): AsyncGenerator<readonly (readonly (string | null)[])[]> {
  const counted = await connection.runAndReadAll(`SELECT count(*) FROM ${from}`);
  let left = Number(counted.getRowsJS()[0]![0]);
  const marked = columns.map((column) => `'!' || (${column})`);
  const result = await connection.stream(`SELECT ${marked.join(', ')} FROM ${from}`);
  while (true) {
    const chunk = await result.fetchChunk();
    if (chunk === null || chunk.rowCount === 0) break;
    left -= chunk.rowCount;
    yield chunk.getRows().map((row) => row.map((cell) => (cell === null ? null : String(cell).slice(1))));
  }
  if (left > 0) throw new CutShort(`${left} rows did not come`);
}
