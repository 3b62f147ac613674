import { randomUUID } from 'node:crypto';
import {
  deadLetterRow,
  type MirroredColumn,
  type MirroredRow,
  type MirroredTable,
  type MirrorReader,
  type MirrorView,
  mirroredRow,
} from '../../../src/deliver/mirror-reader.ts';
import type { DeadLetter } from '../../../src/deliver/warehouse/dead-letters.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { columnIdentity, displayName, tableKey } from '../../../src/model/table.ts';
import { Catalog } from './catalog.ts';
import { BigqueryClient, requestError } from './client.ts';
import { Jobs, type QueryRow } from './jobs.ts';
import { labelValue, quoteIdentifier } from './names.ts';
import { type BigquerySinkOptions, defaultPatience } from './options.ts';
import { CURSOR, DEAD_LETTERS, Statements } from './statements.ts';
import { type Target, written } from './target.ts';
import { type BigqueryType, convertExpression, elementOf, textExpression } from './types.ts';
import { converterTo, Misfit } from './values.ts';

/** Reads the views of a dataset, page by page. Every query is billed for the columns it scans. */
export function createBigqueryMirrorReader(options: BigquerySinkOptions): MirrorReader {
  return {
    name: options.name,
    open: async () => {
      try {
        const client = await BigqueryClient.connect(options);
        const catalog = new Catalog(client, options.dataset, labelValue(''), {}, 0);
        const { location } = await catalog.readDataset();
        if ((await catalog.read(CURSOR)) === null) return null;
        const jobs = new Jobs(
          client,
          location,
          Object.fromEntries(options.labels),
          options.patience ?? defaultPatience,
        );
        const view = new BigqueryView(jobs, catalog, new Statements(options.project, options.dataset));
        return (await view.load()) ? view : null;
      } catch (thrown) {
        throw thrown instanceof RowsealError ? thrown : requestError(thrown, `reading sink ${options.name}`);
      }
    },
  };
}

class BigqueryView implements MirrorView {
  readonly #jobs: Jobs;
  readonly #catalog: Catalog;
  readonly #statements: Statements;
  readonly #targets = new Map<string, Target>();
  pipeline = '';
  cursor: number | null = null;
  tables: readonly MirroredTable[] = [];

  constructor(jobs: Jobs, catalog: Catalog, statements: Statements) {
    this.#jobs = jobs;
    this.#catalog = catalog;
    this.#statements = statements;
  }

  /** @returns false: no sink has written here */
  async load(): Promise<boolean> {
    const cursor = await this.#cursor();
    if (cursor === null) return false;
    this.pipeline = cursor.pipeline;
    this.cursor = cursor.group;
    const known = await this.#jobs.select(
      id(),
      this.#statements.readTables(),
      [],
      'reading what is known of tables',
    );
    this.tables = known.map(([, text]) => {
      const target = JSON.parse(text!) as Target;
      this.#targets.set(tableKey(target.table), target);
      return { table: target.table, columns: columnsOf(target), proof: true };
    });
    return true;
  }

  async *rows({ table }: MirroredTable): AsyncGenerator<readonly MirroredRow[]> {
    const { mirror } = this.#targets.get(tableKey(table))!;
    if ((await this.#catalog.read(mirror.view)) === null)
      throw new RowsealError('RS-REC-003', { detail: `${mirror.view} is gone` });
    const cells = mirror.columns.map((column, i) => {
      const value = quoteIdentifier(column.shown);
      const { type } = written(column);
      return `${isList(type) ? textExpression(value, type) : convertExpression(value, type, 'STRING')} AS x${i}`;
    });
    const sql = `SELECT ${['_rowseal_seq', ...cells].join(', ')} FROM ${this.#statements.table(mirror.view)}`;
    for await (const page of this.#pages(sql, displayName(table))) yield page.map(mirroredRow);
  }

  async *deadLetters(): AsyncGenerator<readonly DeadLetter[]> {
    const columns = 'group_index, table_name, row_key, column_name, value, reason';
    const sql = `SELECT ${columns} FROM ${this.#statements.table(DEAD_LETTERS)}`;
    for await (const page of this.#pages(sql, 'dead letters')) yield page.map(deadLetterRow);
  }

  async moved(): Promise<boolean> {
    return (await this.#cursor())?.group !== this.cursor;
  }

  async close(): Promise<void> {}

  async #cursor(): Promise<{ readonly pipeline: string; readonly group: number | null } | null> {
    const rows = await this.#jobs.select(id(), this.#statements.readCursor(), [], 'reading the cursor');
    const [pipeline, , group] = rows[0] ?? [];
    return pipeline == null ? null : { pipeline, group: group == null ? null : Number(group) };
  }

  async *#pages(sql: string, what: string): AsyncGenerator<readonly QueryRow[]> {
    try {
      yield* this.#jobs.pages(id(), sql, [], `reading ${what}`);
    } catch (thrown) {
      const error = thrown instanceof RowsealError ? thrown : requestError(thrown, `reading ${what}`);
      // A statement that is refused names what is not there any more.
      if (error.code === 'RS-BQ-011' || error.code === 'RS-BQ-010')
        throw new RowsealError('RS-REC-003', { detail: what });
      throw error;
    }
  }
}

/** What a value is in BigQuery where that is not its canonical text. */
function columnsOf({ table, mirror }: Target): readonly MirroredColumn[] {
  const sources = new Map(table.columns.map((column) => [columnIdentity(column), column]));
  return mirror.columns.map((column) => {
    const source = sources.get(column.identity);
    const { type } = written(column);
    const convert = source === undefined ? null : converterTo(type, source.type);
    const held = (text: string): string | null => {
      const converted = convert?.(text) ?? text;
      if (converted instanceof Misfit) return null;
      if (isList(type)) return converted;
      return type === 'JSON' ? withPlainNumbers(converted) : text;
    };
    return { identity: column.identity, name: column.shown, held };
  });
}

function isList(type: BigqueryType): boolean {
  return elementOf(type) !== null;
}

/** JSON in BigQuery keeps numbers, not how they were written. */
function withPlainNumbers(json: string): string {
  return json.replace(
    /("(?:[^"\\]|\\.)*")|(-?\d[\d.eE+-]*)/g,
    (_, text?: string, number?: string) => text ?? String(Number(number)),
  );
}

function id(): string {
  return `rowseal_read_${randomUUID()}`;
}
