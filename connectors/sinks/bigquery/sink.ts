import { createHash } from 'node:crypto';
import type { GroupIndex } from '../../../src/audit/audit-log.ts';
import type {
  DeliveryBatch,
  Sink,
  SinkCapabilities,
  SinkPace,
  SinkStats,
} from '../../../src/deliver/sink.ts';
import { CopyingTables } from '../../../src/deliver/warehouse/copying-tables.ts';
import { DeadLetterCount, isStillToCome } from '../../../src/deliver/warehouse/dead-letters.ts';
import { feedGroup } from '../../../src/deliver/warehouse/group-events.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { Finding } from '../../../src/model/finding.ts';
import type { MaskedTable } from '../../../src/model/masked.ts';
import { displayName } from '../../../src/model/table.ts';
import { afterCursor, halvesOf } from './batch-parts.ts';
import { CdcStreams } from './cdc-streams.ts';
import { CdcWriter } from './cdc-writer.ts';
import { requestError } from './client.ts';
import { type DeadLetter, deadLetterLine } from './dead-letters.ts';
import { targetKey } from './known-tables.ts';
import { MergeWriter } from './merge-writer.ts';
import { type OpenDataset, openDataset, readHead } from './open-dataset.ts';
import type { BigquerySinkOptions } from './options.ts';
import { preflight } from './preflight.ts';
import { SharedBytes } from './shared-bytes.ts';
import { StagedLines, Staging } from './staging.ts';
import { DEAD_LETTER_COLUMNS, type Statements, TransactionTooLarge } from './statements.ts';
import type { TableWriter, WriterServices } from './table-writer.ts';
import type { Target } from './target.ts';

/** Mirrors and histories in one BigQuery dataset (docs/bigquery.md). */
export function createBigquerySink(options: BigquerySinkOptions): Sink {
  return new BigquerySink(options);
}

/**
 * Tables that a transaction changes: 100 at most (https://cloud.google.com/bigquery/docs/transactions#limitations), our own
 * three among them.
 */
const MAX_TABLES = 97;

class BigquerySink implements Sink {
  readonly name: string;
  readonly kind: Sink['kind'];
  readonly capabilities: SinkCapabilities;
  readonly pace: SinkPace;
  readonly #options: BigquerySinkOptions;
  readonly #deadLetters: DeadLetterCount;
  readonly #streams: CdcStreams;
  readonly #leaving = new AbortController();
  #open: OpenDataset | null = null;
  #cursor: GroupIndex | null = null;
  #rows = 0;

  constructor(options: BigquerySinkOptions) {
    this.name = options.name;
    this.#options = options;
    this.#streams = new CdcStreams(options);
    this.#deadLetters = new DeadLetterCount(options.maxDeadLetters);
    this.pace = { intervalMs: options.batchIntervalMs, bytes: options.batchBytes };
    const cdc = options.mode === 'cdc' || [...options.byTable.values()].some(({ mode }) => mode === 'cdc');
    this.kind = cdc ? 'convergent' : 'atomic';
    this.capabilities = { partialRows: true, keylessTables: true, ddlInTransaction: false };
  }

  preflight(): Promise<readonly Finding[]> {
    return preflight(this.#options);
  }

  async open(pipeline: string, epoch: bigint): Promise<GroupIndex | null> {
    await this.close();
    try {
      const { signal } = this.#leaving;
      const opening = openDataset(this.#options, pipeline, epoch, () => this.#cursor, signal);
      const { open, taken } = await this.#unlessLeft(opening);
      this.#open = open;
      this.#deadLetters.opened(taken.deadLetters);
      this.#cursor = taken.cursor;
      return this.#cursor;
    } catch (thrown) {
      throw requestError(thrown, `opening sink ${this.name}`);
    }
  }

  async alter(table: MaskedTable, at: GroupIndex): Promise<void> {
    await this.#guard(`changing ${displayName(table)}`, ({ tables }) => tables.alter(table, at));
  }

  async write(batch: DeliveryBatch): Promise<GroupIndex> {
    return this.#guard('writing a batch', async (open) => {
      if (this.#cursor !== null && batch.to <= this.#cursor) return this.#cursor;
      const due = this.kind === 'atomic' ? batch : afterCursor(batch, this.#cursor);
      try {
        await this.#writeInParts(open, due);
      } catch (thrown) {
        // Rows that were written and not sent belong to a batch that is given up.
        this.#streams.close();
        // A refused statement is a bug of ours, unless somebody changed a table under it.
        if (thrown instanceof RowsealError && thrown.code === 'RS-BQ-011') await open.tables.verify();
        throw thrown;
      }
      return batch.to;
    });
  }

  async head(): Promise<string | null> {
    try {
      return await (this.#open === null ? readHead(this.#options) : this.#open.bookkeeping.head());
    } catch (thrown) {
      throw requestError(thrown, `reading the head in sink ${this.name}`);
    }
  }

  stats(): SinkStats {
    return { rows: this.#rows, deadLetters: this.#deadLetters.counts };
  }

  /** For good: a job that runs goes on, and the transaction that moves the cursor is done or not. */
  leave(): void {
    this.#leaving.abort();
    this.#streams.close();
  }

  async close(): Promise<void> {
    this.#streams.close();
    this.#open?.channel.close();
    this.#open = null;
  }

  /** In one transaction, or by halves where it is more than one transaction may hold; a group is never parted. */
  async #writeInParts(open: OpenDataset, batch: DeliveryBatch): Promise<void> {
    try {
      this.#deadLetters.rolledBack();
      this.#checkTables(open, batch);
      await this.#write(open, batch);
    } catch (thrown) {
      if (!(thrown instanceof TransactionTooLarge)) throw thrown;
      const halves = halvesOf(batch);
      if (halves === null)
        throw new RowsealError('RS-BQ-020', { detail: `group ${batch.to}: ${thrown.message}` });
      for (const half of halves) await this.#writeInParts(open, half);
      return;
    }
    this.#cursor = batch.to;
    this.#rows += batch.rows;
  }

  #checkTables({ tables }: OpenDataset, { groups }: DeliveryBatch): void {
    const targets = new Map<string, Target | undefined>();
    for (const { tables: versions } of groups)
      for (const table of versions) targets.set(targetKey(table), tables.of(table));
    let count = 0;
    for (const target of targets.values())
      if (target?.mode === 'merge') count += target.history === null ? 1 : 2;
    if (count > MAX_TABLES) throw new TransactionTooLarge(`${count} tables`);
  }

  async #write(open: OpenDataset, batch: DeliveryBatch): Promise<void> {
    const { jobs, catalog, statements, bookkeeping, tables } = open;
    const id = this.#batchId(open, batch);
    const staging = new Staging(jobs, catalog, id);
    const letters: DeadLetter[] = [];
    const copying = new CopyingTables(batch.groups);
    const keep = (letter: DeadLetter): void => {
      if (isStillToCome(letter, copying)) return;
      letters.push(letter);
      this.#deadLetters.add(letter.table, `${letter.column}: ${letter.reason}`, 1);
      // At once: what is streamed cannot be rolled back.
      this.#deadLetters.check(this.name);
    };
    const gathered = new SharedBytes(2 * this.#options.pieceBytes);
    const writers = new Map<string, TableWriter>();
    const writerOf = (table: MaskedTable): TableWriter => {
      const key = targetKey(table);
      let writer = writers.get(key);
      if (writer === undefined) {
        const target = tables.of(table);
        if (target === undefined)
          throw new RowsealError('RS-RUN-000', {
            detail: `rows of ${displayName(table)} before its version`,
          });
        writer = this.#writer(open, target, { staging, gathered, copying, keep });
        writers.set(key, writer);
      }
      return writer;
    };
    for (const group of batch.groups) await feedGroup(group, writerOf);
    for (const writer of writers.values()) await writer.finish();
    for (const letter of this.#streams.takeRefused(batch.to)) keep(letter);
    const own = [...tables.due, ...[...writers.values()].flatMap((writer) => writer.statements())];
    const kept = letters.length === 0 ? [] : [await this.#stageLetters(staging, statements, letters)];
    await staging.settled();
    // Some dead letters come of the statements: values of columns that were retyped, rows that were looked for in vain.
    const uncounted = tables.due.length > 0 || [...writers.values()].some(({ mayMissRows }) => mayMissRows);
    const limit = uncounted ? [statements.limitDeadLetters(this.#options.maxDeadLetters)] : [];
    const move = { after: batch.after, to: batch.to, head: batch.head };
    await bookkeeping.commit(id, move, [...own, ...kept, ...limit], tables.dirty);
    await tables.committed();
    await staging.discard();
    if (uncounted) {
      this.#deadLetters.rolledBack();
      for (const [table, count] of await bookkeeping.countDeadLetters(batch.after, batch.to))
        this.#deadLetters.add(table, '', count);
    }
    this.#deadLetters.committed();
  }

  #writer(
    open: OpenDataset,
    target: Target,
    services: Pick<WriterServices, 'staging' | 'gathered' | 'copying' | 'keep'>,
  ): TableWriter {
    const { statements, baseRows } = open;
    const { pieceBytes } = this.#options;
    if (target.mode === 'merge') return new MergeWriter(target, { ...services, statements, pieceBytes });
    return new CdcWriter(target, {
      ...services,
      streamOf: (relation, history) =>
        this.#streams.of(open.channel, displayName(target.table), relation, history),
      baseRows,
      pieceBytes,
      nextVersion: (seq) => open.tables.nextVersion(target.table, seq),
    });
  }

  async #stageLetters(
    staging: Staging,
    statements: Statements,
    letters: readonly DeadLetter[],
  ): Promise<string> {
    const lines = new StagedLines();
    for (const letter of letters) lines.push(deadLetterLine(letter));
    return statements.keepDeadLetters(
      await staging.stage(DEAD_LETTER_COLUMNS, lines, 'staging dead letters'),
    );
  }

  /** Short enough for a job's id and a table's name. */
  #batchId({ pipeline, epoch }: OpenDataset, { after, to }: DeliveryBatch): string {
    const { project, dataset } = this.#options;
    const where = createHash('sha256').update(`${project}.${dataset}.${this.name}`).digest('hex').slice(0, 8);
    return `${pipeline}_${where}_e${epoch}_${after ?? 'new'}_${to}`;
  }

  async #guard<T>(doing: string, action: (open: OpenDataset) => Promise<T>): Promise<T> {
    if (this.#open === null)
      throw new RowsealError('RS-RUN-000', { detail: `sink ${this.name} is not open` });
    try {
      return await this.#unlessLeft(action(this.#open));
    } catch (thrown) {
      throw thrown instanceof RowsealError ? thrown : requestError(thrown, `${doing} in sink ${this.name}`);
    }
  }

  async #unlessLeft<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#leaving;
    let onLeave = (): void => {};
    const left = new Promise<never>((_, reject) => {
      onLeave = () => reject(new RowsealError('RS-RUN-004', { detail: `sink ${this.name} is left` }));
      signal.addEventListener('abort', onLeave);
    });
    try {
      return await Promise.race([work, left]);
    } finally {
      signal.removeEventListener('abort', onLeave);
    }
  }
}
