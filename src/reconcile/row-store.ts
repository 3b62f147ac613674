import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';

/** A cell of an expected row: see {@link UNKNOWN} and {@link Retyped}. */
export type ExpectedCell = string | null | typeof UNKNOWN | Retyped;

/** The log does not say it any more: the image that did is erased or expired. */
export const UNKNOWN = 0;

/** The column's type changed since the cell was written; what became of it was up to the source and the warehouse. */
export type Retyped = readonly [string];

export interface ExpectedRow {
  readonly seq: number;
  readonly cells: readonly ExpectedCell[];
}

/** SQLite's page cache: what the rows take of memory, however many they are. */
const CACHE_KIB = 16_384;

/**
 * The rows that tables must have, on disk: a scratch file that is thrown away. It holds masked rows, and lies in a
 * directory that nobody else may read.
 */
export class RowStore {
  readonly #database: DatabaseSync;
  readonly #tables: TableRows[] = [];

  /** @param directory a fresh one, to be removed afterwards */
  constructor(directory: string) {
    this.#database = new DatabaseSync(join(directory, 'rows.sqlite'));
    this.#database.exec(
      `PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -${CACHE_KIB}; PRAGMA temp_store = FILE; BEGIN;`,
    );
    this.#database.exec('CREATE TABLE letters (tbl TEXT, col TEXT, key TEXT, value TEXT)');
    this.#database.exec('CREATE INDEX by_place ON letters (tbl, col)');
  }

  table(): TableRows {
    const rows = new TableRows(this.#database, this.#tables.length);
    this.#tables.push(rows);
    return rows;
  }

  /** A value, or with an empty column a row, that the warehouse holds as a dead letter. */
  keepLetter(table: string, column: string, key: string | null, value: string | null): void {
    this.#database.prepare('INSERT INTO letters VALUES (?, ?, ?, ?)').run(table, column, key, value);
  }

  /** @param value null: whatever the letter holds */
  hasLetter(table: string, column: string, key: string, value: string | null): boolean {
    const found = this.#database
      .prepare(
        'SELECT 1 FROM letters WHERE tbl = ? AND col = ? AND (key IS NULL OR key = ?) AND (?4 IS NULL OR value = ?4) LIMIT 1',
      )
      .get(table, column, key, value);
    return found !== undefined;
  }

  close(): void {
    this.#database.close();
  }
}

interface StoredRow {
  readonly key: string;
  readonly seq: number;
  readonly cells: string;
  readonly copies: number;
}

type ListedRow = ExpectedRow & { readonly key: string; readonly copies: number };

function* rowsOf(scan: StatementSync): Generator<ListedRow> {
  for (const row of scan.iterate() as Iterable<unknown>) {
    const { key, seq, cells, copies } = row as StoredRow;
    yield { key, seq, cells: JSON.parse(cells) as ExpectedCell[], copies };
  }
}

/** The rows of one table by key; of a table without a key by all of their cells, with the number of copies. */
export class TableRows {
  readonly #database: DatabaseSync;
  readonly #name: string;
  #generation = 0;
  #insert!: StatementSync;
  #select!: StatementSync;
  #delete!: StatementSync;
  #scan!: StatementSync;
  readonly #addGone: StatementSync;
  readonly #dropGone: StatementSync;
  readonly #takeGone: StatementSync;
  #count = 0;
  /** Rows whose newest image is gone. */
  #gone = 0;

  constructor(database: DatabaseSync, number: number) {
    this.#database = database;
    this.#name = `t${number}`;
    this.#create();
    database.exec(`CREATE TABLE ${this.#name}_gone (tag TEXT PRIMARY KEY, seq INTEGER) WITHOUT ROWID`);
    database.exec(`CREATE INDEX ${this.#name}_gone_seq ON ${this.#name}_gone (seq)`);
    this.#addGone = database.prepare(`INSERT OR REPLACE INTO ${this.#name}_gone VALUES (?, ?)`);
    this.#dropGone = database.prepare(`DELETE FROM ${this.#name}_gone WHERE tag = ?`);
    this.#takeGone = database.prepare(`DELETE FROM ${this.#name}_gone WHERE seq = ?`);
  }

  /** Rows, copies counted. */
  get count(): number {
    return this.#count;
  }

  /** Rows that the log knows to be there and cannot tell any more. */
  get gone(): number {
    return this.#gone;
  }

  get(key: string): (ExpectedRow & { readonly copies: number }) | null {
    const row = this.#select.get(key) as StoredRow | undefined;
    return row === undefined
      ? null
      : { seq: row.seq, cells: JSON.parse(row.cells) as ExpectedCell[], copies: row.copies };
  }

  /** In the place of any row under that key. */
  put(key: string, seq: number, cells: readonly ExpectedCell[], copies = 1): void {
    this.remove(key);
    this.#insert.run(key, seq, JSON.stringify(cells), copies);
    this.#count += copies;
  }

  /** @returns copies that were there */
  remove(key: string): number {
    const row = this.#delete.get(key) as { readonly copies: number } | undefined;
    this.#count -= row?.copies ?? 0;
    return row?.copies ?? 0;
  }

  /** The row's newest image is gone. */
  lose(tag: string, seq: number): void {
    if (this.#dropGone.run(tag).changes === 0) this.#gone++;
    this.#addGone.run(tag, seq);
  }

  /** The row is told again, or is no more. @returns whether it was lost */
  find(tag: string): boolean {
    if (this.#gone === 0) return false;
    const found = this.#dropGone.run(tag).changes !== 0;
    if (found) this.#gone--;
    return found;
  }

  /** @returns whether the record with this `seq` made a row that the log cannot tell any more; true once */
  takeLost(seq: number): boolean {
    if (this.#gone === 0) return false;
    const taken = this.#takeGone.run(seq).changes !== 0;
    if (taken) this.#gone--;
    return taken;
  }

  clear(): void {
    this.#database.exec(`DELETE FROM ${this.#rows}; DELETE FROM ${this.#name}_gone`);
    this.#count = 0;
    this.#gone = 0;
  }

  all(): Generator<ListedRow> {
    return rowsOf(this.#scan);
  }

  /** Every row under a new key and with new cells: the table has another version. */
  rewrite(
    change: (cells: readonly ExpectedCell[]) => readonly ExpectedCell[],
    keyOf: (cells: readonly ExpectedCell[]) => string,
  ): void {
    const old = this.#rows;
    const scan = this.#scan;
    this.#generation++;
    this.#create();
    this.#count = 0;
    for (const { seq, cells, copies } of rowsOf(scan)) {
      const changed = change(cells);
      const key = keyOf(changed);
      const there = this.get(key)?.copies ?? 0;
      this.put(key, seq, changed, there + copies);
    }
    this.#database.exec(`DROP TABLE ${old}`);
  }

  get #rows(): string {
    return `${this.#name}_${this.#generation}`;
  }

  #create(): void {
    this.#database.exec(
      `CREATE TABLE ${this.#rows} (key TEXT PRIMARY KEY, seq INTEGER, cells TEXT, copies INTEGER) WITHOUT ROWID`,
    );
    this.#insert = this.#database.prepare(`INSERT INTO ${this.#rows} VALUES (?, ?, ?, ?)`);
    this.#select = this.#database.prepare(`SELECT seq, cells, copies FROM ${this.#rows} WHERE key = ?`);
    this.#delete = this.#database.prepare(`DELETE FROM ${this.#rows} WHERE key = ? RETURNING copies`);
    this.#scan = this.#database.prepare(`SELECT key, seq, cells, copies FROM ${this.#rows}`);
  }
}
