import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { ChangeBatch } from '../../../src/model/change.ts';
import type { PostgresPosition } from '../../../src/model/position.ts';
import { displayName, type TableName } from '../../../src/model/table.ts';
import { Catalog } from './catalog.ts';
import { destroy, quoteLiteral } from './connection.ts';
import type { CopyProgress } from './copy-progress.ts';
import { postgresError } from './errors.ts';
import type { PostgresSourceOptions } from './options.ts';
import { estimateRows } from './sample.ts';
import type { SlotSnapshot } from './slot-snapshot.ts';
import { copyTable, tablePath } from './snapshot.ts';
import type { TableVersions } from './table-versions.ts';

/**
 * Tables without a key, copied whole in one snapshot whose place in the stream is known exactly, because a slot was made
 * with it: without a key no row can be recognised later, so none may be counted twice or missed. The stream waits at that
 * place until they are copied.
 */
export class KeylessCopy {
  readonly #snapshot: SlotSnapshot;
  readonly #tables: readonly TableName[];
  readonly #versions: TableVersions;
  readonly #options: PostgresSourceOptions;
  #done = false;

  private constructor(
    snapshot: SlotSnapshot,
    tables: readonly TableName[],
    versions: TableVersions,
    options: PostgresSourceOptions,
  ) {
    this.#snapshot = snapshot;
    this.#tables = tables;
    this.#versions = versions;
    this.#options = options;
  }

  /**
   * Takes the tables as the snapshot shows them; it is closed with this, also when this fails. Waits for whoever alters one of
   * them: the signal ends that, with an error.
   *
   * @throws RowsealError RS-PG-025 when a table was rewritten since the snapshot was taken
   */
  static async open(
    snapshot: SlotSnapshot,
    tables: readonly TableName[],
    versions: TableVersions,
    options: PostgresSourceOptions,
    signal: AbortSignal,
  ): Promise<KeylessCopy> {
    const giveUp = (): void => destroy(snapshot.reader);
    signal.addEventListener('abort', giveUp);
    if (signal.aborted) giveUp();
    try {
      for (const table of tables) await refuseRewritten(snapshot, table);
      return new KeylessCopy(snapshot, tables, versions, options);
    } catch (error) {
      await snapshot.close();
      throw error;
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }

  /** Before the first transaction from here on. */
  get seam(): bigint {
    return this.#snapshot.consistentPoint;
  }

  get done(): boolean {
    return this.#done;
  }

  /**
   * @param here resume point at this moment
   * @param finished called when a table is copied, before `here` is asked for its end
   */
  async *handOn(
    progress: CopyProgress,
    here: () => PostgresPosition,
    finished: (name: TableName) => void,
    signal: AbortSignal,
  ): AsyncGenerator<ChangeBatch> {
    const { reader, consistentPoint } = this.#snapshot;
    for (const name of this.#tables) {
      const found = await new Catalog(reader, this.#options.publication).table(name);
      if (found === null) throw new RowsealError('RS-PG-006', { detail: displayName(name) });
      const table = this.#versions.of(found);
      progress.begin(name, 0, await estimateRows(reader, table));
      const position = here();
      let rows = 0;
      const copied = (count: number): void => {
        rows += count;
        progress.advance(name, rows);
      };
      const end = (): PostgresPosition => {
        finished(name);
        progress.finish(name);
        return here();
      };
      const positions = { read: { ...position, lsn: consistentPoint }, during: position, end };
      yield* copyTable(reader, table, positions, this.#options.receiveBufferBytes, copied, signal);
      if (signal.aborted) return;
    }
    this.#done = true;
    await this.close();
  }

  async close(): Promise<void> {
    await this.#snapshot.close();
  }
}

/**
 * A table that was rewritten after the snapshot was taken (ALTER TABLE, TRUNCATE) looks empty to it (PostgreSQL manual 13.6,
 * "Caveats"). From here on the table is locked against that, as by any SELECT. pg_class is read as the snapshot shows it,
 * pg_relation_filenode as it is now.
 */
async function refuseRewritten({ reader }: SlotSnapshot, name: TableName): Promise<void> {
  try {
    await reader.query(`LOCK TABLE ${tablePath(name)} IN ACCESS SHARE MODE`);
    const { rows } = await reader.query<{ rewritten: boolean }>(
      `SELECT coalesce(bool_or(c.relfilenode <> coalesce(pg_relation_filenode(c.oid), 0)), true) AS rewritten
       FROM pg_class c WHERE c.oid IN (SELECT relid FROM pg_partition_tree(${quoteLiteral(tablePath(name))}::regclass)
                                       UNION ALL SELECT ${quoteLiteral(tablePath(name))}::regclass)`,
    );
    if (rows[0]!.rewritten) throw new RowsealError('RS-PG-025', { detail: displayName(name) });
  } catch (thrown) {
    throw postgresError(thrown, 'copying a table');
  }
}
