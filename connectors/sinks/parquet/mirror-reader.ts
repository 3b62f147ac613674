import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import {
  deadLetterRow,
  type MirroredRow,
  type MirroredTable,
  type MirrorReader,
  type MirrorView,
  mirroredRow,
} from '../../../src/deliver/mirror-reader.ts';
import type { DeadLetter } from '../../../src/deliver/warehouse/dead-letters.ts';
import type { Target } from '../../../src/deliver/warehouse/target.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { displayName, tableKey } from '../../../src/model/table.ts';
import { textOf } from '../../duckdb-engine/canonical-text.ts';
import { failureOf } from '../../duckdb-engine/failure.ts';
import { quoteLiteral } from '../../duckdb-engine/identifier.ts';
import { markedRows } from '../../duckdb-engine/marked-rows.ts';
import { ChangeDirectory } from './change-directory.ts';
import { parquetError } from './errors.ts';
import type { FileStore } from './file-store.ts';
import { tableDirectory } from './layout.ts';
import type { ParquetSinkOptions } from './options.ts';
import { openStore } from './place.ts';
import { currentRows } from './view.ts';

/** Reads the change files of a directory as the views do: the current rows, in bounded memory. */
export function createParquetMirrorReader(options: ParquetSinkOptions): MirrorReader {
  return {
    name: options.name,
    open: async () => {
      const store = await openStore(options.place);
      try {
        const view = new ParquetView(options, store);
        if (await view.load()) return view;
        await view.close();
        return null;
      } catch (thrown) {
        store.close();
        throw parquetError(thrown, `reading sink ${options.name}`);
      }
    },
  };
}

class ParquetView implements MirrorView {
  readonly #options: ParquetSinkOptions;
  readonly #store: FileStore;
  readonly #directory: ChangeDirectory;
  readonly #targets = new Map<string, Target>();
  #database: { readonly instance: DuckDBInstance; readonly connection: DuckDBConnection } | null = null;
  /** Where DuckDB finds the files: the place itself, or a copy of a bucket. */
  #files = '';
  pipeline = '';
  cursor: number | null = null;
  tables: readonly MirroredTable[] = [];

  constructor(options: ParquetSinkOptions, store: FileStore) {
    this.#options = options;
    this.#store = store;
    this.#directory = new ChangeDirectory(store);
  }

  /** @returns false: no sink has written here */
  async load(): Promise<boolean> {
    const pipeline = await this.#directory.pipeline();
    if (pipeline === null) return false;
    this.pipeline = pipeline;
    const manifest = await this.#directory.newestManifest();
    this.cursor = (await this.#directory.reached(manifest))?.to ?? null;
    const tables: MirroredTable[] = [];
    for (const saved of Object.values(manifest?.targets ?? {})) {
      const target = JSON.parse(await this.#directory.readTarget(saved)) as Target;
      this.#targets.set(tableKey(target.table), target);
      const proof = target.table.key.length > 0;
      tables.push({ table: target.table, columns: target.columns, proof });
    }
    this.tables = tables;
    this.#files = await this.#store.localCopy(['tables', 'dead_letters']);
    const instance = await DuckDBInstance.create(':memory:', {
      memory_limit: `${Math.round(this.#options.memoryLimitBytes / 1e6)}MB`,
      threads: '1',
      temp_directory: `${this.#store.workDirectory}-read`,
      preserve_insertion_order: 'false',
    });
    this.#database = { instance, connection: await instance.connect() };
    await this.#database.connection.run("SET TimeZone = 'UTC'");
    return true;
  }

  async *rows({ table }: MirroredTable): AsyncGenerator<readonly MirroredRow[]> {
    const target = this.#targets.get(tableKey(table))!;
    const path = `tables/${tableDirectory(table)}`;
    if (await this.#directory.isEmpty(path)) return;
    const texts = target.columns.map(({ name, type }) => textOf(name, type));
    const keyed = table.key.length > 0;
    const query = currentRows(target, `${this.#files}/${path}/*/*.parquet`);
    try {
      const columns = [keyed ? 'CAST(_rowseal_seq AS VARCHAR)' : 'NULL', ...texts];
      for await (const rows of markedRows(this.#database!.connection, columns, `(${query})`))
        yield rows.map(mirroredRow);
    } catch (thrown) {
      if (failureOf(thrown) === 'name') throw new RowsealError('RS-REC-003', { detail: displayName(table) });
      throw await this.#readError(thrown, `reading ${displayName(table)}`);
    }
  }

  async *deadLetters(): AsyncGenerator<readonly DeadLetter[]> {
    if (await this.#directory.isEmpty('dead_letters')) return;
    const columns = [
      'CAST(group_index AS VARCHAR)',
      'table_name',
      'row_key',
      'column_name',
      'value',
      'reason',
    ];
    const files = quoteLiteral(`${this.#files}/dead_letters/*.parquet`);
    try {
      for await (const rows of markedRows(this.#database!.connection, columns, `read_parquet(${files})`))
        yield rows.map(deadLetterRow);
    } catch (thrown) {
      throw await this.#readError(thrown, 'reading dead letters');
    }
  }

  /** Files are never changed, but new ones come. */
  async moved(): Promise<boolean> {
    const reached = await this.#directory.reached(await this.#directory.newestManifest());
    return (reached?.to ?? null) !== this.cursor;
  }

  /** A batch, and the merge after it, come between two looks at the files: fewer rows than before, or a file that is gone. */
  async #readError(thrown: unknown, doing: string): Promise<RowsealError> {
    const failure = failureOf(thrown);
    if ((failure === 'cut' || failure === 'io') && (await this.moved().catch(() => false)))
      return new RowsealError('RS-REC-002', { detail: `sink ${this.#options.name}` });
    return parquetError(thrown, doing);
  }

  async close(): Promise<void> {
    this.#database?.connection.closeSync();
    this.#database?.instance.closeSync();
    await this.#store.dropLocalCopy();
    this.#directory.close();
  }
}
