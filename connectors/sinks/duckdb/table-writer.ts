import type { DuckDBConnection } from '@duckdb/node-api';
import { DROPPED, type MaskedCell, UNCHANGED } from '../../../src/model/cell.ts';
import { Image, type Op, opLetter } from '../../../src/model/change.ts';
import type { MaskedRun } from '../../../src/model/masked.ts';
import { displayName } from '../../../src/model/table.ts';
import { quoteIdentifier } from './identifier.ts';
import { KeylessPiece } from './keyless-piece.ts';
import { keyColumns, MirrorPiece } from './mirror-piece.ts';
import type { PackedCell, PackedRunner } from './packed.ts';
import { cellIndexes, historyName, mirrorName, type Target, type TargetColumn } from './target.ts';
import { castExpression } from './types.ts';

/** Rows of a piece: large enough that a statement's fixed cost is small, small enough to bound memory. */
const PIECE_ROWS = 8_192;

export interface DeadLetter {
  readonly column: string;
  readonly reason: string;
}

/** Where dead letters of the open transaction go. */
export interface DeadLetterBox {
  /** @param rows SQL that yields (key_text, column_name, value, reason) */
  keep(table: string, rows: string, parameters: readonly (readonly PackedCell[])[]): Promise<void>;
}

/** Applies one table's changes inside the sink's open transaction. */
export class TableWriter {
  readonly #connection: DuckDBConnection;
  readonly #runner: PackedRunner;
  readonly #target: Target;
  readonly #piece: MirrorPiece;
  readonly #history: HistoryPiece | null;
  readonly #careful: boolean;
  readonly #dead: DeadLetterBox;
  /** null: the table has a key. */
  readonly #keyless: KeylessPiece | null;

  constructor(
    connection: DuckDBConnection,
    runner: PackedRunner,
    target: Target,
    history: boolean,
    careful: boolean,
    dead: DeadLetterBox,
  ) {
    this.#connection = connection;
    this.#runner = runner;
    this.#target = target;
    this.#piece = new MirrorPiece(target);
    this.#history = history ? new HistoryPiece(target) : null;
    this.#careful = careful;
    this.#dead = dead;
    this.#keyless = target.table.key.length > 0 ? null : new KeylessPiece(target);
  }

  async add(run: MaskedRun, group: number, seq: number, commitTimeUs: bigint): Promise<void> {
    if (this.#history !== null) {
      this.#history.add(run, group, seq, commitTimeUs);
      if (this.#history.size >= PIECE_ROWS) await this.#flushHistory();
    }
    if (this.#keyless !== null) {
      this.#keyless.add(run);
      if (this.#keyless.size >= PIECE_ROWS) await this.#flushKeyless();
      return;
    }
    this.#piece.add(run);
    if (this.#piece.size >= PIECE_ROWS) await this.#flushMirror();
  }

  /** TRUNCATE, or the beginning of a new copy: what the mirror holds is void. */
  async empty(op: 'truncate' | 'snapshot', group: number, seq: number, commitTimeUs: bigint): Promise<void> {
    this.#piece.clear();
    this.#keyless?.clear();
    this.#history?.mark(op === 'truncate' ? 't' : 's', group, seq, commitTimeUs);
    await this.#connection.run(`DELETE FROM ${mirrorName(this.#target.table)}`);
  }

  async flush(): Promise<void> {
    await this.#flushHistory();
    await this.#flushKeyless();
    await this.#flushMirror();
  }

  async #flushMirror(): Promise<void> {
    if (this.#piece.size === 0) return;
    const partial = [...this.#piece.partialRows()];
    const filled = partial.length === 0 ? null : await this.#fill(partial);
    await this.#deleteKeys(this.#piece.replacedKeys());
    await this.#insert(this.#piece.wholeRows());
    if (filled !== null) await this.#connection.run(filled.insert);
    if (filled !== null) await this.#connection.run(filled.drop);
    this.#piece.clear();
  }

  async #deleteKeys(keys: readonly (readonly string[])[]): Promise<void> {
    if (keys.length === 0 || keys[0]!.length === 0) return;
    const columns = keyColumns(this.#target).map((index) => this.#target.columns[index]!);
    const name = mirrorName(this.#target.table);
    const match = columns.map((column, i) => `t.${quoteIdentifier(column.name)} = s.k${i}`).join(' AND ');
    const casts = columns
      .map((column, i) => `${castExpression(`c${i}`, column.type, this.#careful)} AS k${i}`)
      .join(', ');
    await this.#runner.run(
      keys,
      (rows) => `DELETE FROM ${name} AS t USING (SELECT ${casts} FROM (${rows})) AS s WHERE ${match}`,
    );
  }

  async #insert(rows: Iterable<readonly MaskedCell[]>): Promise<void> {
    const columns: PackedCell[][] = this.#target.columns.map(() => []);
    let count = 0;
    for (const cells of rows) {
      count++;
      for (let i = 0; i < columns.length; i++) columns[i]!.push(packed(cells[i]!));
    }
    await this.#insertColumns(columns, count);
  }

  async #insertColumns(columns: readonly PackedCell[][], count: number): Promise<void> {
    if (count === 0) return;
    const name = mirrorName(this.#target.table);
    if (columns.length === 0) {
      await this.#connection.run(`INSERT INTO ${name} SELECT NULL FROM range(${count})`);
      return;
    }
    const casts = this.#target.columns
      .map((column, i) => castExpression(`c${i}`, column.type, this.#careful))
      .join(', ');
    await this.#runner.run(columns, (rows) => `INSERT INTO ${name} SELECT ${casts} FROM (${rows})`);
    if (this.#careful) await this.#keepUncastable(columns);
  }

  /** Counts and keeps every value that its type could not hold (law 8). */
  async #keepUncastable(columns: readonly PackedCell[][]): Promise<void> {
    const keys = keyColumns(this.#target);
    const key = keys.length === 0 ? "''" : keys.map((index) => `coalesce(c${index}, '')`).join(" || ',' || ");
    const typed = this.#target.columns
      .map((column, i) => ({ column, i }))
      .filter(({ column }) => column.type !== 'VARCHAR');
    for (const { column, i } of typed) {
      const fails = `c${i} IS NOT NULL AND ${castExpression(`c${i}`, column.type, true)} IS NULL`;
      const select = `SELECT ${key}, '${column.name.replaceAll("'", "''")}', c${i}, 'does not fit ${column.type}' FROM (ROWS) WHERE ${fails}`;
      await this.#dead.keep(displayName(this.#target.table), select, columns);
    }
  }

  /**
   * Rows with unchanged cells: staged as text, joined with the row they come from before that one is deleted. A base
   * row that is not there (a pipeline begun without a copy) leaves the cell null and a dead letter that says so.
   */
  async #fill(
    rows: readonly { readonly cells: readonly MaskedCell[]; readonly base: readonly string[] }[],
  ): Promise<{ insert: string; drop: string }> {
    const target = this.#target;
    const name = mirrorName(target.table);
    const keys = keyColumns(target).map((index) => target.columns[index]!);
    const columns: PackedCell[][] = [...target.columns, ...keys, null].map(() => []);
    const width = target.columns.length;
    for (const { cells, base } of rows) {
      let flags = '';
      for (let i = 0; i < width; i++) {
        const cell = cells[i]!;
        flags += cell === UNCHANGED ? '1' : '0';
        columns[i]!.push(packed(cell));
      }
      base.forEach((part, i) => {
        columns[width + i]!.push(part);
      });
      columns[width + keys.length]!.push(flags);
    }
    const stage = '_rowseal_partial';
    const match = keys
      .map(
        (column, i) =>
          `t.${quoteIdentifier(column.name)} = ${castExpression(`s.c${width + i}`, column.type, this.#careful)}`,
      )
      .join(' AND ');
    const flag = (i: number): string => `substr(s.c${width + keys.length}, ${i + 1}, 1) = '1'`;
    const values = target.columns.map((column, i) => {
      const cast = castExpression(`s.c${i}`, column.type, this.#careful);
      return `CASE WHEN ${flag(i)} THEN t.${quoteIdentifier(column.name)} ELSE ${cast} END AS v${i}`;
    });
    const unpacked = `SELECT * FROM (ROWS)`;
    await this.#runner.run(columns, (packedRows) => {
      const s = unpacked.replace('ROWS', packedRows);
      return `CREATE OR REPLACE TEMP TABLE ${stage} AS SELECT ${values.join(', ')} FROM (${s}) AS s LEFT JOIN ${name} AS t ON ${match}`;
    });
    if (this.#careful) {
      await this.#keepUncastable(columns.slice(0, width));
    }
    const missing = keys.map((column) => `t.${quoteIdentifier(column.name)} IS NULL`).join(' AND ');
    const keyText = keys.map((_, i) => `coalesce(c${width + i}, '')`).join(" || ',' || ");
    await this.#dead.keep(
      displayName(target.table),
      `SELECT ${keyText}, '', NULL, 'unchanged value is not known here' FROM (ROWS) AS s LEFT JOIN ${name} AS t ON ${match} WHERE ${missing}`,
      columns,
    );
    return { insert: `INSERT INTO ${name} SELECT * FROM ${stage}`, drop: `DROP TABLE ${stage}` };
  }

  async #flushKeyless(): Promise<void> {
    const piece = this.#keyless;
    if (piece === null || piece.size === 0) return;
    await this.#removeCopies([...piece.removed()]);
    await this.#insert(piece.added());
    piece.clear();
  }

  /** Without a key a row is found by all of its values, and of equal rows exactly as many go as were deleted. */
  async #removeCopies(
    rows: readonly { readonly cells: readonly MaskedCell[]; readonly copies: number }[],
  ): Promise<void> {
    if (rows.length === 0) return;
    const target = this.#target;
    const name = mirrorName(target.table);
    const width = target.columns.length;
    const columns: PackedCell[][] = Array.from({ length: width + 1 }, () => []);
    for (const { cells, copies } of rows) {
      for (let i = 0; i < width; i++) columns[i]!.push(packed(cells[i]!));
      columns[width]!.push(String(copies));
    }
    const casts = target.columns.map((column, i) => `${castExpression(`c${i}`, column.type, true)} AS v${i}`);
    const match = target.columns.map(
      (column, i) => `t.${quoteIdentifier(column.name)} IS NOT DISTINCT FROM s.v${i}`,
    );
    await this.#runner.run(
      columns,
      (packedRows) => `DELETE FROM ${name} WHERE rowid IN (
        SELECT r FROM (
          SELECT t.rowid AS r, s.copies AS copies, row_number() OVER (PARTITION BY s.n ORDER BY t.rowid) AS copy
          FROM ${name} AS t JOIN (
            SELECT ${[...casts, `CAST(c${width} AS BIGINT) AS copies`, 'row_number() OVER () AS n'].join(', ')} FROM (${packedRows})
          ) AS s ON ${match.join(' AND ') || 'true'}
        ) WHERE copy <= copies)`,
    );
  }

  async #flushHistory(): Promise<void> {
    const history = this.#history;
    if (history === null || history.size === 0) return;
    const columns = history.take();
    const own = this.#target.historyColumns;
    const casts = [
      'c0',
      'CAST(c1 AS BIGINT)',
      'CAST(c2 AS BIGINT)',
      'make_timestamptz(CAST(c3 AS BIGINT))',
      'c4',
      ...own.map((column, i) => castExpression(`c${i + 5}`, column.type, true)),
    ];
    const names = [
      '_op',
      '_group',
      '_seq',
      '_commit_time',
      '_unchanged',
      ...own.map((column) => quoteIdentifier(column.name)),
    ];
    await this.#runner.run(
      columns,
      (rows) =>
        `INSERT INTO ${historyName(this.#target.table)} (${names.join(', ')}) SELECT ${casts.join(', ')} FROM (${rows})`,
    );
  }
}

/** Every version of every row, in order, for the history table. */
class HistoryPiece {
  readonly #columns: readonly TargetColumn[];
  #cells: PackedCell[][];
  #table: { readonly table: object; readonly indexes: readonly number[] } | null = null;

  constructor(target: Target) {
    this.#columns = target.historyColumns;
    this.#cells = this.#empty();
  }

  get size(): number {
    return this.#cells[0]!.length;
  }

  take(): readonly PackedCell[][] {
    const cells = this.#cells;
    this.#cells = this.#empty();
    return cells;
  }

  mark(op: string, group: number, seq: number, commitTimeUs: bigint): void {
    this.#row(op, group, seq, commitTimeUs, null, () => null);
  }

  add(run: MaskedRun, group: number, seq: number, commitTimeUs: bigint): void {
    if (this.#table?.table !== run.table)
      this.#table = { table: run.table, indexes: cellIndexes(this.#columns, run.table) };
    const { indexes } = this.#table;
    const width = run.table.columns.length;
    let at = 0;
    for (let row = 0; row < run.count; row++) {
      const bits = run.images[row]!;
      const before = (bits & Image.before) !== 0 ? at : -1;
      if (before >= 0) at += width;
      const after = (bits & Image.after) !== 0 ? at : -1;
      if (after >= 0) at += width;
      const from = after >= 0 ? after : before;
      const op = opLetter[run.ops[row]! as Op];
      let unchanged: string | null = null;
      this.#columns.forEach((column, i) => {
        const index = indexes[i]!;
        if (index >= 0 && run.cells[from + index] === UNCHANGED)
          unchanged = unchanged === null ? column.name : `${unchanged},${column.name}`;
      });
      this.#row(op, group, seq + row, commitTimeUs, unchanged, (i) =>
        indexes[i]! < 0 ? null : packed(run.cells[from + indexes[i]!]!),
      );
    }
  }

  #row(
    op: string,
    group: number,
    seq: number,
    commitTimeUs: bigint,
    unchanged: string | null,
    cell: (column: number) => PackedCell,
  ): void {
    const cells = this.#cells;
    cells[0]!.push(op);
    cells[1]!.push(String(group));
    cells[2]!.push(String(seq));
    cells[3]!.push(String(commitTimeUs));
    cells[4]!.push(unchanged);
    for (let i = 0; i < this.#columns.length; i++) cells[i + 5]!.push(cell(i));
  }

  #empty(): PackedCell[][] {
    return Array.from({ length: this.#columns.length + 5 }, () => []);
  }
}

function packed(cell: MaskedCell): PackedCell {
  return cell === UNCHANGED || cell === DROPPED ? null : cell;
}
