import type { Client } from 'pg';
import { Image, Op, type RowRun } from '../../../src/model/change.ts';
import type { TableName, TableSchema } from '../../../src/model/table.ts';
import { postgresError } from './errors.ts';
import { copyRows } from './snapshot.ts';

/** TABLESAMPLE SYSTEM takes whole pages; asked for this many times the rows, it seldom gives fewer. */
const OVERSAMPLING = 4;
/** A smaller table is read from its beginning: sampling would skip most of its few pages. */
const SAMPLED_FROM_ROWS = 10_000;

/** The planner's estimate; null when the table was never analysed. */
export async function estimateRows(client: Client, table: TableName): Promise<number | null> {
  try {
    const { rows } = await client.query<{ estimate: number }>(
      'SELECT c.reltuples::float8 AS estimate FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2',
      [table.namespace, table.name],
    );
    const estimate = rows[0]?.estimate ?? -1;
    return estimate < 0 ? null : Math.round(estimate);
  } catch (thrown) {
    throw postgresError(thrown, 'reading the catalog');
  }
}

/** Up to `wanted` rows: pages from all over a large table, the beginning of a small one. */
export async function sampleRows(
  client: Client,
  table: TableSchema,
  wanted: number,
  bufferBytes: number,
): Promise<RowRun> {
  const estimate = (await estimateRows(client, table)) ?? 0;
  if (estimate >= SAMPLED_FROM_ROWS && estimate > wanted * OVERSAMPLING) {
    const percent = Math.min(100, (100 * OVERSAMPLING * wanted) / estimate);
    // In page order a limit would cut off the end of the table.
    const sampled = await read(
      client,
      table,
      `TABLESAMPLE SYSTEM (${percent}) ORDER BY random() LIMIT ${wanted}`,
      bufferBytes,
    );
    // Pages emptied since the last analysis give nothing.
    if (sampled.count >= Math.min(wanted, 100)) return sampled;
  }
  return read(client, table, `LIMIT ${wanted}`, bufferBytes);
}

async function read(
  client: Client,
  table: TableSchema,
  clause: string,
  bufferBytes: number,
): Promise<RowRun> {
  const runs: RowRun[] = [];
  try {
    for await (const run of copyRows(client, table, clause, bufferBytes, new AbortController().signal))
      runs.push(run);
  } catch (thrown) {
    throw postgresError(thrown, 'sampling a table');
  }
  const count = runs.reduce((sum, run) => sum + run.count, 0);
  return {
    table,
    count,
    ops: new Uint8Array(count).fill(Op.read),
    images: new Uint8Array(count).fill(Image.after),
    cells: runs.flatMap((run) => run.cells),
    firstOrdinal: 0,
    bytes: runs.reduce((sum, run) => sum + run.bytes, 0),
  };
}
