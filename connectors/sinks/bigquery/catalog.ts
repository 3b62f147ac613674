import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { type BigqueryClient, RequestFailed, requestError } from './client.ts';
import type { StoredColumn } from './target.ts';
import { type BigqueryType, elementOf, typeOfField } from './types.ts';

/** A table or view as tables.get tells of it. */
export interface TableResource {
  readonly kind: 'table' | 'view' | 'other';
  readonly columns: readonly (StoredColumn & { readonly description: string | null })[];
  readonly view: string | null;
  /** Pipeline that made it; null: not one of ours. */
  readonly owner: string | null;
  /** Milliseconds since 1970: tells a table from one that had its name before. */
  readonly createdMs: string;
}

export interface NewTable {
  readonly name: string;
  readonly columns: readonly DescribedColumn[];
  /** Primary key, not enforced; empty: none. */
  readonly key?: readonly string[];
  readonly clusterBy?: readonly string[];
  readonly partitionBy?: { readonly column: string; readonly every: string } | null;
  readonly maxStalenessMs?: number | null;
  readonly description?: string;
}

/** A column with the mark by which it is known again: the identity of the source's column. */
export interface DescribedColumn extends StoredColumn {
  readonly description?: string;
}

export interface DatasetResource {
  readonly location: string;
}

const OWNER_LABEL = 'rowseal_pipeline';

/** Tables and views of one dataset: made and widened, never replaced. */
export class Catalog {
  readonly dataset: string;
  readonly #client: BigqueryClient;
  readonly #pipeline: string;
  readonly #labels: Readonly<Record<string, string>>;
  readonly #stagingExpirationMs: number;

  constructor(
    client: BigqueryClient,
    dataset: string,
    pipeline: string,
    labels: Readonly<Record<string, string>>,
    stagingExpirationMs: number,
  ) {
    this.#client = client;
    this.dataset = dataset;
    this.#pipeline = pipeline;
    this.#labels = { ...labels, [OWNER_LABEL]: pipeline };
    this.#stagingExpirationMs = stagingExpirationMs;
  }

  /** @throws RowsealError RS-BQ-001 */
  async readDataset(): Promise<DatasetResource> {
    try {
      const resource = await this.#client.send({ method: 'GET', path: `/datasets/${this.dataset}` });
      return { location: String(resource['location']) };
    } catch (thrown) {
      if (isStatus(thrown, 404))
        throw new RowsealError('RS-BQ-001', { detail: `${this.#client.project}.${this.dataset}` });
      throw requestError(thrown, `reading dataset ${this.dataset}`);
    }
  }

  /** null: there is none of that name. */
  async read(name: string): Promise<TableResource | null> {
    try {
      return tableResource(await this.#client.send({ method: 'GET', path: this.#path(name) }));
    } catch (thrown) {
      if (isStatus(thrown, 404)) return null;
      throw requestError(thrown, `reading table ${name}`);
    }
  }

  /** Makes a table, or takes the one that an interrupted run of this pipeline made. @throws RowsealError RS-BQ-007 */
  async createTable(table: NewTable): Promise<TableResource> {
    const { name, key = [], clusterBy = [], partitionBy = null, maxStalenessMs = null } = table;
    return this.#create(name, {
      schema: { fields: table.columns.map(fieldOf) },
      ...(table.description === undefined ? {} : { description: table.description }),
      ...(key.length === 0 ? {} : { tableConstraints: { primaryKey: { columns: key } } }),
      ...(clusterBy.length === 0 ? {} : { clustering: { fields: clusterBy } }),
      ...(partitionBy === null
        ? {}
        : { timePartitioning: { type: partitionBy.every.toUpperCase(), field: partitionBy.column } }),
      ...(maxStalenessMs === null ? {} : { maxStaleness: intervalText(maxStalenessMs) }),
    });
  }

  /** @throws RowsealError RS-BQ-007 */
  async putView(name: string, query: string, description: string): Promise<void> {
    const there =
      (await this.read(name)) ??
      (await this.#create(name, { view: { query, useLegacySql: false }, description }));
    if (there.kind !== 'view' || there.owner !== this.#pipeline)
      throw new RowsealError('RS-BQ-007', {
        detail: `${this.dataset}.${name}`,
        state: 'it was left as it is',
      });
    if (there.view === query) return;
    await this.#patch(name, { view: { query, useLegacySql: false } }, `changing view ${name}`);
  }

  /** Adds columns behind those that are there. */
  async addColumns(name: string, there: TableResource, added: readonly DescribedColumn[]): Promise<void> {
    const kept = there.columns.map(({ description, ...column }) =>
      fieldOf(description === null ? column : { ...column, description }),
    );
    await this.#patch(
      name,
      { schema: { fields: [...kept, ...added.map(fieldOf)] } },
      `adding columns to ${name}`,
    );
  }

  /** Queries see every row from now on, however dear. */
  async unsetStaleness(name: string): Promise<void> {
    await this.#patch(name, { maxStaleness: intervalText(0) }, `changing table ${name}`);
  }

  /** Makes a staging table, or takes the one that an earlier attempt made, unless that has expired. */
  createStaging(name: string, columns: readonly StoredColumn[]): Promise<TableResource> {
    return this.#create(name, {
      schema: { fields: columns.map(fieldOf) },
      expirationTime: String(Date.now() + this.#stagingExpirationMs),
    });
  }

  /** A table that nobody reads any more. */
  async drop(name: string): Promise<void> {
    await this.#client.send({ method: 'DELETE', path: this.#path(name) });
  }

  async #create(name: string, body: object): Promise<TableResource> {
    const { project } = this.#client;
    try {
      const resource = await this.#client.send({
        method: 'POST',
        path: `/datasets/${this.dataset}/tables`,
        body: {
          tableReference: { projectId: project, datasetId: this.dataset, tableId: name },
          labels: this.#labels,
          ...body,
        },
      });
      return tableResource(resource);
    } catch (thrown) {
      if (!isStatus(thrown, 409)) throw requestError(thrown, `creating ${name}`);
    }
    const there = await this.read(name);
    if (there?.owner !== this.#pipeline)
      throw new RowsealError('RS-BQ-007', {
        detail: `${this.dataset}.${name}`,
        state: 'it was left as it is',
      });
    return there;
  }

  async #patch(name: string, body: object, doing: string): Promise<void> {
    try {
      await this.#client.send({ method: 'PATCH', path: this.#path(name), body });
    } catch (thrown) {
      if (thrown instanceof RequestFailed && isStatus(thrown, 404))
        throw new RowsealError('RS-BQ-010', { detail: `${this.dataset}.${name} is gone` });
      throw requestError(thrown, doing);
    }
  }

  #path(name: string): string {
    return `/datasets/${this.dataset}/tables/${encodeURIComponent(name)}`;
  }
}

function isStatus(thrown: unknown, status: number): boolean {
  return thrown instanceof RequestFailed && thrown.failure.status === status;
}

function fieldOf({ name, type, description }: DescribedColumn): object {
  const element = elementOf(type);
  return {
    name,
    type: element ?? type,
    mode: element === null ? 'NULLABLE' : 'REPEATED',
    ...(description === undefined ? {} : { description }),
  };
}

function tableResource(resource: Record<string, unknown>): TableResource {
  const schema = (resource['schema'] ?? {}) as { readonly fields?: readonly Field[] };
  const view = resource['view'] as { readonly query?: string } | undefined;
  const labels = (resource['labels'] ?? {}) as Readonly<Record<string, string>>;
  const kind = resource['type'] === 'TABLE' ? 'table' : resource['type'] === 'VIEW' ? 'view' : 'other';
  return {
    kind,
    columns: (schema.fields ?? []).map((field) => ({
      name: field.name,
      type: typeOfField(field) as BigqueryType,
      description: field.description ?? null,
    })),
    view: view?.query ?? null,
    owner: labels[OWNER_LABEL] ?? null,
    createdMs: String(resource['creationTime']),
  };
}

interface Field {
  readonly name: string;
  readonly type: string;
  readonly mode?: string;
  readonly description?: string;
}

/** An INTERVAL literal, `Y-M D H:M:S`, as the REST interface takes it for maxStaleness. */
function intervalText(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000);
  return `0-0 0 ${Math.floor(seconds / 3600)}:${Math.floor(seconds / 60) % 60}:${seconds % 60}`;
}

/** @throws RowsealError RS-BQ-004 */
export function checkLocation(dataset: DatasetResource, wanted: string | null, name: string): void {
  if (wanted !== null && wanted.toLowerCase() !== dataset.location.toLowerCase())
    throw new RowsealError('RS-BQ-004', {
      detail: `${name} is in ${dataset.location}, configured is ${wanted}`,
    });
}
