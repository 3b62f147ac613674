import { createHash, randomUUID } from 'node:crypto';
import type { GroupIndex } from '../../../src/audit/audit-log.ts';
import type {
  DeliveryBatch,
  Sink,
  SinkCapabilities,
  SinkPace,
  SinkStats,
} from '../../../src/deliver/sink.ts';
import { DeadLetterCount } from '../../../src/deliver/warehouse/dead-letters.ts';
import { feedGroup } from '../../../src/deliver/warehouse/group-events.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { Finding } from '../../../src/model/finding.ts';
import type { MaskedTable } from '../../../src/model/masked.ts';
import { diffTables } from '../../../src/model/schema-diff.ts';
import { displayName } from '../../../src/model/table.ts';
import { WriteChannel } from './append-stream.ts';
import { BaseRows } from './base-rows.ts';
import { Bookkeeping } from './bookkeeping.ts';
import { Catalog, checkLocation } from './catalog.ts';
import { CdcStreams } from './cdc-streams.ts';
import { CdcWriter } from './cdc-writer.ts';
import { BigqueryClient, requestError } from './client.ts';
import { type DeadLetter, deadLetterLine } from './dead-letters.ts';
import { Jobs } from './jobs.ts';
import { MergeWriter } from './merge-writer.ts';
import { labelValue, tableName } from './names.ts';
import { type BigqueryMode, type BigquerySinkOptions, defaultPatience, type Patience } from './options.ts';
import { preflight } from './preflight.ts';
import { Relations } from './relations.ts';
import { SharedBytes } from './shared-bytes.ts';
import { StagedLines, Staging } from './staging.ts';
import { DEAD_LETTER_COLUMNS, Statements, TransactionTooLarge } from './statements.ts';
import type { TableWriter, WriterServices } from './table-writer.ts';
import {
  alterTarget,
  createTarget,
  isBehind,
  isRekeyed,
  keyIdentities,
  nextVersion,
  storedTable,
  type Target,
  withHistory,
  written,
} from './target.ts';

/** Mirrors and histories in one BigQuery dataset (docs/bigquery.md). */
export function createBigquerySink(options: BigquerySinkOptions): Sink {
  return new BigquerySink(options);
}

/** What is there while the sink is open. */
interface OpenDataset {
  readonly jobs: Jobs;
  readonly catalog: Catalog;
  readonly statements: Statements;
  readonly bookkeeping: Bookkeeping;
  readonly relations: Relations;
  readonly channel: WriteChannel;
  readonly baseRows: BaseRows;
  readonly pipeline: string;
  readonly epoch: bigint;
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
  readonly #patience: Patience;
  readonly #targets = new Map<string, Target>();
  /** The version object last seen of each table. */
  readonly #seen = new Map<string, MaskedTable>();
  /** Targets that `_rowseal_tables` does not know yet. */
  readonly #dirty = new Map<string, Target>();
  /** Statements that must come before the next batch's own. */
  #due: string[] = [];
  readonly #deadLetters: DeadLetterCount;
  readonly #streams: CdcStreams;
  #open: OpenDataset | null = null;
  #cursor: GroupIndex | null = null;
  #rows = 0;

  constructor(options: BigquerySinkOptions) {
    this.name = options.name;
    this.#options = options;
    this.#patience = options.patience ?? defaultPatience;
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
      return await this.#connect(pipeline, epoch);
    } catch (thrown) {
      throw requestError(thrown, `opening sink ${this.name}`);
    }
  }

  async #connect(pipeline: string, epoch: bigint): Promise<GroupIndex | null> {
    const { project, dataset, labels, location, stagingExpirationMs } = this.#options;
    const client = await BigqueryClient.connect(this.#options);
    const owned = Object.fromEntries(labels);
    const catalog = new Catalog(client, dataset, labelValue(pipeline), owned, stagingExpirationMs);
    const resource = await catalog.readDataset();
    checkLocation(resource, location, `${project}.${dataset}`);
    const jobs = new Jobs(client, resource.location, owned, this.#patience);
    const statements = new Statements(project, dataset);
    const bookkeeping = new Bookkeeping(jobs, catalog, statements, pipeline, epoch);
    const taken = await bookkeeping.takeOver();
    for (const [key, target] of taken.targets) this.#targets.set(key, target);
    const relations = new Relations(catalog, statements, this.#options);
    await relations.showAll(taken.targets.values());
    this.#deadLetters.opened(taken.deadLetters);
    this.#open = {
      jobs,
      catalog,
      statements,
      bookkeeping,
      relations,
      channel: new WriteChannel(client.auth, this.#options.endpoints),
      baseRows: new BaseRows(jobs, statements, this.#options.maxStalenessMs !== null),
      pipeline,
      epoch,
    };
    this.#cursor = taken.cursor;
    return this.#cursor;
  }

  async alter(table: MaskedTable, at: GroupIndex): Promise<void> {
    const key = targetKey(table);
    if (this.#seen.get(key) === table) return;
    await this.#guard(`changing ${displayName(table)}`, async (open) => {
      const { bookkeeping, relations } = open;
      const known = this.#targets.get(key) ?? null;
      const mode = this.#modeOf(table);
      const kept = known === null || this.#keepsHistory(table) === (known.history !== null);
      if (known !== null && kept && known.mode === mode && sameVersion(known.table, table)) {
        if (!this.#seen.has(key)) await relations.verify(known);
      } else if (known === null || !kept || !isBehind(known, table, at)) {
        await bookkeeping.assertNewest();
        if (known === null) {
          const target = this.#create(table, at, mode);
          await relations.reach(null, target);
          await this.#know(open, target);
        } else {
          const { types } = this.#options;
          const altered = isBehind(known, table, at) ? known : alterTarget(known, table, at, types);
          const target = withHistory(altered, this.#keepsHistory(table), types, this.#taken());
          await this.#change(open, known, { ...target, mode }, at);
        }
      }
      this.#seen.set(key, table);
    });
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
        if (thrown instanceof RowsealError && thrown.code === 'RS-BQ-011') await this.#blameOthers(open);
        throw thrown;
      }
      return batch.to;
    });
  }

  /**
   * A refused statement is a bug of ours, unless somebody changed a table under it.
   *
   * @throws RowsealError RS-BQ-010
   */
  async #blameOthers({ relations }: OpenDataset): Promise<void> {
    for (const key of this.#seen.keys()) await relations.verify(this.#targets.get(key)!);
  }

  /** In one transaction, or by halves where it is more than one transaction may hold; a group is never parted. */
  async #writeInParts(open: OpenDataset, batch: DeliveryBatch): Promise<void> {
    try {
      this.#deadLetters.rolledBack();
      this.#checkTables(batch);
      await this.#write(open, batch);
    } catch (thrown) {
      if (!(thrown instanceof TransactionTooLarge)) throw thrown;
      const { groups } = batch;
      if (groups.length < 2)
        throw new RowsealError('RS-BQ-020', { detail: `group ${batch.to}: ${thrown.message}` });
      const half = groups.length >> 1;
      const between = groups[half - 1]!.index;
      await this.#writeInParts(open, partOf(batch, batch.after, groups.slice(0, half)));
      await this.#writeInParts(open, partOf(batch, between, groups.slice(half)));
      return;
    }
    this.#cursor = batch.to;
    this.#rows += batch.rows;
  }

  #checkTables({ groups }: DeliveryBatch): void {
    const tables = new Set<string>();
    for (const { tables: versions } of groups) for (const table of versions) tables.add(targetKey(table));
    let count = 0;
    for (const key of tables) {
      const target = this.#targets.get(key);
      if (target?.mode === 'merge') count += target.history === null ? 1 : 2;
    }
    if (count > MAX_TABLES) throw new TransactionTooLarge(`${count} tables`);
  }

  stats(): SinkStats {
    return { rows: this.#rows, deadLetters: this.#deadLetters.counts };
  }

  async close(): Promise<void> {
    this.#streams.close();
    this.#open?.channel.close();
    this.#open = null;
    this.#targets.clear();
    this.#seen.clear();
    this.#dirty.clear();
    this.#due = [];
  }

  async #write(open: OpenDataset, batch: DeliveryBatch): Promise<void> {
    const { jobs, catalog, statements, bookkeeping } = open;
    const id = this.#batchId(open, batch);
    const staging = new Staging(jobs, catalog, id);
    const letters: DeadLetter[] = [];
    const keep = (letter: DeadLetter): void => {
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
        const target = this.#targets.get(key);
        if (target === undefined)
          throw new RowsealError('RS-RUN-000', {
            detail: `rows of ${displayName(table)} before its version`,
          });
        writer = this.#writer(open, target, { staging, gathered, keep });
        writers.set(key, writer);
      }
      return writer;
    };
    for (const group of batch.groups) await feedGroup(group, writerOf);
    for (const writer of writers.values()) await writer.finish();
    for (const letter of this.#streams.takeRefused(batch.to)) keep(letter);
    const own = [...this.#due, ...[...writers.values()].flatMap((writer) => writer.statements())];
    const kept = letters.length === 0 ? [] : [await this.#stageLetters(staging, statements, letters)];
    await staging.settled();
    // Some dead letters come of the statements: values of columns that were retyped, rows that were looked for in vain.
    const uncounted = this.#due.length > 0 || [...writers.values()].some(({ mayMissRows }) => mayMissRows);
    const limit = uncounted ? [statements.limitDeadLetters(this.#options.maxDeadLetters)] : [];
    const move = { after: batch.after, to: batch.to };
    await bookkeeping.commit(id, move, [...own, ...kept, ...limit], this.#dirty);
    await this.#committed(open);
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
    services: Pick<WriterServices, 'staging' | 'gathered' | 'keep'>,
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
      nextVersion: (seq) => this.#nextVersion(open, this.#targets.get(targetKey(target.table))!, seq),
    });
  }

  /** A target is known from the next commit on; one that is streamed into must be known before. */
  async #know(open: OpenDataset, target: Target, ...statements: readonly string[]): Promise<void> {
    const key = targetKey(target.table);
    this.#targets.set(key, target);
    this.#dirty.set(key, target);
    if (target.mode === 'merge' && statements.length === 0) return;
    const stay = { after: this.#cursor, to: this.#cursor };
    await open.bookkeeping.commit(randomUUID(), stay, [...statements, ...this.#due], this.#dirty);
    await this.#committed(open);
  }

  /** TRUNCATE is DML, which a table with streamed changes does not take: an empty table takes its place. */
  async #nextVersion(open: OpenDataset, known: Target, since: number): Promise<Target> {
    await open.bookkeeping.assertNewest();
    const target = nextVersion(known, since, this.#options.types);
    await open.relations.reach(known, target);
    await this.#know(open, target);
    await open.catalog.drop(storedTable(known.mirror)).catch(() => {});
    return target;
  }

  /** Neither a primary key nor the mode can be exchanged under streamed changes: the rows go into a new table. */
  async #rekey(open: OpenDataset, known: Target, altered: Target): Promise<void> {
    const target = nextVersion(altered, known.since, this.#options.types);
    if (known.mode === 'cdc' && this.#options.maxStalenessMs !== null)
      await open.catalog.unsetStaleness(storedTable(known.mirror));
    await open.relations.reach(known, target);
    await this.#know(open, target, open.statements.copyVersion(known.mirror, target.mirror));
    await open.catalog.drop(storedTable(known.mirror)).catch(() => {});
  }

  /** What the transaction made known is shown. */
  async #committed({ relations }: OpenDataset): Promise<void> {
    const changed = [...this.#dirty.values()];
    this.#due = [];
    this.#dirty.clear();
    for (const target of changed) await relations.show(target);
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

  /** Without a key nothing can be upserted. */
  #modeOf(table: MaskedTable): BigqueryMode {
    if (table.key.length === 0) return 'merge';
    return this.#options.byTable.get(displayName(table))?.mode ?? this.#options.mode;
  }

  async #change(open: OpenDataset, known: Target, target: Target, at: GroupIndex): Promise<void> {
    if (known.mode !== target.mode || (target.mode === 'cdc' && isRekeyed(known, target)))
      return this.#rekey(open, known, target);
    await open.relations.reach(known, target);
    this.#due.push(...this.#unconvertible(known, target, at));
    return this.#know(open, target);
  }

  #create(table: MaskedTable, at: GroupIndex, mode: BigqueryMode): Target {
    return createTarget(table, at, {
      types: this.#options.types,
      taken: this.#taken(),
      name: tableName(this.#options.tableName, table.namespace, table.name),
      mode,
      history: this.#keepsHistory(table),
    });
  }

  /** Names of views that are given. */
  #taken(): (lowerCase: string) => boolean {
    const taken = new Set(
      [...this.#targets.values()].flatMap(({ mirror, history }) =>
        [mirror.view, history?.view ?? ''].map((name) => name.toLowerCase()),
      ),
    );
    return (name) => taken.has(name);
  }

  #keepsHistory(table: MaskedTable): boolean {
    const { history } = this.#options;
    return history === 'all' || (history !== 'none' && history.has(displayName(table)));
  }

  /** Statements that keep what columns of the mirror held and their new types do not. */
  #unconvertible(known: Target, target: Target, at: GroupIndex): readonly string[] {
    if (known.mirror.version !== target.mirror.version) return [];
    return target.mirror.columns.flatMap((column) => {
      const before = known.mirror.columns.find(({ identity }) => identity === column.identity);
      if (before === undefined || before.stored.length === column.stored.length) return [];
      if (written(column).type === 'STRING') return [];
      return [this.#open!.statements.keepUnconvertible(target.mirror, column, displayName(target.table), at)];
    });
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
      return await action(this.#open);
    } catch (thrown) {
      throw thrown instanceof RowsealError ? thrown : requestError(thrown, `${doing} in sink ${this.name}`);
    }
  }
}

/** As `tableKey`, without the NUL: it is stored in BigQuery. */
function targetKey({ namespace, name }: MaskedTable): string {
  return JSON.stringify([namespace, name]);
}

/** What a convergent sink has of a batch already, it need not see again. */
function afterCursor(batch: DeliveryBatch, cursor: GroupIndex | null): DeliveryBatch {
  if (cursor === null || batch.after === cursor) return batch;
  return partOf(
    batch,
    cursor,
    batch.groups.filter(({ index }) => index > cursor),
  );
}

function partOf(
  batch: DeliveryBatch,
  after: GroupIndex | null,
  groups: DeliveryBatch['groups'],
): DeliveryBatch {
  return {
    ...batch,
    after,
    to: groups.at(-1)!.index,
    groups,
    rows: groups.reduce((sum, { rows }) => sum + rows, 0),
  };
}

function sameVersion(before: MaskedTable, after: MaskedTable): boolean {
  return (
    diffTables(before, after).length === 0 &&
    keyIdentities(before).join('\0') === keyIdentities(after).join('\0')
  );
}
