import type { Client } from 'pg';
import { createPostgresMirrorReader } from '../../../connectors/sinks/postgres/mirror-reader.ts';
import type { PostgresSinkOptions } from '../../../connectors/sinks/postgres/options.ts';
import { createPostgresSink } from '../../../connectors/sinks/postgres/sink.ts';
import type { MirrorReader } from '../../../src/deliver/mirror-reader.ts';
import type { Sink } from '../../../src/deliver/sink.ts';
import type { MaskedTable } from '../../../src/model/masked.ts';
import { visibleColumns } from '../../../src/model/schema-diff.ts';
import { columnIdentity } from '../../../src/model/table.ts';
import type { CutSink, DeadLetterRow, SinkTarget, TargetRow } from '../../contract/sink-contract.ts';
import { CuttingProxy } from './cutting-proxy.ts';
import type { HistoryRow } from './reference-warehouse.ts';

interface KnownColumn {
  readonly identity: string;
  readonly name: string;
}

interface Known {
  readonly columns: readonly KnownColumn[];
  readonly historyColumns: readonly KnownColumn[];
}

let targets = 0;

/** Schemas of its own in a database that the targets of a suite share. */
export class PostgresTarget implements SinkTarget {
  readonly address: PostgresSinkOptions;
  readonly #client: Client;
  readonly #server: { readonly host: string; readonly port: number };

  /** @param client of the database that the URL names */
  constructor(
    client: Client,
    url: string,
    server: { readonly host: string; readonly port: number },
    changes: Partial<PostgresSinkOptions> = {},
  ) {
    const n = targets++;
    this.#client = client;
    this.#server = server;
    this.address = {
      name: 'w',
      url,
      password: null,
      tlsMode: null,
      tlsCa: null,
      stateSchema: `state_${n}`,
      schemaPrefix: `target_${n}_`,
      fillfactor: 85,
      history: 'all',
      proof: true,
      maxDeadLetters: 10_000,
      ...changes,
    };
  }

  sink(options: { readonly maxDeadLetters?: number } = {}): Sink {
    return createPostgresSink({ ...this.address, ...options });
  }

  reader(): MirrorReader {
    return createPostgresMirrorReader(this.address);
  }

  async cutSink(): Promise<CutSink> {
    const proxy = new CuttingProxy(this.#server.host, this.#server.port);
    const port = await proxy.listen();
    const url = new URL(this.address.url);
    url.host = `127.0.0.1:${port}`;
    return {
      sink: createPostgresSink({ ...this.address, url: url.href }),
      cutNextCommit: (when) => proxy.cutNextCommit(when),
      close: () => proxy.close(),
    };
  }

  async mirror(table: MaskedTable): Promise<readonly TargetRow[] | null> {
    const known = await this.#known(table);
    if (known === null) return null;
    const rows = await this.#select(
      [...(this.address.proof ? PROOF : ["''", '0', '0']), ...texts(table, known.columns)],
      this.#qualified(table, table.name),
    );
    return rows.map(([op, group, seq, ...cells]) => ({
      cells,
      proof: this.address.proof ? { op: op!, group: Number(group), seq: Number(seq) } : null,
    }));
  }

  async history(table: MaskedTable): Promise<readonly HistoryRow[] | null> {
    const known = await this.#known(table);
    if (known === null || this.address.history === 'none') return null;
    const unchanged = "coalesce(cardinality(string_to_array(_rowseal_unchanged, ',')), 0)::text";
    const rows = await this.#select(
      [...PROOF, unchanged, ...texts(table, known.historyColumns)],
      this.#qualified(table, `${table.name}__history`),
    );
    return rows.map(([op, group, seq, count, ...cells]) => ({
      op: op!,
      group: Number(group),
      seq: Number(seq),
      unchanged: Number(count),
      cells,
    }));
  }

  async deadLetters(): Promise<readonly DeadLetterRow[]> {
    const rows = await this.#select(
      ['group_index::text', 'table_name', 'column_name', 'value', 'reason'],
      `${this.address.stateSchema}.dead_letters`,
    );
    return rows.map(([group, table, column, value, reason]) => ({
      group: Number(group),
      table: table!,
      column: column!,
      // How a NUL is written where no text can hold one.
      value: reason!.includes('stands for NUL')
        ? value!.replace(/\\(\\|0)/g, (_, mark: string) => (mark === '0' ? '\u0000' : '\\'))
        : value!,
      reason: reason!,
    }));
  }

  async occupy(table: MaskedTable): Promise<void> {
    const name = this.#qualified(table, table.name);
    await this.#client.query(`CREATE SCHEMA ${quoted(this.address.schemaPrefix + table.namespace)}`);
    await this.#client.query(`CREATE TABLE ${name} (mine int)`);
  }

  async drop(): Promise<void> {
    for (const schema of [this.address.stateSchema, `${this.address.schemaPrefix}public`])
      await this.#client.query(`DROP SCHEMA IF EXISTS ${quoted(schema)} CASCADE`);
  }

  #qualified(table: MaskedTable, name: string): string {
    return `${quoted(this.address.schemaPrefix + table.namespace)}.${quoted(name)}`;
  }

  async #known(table: MaskedTable): Promise<Known | null> {
    const found = await this.#client.query<{ known: Known }>(
      `SELECT known FROM ${this.address.stateSchema}.tables WHERE namespace = $1 AND name = $2`,
      [table.namespace, table.name],
    );
    return found.rows[0]?.known ?? null;
  }

  async #select(columns: readonly string[], from: string): Promise<readonly (readonly (string | null)[])[]> {
    const found = await this.#client.query<(string | null)[]>({
      text: `SELECT ${columns.join(', ')} FROM ${from}`,
      rowMode: 'array',
    });
    return found.rows;
  }
}

const PROOF = ['_rowseal_op', '_rowseal_group::text', '_rowseal_seq::text'];

/** The visible columns as canonical text, which is Postgres' own. */
function texts(table: MaskedTable, known: readonly KnownColumn[]): readonly string[] {
  return visibleColumns(table).map((column) => {
    const { name } = known.find(({ identity }) => identity === columnIdentity(column))!;
    return `${quoted(name)}::text`;
  });
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
