import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { MaskedTable } from '../../../src/model/masked.ts';
import { columnIdentity, displayName } from '../../../src/model/table.ts';
import type { Catalog, DescribedColumn, TableResource } from './catalog.ts';
import type { BigquerySinkOptions } from './options.ts';
import type { Statements } from './statements.ts';
import {
  keyColumns,
  OWN_COLUMNS,
  type Relation,
  type StoredColumn,
  storedTable,
  type Target,
  UNCHANGED_COLUMN,
  written,
} from './target.ts';

/** https://cloud.google.com/bigquery/quotas#all_tables and change-data-capture#limitations */
const MAX_COLUMNS = { merge: 10_000, cdc: 2_000 } as const;
const MAX_CDC_KEY = 16;
const MAX_CLUSTER = 4;
const PARALLEL_REQUESTS = 8;

/** Types that tables can be clustered by (https://cloud.google.com/bigquery/docs/clustered-tables). */
const CLUSTERABLE = new Set([
  'BIGNUMERIC',
  'BOOL',
  'DATE',
  'DATETIME',
  'INT64',
  'NUMERIC',
  'STRING',
  'TIMESTAMP',
]);
const PARTITIONABLE = new Set(['DATE', 'DATETIME', 'TIMESTAMP']);

/** Makes and widens the tables and views of targets. Everything may be done twice: a crash can come in between. */
export class Relations {
  readonly #catalog: Catalog;
  readonly #statements: Statements;
  readonly #options: BigquerySinkOptions;

  constructor(catalog: Catalog, statements: Statements, options: BigquerySinkOptions) {
    this.#catalog = catalog;
    this.#statements = statements;
    this.#options = options;
  }

  /**
   * Brings the tables from what is known (null: nothing) to a target. A view that is new comes at once, so that its name
   * is ours; one that is there is changed by `show`, when the first rows of the new version are committed.
   */
  async reach(known: Target | null, target: Target): Promise<void> {
    this.#checkWidth(target);
    const { mirror, history } = target;
    const same = known?.mirror.version === mirror.version;
    await this.#reach(mirror, same ? known.mirror : null, () => this.#createMirror(target));
    if (known === null) await this.#show(mirror, target, false);
    if (history === null) return;
    await this.#reach(history, known?.history ?? null, () => this.#createHistory(history, target));
    if (known === null || known.history === null) await this.#show(history, target, true);
  }

  /** Readers see the target as it is. */
  async show(target: Target): Promise<void> {
    await this.#show(target.mirror, target, false);
    if (target.history !== null) await this.#show(target.history, target, true);
  }

  /** As `show`, for all that were known when the sink was opened: a crash may have come before. */
  async showAll(targets: Iterable<Target>): Promise<void> {
    const waiting = [...targets];
    const worker = async (): Promise<void> => {
      for (let target = waiting.pop(); target !== undefined; target = waiting.pop()) await this.show(target);
    };
    await Promise.all(Array.from({ length: PARALLEL_REQUESTS }, worker));
  }

  /** What was made is still as it was made. @throws RowsealError RS-BQ-010 */
  async verify(target: Target): Promise<void> {
    for (const relation of [target.mirror, ...(target.history === null ? [] : [target.history])]) {
      const there = await this.#existing(relation);
      const missing = absent(relation, relation, there, this.#catalog.dataset);
      if (missing.length > 0) throw this.#gone(relation, missing[0]!);
    }
  }

  async #reach(
    relation: Relation,
    known: Relation | null,
    create: () => Promise<TableResource>,
  ): Promise<void> {
    const there = known === null ? await create() : await this.#existing(relation);
    if (there.kind !== 'table') throw new RowsealError('RS-BQ-007', { detail: this.#nameOf(relation) });
    const added = absent(relation, known, there, this.#catalog.dataset);
    const lost = added.find((column) => known !== null && hasStored(known, column));
    if (lost !== undefined) throw this.#gone(relation, lost);
    if (added.length > 0) await this.#catalog.addColumns(storedTable(relation), there, added);
  }

  async #existing(relation: Relation): Promise<TableResource> {
    const there = await this.#catalog.read(storedTable(relation));
    if (there === null) throw new RowsealError('RS-BQ-010', { detail: `${this.#nameOf(relation)} is gone` });
    return there;
  }

  #show(relation: Relation, { table }: Target, history: boolean): Promise<void> {
    const what = history ? 'Every version of the rows' : 'The rows';
    return this.#catalog.putView(
      relation.view,
      this.#statements.view(relation, history),
      `${what} of ${displayName(table)}, masked by Rowseal`,
    );
  }

  #createMirror(target: Target): Promise<TableResource> {
    const { table, mirror, mode } = target;
    const options = this.#options.byTable.get(displayName(table));
    const keys = keyColumns(mirror, table).map(written);
    if (mode === 'cdc' && keys.length > MAX_CDC_KEY)
      throw new RowsealError('RS-BQ-015', {
        detail: `the key of ${displayName(table)} has ${keys.length} columns`,
      });
    const clusterBy =
      options?.clusterBy?.map((name) => this.#column(table, mirror, name, 'cluster_by')) ??
      keys.filter(({ type }) => CLUSTERABLE.has(type)).slice(0, MAX_CLUSTER);
    if (clusterBy.length > MAX_CLUSTER || clusterBy.some(({ type }) => !CLUSTERABLE.has(type)))
      throw new RowsealError('RS-BQ-018', { detail: `cluster_by of ${displayName(table)}` });
    const partition = options?.partitionBy ?? null;
    const partitioned =
      partition === null ? null : this.#column(table, mirror, partition.column, 'partition_by');
    if (partitioned !== null && !PARTITIONABLE.has(partitioned.type))
      throw new RowsealError('RS-BQ-018', {
        detail: `partition_by of ${displayName(table)} is a ${partitioned.type}`,
      });
    return this.#catalog.createTable({
      name: storedTable(mirror),
      columns: [...described(mirror), ...OWN_COLUMNS],
      key: mode === 'cdc' ? keys.map(({ name }) => name) : [],
      clusterBy: clusterBy.map(({ name }) => name),
      partitionBy: partition === null ? null : { column: partitioned!.name, every: partition.every },
      maxStalenessMs: mode === 'cdc' ? this.#options.maxStalenessMs : null,
      description: `Below the view ${mirror.view}`,
    });
  }

  #createHistory(history: Relation, { mode }: Target): Promise<TableResource> {
    return this.#catalog.createTable({
      name: storedTable(history),
      columns: [...described(history), ...OWN_COLUMNS, UNCHANGED_COLUMN],
      // Whatever the mode: it may change.
      key: ['_rowseal_seq'],
      clusterBy: ['_rowseal_seq'],
      maxStalenessMs: mode === 'cdc' ? this.#options.maxStalenessMs : null,
      description: `Below the view ${history.view}`,
    });
  }

  #column(table: MaskedTable, relation: Relation, name: string, option: string): StoredColumn {
    const column = table.columns.find((candidate) => candidate.name === name);
    const found =
      column === undefined
        ? undefined
        : relation.columns.find(({ identity }) => identity === columnIdentity(column));
    if (found === undefined)
      throw new RowsealError('RS-BQ-018', {
        detail: `${option} of ${displayName(table)}: no column ${name}`,
      });
    return written(found);
  }

  #checkWidth({ table, mirror, mode }: Target): void {
    const stored = mirror.taken.length;
    if (stored > MAX_COLUMNS[mode])
      throw new RowsealError('RS-BQ-015', { detail: `${displayName(table)} needs ${stored} columns` });
  }

  #gone(relation: Relation, { name }: StoredColumn): RowsealError {
    return new RowsealError('RS-BQ-010', { detail: `column ${name} of ${this.#nameOf(relation)} is gone` });
  }

  #nameOf(relation: Relation): string {
    return `${this.#catalog.dataset}.${storedTable(relation)}`;
  }
}

/** Columns with the mark of the source's column whose values they hold. */
function described(relation: Relation): readonly DescribedColumn[] {
  return relation.columns.flatMap(({ identity, stored }) =>
    stored.map((column) => ({ ...column, description: `rowseal ${identity}` })),
  );
}

function hasStored(relation: Relation, { name }: StoredColumn): boolean {
  return relation.columns.some(({ stored }) => stored.some((column) => column.name === name));
}

/**
 * Columns that the table lacks. One that is there under the same name was made by an interrupted run, as its mark says.
 *
 * @throws RowsealError RS-BQ-010 when it is somebody else's
 */
function absent(
  relation: Relation,
  known: Relation | null,
  there: TableResource,
  dataset: string,
): readonly DescribedColumn[] {
  const byName = new Map(there.columns.map((column) => [column.name.toLowerCase(), column]));
  return described(relation).filter((wanted) => {
    const found = byName.get(wanted.name.toLowerCase());
    if (found === undefined) return true;
    const ours = found.description === wanted.description || (known !== null && hasStored(known, wanted));
    if (found.type !== wanted.type || !ours)
      throw new RowsealError('RS-BQ-010', {
        detail: `column ${wanted.name} of ${dataset}.${storedTable(relation)} is ${ours ? `a ${found.type}` : 'somebody else’s'}`,
      });
    return false;
  });
}
