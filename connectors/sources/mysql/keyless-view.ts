import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { GtidSet } from '../../../src/model/gtid-set.ts';
import type { BinlogPlace } from '../../../src/model/position.ts';
import type { TableSchema } from '../../../src/model/table.ts';
import type { BinlogEvent } from './binlog/binlog-event.ts';
import type { CatalogTable } from './catalog.ts';
import { Chunk } from './chunk.ts';
import { Session } from './connection.ts';
import type { MysqlSourceOptions } from './options.ts';
import { ResultRows } from './result-rows.ts';
import { binlogEnd, type Server } from './server.ts';
import { rowColumns, tablePath } from './table-copier.ts';
import { committedPlace } from './visibility.ts';

const CHUNK_ROWS = 8192;
const CHUNK_BYTES = 1 << 20;

/**
 * A view of one table whose place in the binlog is known exactly: without a key no row can be recognised later, so none
 * may be counted twice or missed.
 *
 * MariaDB says itself where a consistent snapshot lies (Binlog_snapshot_file and _position). MySQL does not: there the
 * view sees all that was in gtid_executed before it, nothing that was not in the binlog after it, and what lies between
 * is a few commits in flight. If none of them touches the table, the view is the table at that place; the stream will
 * tell ({@link spoiledBy}).
 */
export class KeylessView {
  readonly #session: Session;
  readonly #table: CatalogTable;
  readonly #rows: ResultRows;
  /** Transactions that the view certainly has; null: it has all up to `until`. */
  readonly #seen: GtidSet | null;
  /** The stream must be here when the rows are handed on. */
  readonly until: BinlogPlace;
  #spoiled = false;

  private constructor(
    session: Session,
    table: CatalogTable,
    options: MysqlSourceOptions,
    until: BinlogPlace,
    seen: GtidSet | null,
  ) {
    this.#session = session;
    this.#table = table;
    this.until = until;
    this.#seen = seen;
    const columns = rowColumns(table, options);
    const list = columns.map((column) => column.expression).join(', ');
    // The statement begins at once: from now on the table cannot be altered under it.
    this.#rows = new ResultRows(
      session,
      `SELECT ${list} FROM ${tablePath(table.schema)}`,
      columns,
      options.receiveBufferBytes,
    );
  }

  /**
   * The stream stands still, and all that it has told is visible.
   *
   * @param signal ends it, whatever it is at
   * @throws RowsealError RS-MY-031 for MySQL without GTIDs, where the place cannot be known
   */
  static async open(
    options: MysqlSourceOptions,
    server: Server,
    table: CatalogTable,
    signal: AbortSignal,
  ): Promise<KeylessView> {
    const session = await Session.open(options, signal);
    const doing = 'copying a table without a key';
    try {
      await session.rows('SET SESSION net_write_timeout = 31536000', doing);
      if (server.flavor === 'mariadb') {
        await session.rows('START TRANSACTION WITH CONSISTENT SNAPSHOT', doing);
        return new KeylessView(session, table, options, await committedPlace(session, doing), null);
      }
      if (!server.gtids) throw new RowsealError('RS-MY-031', { detail: doing });
      const seen = GtidSet.parse((await session.value('SELECT @@GLOBAL.gtid_executed', doing)) ?? '')!;
      await session.rows('START TRANSACTION WITH CONSISTENT SNAPSHOT', doing);
      const { place } = await binlogEnd(session, server);
      return new KeylessView(session, table, options, place, seen);
    } catch (thrown) {
      session.cut();
      throw thrown;
    }
  }

  get table(): TableSchema {
    return this.#table.schema;
  }

  /** Some transaction may or may not be in the view. */
  get spoiled(): boolean {
    return this.#spoiled;
  }

  /** A transaction on this table came by before the rows were handed on. */
  spoiledBy(gtid: BinlogEvent | null): void {
    if (this.#seen === null) return;
    if (gtid?.kind !== 'gtid' || !this.#seen.has(gtid.uuid, gtid.tag, gtid.number)) this.#spoiled = true;
  }

  /** The rows, in pieces. */
  async *chunks(): AsyncGenerator<Chunk> {
    let chunk = new Chunk(this.#table.schema);
    const full: Chunk[] = [];
    let more = true;
    while (more) {
      more = await this.#rows.read((packet) => {
        this.#rows.cells(packet, chunk.cells);
        chunk.count++;
        chunk.bytes += packet.end - packet.start;
        if (chunk.count < CHUNK_ROWS && chunk.bytes < CHUNK_BYTES) return;
        full.push(chunk);
        chunk = new Chunk(this.#table.schema);
      });
      yield* full.splice(0);
    }
    if (chunk.count > 0) yield chunk;
  }

  close(): void {
    this.#session.cut();
  }
}
