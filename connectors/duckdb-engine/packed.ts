import type { DuckDBConnection, DuckDBPreparedStatement } from '@duckdb/node-api';

/**
 * Column-packed text: one parameter a column, values joined by a separator and split again in SQL. DuckDB's own bind
 * and append calls cost a native call per value; this costs one per column (measured: 3 to 5 times faster).
 */
const SEPARATOR = '\u001f';
const NULL = '\u001e';

export type PackedCell = string | null;

/** A column ready to be bound; `safe` is false when a value holds one of the two marks and JSON must carry them. */
export interface PackedColumn {
  readonly text: string;
  readonly json: string | null;
}

/** Joins the cells of one column. Values with a mark in them are rare: then the whole column goes as JSON. */
export function packColumn(cells: readonly PackedCell[]): PackedColumn {
  let nulls = false;
  for (let i = 0; i < cells.length; i++) {
    const cell = cells[i]!;
    if (cell === null) nulls = true;
    else if (cell === NULL) return { text: '', json: JSON.stringify(cells) };
  }
  const text = (nulls ? cells.map((cell) => cell ?? NULL) : cells).join(SEPARATOR);
  // As many separators as there are gaps, or a value brought one of its own.
  return countSeparators(text) === cells.length - 1
    ? { text, json: null }
    : { text: '', json: JSON.stringify(cells) };
}

function countSeparators(text: string): number {
  let count = 0;
  for (let at = text.indexOf(SEPARATOR); at >= 0; at = text.indexOf(SEPARATOR, at + 1)) count++;
  return count;
}

/** Columns that are ready to be bound. */
export interface PackedBlock {
  readonly columns: readonly PackedColumn[];
  /** All of them as JSON, because one has to be. */
  readonly asJson: boolean;
  /** Lists that all rows share: parameters behind the columns, each joined by the same separator (chr(31)). */
  readonly shared: readonly string[];
}

/** @param lists that all rows share; their items are numbers and words, never a separator */
export function packBlock(
  columns: readonly (readonly PackedCell[])[],
  lists: readonly (readonly string[])[] = [],
): PackedBlock {
  const packed = columns.map(packColumn);
  const shared = lists.map((list) => list.join(SEPARATOR));
  if (packed.every(({ json }) => json === null)) return { columns: packed, asJson: false, shared };
  const json = columns.map((cells, i) => ({ text: '', json: packed[i]!.json ?? JSON.stringify(cells) }));
  return { columns: json, asJson: true, shared };
}

/** `SELECT unnest(…) AS c0, unnest(…) AS c1`: the packed columns as rows. */
export function unpackQuery(columns: number, asJson: boolean): string {
  const items = Array.from({ length: columns }, (_, i) =>
    asJson
      ? `unnest(from_json($${i + 1}::VARCHAR, '["VARCHAR"]')) AS c${i}`
      : `unnest(string_split($${i + 1}::VARCHAR, chr(31))) AS c${i}`,
  );
  const inner = `SELECT ${items.join(', ')}`;
  if (asJson) return inner;
  const nulls = Array.from({ length: columns }, (_, i) => `nullif(c${i}, chr(30)) AS c${i}`);
  return `SELECT ${nulls.join(', ')} FROM (${inner})`;
}

/** Runs statements over packed columns, keeping prepared ones. */
export class PackedRunner {
  readonly #connection: DuckDBConnection;
  readonly #prepared = new Map<string, DuckDBPreparedStatement>();

  constructor(connection: DuckDBConnection) {
    this.#connection = connection;
  }

  /**
   * @param statement makes the SQL from the query that yields the rows as c0, c1, …
   * @returns rows changed
   */
  async run(
    columns: readonly (readonly PackedCell[])[] | PackedBlock,
    statement: (rows: string) => string,
  ): Promise<number> {
    const block = 'asJson' in columns ? columns : packBlock(columns);
    return (await (await this.#bound(block, statement)).run()).rowsChanged;
  }

  /** The first column of the result as numbers. */
  async numbers(
    columns: readonly (readonly PackedCell[])[],
    statement: (rows: string) => string,
  ): Promise<readonly number[]> {
    const reader = await (await this.#bound(packBlock(columns), statement)).runAndReadAll();
    return reader.getRowsJS().map(([value]) => Number(value));
  }

  async #bound(
    { columns, asJson, shared }: PackedBlock,
    statement: (rows: string) => string,
  ): Promise<DuckDBPreparedStatement> {
    const sql = statement(unpackQuery(columns.length, asJson));
    let prepared = this.#prepared.get(sql);
    if (prepared === undefined) {
      prepared = await this.#connection.prepare(sql);
      this.#prepared.set(sql, prepared);
    }
    columns.forEach(({ text, json }, i) => void prepared.bindVarchar(i + 1, json ?? text));
    shared.forEach((text, i) => void prepared.bindVarchar(columns.length + i + 1, text));
    return prepared;
  }

  /** Prepared statements hold on to table definitions: forget them before a table changes. */
  forget(): void {
    for (const statement of this.#prepared.values()) statement.destroySync();
    this.#prepared.clear();
  }
}
