import { randomUUID } from 'node:crypto';
import { BigQuery } from '@google-cloud/bigquery';
import { BigqueryClient } from '../../connectors/sinks/bigquery/client.ts';
import { Jobs, type QueryRow } from '../../connectors/sinks/bigquery/jobs.ts';
import { createBigqueryMirrorReader } from '../../connectors/sinks/bigquery/mirror-reader.ts';
import { quoteIdentifier } from '../../connectors/sinks/bigquery/names.ts';
import { type BigquerySinkOptions, defaultPatience } from '../../connectors/sinks/bigquery/options.ts';
import { createBigquerySink } from '../../connectors/sinks/bigquery/sink.ts';
import type { Relation, Target } from '../../connectors/sinks/bigquery/target.ts';
import { written } from '../../connectors/sinks/bigquery/target.ts';
import { convertExpression } from '../../connectors/sinks/bigquery/types.ts';
import type { MirrorReader } from '../../src/deliver/mirror-reader.ts';
import type { Sink } from '../../src/deliver/sink.ts';
import type { MaskedTable } from '../../src/model/masked.ts';
import { visibleColumns } from '../../src/model/schema-diff.ts';
import { columnIdentity } from '../../src/model/table.ts';
import type { CutSink, DeadLetterRow, SinkTarget, TargetRow } from '../contract/sink-contract.ts';
import type { BigqueryFake } from './bigquery-fake.ts';
import type { HistoryRow } from './sink/reference-warehouse.ts';

/** Where a sink under test writes; goes through JSON to the process that is killed. */
export interface BigqueryAddress {
  readonly project: string;
  readonly dataset: string;
  readonly mode: 'merge' | 'cdc';
  readonly history: 'none' | 'all';
  /** null: the real thing, with the credentials of the machine. */
  readonly fake: { readonly rest: string; readonly grpc: string } | null;
  readonly pieceBytes: number;
}

export function testOptions(
  address: BigqueryAddress,
  changes: Partial<BigquerySinkOptions> = {},
): BigquerySinkOptions {
  const { fake } = address;
  return {
    name: 'w',
    project: address.project,
    dataset: address.dataset,
    location: null,
    credentials: fake === null ? { kind: 'default' } : { kind: 'none' },
    impersonate: null,
    mode: address.mode,
    history: address.history,
    tableName: '{table}',
    // Exact texts: the contract compares them.
    types: { json: 'string', arrays: 'string', unboundedNumeric: 'string' },
    byTable: new Map(),
    maxDeadLetters: 10_000,
    labels: new Map([['purpose', 'test']]),
    maxStalenessMs: null,
    batchIntervalMs: 0,
    batchBytes: 64_000_000,
    pieceBytes: address.pieceBytes,
    stagingExpirationMs: 3_600_000,
    ...(fake === null ? {} : { endpoints: { ...fake, plaintext: true } }),
    patience:
      fake === null ? defaultPatience : { firstMs: 1, maxMs: 5, attempts: 3, pollMs: 1, schemaMs: 2_000 },
    ...changes,
  };
}

/** A dataset for the contract suite: of the fake, or of a real project. */
export class BigqueryTarget implements SinkTarget {
  readonly address: BigqueryAddress;
  readonly #fake: BigqueryFake | null;

  constructor(address: BigqueryAddress, fake: BigqueryFake | null) {
    this.address = address;
    this.#fake = fake;
  }

  sink(options: { readonly maxDeadLetters?: number } = {}): Sink {
    return createBigquerySink(testOptions(this.address, options));
  }

  reader(): MirrorReader {
    return createBigqueryMirrorReader(testOptions(this.address));
  }

  /** The answer is lost, and the network with it, until the sink is opened again. */
  async cutSink(): Promise<CutSink> {
    const { request } = BigQuery.prototype;
    let cut: 'before' | 'after' | null = null;
    let dark = false;
    const lost = Object.assign(new Error('cut'), { code: 'ECONNRESET' });
    BigQuery.prototype.request = function (
      this: BigQuery,
      ...[options, callback]: Parameters<typeof request>
    ): void {
      const answer = callback as (error: unknown, body?: unknown, response?: unknown) => void;
      const hit = cut !== null && JSON.stringify(options.json ?? '').includes('COMMIT TRANSACTION');
      if (!dark && !hit) {
        request.call(this, options, callback);
        return;
      }
      const after = !dark && cut === 'after';
      dark = true;
      if (after) request.call(this, options, (() => answer(lost)) as typeof callback);
      else setImmediate(answer, lost);
    } as typeof request;
    const sink = this.sink();
    const open: Sink['open'] = (pipeline, epoch) => {
      cut = null;
      dark = false;
      return Object.getPrototypeOf(sink).open.call(sink, pipeline, epoch);
    };
    Object.defineProperty(sink, 'open', { value: open });
    return {
      sink,
      cutNextCommit: (when) => {
        cut = when;
      },
      close: async () => {
        BigQuery.prototype.request = request;
      },
    };
  }

  async mirror(table: MaskedTable): Promise<readonly TargetRow[] | null> {
    const known = await this.#known(table);
    if (known === null) return null;
    const rows = await this.#read(table, known.mirror, []);
    return rows.map(([op, group, seq, ...cells]) => ({
      cells,
      proof: { op: op!, group: Number(group), seq: Number(seq) },
    }));
  }

  async history(table: MaskedTable): Promise<readonly HistoryRow[] | null> {
    const known = await this.#known(table);
    if (known?.history == null) return null;
    const rows = await this.#read(table, known.history, ['_rowseal_unchanged']);
    return rows.map(([op, group, seq, unchanged, ...cells]) => ({
      op: op!,
      group: Number(group),
      seq: Number(seq),
      unchanged: unchanged == null ? 0 : (JSON.parse(unchanged) as string[]).length,
      cells,
    }));
  }

  async deadLetters(): Promise<readonly DeadLetterRow[]> {
    const columns = 'group_index, table_name, column_name, value, reason';
    const rows = await this.query(`SELECT ${columns} FROM ${this.#name('_rowseal_dead_letters')}`);
    return rows.map(([group, table, column, value, reason]) => ({
      group: Number(group),
      table: table!,
      column: column!,
      value: value!,
      reason: reason!,
    }));
  }

  async occupy(table: MaskedTable): Promise<void> {
    await this.#send('POST', '/tables', {
      tableReference: {
        tableId: table.name,
        datasetId: this.address.dataset,
        projectId: this.address.project,
      },
      schema: { fields: [{ name: 'mine', type: 'INT64' }] },
    });
  }

  async drop(): Promise<void> {
    if (this.#fake !== null) await this.#fake.dropDataset(this.address.dataset);
    else await this.#send('DELETE', '?deleteContents=true');
  }

  async #send(method: 'POST' | 'DELETE', path: string, body?: object): Promise<void> {
    const client = await BigqueryClient.connect(testOptions(this.address));
    const [name, query] = path.split('?');
    await client.send({
      method,
      path: `/datasets/${this.address.dataset}${name}`,
      ...(query === undefined ? {} : { query: Object.fromEntries(new URLSearchParams(query)) }),
      ...(body === undefined ? {} : { body }),
    });
  }

  async query(sql: string): Promise<readonly QueryRow[]> {
    const options = testOptions(this.address);
    const client = await BigqueryClient.connect(options);
    const { location } = await client.send({ method: 'GET', path: `/datasets/${this.address.dataset}` });
    const jobs = new Jobs(client, String(location), {}, options.patience ?? defaultPatience);
    return jobs.select(`test_${randomUUID()}`, sql, [], 'reading what a test wrote');
  }

  async #known(table: MaskedTable): Promise<Target | null> {
    const rows = await this.query(`SELECT table_key, known FROM ${this.#name('_rowseal_tables')}`);
    const row = rows.find(([key]) => key === JSON.stringify([table.namespace, table.name]));
    return row === undefined ? null : (JSON.parse(row[1]!) as Target);
  }

  /** op, group, seq, then what is asked for, then the visible columns as canonical text. */
  #read(table: MaskedTable, relation: Relation, more: readonly string[]): Promise<readonly QueryRow[]> {
    const cells = visibleColumns(table).map((column, i) => {
      const found = relation.columns.find(({ identity }) => identity === columnIdentity(column))!;
      return `${convertExpression(quoteIdentifier(found.shown), written(found).type, 'STRING')} AS x${i}`;
    });
    const own = ['_rowseal_op', '_rowseal_group', '_rowseal_seq', ...more];
    return this.query(`SELECT ${[...own, ...cells].join(', ')} FROM ${this.#name(relation.view)}`);
  }

  #name(table: string): string {
    return quoteIdentifier(`${this.address.project}.${this.address.dataset}.${table}`);
  }
}
