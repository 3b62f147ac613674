import type { Client } from 'pg';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { displayName, type TableName, type TableSchema } from '../../../src/model/table.ts';
import { Catalog } from './catalog.ts';
import type { Chunk } from './chunk.ts';
import { connect, destroy, quoteLiteral } from './connection.ts';
import { postgresError } from './errors.ts';
import {
  among,
  behind,
  type CopyCursor,
  type KeyColumn,
  type KeyOperators,
  type KeyOrder,
  keyOf,
  openCursor,
} from './key-cursor.ts';
import type { PostgresSourceOptions } from './options.ts';
import { copyRows, tablePath } from './snapshot.ts';
import type { TableVersions } from './table-versions.ts';
import { lowHalf, Visibility } from './visibility.ts';

/** Rows and bytes of one chunk at most: what is sealed, and lost in a crash, as a unit. */
const CHUNK_ROWS = 8192;
const CHUNK_BYTES = 1 << 20;
/** Before anything is known of the size of its rows. */
const FIRST_ROWS = 512;
/** Longest pause between two looks for transactions that are committed and not shown yet, in milliseconds. */
const UNSEEN_WAIT_MS = 250;
const DOING = 'copying a table';
/** Prefix of the logical messages whose transactions mark a place in the stream. */
const MARK = 'rowseal.copy';

/**
 * The next rows come out of the key's index, whatever the statistics of the table say: a sort for each chunk would read the
 * table as often as it has chunks. The mark is flushed at once, without waiting for standbys.
 */
const SESSION = `SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off;
  SET max_parallel_workers_per_gather = 0; SET jit = off; SET synchronous_commit = local`;

/** Reads the chunks of one table after the other on a connection of its own: short transactions, no lock but a reader's. */
export class TableReader {
  readonly #options: PostgresSourceOptions;
  readonly #versions: TableVersions;
  readonly #signal: AbortSignal;
  #client: Client | null = null;
  #catalog: Catalog | null = null;
  #limit = FIRST_ROWS;

  constructor(options: PostgresSourceOptions, versions: TableVersions, signal: AbortSignal) {
    this.#options = options;
    this.#versions = versions;
    this.#signal = signal;
  }

  /**
   * Fills the chunk and sets its mark. The chunk is of kind `begin` when the copy of the table has not begun, or must begin
   * again because its cursor is of another key, order or mask policy.
   *
   * @param cursor as it is known here; null: as `sealed` says
   * @param sealed as a position says; null: the copy has not begun
   * @throws RowsealError RS-PG-006 when the table is gone, RS-PG-024 when it has no key any more
   */
  async read(name: TableName, chunk: Chunk, cursor: CopyCursor | null, sealed: string | null): Promise<void> {
    const client = await this.#connected();
    try {
      const visibility = await this.#begin(client, chunk, name);
      const found = await this.#catalog!.table(name);
      if (found === null) throw new RowsealError('RS-PG-006', { detail: displayName(name) });
      const table = this.#versions.of(found);
      const order = await keyOrder(client, table);
      const opened =
        cursor ?? (sealed === null ? null : openCursor(this.#options.positionSeal, table, sealed));
      // Under another key what is copied cannot be told from what is not.
      chunk.behind = opened?.order === order.identity ? opened : null;
      chunk.under(visibility, table, order);
      if (chunk.behind === null) chunk.kind = 'begin';
      else await this.#rows(client, chunk, chunk.behind);
      const { rows } = await client.query<{ xid: string }>(
        `SELECT pg_current_xact_id()::text AS xid FROM pg_logical_emit_message(true, '${MARK}', '')`,
      );
      chunk.complete();
      chunk.mark = String(lowHalf(rows[0]!.xid));
      await client.query('COMMIT');
    } catch (thrown) {
      throw postgresError(thrown, DOING);
    }
  }

  /** At once, whatever the server is at. */
  close(): void {
    if (this.#client !== null) destroy(this.#client);
    this.#client = null;
  }

  async #connected(): Promise<Client> {
    if (this.#client === null) {
      const client = await connect(this.#options);
      // It could not be closed before it was there.
      if (this.#signal.aborted) {
        destroy(client);
        throw new RowsealError('RS-PG-016', { detail: DOING });
      }
      this.#client = client;
      this.#catalog = new Catalog(client, this.#options.publication);
      await client.query(SESSION).catch((thrown: unknown) => {
        throw postgresError(thrown, DOING);
      });
    }
    return this.#client;
  }

  /** Begins the transaction, its lock before its snapshot. */
  async #begin(client: Client, chunk: Chunk, name: TableName): Promise<Visibility> {
    for (let attempt = 0; ; attempt++) {
      // `ONLY` is not for partitioned tables, whose partitions must be locked as well.
      const results = (await client.query(
        `BEGIN ISOLATION LEVEL REPEATABLE READ; LOCK TABLE ${tablePath(name)} IN ACCESS SHARE MODE; SELECT pg_current_snapshot()::text AS snapshot`,
      )) as unknown as readonly { readonly rows: readonly { readonly snapshot: string }[] }[];
      const visibility = Visibility.parse(results[2]!.rows[0]!.snapshot);
      if (chunk.predecessors.forget(visibility)) return visibility;
      await client.query('ROLLBACK');
      await new Promise((resolve) => setTimeout(resolve, Math.min(2 ** attempt, UNSEEN_WAIT_MS)));
    }
  }

  async #rows(client: Client, chunk: Chunk, cursor: CopyCursor): Promise<void> {
    const limit = this.#limit;
    const { requested, order, table } = chunk;
    const clause =
      requested === null
        ? `${behind(order, cursor.last)} LIMIT ${limit}`
        : among(order, [...requested.values()]);
    let received = 0;
    for await (const run of copyRows(client, table, clause, this.#options.receiveBufferBytes, this.#signal)) {
      received += run.count;
      // Rows beyond the first piece are read again by the next chunk; the statement runs out, which keeps the connection.
      if (chunk.count > 0 && requested === null) continue;
      for (const cell of run.cells) chunk.cells.push(cell);
      chunk.count += run.count;
      chunk.bytes += run.bytes;
    }
    if (requested !== null) return;
    const width = table.columns.length;
    chunk.last = chunk.count === 0 ? cursor.last : keyOf(order, chunk.cells, (chunk.count - 1) * width);
    chunk.exhausted = received < limit && chunk.count === received;
    if (chunk.overwhelmed) this.#limit = Math.max(1, Math.floor(limit / 4));
    else if (chunk.count > 0) this.#limit = nextLimit(chunk);
  }
}

/** So many rows as make about one chunk, by the size of those just read; never a leap. */
function nextLimit(chunk: Chunk): number {
  const fitting = Math.floor(CHUNK_BYTES / (chunk.bytes / chunk.count));
  return Math.max(1, Math.min(CHUNK_ROWS, fitting, chunk.count * 8));
}

/** Columns of the index that the table is walked by: of its replica identity, or its primary key. */
async function keyOrder(client: Client, table: TableSchema): Promise<KeyOrder> {
  // An empty search path, so that types are written with their schema and regclass and its like look the same everywhere.
  const results = (await client.query(
    `SET LOCAL search_path = '';
     SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type,
            pg_collation_actual_version(NULLIF(a.attcollation, 0)) AS version,
            current_setting('server_version_num')::int / 10000 AS major,
            o.opcdefault AND NOT EXISTS (SELECT FROM pg_opclass d WHERE d.opcmethod = o.opcmethod AND d.opcdefault
                                         AND d.opcintype = a.atttypid AND d.oid <> o.oid) AS usual,
            (SELECT array_agg(format('OPERATOR(%I.%s)', s.nspname, p.oprname) ORDER BY m.amopstrategy)
             FROM pg_amop m JOIN pg_operator p ON p.oid = m.amopopr JOIN pg_namespace s ON s.oid = p.oprnamespace
             WHERE m.amopfamily = o.opcfamily AND m.amoplefttype = o.opcintype AND m.amoprighttype = o.opcintype AND m.amoppurpose = 's') AS operators
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_index i ON i.indrelid = c.oid
     CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indclass::oid[]) WITH ORDINALITY AS k (attnum, opclass, ord)
     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum JOIN pg_opclass o ON o.oid = k.opclass
     WHERE n.nspname = ${quoteLiteral(table.namespace)} AND c.relname = ${quoteLiteral(table.name)} AND k.ord <= i.indnkeyatts
       AND CASE c.relreplident WHEN 'i' THEN i.indisreplident ELSE i.indisprimary END
     ORDER BY k.ord`,
  )) as unknown as readonly { readonly rows: readonly OrderRow[] }[];
  const { rows } = results[1]!;
  if (rows.length === 0) throw new RowsealError('RS-PG-024', { detail: displayName(table) });
  const columns = rows.map(
    ({ name, type, usual, operators }): KeyColumn => ({
      name,
      type,
      index: table.columns.findIndex((column) => column.name === name),
      operators: usual && operators.every((operator) => OWN_OPERATOR.test(operator)) ? null : operators,
      usual,
    }),
  );
  const identity = rows.map(({ name, type, version, major }, i) => {
    const { operators } = columns[i]!;
    return { name, type, version, major, ...(operators === null ? {} : { operators }) };
  });
  return { columns, identity: JSON.stringify(identity) };
}

const OWN_OPERATOR = /^OPERATOR\(pg_catalog\.[<=>]{1,2}\)$/;

interface OrderRow {
  readonly name: string;
  readonly type: string;
  /** Of its collation, where the server knows one. */
  readonly version: string | null;
  readonly major: number;
  /** It is ordered by them anyway. */
  readonly usual: boolean;
  readonly operators: KeyOperators;
}
