import type { RawCell } from '../../../src/model/cell.ts';
import { Image, Op, type RowRun } from '../../../src/model/change.ts';
import type { TableSchema } from '../../../src/model/table.ts';
import type { CatalogTable } from './catalog.ts';
import { quoteIdentifier, type Session } from './connection.ts';
import type { MysqlSourceOptions } from './options.ts';
import { ResultRows } from './result-rows.ts';
import { rowColumns, tablePath } from './table-copier.ts';

/** A smaller table is read from its beginning. */
const SPREAD_FROM_ROWS = 10_000;
/** Places all over a larger table, if its key is a number. */
const PLACES = 50n;

/** Up to `wanted` rows in the text of the stream: from places all over a large table, from the beginning of another. */
export async function sampleRows(
  session: Session,
  table: CatalogTable,
  wanted: number,
  options: MysqlSourceOptions,
): Promise<RowRun> {
  const { schema } = table;
  const cells: RawCell[] = [];
  let count = 0;
  let bytes = 0;
  for (const clause of await clauses(session, table, wanted)) {
    if (count >= wanted) break;
    const columns = rowColumns(table, options);
    const list = columns.map((column) => column.expression).join(', ');
    const rows = new ResultRows(
      session,
      `SELECT ${list} FROM ${tablePath(schema)}${clause}`,
      columns,
      options.receiveBufferBytes,
    );
    const take = (packet: Parameters<Parameters<ResultRows['read']>[0]>[0]): void => {
      if (count >= wanted) return;
      rows.cells(packet, cells);
      count++;
      bytes += packet.end - packet.start;
    };
    while (await rows.read(take));
  }
  return {
    table: schema,
    count,
    ops: new Uint8Array(count).fill(Op.read),
    images: new Uint8Array(count).fill(Image.after),
    cells,
    firstOrdinal: 0,
    bytes,
  };
}

async function clauses(session: Session, table: CatalogTable, wanted: number): Promise<readonly string[]> {
  const whole = ` LIMIT ${wanted}`;
  const key = integerKey(table.schema);
  if (key === null || (table.estimatedRows ?? 0) < SPREAD_FROM_ROWS) return [whole];
  const name = quoteIdentifier(key);
  const ends = await session.rows(
    `SELECT MIN(${name}), MAX(${name}) FROM ${tablePath(table.schema)}`,
    'sampling a table',
  );
  const [lowest, highest] = ends[0] ?? [];
  if (lowest == null || highest == null) return [whole];
  const [low, high] = [BigInt(lowest), BigInt(highest)];
  const each = Math.ceil(wanted / Number(PLACES));
  const starts = Array.from(
    { length: Number(PLACES) },
    (_, i) => low + ((high - low + 1n) * BigInt(i)) / PLACES,
  );
  const spread = starts.map((start, i) => {
    const end = starts[i + 1];
    const below = end === undefined ? '' : ` AND ${name} < ${end}`;
    return ` WHERE ${name} >= ${start}${below} ORDER BY ${name} LIMIT ${each}`;
  });
  return spread;
}

function integerKey(table: TableSchema): string | null {
  const column = table.columns[table.key[0] ?? -1];
  return table.key.length === 1 && column?.type.kind === 'int' ? column.name : null;
}
