import type { DuckDBConnection } from '@duckdb/node-api';
import type { GroupIndex } from '../../../src/audit/audit-log.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { quoteLiteral } from '../../duckdb-engine/identifier.ts';
import type { ChangeDirectory } from './change-directory.ts';
import { type CompactionOptions, CompactionPlan, type Merge } from './compaction-plan.ts';

/**
 * Merges small change files of a table and day into larger ones, so that months of small batches stay readable. The merged
 * file is made aside; a note says what it replaces; then it is moved to where it is read, and those go. Whoever finds the
 * note finishes that.
 */
export class Compaction {
  readonly #directory: ChangeDirectory;
  readonly #connection: DuckDBConnection;
  readonly #plan: CompactionPlan;

  private constructor(directory: ChangeDirectory, connection: DuckDBConnection, options: CompactionOptions) {
    this.#directory = directory;
    this.#connection = connection;
    this.#plan = new CompactionPlan(options);
  }

  /** Looks what there is. A merge that a writer before began must be finished by then. */
  static async begin(
    directory: ChangeDirectory,
    connection: DuckDBConnection,
    options: CompactionOptions,
  ): Promise<Compaction> {
    const compaction = new Compaction(directory, connection, options);
    for await (const file of directory.changeFiles()) compaction.#plan.add(file);
    return compaction;
  }

  /** Files were published. */
  added(files: readonly { readonly path: string; readonly bytes: number }[]): void {
    for (const file of files) this.#plan.add(file);
  }

  /**
   * Does the merge that is due, if there is one.
   *
   * @param newest first group of the newest manifest: its files must stay, a restart looks for them
   * @param fence throws when somebody else writes here
   * @returns false: none was due
   */
  async step(newest: GroupIndex, fence: () => Promise<void>): Promise<boolean> {
    const merge = this.#plan.next(newest);
    if (merge === null) return false;
    const bytes = await this.#write(merge);
    await fence();
    await this.#directory.commitMerge(merge);
    await this.#directory.finishMerge(merge);
    this.#plan.remove(merge.from);
    this.#plan.add({ path: merge.into, bytes });
    return true;
  }

  /** @returns bytes of the merged file, which is aside then */
  async #write(merge: Merge): Promise<number> {
    const sources: string[] = [];
    for (const path of merge.from) sources.push(await this.#directory.fetch(path));
    // In the order of their groups, each is in order: so is the result, without a sort.
    const list = `[${sources.map(quoteLiteral).join(', ')}]`;
    const read = `read_parquet(${list}, union_by_name = true, hive_partitioning = false)`;
    const file = await this.#directory.workFile(merge.into);
    const counted = await this.#connection.runAndReadAll(`SELECT count(*) FROM ${read}`);
    const { rowsChanged } = await this.#connection.run(
      `COPY (SELECT * FROM ${read}) TO ${quoteLiteral(file)} (FORMAT parquet, COMPRESSION zstd)`,
    );
    if (rowsChanged !== Number(counted.getRowsJS()[0]![0]))
      throw new RowsealError('RS-RUN-000', {
        detail: `merging ${merge.into}: ${rowsChanged} rows were written`,
      });
    await this.#directory.dropFetched(sources);
    return this.#directory.stageMerge(file, merge.into);
  }
}
