import type { Client } from 'pg';
import type { GroupIndex } from '../../../src/audit/audit-log.ts';
import type { DeadLetter } from '../../../src/deliver/warehouse/dead-letters.ts';
import { type Target, targetText } from '../../../src/deliver/warehouse/target.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { copyIn, copyText } from './copy-in.ts';
import { qualified, quoteIdentifier } from './identifier.ts';

/** The sink's own tables: cursor and epoch, what is known of each table, dead letters. */
export class Bookkeeping {
  readonly #schema: string;
  readonly #cursor: string;
  readonly #tables: string;
  readonly #deadLetters: string;

  constructor(schema: string) {
    this.#schema = schema;
    this.#cursor = qualified(schema, 'cursor');
    this.#tables = qualified(schema, 'tables');
    this.#deadLetters = qualified(schema, 'dead_letters');
  }

  /** Makes the tables where they are not there. Two sinks may come at once: the lock lets one at a time. */
  async create(client: Client): Promise<void> {
    await client.query(`SELECT pg_advisory_xact_lock(hashtext('rowseal sink bookkeeping'))`);
    const there = await client.query('SELECT 1 FROM pg_namespace WHERE nspname = $1', [this.#schema]);
    // CREATE … IF NOT EXISTS wants the privilege even where there is nothing to create.
    if (there.rowCount === 0) await client.query(`CREATE SCHEMA ${quoteIdentifier(this.#schema)}`);
    await client.query(`
      CREATE TABLE IF NOT EXISTS ${this.#cursor} (pipeline text NOT NULL, epoch numeric(20) NOT NULL, group_index bigint, head text);
      CREATE TABLE IF NOT EXISTS ${this.#tables} (namespace text, name text, known json NOT NULL, PRIMARY KEY (namespace, name));
      CREATE TABLE IF NOT EXISTS ${this.#deadLetters} (
        group_index bigint NOT NULL, table_name text NOT NULL, row_key text, column_name text NOT NULL, value text, reason text NOT NULL
      )`);
  }

  /**
   * Fences older writers: from the commit of this transaction on they find no row to move.
   *
   * @throws RowsealError RS-PGS-003, -004
   */
  async takeOver(client: Client, pipeline: string, epoch: bigint, sink: string): Promise<GroupIndex | null> {
    const found = await client.query<{ pipeline: string; epoch: string; group_index: string | null }>(
      `SELECT pipeline, epoch, group_index FROM ${this.#cursor} FOR UPDATE`,
    );
    const row = found.rows[0];
    if (row === undefined) {
      await client.query(`INSERT INTO ${this.#cursor} VALUES ($1, $2, NULL, NULL)`, [
        pipeline,
        String(epoch),
      ]);
      return null;
    }
    if (row.pipeline !== pipeline)
      throw new RowsealError('RS-PGS-003', {
        detail: `schema ${this.#schema} holds pipeline ${row.pipeline}`,
      });
    if (BigInt(row.epoch) > epoch) throw new RowsealError('RS-PGS-004', { detail: `sink ${sink}` });
    await client.query(`UPDATE ${this.#cursor} SET epoch = $1`, [String(epoch)]);
    return row.group_index === null ? null : Number(row.group_index);
  }

  /** Holds the cursor's row until the transaction ends. @returns false: another writer has it */
  async hold(client: Client, pipeline: string, epoch: bigint): Promise<boolean> {
    const held = await client.query(
      `SELECT 1 FROM ${this.#cursor} WHERE pipeline = $1 AND epoch = $2 FOR UPDATE`,
      [pipeline, String(epoch)],
    );
    return held.rowCount === 1;
  }

  /** @returns false: the cursor is not where the batch begins, or another writer has it */
  async moveCursor(
    client: Client,
    pipeline: string,
    epoch: bigint,
    after: GroupIndex | null,
    to: GroupIndex,
    head: string,
  ): Promise<boolean> {
    const moved = await client.query(
      `UPDATE ${this.#cursor} SET group_index = $4, head = $5 WHERE pipeline = $1 AND epoch = $2 AND group_index IS NOT DISTINCT FROM $3`,
      [pipeline, String(epoch), after, to, head],
    );
    return moved.rowCount === 1;
  }

  /** null: there is none, or no bookkeeping yet */
  async head(client: Client): Promise<string | null> {
    const made = await client.query<{ made: boolean }>('SELECT to_regclass($1) IS NOT NULL AS made', [
      this.#cursor,
    ]);
    if (made.rows[0]?.made !== true) return null;
    const found = await client.query<{ head: string | null }>(`SELECT head FROM ${this.#cursor}`);
    return found.rows[0]?.head ?? null;
  }

  async loadTargets(client: Client): Promise<readonly Target[]> {
    const found = await client.query<{ known: Target }>(`SELECT known FROM ${this.#tables}`);
    return found.rows.map(({ known }) => known);
  }

  async saveTarget(client: Client, target: Target): Promise<void> {
    await client.query(
      `INSERT INTO ${this.#tables} VALUES ($1, $2, $3)
       ON CONFLICT (namespace, name) DO UPDATE SET known = excluded.known`,
      [target.table.namespace, target.table.name, targetText(target)],
    );
  }

  async countDeadLetters(client: Client): Promise<readonly (readonly [string, number])[]> {
    const found = await client.query<{ table_name: string; count: string }>(
      `SELECT table_name, count(*) FROM ${this.#deadLetters} GROUP BY table_name`,
    );
    return found.rows.map((row) => [row.table_name, Number(row.count)] as const);
  }

  /** A NUL, which no text of Postgres can hold, is written as `\0`, and a backslash then as two. */
  async keep(client: Client, letters: readonly DeadLetter[]): Promise<void> {
    if (letters.length === 0) return;
    const columns = [
      letters.map(({ group }) => String(group)),
      letters.map(({ table }) => table),
      letters.map(({ key }) => (key === null ? null : withoutNul(key))),
      letters.map(({ column }) => column),
      letters.map(({ value }) => (value === null ? null : withoutNul(value))),
      letters.map(({ reason, value }) =>
        value?.includes('\u0000') ? `${reason}; \\0 stands for NUL` : reason,
      ),
    ];
    await copyIn(client, this.#deadLetters, copyText(columns, letters.length));
  }

  /** Values of a column that its new type does not hold, kept aside before the column changes. @returns how many */
  async keepRetyped(
    client: Client,
    from: { readonly table: string; readonly text: string; readonly where: string },
    letter: Omit<DeadLetter, 'key' | 'value'>,
  ): Promise<number> {
    const kept = await client.query(
      `INSERT INTO ${this.#deadLetters} SELECT $1, $2, NULL, $3, v, $4 FROM (SELECT ${from.text} AS v FROM ${from.table}) AS s
       WHERE v IS NOT NULL AND NOT ${from.where}`,
      [letter.group, letter.table, letter.column, letter.reason],
    );
    return kept.rowCount ?? 0;
  }
}

function withoutNul(text: string): string {
  return text.includes('\u0000') ? text.replaceAll('\\', '\\\\').replaceAll('\u0000', '\\0') : text;
}
