import type { GroupIndex } from '../../../src/audit/audit-log.ts';
import { UNKNOWN_UNCHANGED } from '../../../src/deliver/warehouse/dead-letters.ts';
import { FENCED, TOO_MANY } from './errors.ts';
import { quoteIdentifier, quoteLiteral } from './names.ts';
import {
  OWN_COLUMNS,
  type Relation,
  storedTable,
  type TargetColumn,
  UNCHANGED_COLUMN,
  written,
} from './target.ts';
import { castExpression, convertExpression, textExpression } from './types.ts';

/** Bytes of SQL in one job: 1 MB at most (https://cloud.google.com/bigquery/quotas#query_jobs). */
const MAX_SQL = 1_000_000;

/** More than BigQuery takes in one transaction. */
export class TransactionTooLarge extends Error {}

/** GoogleSQL that the sink sends; the fake of the tests knows these shapes and no others. */
export class Statements {
  readonly #dataset: string;

  constructor(project: string, dataset: string) {
    this.#dataset = `${project}.${dataset}`;
  }

  table(name: string): string {
    return quoteIdentifier(`${this.#dataset}.${name}`);
  }

  /** Takes the cursor over, or makes it; one statement, so that two openers cannot both believe they were first. */
  takeOver(epoch: bigint): string {
    return `MERGE ${this.table(CURSOR)} AS t USING (SELECT @pipeline AS pipeline) AS s ON TRUE
WHEN MATCHED AND t.pipeline = s.pipeline AND t.epoch <= ${epoch} THEN UPDATE SET epoch = ${epoch}
WHEN NOT MATCHED THEN INSERT (pipeline, epoch, group_index, head) VALUES (s.pipeline, ${epoch}, NULL, NULL)`;
  }

  readCursor(): string {
    return `SELECT pipeline, epoch, group_index FROM ${this.table(CURSOR)}`;
  }

  readHead(): string {
    return `SELECT head FROM ${this.table(CURSOR)}`;
  }

  readTables(): string {
    return `SELECT table_key, known FROM ${this.table(TABLES)}`;
  }

  /** One transaction: the cursor first, which only the newest writer can move from where the batch begins. */
  transaction(move: CursorMove, statements: readonly string[]): string {
    const { epoch, after, to, head } = move;
    const moved = head === null ? '' : ', head = @head';
    const from = after === null ? 'group_index IS NULL' : `group_index = ${after}`;
    const sql = [
      'BEGIN TRANSACTION',
      `UPDATE ${this.table(CURSOR)} SET group_index = ${to ?? 'NULL'}${moved} WHERE pipeline = @pipeline AND epoch = ${epoch} AND ${from}`,
      `SELECT IF(@@row_count = 1, 'mine', ERROR(${quoteLiteral(FENCED)}))`,
      ...statements,
      'COMMIT TRANSACTION',
    ]
      .map((statement) => `${statement};\n`)
      .join('');
    if (Buffer.byteLength(sql) > MAX_SQL) throw new TransactionTooLarge(`${sql.length} characters of SQL`);
    return sql;
  }

  /** @param n number of the parameters that carry key and text: two statements for each known table that changed */
  rememberTable(n: number): readonly string[] {
    const table = this.table(TABLES);
    return [
      `DELETE FROM ${table} WHERE table_key = @k${n}`,
      `INSERT INTO ${table} (table_key, known) VALUES (@k${n}, @t${n})`,
    ];
  }

  keepDeadLetters(staging: string): string {
    const columns = DEAD_LETTER_COLUMNS.map(({ name }) => name).join(', ');
    return `INSERT INTO ${this.table(DEAD_LETTERS)} (${columns}) SELECT ${columns} FROM ${this.table(staging)}`;
  }

  /** @param to null: all there are */
  countDeadLetters(after: GroupIndex | null, to: GroupIndex | null): string {
    const some =
      to === null ? '' : ` WHERE group_index >= ${after === null ? 0 : after + 1} AND group_index <= ${to}`;
    return `SELECT table_name, COUNT(*) FROM ${this.table(DEAD_LETTERS)}${some} GROUP BY table_name`;
  }

  /** Ends the transaction when a table has more dead letters than it may have. */
  limitDeadLetters(max: number): string {
    return `SELECT IF((SELECT COUNT(*) FROM (SELECT table_name FROM ${this.table(DEAD_LETTERS)} GROUP BY table_name HAVING COUNT(*) > ${max})) = 0, 'few', ERROR(${quoteLiteral(TOO_MANY)}))`;
  }

  /** Values of a column that its new type does not hold; the stored column of the old type keeps them too. */
  keepUnconvertible(relation: Relation, column: TargetColumn, table: string, at: GroupIndex): string {
    const before = { ...column, stored: column.stored.slice(0, -1) };
    const from = written(before).type;
    const { type } = written(column);
    const value = shownValue('t', before);
    const columns = DEAD_LETTER_COLUMNS.map(({ name }) => name).join(', ');
    const reason = quoteLiteral(`does not fit ${type} any more`);
    return `INSERT INTO ${this.table(DEAD_LETTERS)} (${columns}) SELECT ${at}, t._rowseal_seq, ${quoteLiteral(table)}, NULL, ${quoteLiteral(column.shown)}, ${convertExpression(value, from, 'STRING')}, ${reason} FROM ${this.table(storedTable(relation))} AS t WHERE ${value} IS NOT NULL AND ${convertExpression(value, from, type)} IS NULL`;
  }

  truncate(relation: Relation): string {
    return `TRUNCATE TABLE ${this.table(storedTable(relation))}`;
  }

  /**
   * Staged final states of keys into the mirror. Where cells are unchanged their row is looked up first, under the key it
   * had before: it may be about to get another.
   */
  merge(mirror: Relation, keys: readonly TargetColumn[], staging: string, partial: boolean): string {
    const table = this.table(storedTable(mirror));
    const inner = [...STAGED_OWN.map(({ staged }) => `s.${staged} AS ${staged}`)];
    const assigned: { readonly name: string; readonly value: string }[] = [];
    mirror.columns.forEach((column, i) => {
      const cast = castExpression(`s.c${i}`, written(column).type);
      const unchanged = `SUBSTR(s.u, ${i + 1}, 1) = '1'`;
      column.stored.forEach((stored, n) => {
        const newest = n === column.stored.length - 1;
        const from = `b.${quoteIdentifier(stored.name)}`;
        const alias = newest ? `v${i}` : `v${i}_${n}`;
        if (newest) inner.push(`${partial ? `IF(${unchanged}, ${from}, ${cast})` : cast} AS ${alias}`);
        else if (partial) inner.push(`IF(${unchanged}, ${from}, NULL) AS ${alias}`);
        assigned.push({ name: stored.name, value: newest || partial ? `s.${alias}` : 'NULL' });
      });
    });
    for (const { staged, own } of STAGED_OWN) assigned.push({ name: own, value: `s.${staged}` });
    const base = keys.map(
      (column, k) => `${shownValue('b', column)} = ${castExpression(`s.b${k}`, written(column).type)}`,
    );
    const source = `${this.table(staging)} AS s${partial ? ` LEFT JOIN ${table} AS b ON ${base.join(' AND ')}` : ''}`;
    const match = keys.map((column) => `${shownValue('t', column)} = s.v${mirror.columns.indexOf(column)}`);
    const names = assigned.map(({ name }) => quoteIdentifier(name));
    return `MERGE ${table} AS t USING (SELECT ${inner.join(', ')} FROM ${source}) AS s ON ${match.join(' AND ')}
WHEN MATCHED AND s.q > t._rowseal_seq AND s.o = 'd' THEN DELETE
WHEN MATCHED AND s.q > t._rowseal_seq THEN UPDATE SET ${assigned.map(({ value }, i) => `${names[i]} = ${value}`).join(', ')}
WHEN NOT MATCHED AND s.o != 'd' THEN INSERT (${names.join(', ')}) VALUES (${assigned.map(({ value }) => value).join(', ')})`;
  }

  /**
   * Rows whose unchanged cells are nowhere: a pipeline that began without a copy. Those that a copy has still to bring are
   * marked by `w`. Comes before the merge.
   */
  keepBaseless(mirror: Relation, keys: readonly TargetColumn[], staging: string, table: string): string {
    const columns = DEAD_LETTER_COLUMNS.map(({ name }) => name).join(', ');
    const key = keys.map((_, k) => `IFNULL(s.b${k}, '')`).join(", ',', ");
    const match = keys.map(
      (column, k) => `${shownValue('b', column)} = ${castExpression(`s.b${k}`, written(column).type)}`,
    );
    return `INSERT INTO ${this.table(DEAD_LETTERS)} (${columns}) SELECT s.g, s.q, ${quoteLiteral(table)}, CONCAT(${key}), '', NULL, ${quoteLiteral(UNKNOWN_UNCHANGED)} FROM ${this.table(staging)} AS s LEFT JOIN ${this.table(storedTable(mirror))} AS b ON ${match.join(' AND ')} WHERE s.u IS NOT NULL AND s.w IS NULL AND b._rowseal_seq IS NULL`;
  }

  /** Staged rows as they are: histories, and tables without a key. */
  append(relation: Relation, staging: string, history: boolean): string {
    const names = relation.columns.map((column) => quoteIdentifier(written(column).name));
    const values = relation.columns.map((column, i) => castExpression(`s.c${i}`, written(column).type));
    for (const { staged, own } of STAGED_OWN) {
      names.push(own);
      values.push(`s.${staged}`);
    }
    if (history) {
      names.push(UNCHANGED_COLUMN.name);
      values.push('s.u');
    }
    return `INSERT INTO ${this.table(storedTable(relation))} (${names.join(', ')}) SELECT ${values.join(', ')} FROM ${this.table(staging)} AS s`;
  }

  /**
   * Without a key a row is found by all of its values, and of equal rows exactly as many go as were deleted, the oldest
   * first. Values are compared as JSON text: that takes NULLs, NaN and JSON columns for equal, and can be hashed.
   */
  removeCopies(relation: Relation, staging: string): string {
    const table = this.table(storedTable(relation));
    const shown = relation.columns.map((column, i) => `${shownValue('b', column)} AS f${i}`);
    const staged = relation.columns.map(
      (column, i) => `${castExpression(`s.c${i}`, written(column).type)} AS f${i}`,
    );
    return `DELETE FROM ${table} AS t WHERE t._rowseal_seq IN (SELECT q FROM (SELECT b._rowseal_seq AS q, d.n AS n, ROW_NUMBER() OVER (PARTITION BY d.i ORDER BY b._rowseal_seq) AS r FROM ${table} AS b JOIN (SELECT s.i AS i, s.n AS n, TO_JSON_STRING(STRUCT(${staged.join(', ')})) AS j FROM ${this.table(staging)} AS s) AS d ON TO_JSON_STRING(STRUCT(${shown.join(', ')})) = d.j) WHERE r <= n)`;
  }

  /** Rows under the keys of the parameter, a JSON array of arrays: place among the keys, `seq`, then every column as staged text. */
  lookUp(relation: Relation, keyPositions: readonly number[]): string {
    const cells = relation.columns.map((column) =>
      textExpression(shownValue('b', column), written(column).type),
    );
    const match = keyPositions.map((i, k) => {
      const column = relation.columns[i]!;
      return `${shownValue('b', column)} = ${castExpression(`JSON_VALUE(_rowseal_key, '$[${k}]')`, written(column).type)}`;
    });
    return `SELECT _rowseal_place, b._rowseal_seq, ${cells.join(', ')} FROM UNNEST(JSON_QUERY_ARRAY(@keys)) AS _rowseal_key WITH OFFSET AS _rowseal_place JOIN ${this.table(storedTable(relation))} AS b ON ${match.join(' AND ')}`;
  }

  /** The rows of a version into the next, which has another primary key. */
  copyVersion(from: Relation, to: Relation): string {
    const own = OWN_COLUMNS.map(({ name }) => name);
    const names = [...to.columns.map((column) => quoteIdentifier(written(column).name)), ...own];
    const values = [
      ...to.columns.map((column) => sharedValue(from, column)),
      ...own.map((name) => `t.${name}`),
    ];
    return `INSERT INTO ${this.table(storedTable(to))} (${names.join(', ')}) SELECT ${values.join(', ')} FROM ${this.table(storedTable(from))} AS t`;
  }

  /** What readers see: present columns under their present names, in their present types. */
  view(relation: Relation, history: boolean): string {
    const columns = relation.columns.map(
      (column) => `${shownValue('t', column)} AS ${quoteIdentifier(column.shown)}`,
    );
    const own = [...OWN_COLUMNS, ...(history ? [UNCHANGED_COLUMN] : [])].map(
      ({ name }) => `t.${name} AS ${name}`,
    );
    return `SELECT ${[...columns, ...own].join(', ')} FROM ${this.table(storedTable(relation))} AS t`;
  }
}

export interface CursorMove {
  readonly epoch: bigint;
  readonly after: GroupIndex | null;
  /** null: it stays where it is, and is nowhere. */
  readonly to: GroupIndex | null;
  /** Of the journal, signed; null: the cursor stays, and so does the head. */
  readonly head: string | null;
}

export const CURSOR = '_rowseal_cursor';
export const TABLES = '_rowseal_tables';
export const DEAD_LETTERS = '_rowseal_dead_letters';

export const DEAD_LETTER_COLUMNS = [
  { name: 'group_index', type: 'INT64' },
  { name: 'seq', type: 'INT64' },
  { name: 'table_name', type: 'STRING' },
  { name: 'row_key', type: 'STRING' },
  { name: 'column_name', type: 'STRING' },
  { name: 'value', type: 'STRING' },
  { name: 'reason', type: 'STRING' },
] as const;

/** Short names in staging tables, and what they become. */
const STAGED_OWN = [
  { staged: 'q', own: '_rowseal_seq' },
  { staged: 'g', own: '_rowseal_group' },
  { staged: 'm', own: '_rowseal_committed_at' },
  { staged: 'o', own: '_rowseal_op' },
] as const;

/** A column's value in its present type, wherever the row has it: each change of type converts what the one before gave. */
function shownValue(alias: string, { stored }: TargetColumn): string {
  let value = `${alias}.${quoteIdentifier(stored[0]!.name)}`;
  for (let i = 1; i < stored.length; i++) {
    const { name, type } = stored[i]!;
    value = `COALESCE(${alias}.${quoteIdentifier(name)}, ${convertExpression(value, stored[i - 1]!.type, type)})`;
  }
  return value;
}

/** A column's value in an earlier version of its table, where it may have had another type, or not have been. */
function sharedValue(from: Relation, column: TargetColumn): string {
  const { type } = written(column);
  const old = from.columns.find(({ identity }) => identity === column.identity);
  if (old === undefined) return `CAST(NULL AS ${type})`;
  return convertExpression(shownValue('t', old), written(old).type, type);
}
