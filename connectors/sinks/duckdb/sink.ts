import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { GroupIndex } from '../../../src/audit/audit-log.ts';
import type { DeliveryBatch, Sink, SinkCapabilities, SinkStats } from '../../../src/deliver/sink.ts';
import {
  type DeadLetter,
  DeadLetterBox,
  DeadLetterCount,
  letterColumns,
} from '../../../src/deliver/warehouse/dead-letters.ts';
import { feedGroup, TableTakers } from '../../../src/deliver/warehouse/group-events.ts';
import { Overlap } from '../../../src/deliver/warehouse/overlap.ts';
import { PieceCollector } from '../../../src/deliver/warehouse/piece-collector.ts';
import {
  type Alteration,
  alterTarget,
  newTarget,
  type Target,
  targetText,
} from '../../../src/deliver/warehouse/target.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { Finding } from '../../../src/model/finding.ts';
import type { MaskedTable } from '../../../src/model/masked.ts';
import { displayName, tableKey } from '../../../src/model/table.ts';
import { textOf } from '../../duckdb-engine/canonical-text.ts';
import { dialect } from '../../duckdb-engine/dialect.ts';
import { failureOf } from '../../duckdb-engine/failure.ts';
import { PackedRunner } from '../../duckdb-engine/packed.ts';
import { castExpression } from '../../duckdb-engine/types.ts';
import { closeDatabase, type Database, openDatabase, openError } from './database.ts';
import { alterStatements, createHistory, createMirror, historyName, mirrorName } from './dialect.ts';
import { duckdbError } from './errors.ts';
import { DuckdbReader, type ReadingOptions } from './reader.ts';
import { type SnapshotOptions, Snapshots } from './snapshots.ts';
import { TableWriter } from './table-writer.ts';

export interface DuckdbSinkOptions {
  readonly name: string;
  /** Path of the database file. */
  readonly path: string;
  /** Tables, as `namespace.name`, that also get a `…__history` table with every version of every row. */
  readonly history: 'none' | 'all' | ReadonlySet<string>;
  /** Mirrors carry `_rowseal_seq` and its like: where in the audit log each row comes from. */
  readonly proof: boolean;
  readonly memoryLimitBytes: number;
  readonly threads: number;
  /** Dead letters that one table may have; one more, and the sink stops. */
  readonly maxDeadLetters: number;
  /** Memory on top of the limit while queries or snapshots read; default: none. */
  readonly readMemoryBytes?: number;
  /** Queries that the process answers (`DuckdbReader`); null: none. */
  readonly query?: ReadingOptions | null;
  readonly snapshots?: SnapshotOptions | null;
}

/** Memory that a column of a table being written takes: DuckDB's block of 256 KiB, and what is worked on. */
const COLUMN_BYTES = 400_000;

const BOOKKEEPING = `
  CREATE SCHEMA IF NOT EXISTS _rowseal;
  CREATE TABLE IF NOT EXISTS _rowseal.cursor (pipeline VARCHAR NOT NULL, epoch BIGINT NOT NULL, group_index BIGINT, head VARCHAR);
  CREATE TABLE IF NOT EXISTS _rowseal.tables (table_key VARCHAR NOT NULL, known VARCHAR NOT NULL);
  CREATE TABLE IF NOT EXISTS _rowseal.dead_letters (
    group_index BIGINT NOT NULL, table_name VARCHAR NOT NULL, row_key VARCHAR, column_name VARCHAR, value VARCHAR, reason VARCHAR NOT NULL
  );
`;

/**
 * Mirrors (and histories) in one DuckDB file. Rows, dead letters and cursor commit in one transaction.
 *
 * @param report told of trouble that is not delivery's
 */
export function createDuckdbSink(
  options: DuckdbSinkOptions,
  report: (error: RowsealError) => void = () => {},
): Sink {
  return new DuckdbSink(options, report);
}

interface OpenDatabase extends Database {
  readonly runner: PackedRunner;
  readonly pipeline: string;
  readonly epoch: bigint;
}

class DuckdbSink implements Sink {
  readonly name: string;
  readonly kind = 'atomic';
  readonly capabilities: SinkCapabilities = {
    partialRows: true,
    keylessTables: true,
    ddlInTransaction: true,
  };
  readonly reader: DuckdbReader | null;
  readonly #options: DuckdbSinkOptions;
  readonly #snapshots: Snapshots | null;
  readonly #targets = new Map<string, Target>();
  readonly #deadLetters: DeadLetterCount;
  #open: OpenDatabase | null = null;
  #cursor: GroupIndex | null = null;
  #rows = 0;

  constructor(options: DuckdbSinkOptions, report: (error: RowsealError) => void) {
    this.name = options.name;
    this.reader = options.query == null ? null : new DuckdbReader(options.query);
    this.#snapshots = options.snapshots == null ? null : new Snapshots(options.snapshots, report);
    this.#options = options;
    this.#deadLetters = new DeadLetterCount(options.maxDeadLetters);
  }

  async preflight(): Promise<readonly Finding[]> {
    const { path } = this.#options;
    const subject = `sink ${this.name}`;
    try {
      if (await exists(path)) {
        // Opening a file that is not there would make it; one that is there is opened and let go.
        const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' });
        instance.closeSync();
        return [{ level: 'ok', code: null, subject, detail: path, fix: null }];
      }
      let directory = dirname(path);
      while (!(await exists(directory)) && dirname(directory) !== directory) directory = dirname(directory);
      await access(directory, constants.W_OK);
      return [{ level: 'ok', code: null, subject, detail: `${path} will be created`, fix: null }];
    } catch (thrown) {
      const error = openError(thrown, path);
      return [{ level: 'error', code: error.code, subject, detail: error.message, fix: error.fix }];
    }
  }

  async open(pipeline: string, epoch: bigint): Promise<GroupIndex | null> {
    await this.close();
    const database = await openDatabase({
      ...this.#options,
      readMemoryBytes: this.#options.readMemoryBytes ?? 0,
      snapshotDirectory: this.#options.snapshots?.directory ?? null,
    });
    this.#open = { ...database, runner: new PackedRunner(database.connection), pipeline, epoch };
    return this.#guard('opening', async ({ connection }) => {
      await connection.run(BOOKKEEPING);
      this.#cursor = await this.#takeOver(connection, pipeline, epoch);
      await this.#loadTargets(connection);
      await this.#loadDeadLetters(connection);
      await this.#raiseMemoryLimit(database);
      this.reader?.opened(database);
      await this.#snapshots?.opened(database, pipeline);
      return this.#cursor;
    });
  }

  async alter(table: MaskedTable, at: GroupIndex): Promise<void> {
    await this.#guard('changing a table', async (database) => {
      const { connection, runner } = database;
      const known = this.#targets.get(tableKey(table));
      if (known?.table === table) return;
      const wishes = { proof: this.#options.proof, history: this.#keepsHistory(table) };
      const alteration =
        known === undefined
          ? await this.#create(connection, newTarget(table, wishes, dialect))
          : alterTarget(known, table, wishes, dialect);
      runner.forget();
      await this.#transaction(connection, async () => {
        if (known === undefined) for (const one of createMirror(alteration.target)) await connection.run(one);
        else await this.#alterMirror(database, known, alteration, at);
        const { history, target } = alteration;
        const statements =
          history === 'create'
            ? createHistory(target)
            : history.flatMap((step) => alterStatements(historyName(table), step));
        for (const statement of statements) await connection.run(statement);
        await connection.run('DELETE FROM _rowseal.tables WHERE table_key = $1', [tableKey(table)]);
        await connection.run('INSERT INTO _rowseal.tables VALUES ($1, $2)', [
          tableKey(table),
          targetText(target),
        ]);
      });
      this.#targets.set(tableKey(table), alteration.target);
      await this.#raiseMemoryLimit(database);
    });
  }

  async write(batch: DeliveryBatch): Promise<GroupIndex> {
    return this.#guard('writing a batch', async (database) => {
      if (this.#cursor !== null && batch.to <= this.#cursor) return this.#cursor;
      try {
        await this.#apply(database, batch, false);
      } catch (thrown) {
        if (failureOf(thrown) !== 'conversion') throw thrown;
        // A value does not fit its type: again, checking each cast and keeping what fails.
        await this.#apply(database, batch, true);
      }
      this.#cursor = batch.to;
      this.#rows += batch.rows;
      this.#snapshots?.moved();
      return batch.to;
    });
  }

  async head(): Promise<string | null> {
    if (this.#open !== null) return this.#guard('reading the head', ({ connection }) => readHead(connection));
    const { path } = this.#options;
    if (!(await exists(path))) return null;
    try {
      const instance = await DuckDBInstance.create(path, { access_mode: 'READ_ONLY' });
      try {
        return await readHead(await instance.connect());
      } finally {
        instance.closeSync();
      }
    } catch (thrown) {
      throw openError(thrown, path);
    }
  }

  stats(): SinkStats {
    return { rows: this.#rows, deadLetters: this.#deadLetters.counts };
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    this.#targets.clear();
    if (open === null) return;
    open.runner.forget();
    await this.reader?.closed();
    await this.#snapshots?.closed();
    closeDatabase(open);
  }

  async #apply(database: OpenDatabase, batch: DeliveryBatch, careful: boolean): Promise<void> {
    const { connection, runner } = database;
    await this.#transaction(connection, async () => {
      const box = new DeadLetterBox(this.#deadLetters, this.name, batch.groups);
      const overlap = new Overlap();
      const takers = new TableTakers(this.#targets, (target) => {
        const history = target.history && this.#keepsHistory(target.table);
        const writer = new TableWriter({ connection, runner, overlap, target, careful, keep: box.keep });
        return new PieceCollector(target, history, writer);
      });
      try {
        for (const group of batch.groups) await feedGroup(group, takers.of);
        for (const taker of takers.all()) await taker.flush();
        await overlap.settled();
      } finally {
        // The rollback must not meet a statement that runs.
        await overlap.ended();
      }
      await keepLetters(runner, box.letters);
      await this.#moveCursor(database, batch);
    });
  }

  async #transaction(connection: DuckDBConnection, action: () => Promise<void>): Promise<void> {
    try {
      await inTransaction(connection, async () => {
        await action();
        this.#deadLetters.check(this.name);
      });
    } catch (thrown) {
      this.#deadLetters.rolledBack();
      throw thrown;
    }
    this.#deadLetters.committed();
  }

  /** Guarded, so that neither an older writer nor a repeated batch can move it. */
  async #moveCursor({ connection, pipeline, epoch }: OpenDatabase, batch: DeliveryBatch): Promise<void> {
    const after = batch.after === null ? 'IS NULL' : `= ${batch.after}`;
    const { rowsChanged } = await connection.run(
      `UPDATE _rowseal.cursor SET group_index = ${batch.to}, head = $2 WHERE pipeline = $1 AND epoch = ${epoch} AND group_index ${after}`,
      [pipeline, batch.head],
    );
    if (rowsChanged !== 1)
      throw new RowsealError('RS-DUCK-004', { detail: `sink ${this.name}, epoch ${epoch}` });
  }

  async #takeOver(connection: DuckDBConnection, pipeline: string, epoch: bigint): Promise<GroupIndex | null> {
    const reader = await connection.runAndReadAll('SELECT pipeline, epoch, group_index FROM _rowseal.cursor');
    const row = reader.getRowsJS()[0];
    if (row === undefined) {
      await connection.run(`INSERT INTO _rowseal.cursor VALUES ($1, ${epoch}, NULL, NULL)`, [pipeline]);
      return null;
    }
    if (row[0] !== pipeline)
      throw new RowsealError('RS-DUCK-003', {
        detail: `${this.#options.path} holds pipeline ${String(row[0])}`,
      });
    if (BigInt(row[1] as bigint) > epoch)
      throw new RowsealError('RS-DUCK-004', { detail: `sink ${this.name}` });
    await connection.run(`UPDATE _rowseal.cursor SET epoch = ${epoch}`);
    return row[2] === null ? null : Number(row[2]);
  }

  async #loadTargets(connection: DuckDBConnection): Promise<void> {
    const reader = await connection.runAndReadAll('SELECT table_key, known FROM _rowseal.tables');
    for (const [key, known] of reader.getRowsJS())
      this.#targets.set(String(key), JSON.parse(String(known)) as Target);
  }

  /** Rows that a transaction adds take a block a column, however few they are: wide tables need more than the option says. */
  async #raiseMemoryLimit({ limits }: Database): Promise<void> {
    let widest = 0;
    for (const { historyColumns } of this.#targets.values()) widest = Math.max(widest, historyColumns.length);
    await limits.raiseWriter(widest * COLUMN_BYTES);
  }

  async #loadDeadLetters(connection: DuckDBConnection): Promise<void> {
    const reader = await connection.runAndReadAll(
      'SELECT table_name, count(*) FROM _rowseal.dead_letters GROUP BY table_name',
    );
    this.#deadLetters.opened(reader.getRowsJS().map(([table, count]) => [String(table), Number(count)]));
  }

  async #create(connection: DuckDBConnection, target: Target): Promise<Alteration> {
    const { table } = target;
    const reader = await connection.runAndReadAll(
      'SELECT 1 FROM information_schema.tables WHERE lower(table_schema) = lower($1) AND lower(table_name) = lower($2)',
      [table.namespace, table.name],
    );
    if (reader.currentRowCount > 0) throw new RowsealError('RS-DUCK-005', { detail: displayName(table) });
    return { target, mirror: [], history: target.history ? 'create' : [] };
  }

  /** Values that will not fit the new type of their column are kept aside before the column changes. */
  async #alterMirror(
    { connection }: OpenDatabase,
    known: Target,
    { mirror }: Alteration,
    at: GroupIndex,
  ): Promise<void> {
    const name = mirrorName(known.table);
    for (const step of mirror) {
      if (step.kind === 'retype') {
        const text = textOf(step.name, step.from);
        const reason = `does not fit ${step.to} any more`;
        const { rowsChanged } = await connection.run(
          `INSERT INTO _rowseal.dead_letters SELECT ${at}, $1, NULL, $2, v, $3 FROM (SELECT ${text} AS v FROM ${name})
           WHERE v IS NOT NULL AND ${castExpression('v', step.to, true)} IS NULL`,
          [displayName(known.table), step.name, reason],
        );
        this.#deadLetters.add(displayName(known.table), `column ${step.name} ${reason}`, rowsChanged);
      }
      for (const statement of alterStatements(name, step)) await connection.run(statement);
    }
  }

  #keepsHistory(table: MaskedTable): boolean {
    const { history } = this.#options;
    if (history === 'none' || history === 'all') return history === 'all';
    return history.has(displayName(table));
  }

  async #guard<T>(doing: string, action: (database: OpenDatabase) => Promise<T>): Promise<T> {
    const open = this.#open;
    if (open === null) throw new RowsealError('RS-RUN-000', { detail: `sink ${this.name} is not open` });
    try {
      return await action(open);
    } catch (thrown) {
      throw duckdbError(thrown, `${doing} in sink ${this.name}`);
    }
  }
}

/** Dead letters and what they belong to commit together. */
async function keepLetters(runner: PackedRunner, letters: readonly DeadLetter[]): Promise<void> {
  if (letters.length === 0) return;
  await runner.run(
    letterColumns(letters),
    (rows) =>
      `INSERT INTO _rowseal.dead_letters SELECT CAST(c0 AS BIGINT), c1, c2, c3, c4, c5 FROM (${rows})`,
  );
}

async function readHead(connection: DuckDBConnection): Promise<string | null> {
  const made = await connection.runAndReadAll(
    "SELECT 1 FROM information_schema.tables WHERE table_schema = '_rowseal' AND table_name = 'cursor'",
  );
  if (made.currentRowCount === 0) return null;
  const reader = await connection.runAndReadAll('SELECT head FROM _rowseal.cursor');
  const head = reader.getRowsJS()[0]?.[0];
  return typeof head === 'string' ? head : null;
}

async function inTransaction(connection: DuckDBConnection, action: () => Promise<void>): Promise<void> {
  await connection.run('BEGIN TRANSACTION');
  try {
    await action();
    await connection.run('COMMIT');
  } catch (thrown) {
    await connection.run('ROLLBACK').catch(() => {});
    throw thrown;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
