import { randomUUID } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import type { FakeTable } from './bigquery-fake.ts';
import { cellText, type FakeValue, fromCellText } from './bigquery-proto-values.ts';
import { quoteDuckdb } from './bigquery-sql.ts';

/** One streamed change: `_CHANGE_TYPE`, `_CHANGE_SEQUENCE_NUMBER`, the row. */
export interface StreamedChange {
  readonly type: 'UPSERT' | 'DELETE';
  /** See {@link parseSequence}. */
  readonly sequence: string;
  readonly row: ReadonlyMap<string, FakeValue>;
}

interface Touched {
  readonly row: ReadonlyMap<string, FakeValue>;
  readonly deleted: boolean;
}

/** Rows that are held in memory before they go where the others are. */
const MAX_TOUCHED = 20_000;

/**
 * What BigQuery makes of streamed changes (https://cloud.google.com/bigquery/docs/change-data-capture): the row with a
 * primary key is that of the largest sequence number, compared section by section; of equal ones the last that came in.
 */
export class CdcTable {
  readonly #key: readonly string[];
  /** Of each key the newest sequence number; of a deleted one too, so that an older upsert does not bring the row back. */
  readonly #sequences = new Map<string, string>();
  /** Not yet among the stored rows. */
  readonly #touched = new Map<string, Touched>();
  appended = 0;

  constructor(primaryKey: readonly string[]) {
    this.#key = primaryKey;
  }

  get changed(): boolean {
    return this.#touched.size > 0;
  }

  /** Should be materialized: memory is not without end. */
  get full(): boolean {
    return this.#touched.size >= MAX_TOUCHED;
  }

  apply({ type, sequence, row }: StreamedChange): void {
    this.appended++;
    const key = JSON.stringify(this.#key.map((name) => String(row.get(name) ?? null)));
    const held = this.#sequences.get(key);
    if (held !== undefined && sequence < held) return;
    this.#sequences.set(key, sequence);
    this.#touched.set(key, { row, deleted: type === 'DELETE' });
  }

  /** Brings the stored rows up to date. */
  async materialize(connection: DuckDBConnection, full: string, table: FakeTable): Promise<void> {
    const name = quoteDuckdb(full);
    const lines = [...this.#touched.values()].map(({ row, deleted }) =>
      JSON.stringify({
        d: deleted,
        ...Object.fromEntries(
          table.fields.map((field, i) => [`c${i}`, cellText(row.get(field.name) ?? null)]),
        ),
      }),
    );
    this.#touched.clear();
    const file = join(tmpdir(), `rowseal-fake-${randomUUID()}.json`);
    await writeFile(file, lines.join('\n'));
    try {
      const columns = ["d: 'BOOLEAN'", ...table.fields.map((_, i) => `c${i}: 'VARCHAR'`)];
      const read = `read_json('${file}', format = 'newline_delimited', maximum_object_size = 100000000, columns = {${columns.join(', ')}})`;
      const value = (i: number): string => fromCellText(table.fields[i]!, `s.c${i}`);
      const match = this.#key.map((key) => {
        const i = table.fields.findIndex((field) => field.name === key);
        return `t.${quoteDuckdb(key)} = ${value(i)}`;
      });
      await connection.run(`DELETE FROM ${name} AS t USING ${read} AS s WHERE ${match.join(' AND ')}`);
      const names = table.fields.map((field) => quoteDuckdb(field.name));
      const values = table.fields.map((_, i) => value(i));
      await connection.run(
        `INSERT INTO ${name} (${names.join(', ')}) SELECT ${values.join(', ')} FROM ${read} AS s WHERE NOT s.d`,
      );
    } finally {
      await rm(file);
    }
  }
}

/**
 * One to four sections of up to sixteen hexadecimal digits, joined by `/`: as a text that compares as they do, section by
 * section, a missing one below all others. null: not one.
 */
export function parseSequence(text: string): string | null {
  if (!/^[0-9A-Fa-f]{1,16}(\/[0-9A-Fa-f]{1,16}){0,3}$/.test(text)) return null;
  return text
    .split('/')
    .map((section) => section.toLowerCase().padStart(16, '0'))
    .join('/');
}
