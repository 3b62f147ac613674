import { createHash } from 'node:crypto';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import type { GroupIndex } from '../../../src/audit/audit-log.ts';
import type {
  DeliveryBatch,
  Sink,
  SinkCapabilities,
  SinkPace,
  SinkStats,
} from '../../../src/deliver/sink.ts';
import {
  type DeadLetter,
  DeadLetterBox,
  DeadLetterCount,
  letterColumns,
} from '../../../src/deliver/warehouse/dead-letters.ts';
import { feedGroup } from '../../../src/deliver/warehouse/group-events.ts';
import { alterTarget, newTarget, type Target, targetText } from '../../../src/deliver/warehouse/target.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { Finding } from '../../../src/model/finding.ts';
import type { MaskedTable } from '../../../src/model/masked.ts';
import { displayName, tableKey } from '../../../src/model/table.ts';
import { dialect } from '../../duckdb-engine/dialect.ts';
import { failureOf } from '../../duckdb-engine/failure.ts';
import { quoteLiteral } from '../../duckdb-engine/identifier.ts';
import { PackedRunner } from '../../duckdb-engine/packed.ts';
import { ChangeDirectory, type Manifest, type WrittenFile } from './change-directory.ts';
import { Compaction } from './compaction.ts';
import { claimError, parquetError } from './errors.ts';
import { changeFile, padded, tableDirectory } from './layout.ts';
import { MergePause, type MergeRetry, mergeRetry } from './merge-pause.ts';
import type { ParquetSinkOptions } from './options.ts';
import { lookAt, openStore, placeName } from './place.ts';
import { TableStage } from './table-stage.ts';
import { viewsFile } from './view.ts';

/**
 * Change files in a directory, and a manifest for each set of them. A replay writes the same files again.
 *
 * @param report told of trouble that is not delivery's; the first batch after so many milliseconds tries again
 */
export function createParquetSink(
  options: ParquetSinkOptions,
  report: (error: RowsealError, retryInMs: number) => void = () => {},
  retry: MergeRetry = mergeRetry,
): Sink {
  return new ParquetSink(options, report, retry);
}

interface OpenDirectory {
  readonly directory: ChangeDirectory;
  readonly instance: DuckDBInstance;
  readonly connection: DuckDBConnection;
  readonly runner: PackedRunner;
  readonly epoch: bigint;
  /** A manifest was created since the opening. */
  committed: boolean;
  /** null: it has not begun; after a merge that failed and a pause it begins anew. */
  compaction: Compaction | null;
}

interface KnownTable {
  readonly target: Target;
  /** File that holds it; null: not yet saved. */
  readonly saved: string | null;
}

const WISHES = { proof: true, history: true } as const;

class ParquetSink implements Sink {
  readonly name: string;
  /** The manifest names the files and moves the cursor in one. */
  readonly kind = 'atomic';
  readonly capabilities: SinkCapabilities = {
    // Cells that were not sent stay so in the files; the views fill them in.
    partialRows: false,
    keylessTables: true,
    ddlInTransaction: false,
  };
  /** Small files are what makes a lake slow. */
  readonly pace: SinkPace;
  readonly #options: ParquetSinkOptions;
  readonly #report: (error: RowsealError, retryInMs: number) => void;
  readonly #pause: MergePause;
  readonly #tables = new Map<string, KnownTable>();
  readonly #deadLetters: DeadLetterCount;
  #open: OpenDirectory | null = null;
  #manifest: Manifest | null = null;
  #cursor: GroupIndex | null = null;
  #rows = 0;

  constructor(
    options: ParquetSinkOptions,
    report: (error: RowsealError, retryInMs: number) => void,
    retry: MergeRetry,
  ) {
    this.#report = report;
    this.#pause = new MergePause(retry);
    this.name = options.name;
    this.pace = { intervalMs: options.intervalMs, bytes: options.batchBytes };
    this.#options = options;
    this.#deadLetters = new DeadLetterCount(options.maxDeadLetters);
  }

  async preflight(): Promise<readonly Finding[]> {
    const subject = `sink ${this.name}`;
    const { place } = this.#options;
    try {
      return [{ level: 'ok', code: null, subject, detail: await lookAt(place), fix: null }];
    } catch (thrown) {
      const error = claimError(thrown, placeName(place), this.name);
      return [{ level: 'error', code: error.code, subject, detail: error.message, fix: error.fix }];
    }
  }

  async open(pipeline: string, epoch: bigint): Promise<GroupIndex | null> {
    await this.close();
    const directory = new ChangeDirectory(await openStore(this.#options.place));
    try {
      await directory.claim(pipeline);
    } catch (thrown) {
      directory.close();
      throw claimError(thrown, directory.place, this.name);
    }
    const instance = await DuckDBInstance.create(':memory:', {
      memory_limit: `${Math.round(this.#options.memoryLimitBytes / 1e6)}MB`,
      threads: '1',
      // Spilled rows are masked rows; they stay beside the data.
      temp_directory: `${directory.workDirectory}-spill`,
    });
    const connection = await instance.connect();
    this.#open = {
      directory,
      instance,
      connection,
      runner: new PackedRunner(connection),
      epoch,
      committed: false,
      compaction: null,
    };
    return this.#guard('opening', async () => {
      await connection.run("SET TimeZone = 'UTC'");
      await directory.enter(epoch, this.name);
      this.#manifest = await directory.newestManifest();
      if (this.#manifest !== null) await directory.publish(this.#manifest);
      await directory.removeStaged();
      await directory.resumeMerge();
      for (const [key, saved] of Object.entries(this.#manifest?.targets ?? {}))
        this.#tables.set(key, { target: JSON.parse(await directory.readTarget(saved)) as Target, saved });
      if (this.#tables.size > 0) await this.#writeViews(directory);
      this.#deadLetters.opened(Object.entries(this.#manifest?.dead_letters ?? {}));
      this.#cursor = (await directory.reached(this.#manifest))?.to ?? null;
      return this.#cursor;
    });
  }

  async alter(table: MaskedTable): Promise<void> {
    await this.#guard('changing a table', async ({ directory, epoch }) => {
      const key = tableKey(table);
      const known = this.#tables.get(key);
      if (known?.target.table === table) return;
      await directory.expectNewest(epoch, this.name);
      if (known === undefined && !(await directory.isEmpty(`tables/${tableDirectory(table)}`)))
        throw new RowsealError('RS-PQT-005', { detail: `tables/${tableDirectory(table)}` });
      const target =
        known === undefined
          ? newTarget(table, WISHES, dialect)
          : alterTarget(known.target, table, WISHES, dialect).target;
      this.#tables.set(key, { target, saved: null });
    });
  }

  async write(batch: DeliveryBatch): Promise<GroupIndex> {
    return this.#guard('writing a batch', async (open) => {
      if (this.#cursor !== null && batch.to <= this.#cursor) return this.#cursor;
      if (batch.after !== this.#cursor)
        throw new RowsealError('RS-PQT-004', { detail: `sink ${this.name}, after group ${batch.after}` });
      await open.directory.expectNewest(open.epoch, this.name);
      try {
        await this.#apply(open, batch, false);
      } catch (thrown) {
        if (failureOf(thrown) !== 'conversion') throw thrown;
        // A value does not fit its type: again, checking each cast and keeping aside what fails.
        await this.#apply(open, batch, true);
      }
      this.#cursor = batch.to;
      this.#rows += batch.rows;
      await this.#compact(open);
      return batch.to;
    });
  }

  async head(): Promise<string | null> {
    const open = this.#open?.directory ?? null;
    const directory = open ?? new ChangeDirectory(await openStore(this.#options.place));
    try {
      return (await directory.reached(await directory.newestManifest()))?.head ?? null;
    } catch (thrown) {
      throw parquetError(thrown, `reading the head in sink ${this.name}`);
    } finally {
      if (open === null) directory.close();
    }
  }

  stats(): SinkStats {
    return { rows: this.#rows, deadLetters: this.#deadLetters.counts };
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = null;
    this.#tables.clear();
    if (open === null) return;
    open.runner.forget();
    open.connection.closeSync();
    open.instance.closeSync();
    open.directory.close();
  }

  async #apply(open: OpenDirectory, batch: DeliveryBatch, careful: boolean): Promise<void> {
    const { connection, runner, directory } = open;
    const stages = new Map<string, TableStage>();
    this.#deadLetters.rolledBack();
    const box = new DeadLetterBox(this.#deadLetters, this.name);
    runner.forget();
    await directory.removeStaged();
    try {
      for (const group of batch.groups) {
        for (const table of group.tables) {
          const key = tableKey(table);
          if (stages.has(key)) continue;
          const known = this.#tables.get(key);
          if (known === undefined)
            throw new RowsealError('RS-RUN-000', {
              detail: `rows of ${displayName(table)} before its version`,
            });
          const name = `rowseal_stage_${stages.size}`;
          stages.set(key, await TableStage.create(connection, runner, known.target, name, careful, box.keep));
        }
        await feedGroup(group, (table) => stages.get(tableKey(table))!);
      }
      const from = batch.groups[0]!.index;
      const files = await this.#writeFiles(open, from, batch.to, [...stages.values()]);
      const { letters } = box;
      if (letters.length > 0) files.push(await this.#writeDeadLetters(open, from, batch.to, letters));
      // The first time also without files: older writers at this cursor cannot commit any more then.
      if (files.length === 0 && open.committed) await directory.moveCursor(this.#manifest, batch);
      else await this.#commit(open, from, batch, files);
      this.#deadLetters.committed();
    } finally {
      runner.forget();
      for (const stage of stages.values()) await stage.drop();
    }
  }

  /** The batch is durable: what goes wrong here must not make it fail. */
  async #compact(open: OpenDirectory): Promise<void> {
    const { directory, connection, epoch } = open;
    const { compaction: options } = this.#options;
    if (options === null || this.#manifest === null || this.#pause.lasts()) return;
    const fence = (): Promise<void> => directory.expectNewest(epoch, this.name);
    try {
      if (open.compaction === null) {
        await fence();
        await directory.resumeMerge();
        open.compaction = await Compaction.begin(directory, connection, options);
      }
      if (!(await open.compaction.step(this.#manifest.from, fence))) this.#pause.caughtUp();
    } catch (thrown) {
      // Nobody knows how far it came: after a pause it is finished or forgotten, and what there is looked at anew.
      open.compaction = null;
      const error = parquetError(thrown, `merging files of sink ${this.name}`);
      if (error.code === 'RS-PQT-004') throw error;
      this.#report(error, this.#pause.failed());
    }
  }

  async #writeFiles(
    { directory }: OpenDirectory,
    from: GroupIndex,
    to: GroupIndex,
    stages: readonly TableStage[],
  ): Promise<WrittenFile[]> {
    const files: WrittenFile[] = [];
    for (const stage of stages) {
      for (const { date, rows } of await stage.days()) {
        const path = changeFile(stage.target.table, date, from, to);
        const file = await directory.workFile(path);
        await stage.write(date, file);
        files.push({ path, rows, bytes: await directory.stage(file, path) });
      }
    }
    return files;
  }

  async #writeDeadLetters(
    { connection, runner, directory }: OpenDirectory,
    from: GroupIndex,
    to: GroupIndex,
    letters: readonly DeadLetter[],
  ): Promise<WrittenFile> {
    const path = `dead_letters/${padded(from)}-${padded(to)}.parquet`;
    const file = await directory.workFile(path);
    await runner.run(
      letterColumns(letters),
      (rows) =>
        `CREATE OR REPLACE TEMP TABLE rowseal_letters AS SELECT CAST(c0 AS BIGINT) AS group_index, c1 AS table_name,
           c2 AS row_key, c3 AS column_name, c4 AS value, c5 AS reason FROM (${rows})`,
    );
    await connection.run(`COPY rowseal_letters TO ${quoteLiteral(file)} (FORMAT parquet)`);
    return { path, rows: letters.length, bytes: await directory.stage(file, path) };
  }

  async #commit(
    open: OpenDirectory,
    from: GroupIndex,
    { to, head }: DeliveryBatch,
    files: readonly WrittenFile[],
  ): Promise<void> {
    const { directory, epoch, compaction } = open;
    const targets: Record<string, string> = {};
    let fresh = false;
    for (const [key, known] of this.#tables) {
      let { saved } = known;
      if (saved === null) {
        const text = targetText(known.target);
        saved = `${createHash('sha256').update(text).digest('hex').slice(0, 32)}.json`;
        await directory.saveTarget(saved, text);
        this.#tables.set(key, { ...known, saved });
        fresh = true;
      }
      targets[key] = saved;
    }
    const manifest: Manifest = {
      format: 1,
      epoch: String(epoch),
      from,
      to,
      head,
      files,
      targets,
      staging: directory.staging,
      dead_letters: this.#deadLetters.totals(),
    };
    await directory.expectNewest(epoch, this.name);
    await directory.commit(manifest, this.name);
    this.#manifest = manifest;
    await directory.publish(manifest);
    compaction?.added(files);
    if (!open.committed) await directory.removeAllStaged();
    open.committed = true;
    if (fresh) await this.#writeViews(directory);
  }

  async #writeViews(directory: ChangeDirectory): Promise<void> {
    const targets = [];
    for (const { target } of this.#tables.values()) {
      const path = `tables/${tableDirectory(target.table)}`;
      // Of a table without a row there are no files, and DuckDB makes no view over none.
      if (await directory.isEmpty(path)) continue;
      targets.push({ target, files: `${directory.place}/${path}/*/*.parquet` });
    }
    await directory.replace('views.sql', viewsFile(targets));
  }

  async #guard<T>(doing: string, action: (open: OpenDirectory) => Promise<T>): Promise<T> {
    const open = this.#open;
    if (open === null) throw new RowsealError('RS-RUN-000', { detail: `sink ${this.name} is not open` });
    try {
      return await action(open);
    } catch (thrown) {
      throw parquetError(thrown, `${doing} in sink ${this.name}`);
    }
  }
}
