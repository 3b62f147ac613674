import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { CdcTable } from './bigquery-cdc-table.ts';
import {
  checkClustering,
  checkFields,
  checkLabels,
  checkLoadedValue,
  checkPartitioning,
  checkPrimaryKey,
  checkSchemaUpdate,
  checkTableName,
  RestError,
  type RestField,
  standardType,
} from './bigquery-rules.ts';
import { DUCKDB_MACROS, DUCKDB_TYPES, quoteDuckdb, SqlReader, UnknownSql } from './bigquery-sql.ts';
import type { FakeTokens } from './bigquery-tokens.ts';

/** What happens to one request: it is refused, or the connection is cut before or after the work was done. */
export type Fault =
  | { readonly kind: 'status'; readonly status: number; readonly reason: string }
  | { readonly kind: 'cut'; readonly when: 'before' | 'after' };

export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

interface Job {
  readonly reference: Record<string, unknown>;
  state: 'RUNNING' | 'DONE';
  error: RestError | null;
  /** Table in DuckDB with the rows of its last SELECT; null: it has none. */
  answer: string | null;
  done: Promise<void>;
}

export interface FakeTable {
  readonly name: string;
  fields: readonly RestField[];
  view: string | null;
  labels: Readonly<Record<string, string>>;
  description: string | null;
  readonly expires: number | null;
  readonly createdMs: number;
  readonly primaryKey: readonly string[];
  maxStaleness: string | null;
  readonly clustering: readonly string[];
  readonly partitioning: { readonly type: string; readonly field: string } | null;
  /** null: no upsert was ever streamed into it. */
  cdc: CdcTable | null;
  /** When the schema changed last, for the write interface's lag. */
  alteredAtMs: number;
  /** Columns before that change. */
  fieldsBefore: number;
}

/** Rows of one page of an answer. (BigQuery's pages have 10 MB, https://cloud.google.com/bigquery/docs/paging-results.) */
const PAGE_ROWS = 10_000;
/** Bytes of SQL that a request may have (https://cloud.google.com/bigquery/quotas#query_jobs: 1 MB). */
const MAX_SQL = 1_048_576;

/**
 * BigQuery's REST interface in this process: datasets, tables, jobs. It knows what the sink needs, strictly: rules are in
 * `bigquery-rules.ts`, the SQL in `bigquery-sql.ts`; both refuse what they do not know. Rows live in DuckDB.
 */
export class BigqueryFake {
  readonly project = 'fake-project';
  readonly tables = new Map<string, FakeTable>();
  /** Statements that changed rows, by table: what counts against BigQuery's limits. */
  readonly mutations = new Map<string, number>();
  /** Loaded rows are looked at and forgotten: for measurements. */
  discard = false;
  readonly requests: Omit<FakeRequest, 'body'>[] = [];
  /** Asked before each request is answered. */
  fault: (request: FakeRequest) => Fault | null = () => null;
  /** null: requests need no token. */
  tokens: FakeTokens | null = null;
  /** Asked when a job was taken: what it waits for, with all other jobs behind it, or while they pass it. */
  jobWait: (id: string) => { readonly where: 'running' | 'pending'; readonly until: Promise<void> } | null =
    () => null;
  /** Asked before each job runs: what it fails of. */
  jobFault: (id: string) => RestError | null = () => null;
  readonly #datasets = new Map<string, string>();
  readonly #jobs = new Map<string, Job>();
  readonly #server: Server;
  readonly #database: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  #answers = 0;
  /** Jobs run one after the other. */
  #queue: Promise<void> = Promise.resolve();

  private constructor(database: DuckDBInstance, connection: DuckDBConnection) {
    this.#database = database;
    this.#connection = connection;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(): Promise<BigqueryFake> {
    const database = await DuckDBInstance.create(':memory:', {
      threads: '1',
      memory_limit: '1GB',
      temp_directory: join(tmpdir(), `rowseal-fake-${randomUUID()}`),
    });
    const connection = await database.connect();
    await connection.run("SET TimeZone = 'UTC'");
    for (const macro of DUCKDB_MACROS) await connection.run(macro);
    const fake = new BigqueryFake(database, connection);
    fake.#server.listen(0, '127.0.0.1');
    await once(fake.#server, 'listening');
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await this.#queue;
    this.#connection.closeSync();
    this.#database.closeSync();
  }

  addDataset(name: string, location = 'EU'): void {
    this.#datasets.set(name, location);
  }

  async dropDataset(name: string): Promise<void> {
    this.#datasets.delete(name);
    await this.#inTurn(async () => {
      for (const [full, table] of this.tables) {
        if (!full.startsWith(`${this.project}.${name}.`)) continue;
        await this.#connection.run(`DROP ${table.view === null ? 'TABLE' : 'VIEW'} ${quoteDuckdb(full)}`);
        this.tables.delete(full);
      }
    });
  }

  table(dataset: string, name: string): FakeTable | undefined {
    return this.tables.get(`${this.project}.${dataset}.${name}`);
  }

  /** Runs DuckDB's own SQL on the rows, for tests that look or meddle behind the interface. */
  async peek(sql: string): Promise<readonly (readonly unknown[])[]> {
    return this.#inTurn(async () => (await this.#connection.runAndReadAll(sql)).getRowsJS());
  }

  /** Somebody else drops a table. */
  async dropTable(dataset: string, name: string): Promise<void> {
    await this.#deleteTable(`${this.project}.${dataset}.${name}`, this.table(dataset, name)!);
  }

  /** Somebody else takes a column away, which BigQuery allows by DDL. */
  async dropColumn(dataset: string, name: string, column: string): Promise<void> {
    const table = this.table(dataset, name)!;
    table.fields = table.fields.filter((field) => field.name !== column);
    const full = quoteDuckdb(`${this.project}.${dataset}.${name}`);
    await this.#inTurn(async () => {
      await this.#connection.run(`ALTER TABLE ${full} DROP COLUMN ${quoteDuckdb(column)}`);
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url!, this.url);
    const seen: FakeRequest = {
      method: request.method!,
      path: decodeURIComponent(url.pathname),
      body: Buffer.concat(chunks).toString('utf8'),
    };
    this.requests.push({ method: seen.method, path: seen.path });
    const fault = this.fault(seen);
    if (fault?.kind === 'cut' && fault.when === 'before') return void request.socket.destroy();
    if (this.tokens !== null && !this.tokens.takes(request.headers.authorization))
      return sendError(response, new RestError(401, 'authError', 'Invalid Credentials'));
    if (fault?.kind === 'status')
      return sendError(response, new RestError(fault.status, fault.reason, fault.reason));
    let answer: object;
    try {
      answer = await this.#answer(seen, url.searchParams, request.headers['content-type'] ?? '');
    } catch (thrown) {
      if (fault?.kind === 'cut') return void request.socket.destroy();
      const error =
        thrown instanceof RestError
          ? thrown
          : new RestError(500, 'internalError', `the fake failed: ${String(thrown)}`);
      return sendError(response, error);
    }
    if (fault?.kind === 'cut') return void request.socket.destroy();
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
  }

  async #answer(request: FakeRequest, query: URLSearchParams, contentType: string): Promise<object> {
    const { method, path, body } = request;
    const upload = `/upload/bigquery/v2/projects/${this.project}/jobs`;
    if (path === upload && method === 'POST') return this.#insertLoad(parseMultipart(body, contentType));
    const prefix = `/bigquery/v2/projects/${this.project}/`;
    if (!path.startsWith(prefix)) throw new RestError(404, 'notFound', `Not found: ${path}`);
    const [collection, id, inner, name] = path.slice(prefix.length).split('/');
    const json = (): Record<string, unknown> => JSON.parse(body) as Record<string, unknown>;
    if (collection === 'jobs' && id === undefined && method === 'POST') return this.#insertQuery(json());
    if (collection === 'jobs' && id !== undefined && method === 'GET') return this.#getJob(id, query);
    if (collection === 'queries' && id !== undefined && method === 'GET') return this.#getResults(id, query);
    if (collection !== 'datasets' || id === undefined)
      throw new RestError(404, 'notFound', `Not found: ${path}`);
    const location = this.#datasets.get(id);
    if (location === undefined)
      throw new RestError(404, 'notFound', `Not found: Dataset ${this.project}:${id}`);
    if (inner === undefined && method === 'GET') return { location, datasetReference: { datasetId: id } };
    if (inner === 'tables' && name === undefined && method === 'POST') return this.#createTable(id, json());
    if (inner === 'tables' && name === undefined && method === 'GET') return { tables: [] };
    if (inner !== 'tables' || name === undefined) throw new RestError(404, 'notFound', `Not found: ${path}`);
    const full = `${this.project}.${id}.${name}`;
    const table = this.#existing(full);
    if (method === 'GET') return resource(table);
    if (method === 'PATCH') return this.#patchTable(full, table, json());
    if (method === 'DELETE') return this.#deleteTable(full, table);
    throw new RestError(404, 'notFound', `Not found: ${method} ${path}`);
  }

  #existing(full: string): FakeTable {
    const table = this.tables.get(full);
    if (table === undefined || (table.expires !== null && table.expires < Date.now()))
      throw new RestError(404, 'notFound', `Not found: Table ${full}`);
    return table;
  }

  async #createTable(dataset: string, body: Record<string, unknown>): Promise<object> {
    const { tableId } = body['tableReference'] as { readonly tableId: string };
    checkTableName(tableId);
    const full = `${this.project}.${dataset}.${tableId}`;
    if (this.tables.has(full)) throw new RestError(409, 'duplicate', `Already Exists: Table ${full}`);
    const view = (body['view'] as { readonly query: string } | undefined)?.query ?? null;
    const { fields: given = [] } = (body['schema'] ?? {}) as {
      readonly fields?: readonly Partial<RestField>[];
    };
    const fields = checkFields(given);
    const labels = (body['labels'] ?? {}) as Record<string, string>;
    checkLabels(labels);
    const constraints = body['tableConstraints'] as
      | { readonly primaryKey: { readonly columns: string[] } }
      | undefined;
    const primaryKey = constraints?.primaryKey.columns ?? [];
    checkPrimaryKey(primaryKey, fields);
    const clustering = (body['clustering'] as { readonly fields: string[] } | undefined)?.fields ?? [];
    checkClustering(clustering, fields);
    const partitioning = (body['timePartitioning'] as FakeTable['partitioning']) ?? null;
    if (partitioning !== null) checkPartitioning(partitioning, fields);
    const table: FakeTable = {
      name: tableId,
      fields,
      view,
      labels,
      description: (body['description'] as string | undefined) ?? null,
      expires: body['expirationTime'] === undefined ? null : Number(body['expirationTime']),
      createdMs: Date.now(),
      primaryKey,
      maxStaleness: (body['maxStaleness'] as string | undefined) ?? null,
      clustering,
      partitioning,
      cdc: null,
      alteredAtMs: 0,
      fieldsBefore: fields.length,
    };
    await this.#inTurn(async () => {
      if (view !== null) return this.#createView(full, view);
      const columns = fields.map((field) => `${quoteDuckdb(field.name)} ${duckdbColumn(field)}`);
      await this.#connection.run(`CREATE TABLE ${quoteDuckdb(full)} (${columns.join(', ')})`);
    });
    this.tables.set(full, table);
    return resource(table);
  }

  /** What has an expiration time is gone, as it is some day. @returns how many tables */
  async expire(): Promise<number> {
    const due = [...this.tables].filter(([, { expires }]) => expires !== null);
    for (const [full, table] of due) await this.#deleteTable(full, table);
    return due.length;
  }

  async #createView(full: string, query: string): Promise<void> {
    let sql: string;
    try {
      const read = new SqlReader(query, new Map()).query();
      for (const name of read.tables) this.#existing(name);
      sql = read.sql;
      await this.#connection.run(`CREATE OR REPLACE VIEW ${quoteDuckdb(full)} AS ${sql}`);
    } catch (thrown) {
      if (thrown instanceof RestError) throw thrown;
      throw new RestError(400, 'invalidQuery', `view: ${String(thrown)}`);
    }
  }

  async #patchTable(full: string, table: FakeTable, body: Record<string, unknown>): Promise<object> {
    for (const key of Object.keys(body))
      if (!['schema', 'view', 'maxStaleness'].includes(key))
        throw new RestError(400, 'invalid', `cannot patch ${key}`);
    const view = (body['view'] as { readonly query: string } | undefined)?.query;
    if (view !== undefined) {
      if (table.view === null) throw new RestError(400, 'invalid', 'a table cannot become a view');
      await this.#inTurn(() => this.#createView(full, view));
      table.view = view;
    }
    if (body['maxStaleness'] !== undefined) table.maxStaleness = String(body['maxStaleness']);
    const schema = body['schema'] as { readonly fields: readonly Partial<RestField>[] } | undefined;
    if (schema !== undefined) {
      const fields = checkFields(schema.fields);
      checkSchemaUpdate(table.fields, fields);
      await this.#inTurn(async () => {
        for (const field of fields.slice(table.fields.length))
          await this.#connection.run(
            `ALTER TABLE ${quoteDuckdb(full)} ADD COLUMN ${quoteDuckdb(field.name)} ${duckdbColumn(field)}`,
          );
      });
      if (fields.length > table.fields.length) {
        table.alteredAtMs = Date.now();
        table.fieldsBefore = table.fields.length;
      }
      table.fields = fields;
    }
    return resource(table);
  }

  async #deleteTable(full: string, table: FakeTable): Promise<object> {
    await this.#inTurn(async () => {
      await this.#connection.run(`DROP ${table.view === null ? 'TABLE' : 'VIEW'} ${quoteDuckdb(full)}`);
    });
    this.tables.delete(full);
    return {};
  }

  #insertQuery(body: Record<string, unknown>): object {
    const configuration = body['configuration'] as Record<string, unknown>;
    const {
      query,
      useLegacySql,
      queryParameters = [],
    } = configuration['query'] as {
      readonly query: string;
      readonly useLegacySql: boolean;
      readonly queryParameters?: readonly {
        readonly name: string;
        readonly parameterValue: { readonly value: string };
      }[];
    };
    if (useLegacySql !== false) throw new RestError(400, 'invalid', 'the sink sends GoogleSQL');
    if (Buffer.byteLength(query) > MAX_SQL) throw new RestError(400, 'invalid', 'The query is too large');
    if (configuration['dryRun'] === true)
      return { status: { state: 'DONE' }, jobReference: body['jobReference'] };
    const parameters = new Map(
      queryParameters.map(({ name, parameterValue }) => [name, parameterValue.value]),
    );
    return this.#insertJob(body, (job) => this.#runScript(job, query, parameters));
  }

  #insertLoad({ metadata, media }: { readonly metadata: string; readonly media: string }): object {
    const body = JSON.parse(metadata) as Record<string, unknown>;
    const { load } = body['configuration'] as { readonly load: Record<string, unknown> };
    return this.#insertJob(body, () => this.#runLoad(load, media));
  }

  /** An id is used once in a project, even if its job failed (https://cloud.google.com/bigquery/docs/running-jobs). */
  #insertJob(body: Record<string, unknown>, work: (job: Job) => Promise<void>): object {
    const reference = body['jobReference'] as Record<string, string>;
    const id = reference['jobId']!;
    if (!/^[A-Za-z0-9_-]{1,1024}$/.test(id)) throw new RestError(400, 'invalid', 'Invalid job ID');
    if (this.#jobs.has(id))
      throw new RestError(409, 'duplicate', `Already Exists: Job ${this.project}:${id}`);
    const job: Job = { reference, state: 'RUNNING', error: null, answer: null, done: Promise.resolve() };
    this.#jobs.set(id, job);
    const wait = this.jobWait(id);
    const inTurn = async (): Promise<void> => {
      try {
        if (wait?.where === 'running') await wait.until;
        const fault = this.jobFault(id);
        if (fault !== null) throw fault;
        await work(job);
      } catch (thrown) {
        await this.#connection.run('ROLLBACK').catch(() => {});
        job.error = asJobError(thrown);
      }
      job.state = 'DONE';
    };
    const pending = wait?.where === 'pending' ? wait.until : null;
    job.done = pending === null ? this.#inTurn(inTurn) : pending.then(() => this.#inTurn(inTurn));
    return jobResource(job);
  }

  async #getJob(id: string, query: URLSearchParams): Promise<object> {
    const job = this.#job(id, query);
    await Promise.race([job.done, new Promise((resolve) => setTimeout(resolve, 20))]);
    return jobResource(job);
  }

  async #getResults(id: string, query: URLSearchParams): Promise<object> {
    const job = this.#job(id, query);
    await job.done;
    if (job.error !== null) throw job.error;
    const { answer } = job;
    if (answer === null) return { jobComplete: true, rows: [] };
    const at = Number(query.get('pageToken') ?? 0);
    const rows = await this.peek(
      `SELECT * FROM ${answer} WHERE rowid >= ${at} AND rowid < ${at + PAGE_ROWS} ORDER BY rowid`,
    );
    const next = await this.peek(`SELECT 1 FROM ${answer} WHERE rowid = ${at + PAGE_ROWS}`);
    return {
      jobComplete: true,
      // DuckDB's binding drops a byte order mark at a text's beginning.
      rows: rows.map((row) => ({ f: row.map((cell) => ({ v: (cell as string | null)?.slice(1) ?? null })) })),
      ...(next.length === 0 ? {} : { pageToken: String(at + PAGE_ROWS) }),
    };
  }

  /** Jobs are found in their location only. */
  #job(id: string, query: URLSearchParams): Job {
    const job = this.#jobs.get(id);
    if (job === undefined || query.get('location') !== job.reference['location'])
      throw new RestError(404, 'notFound', `Not found: Job ${id}`);
    return job;
  }

  async #runScript(job: Job, query: string, parameters: ReadonlyMap<string, string>): Promise<void> {
    let rowCount = 0;
    const changed = new Set<string>();
    for (const statement of new SqlReader(query, parameters).statements(() => rowCount)) {
      if (statement.kind === 'begin' || statement.kind === 'commit') {
        await this.#connection.run(statement.kind === 'begin' ? 'BEGIN TRANSACTION' : 'COMMIT');
        continue;
      }
      for (const name of statement.tables) await this.#freshen(this.#existing(name), name);
      if (statement.kind === 'select') {
        job.answer = `answer_${this.#answers++}`;
        await this.#connection.run(
          `CREATE TEMP TABLE ${job.answer} AS SELECT 'x' || CAST(COLUMNS(*) AS VARCHAR) FROM (${statement.sql})`,
        );
        continue;
      }
      const table = this.#existing(statement.target);
      if (table.view !== null) throw new RestError(400, 'invalidQuery', 'a view cannot be changed by DML');
      // https://cloud.google.com/bigquery/docs/change-data-capture#limitations, artie-labs/transfer#1035
      if (table.cdc !== null && statement.kind !== 'insert')
        throw new RestError(
          400,
          'invalid',
          'DELETE/UPDATE/MERGE DMLs are currently not supported over tables that had UPSERT streams.',
        );
      if (
        statement.ambiguous !== null &&
        (await this.#connection.runAndReadAll(statement.ambiguous)).currentRowCount > 0
      )
        throw new RestError(
          400,
          'invalidQuery',
          'UPDATE/MERGE must match at most one source row for each target row',
        );
      rowCount = (await this.#connection.run(statement.sql)).rowsChanged;
      // https://cloud.google.com/bigquery/docs/transactions#limitations
      if (changed.add(statement.target).size > 100)
        throw new RestError(400, 'invalidQuery', 'A transaction can mutate data in at most 100 tables');
      if (statement.kind !== 'insert')
        this.mutations.set(statement.target, (this.mutations.get(statement.target) ?? 0) + 1);
    }
  }

  /** Streamed changes that wait in memory become rows. */
  async settle(full: string): Promise<void> {
    await this.#inTurn(() => this.#freshen(this.#existing(full), full));
  }

  /** Streamed changes are applied when a query looks ("runtime merge"), unless it may be stale. */
  async #freshen(table: FakeTable, full: string): Promise<void> {
    if (table.view !== null) {
      for (const name of new SqlReader(table.view, new Map()).query().tables)
        await this.#freshen(this.#existing(name), name);
      return;
    }
    if (table.cdc === null || !table.cdc.changed) return;
    await table.cdc.materialize(this.#connection, full, table);
  }

  async #runLoad(load: Record<string, unknown>, media: string): Promise<void> {
    const { projectId, datasetId, tableId } = load['destinationTable'] as Record<string, string>;
    const full = `${projectId}.${datasetId}.${tableId}`;
    const table = this.#existing(full);
    if (load['sourceFormat'] !== 'NEWLINE_DELIMITED_JSON')
      throw new RestError(400, 'invalid', 'sourceFormat');
    if (load['writeDisposition'] === 'WRITE_EMPTY') {
      const rows = await this.#connection.runAndReadAll(`SELECT 1 FROM ${quoteDuckdb(full)} LIMIT 1`);
      if (rows.currentRowCount > 0) throw new RestError(409, 'duplicate', `Already Exists: Table ${full}`);
    }
    const fields = new Map(table.fields.map((field) => [field.name, field]));
    for (const line of media.split('\n')) {
      if (line === '') continue;
      const row = JSON.parse(line) as Record<string, unknown>;
      for (const name in row) {
        const field = fields.get(name);
        if (field === undefined) throw new RestError(400, 'invalid', `No such field: ${name}`);
        checkLoadedValue(field, row[name]);
      }
    }
    if (this.discard) return;
    const file = join(tmpdir(), `rowseal-fake-${randomUUID()}.json`);
    await writeFile(file, media);
    try {
      const columns = table.fields.map((field) => `'${field.name}': '${duckdbColumn(field)}'`);
      await this.#connection.run(
        `INSERT INTO ${quoteDuckdb(full)} SELECT * FROM read_json('${file}', format = 'newline_delimited', maximum_object_size = 100000000, columns = {${columns.join(', ')}})`,
      );
    } finally {
      await rm(file);
    }
  }

  #inTurn<T>(action: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(action);
    this.#queue = turn.then(
      () => {},
      () => {},
    );
    return turn;
  }

  /** For the write interface: the table, ready to take upserts. */
  cdcTable(full: string): { readonly table: FakeTable; readonly cdc: CdcTable } | null {
    const table = this.tables.get(full);
    if (table === undefined || table.view !== null) return null;
    table.cdc ??= new CdcTable(table.primaryKey);
    return { table, cdc: table.cdc };
  }
}

function duckdbColumn({ type, mode }: RestField): string {
  return `${DUCKDB_TYPES[standardType(type)]}${mode === 'REPEATED' ? '[]' : ''}`;
}

function resource(table: FakeTable): object {
  return {
    type: table.view === null ? 'TABLE' : 'VIEW',
    tableReference: { tableId: table.name },
    creationTime: String(table.createdMs),
    schema: { fields: table.fields },
    labels: table.labels,
    ...(table.view === null ? {} : { view: { query: table.view, useLegacySql: false } }),
  };
}

function jobResource(job: Job): object {
  const status = job.state === 'DONE' && job.error !== null ? { errorResult: errorProto(job.error) } : {};
  return { jobReference: job.reference, status: { state: job.state, ...status } };
}

function errorProto({ reason, message }: RestError): object {
  return { reason, message, domain: 'global' };
}

/** What a job failed of; DuckDB's own words never reach the sink's eyes as anything but a message. */
function asJobError(thrown: unknown): RestError {
  if (thrown instanceof RestError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  if (thrown instanceof UnknownSql)
    return new RestError(400, 'invalidQuery', `the fake does not know this SQL: ${message}`);
  if (/conflict/i.test(message))
    return new RestError(
      400,
      'invalidQuery',
      'Transaction is aborted due to concurrent update against table',
    );
  return new RestError(400, 'invalidQuery', message);
}

function sendError(response: ServerResponse, error: RestError): void {
  const { status: code, message } = error;
  response
    .writeHead(code, { 'content-type': 'application/json' })
    .end(JSON.stringify({ error: { code, message, errors: [errorProto(error)] } }));
}

/** RFC 2387, two parts. */
function parseMultipart(
  body: string,
  contentType: string,
): { readonly metadata: string; readonly media: string } {
  const [, quoted, plain] = /boundary=(?:"([^"]+)"|([^;]+))/.exec(contentType) ?? [];
  const [, metadata, media] = body.split(`--${quoted ?? plain}`);
  const content = (part: string | undefined): string => {
    const at = part?.indexOf('\r\n\r\n') ?? -1;
    if (at < 0) throw new RestError(400, 'badRequest', 'not two parts');
    return part!.slice(at + 4, -2);
  };
  return { metadata: content(metadata), media: content(media) };
}
