import type { Client } from 'pg';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { RawCell } from '../../../src/model/cell.ts';
import { type ChangeBatch, type ChangeEvent, Image, Op, type RowRun } from '../../../src/model/change.ts';
import type { PostgresPosition } from '../../../src/model/position.ts';
import type { TableName, TableSchema } from '../../../src/model/table.ts';
import { quoteIdentifier, quoteLiteral } from './connection.ts';
import { CopySocket } from './copy-socket.ts';
import { parseCopyRow } from './copy-text.ts';
import { postgresError } from './errors.ts';

/** Rows and bytes of one snapshot transaction at most: what is sealed, and lost in a crash, as a unit. */
const CHUNK_ROWS = 8192;
const CHUNK_BYTES = 1 << 20;

/** Begins a read-only transaction that sees exactly what the slot's stream starts after. */
export async function importSnapshot(client: Client, snapshotName: string): Promise<void> {
  try {
    await client.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY');
    await client.query(`SET TRANSACTION SNAPSHOT ${quoteLiteral(snapshotName)}`);
  } catch (thrown) {
    throw postgresError(thrown, 'importing the snapshot');
  }
}

/** What the records of a copy say, and where the stream goes on after its parts. */
export interface CopyPositions {
  /** The snapshot's consistent point. */
  readonly read: PostgresPosition;
  /** Resume point after a piece of the table. */
  readonly during: PostgresPosition;
  /** The table is copied: resume point after its end. */
  end(): PostgresPosition;
}

/**
 * Copies one table as transactions of `read` rows, between a begin and an end mark.
 *
 * @param copied told of rows that were read
 */
export async function* copyTable(
  client: Client,
  table: TableSchema,
  positions: CopyPositions,
  bufferBytes: number,
  copied: (rows: number) => void,
  signal: AbortSignal,
): AsyncGenerator<ChangeBatch> {
  const transaction: ChangeEvent = {
    kind: 'begin',
    transaction: { id: 'snapshot', position: positions.read, commitTimeUs: BigInt(Date.now()) * 1000n },
  };
  const commit: ChangeEvent = { kind: 'commit', position: positions.during };
  yield { events: [transaction, { kind: 'snapshot', table, phase: 'begin' }, commit], bytes: 0 };
  for await (const run of copyRows(client, table, '', bufferBytes, signal)) {
    copied(run.count);
    yield { events: [transaction, { kind: 'rows', run }, commit], bytes: run.bytes };
  }
  if (signal.aborted) return;
  const end: ChangeEvent = { kind: 'commit', position: positions.end() };
  yield { events: [transaction, { kind: 'snapshot', table, phase: 'end' }, end], bytes: 0 };
}

/**
 * Rows of a table in the text form of COPY, which is that of the stream, in pieces of bounded size.
 *
 * @param clause SQL after the table's name: TABLESAMPLE, WHERE, LIMIT
 */
export async function* copyRows(
  client: Client,
  table: TableSchema,
  clause: string,
  bufferBytes: number,
  signal: AbortSignal,
): AsyncGenerator<RowRun> {
  const only = (await isPartitioned(client, table)) ? '' : 'ONLY ';
  const socket = new CopySocket(client, 'copying a table', bufferBytes);
  let whole = false;
  try {
    const columns = table.columns.map((column) => quoteIdentifier(column.name)).join(', ');
    socket.start(`COPY (SELECT ${columns} FROM ${only}${tablePath(table)} ${clause}) TO STDOUT`);
    const chunk = new ReadChunk(table);
    const full: RowRun[] = [];
    while (!signal.aborted) {
      const bytes = await socket.read();
      if (bytes === null) {
        whole = true;
        break;
      }
      await socket.split(bytes, (buffer, start, end) => {
        chunk.add(buffer.utf8Slice(start, end));
        if (chunk.count >= CHUNK_ROWS || chunk.bytes >= CHUNK_BYTES) full.push(chunk.take());
        return 'go-on';
      });
      yield* full.splice(0);
    }
    if (chunk.count > 0) full.push(chunk.take());
    yield* full;
  } finally {
    if (whole) socket.release();
    else socket.discard();
  }
}

/** `read` rows that fill up. */
class ReadChunk {
  readonly #table: TableSchema;
  #cells: RawCell[] = [];
  #count = 0;
  #bytes = 0;

  constructor(table: TableSchema) {
    this.#table = table;
  }

  get count(): number {
    return this.#count;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(line: string): void {
    const width = this.#table.columns.length;
    // A table without columns still has rows.
    const cells = width === 0 ? 0 : parseCopyRow(line, this.#cells);
    if (cells !== width)
      throw new RowsealError('RS-PG-014', {
        detail: `a copied row has ${cells} columns, its table ${width}`,
      });
    this.#count++;
    this.#bytes += line.length;
  }

  take(): RowRun {
    const run: RowRun = {
      table: this.#table,
      count: this.#count,
      ops: new Uint8Array(this.#count).fill(Op.read),
      images: new Uint8Array(this.#count).fill(Image.after),
      cells: this.#cells,
      firstOrdinal: 0,
      bytes: this.#bytes,
    };
    this.#cells = [];
    this.#count = 0;
    this.#bytes = 0;
    return run;
  }
}

export function tablePath(name: TableName): string {
  return `${quoteIdentifier(name.namespace)}.${quoteIdentifier(name.name)}`;
}

/** Rows of tables that inherit from one are published, and copied, as their own; those of partitions as the table's. */
async function isPartitioned(client: Client, name: TableName): Promise<boolean> {
  try {
    const { rows } = await client.query<{ partitioned: boolean }>(
      "SELECT c.relkind = 'p' AS partitioned FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2",
      [name.namespace, name.name],
    );
    return rows[0]?.partitioned ?? false;
  } catch (thrown) {
    throw postgresError(thrown, 'copying a table');
  }
}
