import { access } from 'node:fs/promises';
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
import { markedRows } from '../../duckdb-engine/marked-rows.ts';
import { mirrorName } from './dialect.ts';
import { duckdbError } from './errors.ts';
import type { DuckdbSinkOptions } from './sink.ts';

/** Reads a DuckDB file that no other process has open. */
export function createDuckdbMirrorReader(
  options: Pick<DuckdbSinkOptions, 'name' | 'path' | 'memoryLimitBytes'>,
): MirrorReader {
  return {
    name: options.name,
    open: async () => {
      const { path } = options;
      if (!(await exists(path))) return null;
      try {
        const instance = await DuckDBInstance.create(path, {
          access_mode: 'READ_ONLY',
          memory_limit: `${Math.round(options.memoryLimitBytes / 1e6)}MB`,
          threads: '1',
          temp_directory: `${path}.tmp`,
        });
        const view = new DuckdbView(instance, await instance.connect());
        if (await view.load()) return view;
        await view.close();
        return null;
      } catch (thrown) {
        throw duckdbError(thrown, `reading sink ${options.name}`);
      }
    },
  };
}

/** Nobody writes a file that is open here, so all that is read is of one moment. */
class DuckdbView implements MirrorView {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  readonly #targets = new Map<string, Target>();
  pipeline = '';
  cursor: number | null = null;
  tables: readonly MirroredTable[] = [];

  constructor(instance: DuckDBInstance, connection: DuckDBConnection) {
    this.#instance = instance;
    this.#connection = connection;
  }

  /** @returns false: no sink has written here */
  async load(): Promise<boolean> {
    await this.#connection.run("SET TimeZone = 'UTC'");
    const there = await this.#connection.runAndReadAll(
      "SELECT 1 FROM information_schema.tables WHERE table_schema = '_rowseal' AND table_name = 'cursor'",
    );
    if (there.currentRowCount === 0) return false;
    const cursor = await this.#connection.runAndReadAll('SELECT pipeline, group_index FROM _rowseal.cursor');
    const row = cursor.getRowsJS()[0];
    if (row === undefined) return false;
    this.pipeline = String(row[0]);
    this.cursor = row[1] === null ? null : Number(row[1]);
    const known = await this.#connection.runAndReadAll('SELECT known FROM _rowseal.tables');
    this.tables = known.getRowsJS().map(([text]) => {
      const target = JSON.parse(String(text)) as Target;
      this.#targets.set(tableKey(target.table), target);
      return { table: target.table, columns: target.columns, proof: target.proof };
    });
    return true;
  }

  async *rows({ table }: MirroredTable): AsyncGenerator<readonly MirroredRow[]> {
    const { columns, proof } = this.#targets.get(tableKey(table))!;
    const texts = columns.map(({ name, type }) => textOf(name, type));
    const sql = [proof ? 'CAST(_rowseal_seq AS VARCHAR)' : 'NULL', ...texts];
    try {
      for await (const rows of markedRows(this.#connection, sql, mirrorName(table)))
        yield rows.map(mirroredRow);
    } catch (thrown) {
      // The names in it are gone, or of another kind.
      if (failureOf(thrown) === 'name') throw new RowsealError('RS-REC-003', { detail: displayName(table) });
      throw duckdbError(thrown, `reading ${displayName(table)}`);
    }
  }

  async *deadLetters(): AsyncGenerator<readonly DeadLetter[]> {
    const columns = [
      'CAST(group_index AS VARCHAR)',
      'table_name',
      'row_key',
      'column_name',
      'value',
      'reason',
    ];
    try {
      for await (const rows of markedRows(this.#connection, columns, '_rowseal.dead_letters'))
        yield rows.map(deadLetterRow);
    } catch (thrown) {
      throw duckdbError(thrown, 'reading dead letters');
    }
  }

  async moved(): Promise<boolean> {
    return false;
  }

  async close(): Promise<void> {
    this.#connection.closeSync();
    this.#instance.closeSync();
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
