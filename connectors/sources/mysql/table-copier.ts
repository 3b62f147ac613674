import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { RawCell } from '../../../src/model/cell.ts';
import { displayName, type TableName } from '../../../src/model/table.ts';
import type { Catalog, CatalogTable } from './catalog.ts';
import { Chunk } from './chunk.ts';
import { quoteIdentifier, type Session } from './connection.ts';
import { isLocked } from './errors.ts';
import { behind, cursorOf, isCursorOf, type KeyCursor, keyParts } from './key-cursor.ts';
import type { MysqlSourceOptions } from './options.ts';
import type { Packet } from './packet-stream.ts';
import { ResultRows } from './result-rows.ts';
import { type SelectedColumn, selectedColumn } from './select-cell.ts';
import { binlogEnd, type Server } from './server.ts';
import { readLock } from './visibility.ts';

/** Rows and bytes of one chunk at most: what is sealed, and lost in a crash, as a unit. */
const CHUNK_ROWS = 8192;
const CHUNK_BYTES = 1 << 20;
/** Before anything is known of the size of its rows. */
const FIRST_ROWS = 1024;
/** By how much one chunk has more rows than the one before at most, or fewer. */
const LEAP = 8;

/** Reads tables in chunks with plain SELECTs: no long transaction, and no lock (but see {@link readLock}). */
export class TableCopier {
  readonly #session: Session;
  readonly #server: Server;
  readonly #catalog: Catalog;
  readonly #options: MysqlSourceOptions;
  #limit = FIRST_ROWS;
  /** So many rows from here, one was locked: chunks get no larger before. */
  #lockedWithin = 0;

  constructor(session: Session, server: Server, catalog: Catalog, options: MysqlSourceOptions) {
    this.#session = session;
    this.#server = server;
    this.#catalog = catalog;
    this.#options = options;
  }

  /** A new table: nothing is known of its rows. */
  begin(): void {
    this.#limit = FIRST_ROWS;
    this.#lockedWithin = 0;
  }

  /**
   * The rows behind the cursor. The definition of the table is the same before and after the SELECT.
   *
   * @returns `restart`: the table has no key, or another one than that of the cursor; `locked`: rows of it are, for too long
   * @throws RowsealError RS-MY-008 when the table is gone
   */
  async chunk(name: TableName, cursor: KeyCursor | null): Promise<Chunk | 'restart' | 'locked'> {
    for (;;) {
      const table = await this.#catalog.table(name);
      if (table === null) throw new RowsealError('RS-MY-008', { detail: displayName(name) });
      const { schema } = table;
      if (schema.key.length === 0 || (cursor !== null && !isCursorOf(schema, cursor))) return 'restart';
      let chunk: Chunk;
      try {
        chunk = await this.#select(table, cursor);
      } catch (thrown) {
        // Altered in between: a column that is gone makes the statement fail.
        if ((await this.#catalog.table(name)) !== table) continue;
        if (isLocked(thrown)) {
          // Up to the locked row the copy can come, and fewer rows stay locked while it is waited for.
          this.#lockedWithin = this.#limit;
          this.#limit = Math.max(1, Math.floor(this.#limit / LEAP));
          return 'locked';
        }
        throw thrown;
      }
      if ((await this.#catalog.table(name)) === table) return chunk;
    }
  }

  async #select(table: CatalogTable, cursor: KeyCursor | null): Promise<Chunk> {
    const { schema } = table;
    const parts = keyParts(schema);
    const selected = rowColumns(table, this.#options);
    const limit = this.#limit;
    const list = [...selected, ...parts.map((part) => part.selected)]
      .map((column) => column.expression)
      .join(', ');
    const order = parts.map((part) => quoteIdentifier(part.column.name)).join(', ');
    const rows = new ResultRows(
      this.#session,
      `SELECT ${list} FROM ${tablePath(schema)}${behind(parts, cursor)} ORDER BY ${order} LIMIT ${limit}${readLock(this.#server)}`,
      [...selected, ...parts.map((part) => part.selected)],
      this.#options.receiveBufferBytes,
    );
    const chunk = new Chunk(schema);
    let received = 0;
    let full = false;
    let lastKey: RawCell[] = [];
    const take = (packet: Packet): void => {
      received++;
      if (full) return;
      const before = chunk.cells.length;
      rows.cells(packet, chunk.cells);
      lastKey = chunk.cells.splice(before + schema.columns.length);
      chunk.count++;
      chunk.bytes += packet.end - packet.start;
      // Rows beyond are read by the next chunk; the statement is let run out, which keeps the connection.
      full = chunk.bytes >= CHUNK_BYTES;
    };
    while (await rows.read(take));
    chunk.until = (await binlogEnd(this.#session, this.#server)).place;
    chunk.cursor = chunk.count === 0 ? cursor : cursorOf(parts, lastKey);
    chunk.last = received < limit && chunk.count === received;
    if (chunk.count > 0) {
      this.#lockedWithin -= chunk.count;
      this.#limit = Math.min(nextLimit(chunk), this.#lockedWithin > 0 ? limit : CHUNK_ROWS);
    }
    return chunk;
  }
}

/** So many rows as make about one chunk, by the size of those just read; never a leap. */
function nextLimit(chunk: Chunk): number {
  const fitting = Math.floor(CHUNK_BYTES / (chunk.bytes / chunk.count));
  return Math.max(1, Math.min(CHUNK_ROWS, fitting, chunk.count * LEAP));
}

export function rowColumns(
  table: CatalogTable,
  rules: Pick<MysqlSourceOptions, 'zeroDates' | 'invalidText'>,
): readonly SelectedColumn[] {
  const { schema } = table;
  return schema.columns.map((column, index) =>
    selectedColumn(column, table.zerofill.has(index), rules, displayName(schema)),
  );
}

export function tablePath(name: TableName): string {
  return `${quoteIdentifier(name.namespace)}.${quoteIdentifier(name.name)}`;
}
