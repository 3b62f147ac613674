import type { Client } from 'pg';
import {
  deadLetterRow,
  type MirroredRow,
  type MirroredTable,
  type MirrorReader,
  type MirrorView,
  mirroredRow,
} from '../../../src/deliver/mirror-reader.ts';
import type { DeadLetter } from '../../../src/deliver/warehouse/dead-letters.ts';
import type { Target } from '../../../src/deliver/warehouse/target.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { displayName } from '../../../src/model/table.ts';
import { connect, end } from './connection.ts';
import { postgresSinkError } from './errors.ts';
import { qualified, quoteIdentifier, targetNames } from './identifier.ts';
import type { PostgresSinkOptions } from './options.ts';

/** Rows fetched at a time. */
const FETCH_ROWS = 2_000;

/** Reads a Postgres database at one moment, in a transaction that only reads; the pipeline may go on meanwhile. */
export function createPostgresMirrorReader(options: PostgresSinkOptions): MirrorReader {
  return {
    name: options.name,
    open: async () => {
      const client = await connect(options);
      try {
        await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
        // Whole tables are read, not single keys.
        await client.query('SET LOCAL enable_seqscan = on');
        const view = new PostgresView(client, options);
        if (await view.load()) return view;
        await view.close();
        return null;
      } catch (thrown) {
        await end(client);
        throw postgresSinkError(thrown, `reading sink ${options.name}`);
      }
    },
  };
}

class PostgresView implements MirrorView {
  readonly #client: Client;
  readonly #options: PostgresSinkOptions;
  pipeline = '';
  cursor: number | null = null;
  tables: readonly MirroredTable[] = [];

  constructor(client: Client, options: PostgresSinkOptions) {
    this.#client = client;
    this.#options = options;
  }

  /** @returns false: no sink has written here */
  async load(): Promise<boolean> {
    const { stateSchema } = this.#options;
    const there = await this.#client.query<{ found: string | null }>('SELECT to_regclass($1) AS found', [
      qualified(stateSchema, 'cursor'),
    ]);
    if (there.rows[0]?.found == null) return false;
    const cursor = await this.#client.query<{ pipeline: string; group_index: string | null }>(
      `SELECT pipeline, group_index FROM ${qualified(stateSchema, 'cursor')}`,
    );
    const row = cursor.rows[0];
    if (row === undefined) return false;
    this.pipeline = row.pipeline;
    this.cursor = row.group_index === null ? null : Number(row.group_index);
    const known = await this.#client.query<{ known: Target }>(
      `SELECT known FROM ${qualified(stateSchema, 'tables')}`,
    );
    this.tables = known.rows.map(({ known: { table, columns, proof } }) => ({ table, columns, proof }));
    return true;
  }

  async *rows({ table, columns, proof }: MirroredTable): AsyncGenerator<readonly MirroredRow[]> {
    const names = targetNames(table, this.#options.schemaPrefix);
    const texts = columns.map(({ name }) => `${quoteIdentifier(name)}::text`);
    const select = [proof ? '_rowseal_seq::text' : 'NULL::text', ...texts].join(', ');
    const from = qualified(names.schema, names.mirror);
    await this.#client.query('SAVEPOINT rowseal_read');
    try {
      for await (const rows of this.#fetch(`SELECT ${select} FROM ${from}`)) yield rows.map(mirroredRow);
    } catch (thrown) {
      const error = postgresSinkError(thrown, `reading ${displayName(table)}`);
      await this.#client.query('ROLLBACK TO SAVEPOINT rowseal_read').catch(() => {});
      if (error.code !== 'RS-PGS-010') throw error;
      throw new RowsealError('RS-REC-003', { detail: displayName(table) });
    }
  }

  async *deadLetters(): AsyncGenerator<readonly DeadLetter[]> {
    const from = qualified(this.#options.stateSchema, 'dead_letters');
    const columns = 'group_index::text, table_name, row_key, column_name, value, reason';
    for await (const rows of this.#fetch(`SELECT ${columns} FROM ${from}`))
      yield rows.map(deadLetterRow).map((letter) => {
        const { value, reason } = letter;
        return value !== null && reason.endsWith('stands for NUL')
          ? { ...letter, value: withNul(value) }
          : letter;
      });
  }

  async moved(): Promise<boolean> {
    return false;
  }

  async close(): Promise<void> {
    await end(this.#client);
  }

  async *#fetch(sql: string): AsyncGenerator<readonly (readonly (string | null)[])[]> {
    await this.#client.query(`DECLARE rowseal_rows NO SCROLL CURSOR FOR ${sql}`);
    while (true) {
      const fetched = await this.#client.query<(string | null)[]>({
        text: `FETCH ${FETCH_ROWS} FROM rowseal_rows`,
        rowMode: 'array',
      });
      if (fetched.rows.length === 0) break;
      yield fetched.rows;
    }
    await this.#client.query('CLOSE rowseal_rows');
  }
}

/** How dead letters write a NUL, which no text of Postgres can hold. */
function withNul(value: string): string {
  return value.replace(/\\(\\|0)/g, (_, mark: string) => (mark === '0' ? '\u0000' : '\\'));
}
