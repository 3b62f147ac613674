import { keyColumns, type Target, type TargetColumn } from '../../../src/deliver/warehouse/target.ts';
import { quoteIdentifier, quoteLiteral } from '../../duckdb-engine/identifier.ts';
import { castExpression } from '../../duckdb-engine/types.ts';

/**
 * SQL of the current rows, over the change files of a table.
 *
 * A key's changes fall into lives: one begins with an insert, a move from another key, or a delete. Within a life a cell that
 * was not sent has the last value that was; if it was not sent since the life began with a move, it comes from the key
 * that the row moved from, however often it moved.
 *
 * @param files glob of the change files
 */
export function currentRows(target: Target, files: string): string {
  return target.table.key.length === 0 ? bagRows(target, files) : keyedRows(target, files);
}

interface ViewColumn {
  /** Name in the files. */
  readonly file: string;
  readonly stored: TargetColumn;
  readonly now: TargetColumn;
}

function viewColumns({ columns, historyColumns }: Target): readonly ViewColumn[] {
  return columns.map((now) => {
    const stored = historyColumns.find(({ identity }) => identity === now.identity)!;
    return { file: quoteIdentifier(stored.name), stored, now };
  });
}

/** For a moment a merged file and those in it are there together: a file whose groups are all in another one's is left out. */
function changes(files: string): string {
  return `ranges AS (
    SELECT file, part.day AS day, CAST(part.lowest AS BIGINT) AS lowest, CAST(part.highest AS BIGINT) AS highest
    FROM (SELECT file, regexp_extract(file, '^(.*)/(\\d+)-(\\d+)\\.parquet$', ['day', 'lowest', 'highest']) AS part
          FROM glob(${quoteLiteral(files)}))
  ), merged AS (
    SELECT file FROM ranges QUALIFY highest <= max(highest) OVER (
      PARTITION BY day ORDER BY lowest, highest DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
  ), changes AS (
    SELECT * EXCLUDE (filename), _rowseal_seq * 2 + _rowseal_sub AS _rowseal_n
    FROM read_parquet(${quoteLiteral(files)}, union_by_name = true, hive_partitioning = false, filename = true)
    WHERE filename NOT IN (FROM merged)
  ), live AS (
    SELECT * FROM changes
    WHERE _rowseal_op NOT IN ('t', 's')
      AND _rowseal_n > (SELECT coalesce(max(_rowseal_n), -1) FROM changes WHERE _rowseal_op IN ('t', 's'))
  )`;
}

function bagRows(target: Target, files: string): string {
  const columns = viewColumns(target);
  const cells = columns.map(
    (column) => `${typed(column, column.file)} AS ${quoteIdentifier(column.now.name)}`,
  );
  const names = columns.map(({ now }) => quoteIdentifier(now.name));
  return `WITH ${changes(files)}
  SELECT ${names.join(', ')} FROM (
    SELECT ${names.join(', ')}, unnest(range(copies)) FROM (
      SELECT ${cells.join(', ')}, sum(CASE WHEN _rowseal_op = 'd' THEN -1 ELSE 1 END)::BIGINT AS copies FROM live GROUP BY ALL
    ) WHERE copies > 0
  )`;
}

function keyedRows(target: Target, files: string): string {
  const columns = viewColumns(target);
  const key = keyColumns(target, target.table).map((index) => columns[index]!);
  const by = key.map(({ file }) => file).join(', ');
  const known = key.map(({ file }) => `${file} IS NOT NULL`).join(' AND ');
  // Not by name: DuckDB takes a name that two views of one script give to their windows for defined twice.
  const life = `(PARTITION BY ${by}, _rowseal_life ORDER BY _rowseal_n)`;
  const before = `(PARTITION BY ${by} ORDER BY _rowseal_n)`;
  const filled = columns.map(
    ({ file, stored }, i) =>
      `last_value(CASE WHEN NOT list_contains(_rowseal_unchanged, ${quoteLiteral(stored.name)}) THEN {'v': ${file}} END IGNORE NULLS) OVER ${life} AS v${i}`,
  );
  const each = (make: (i: number) => string): string => columns.map((_, i) => make(i)).join(', ');
  const shown = columns.map(
    (column, i) => `${typed(column, `coalesce(l.v${i}, o.v${i}).v`)} AS ${quoteIdentifier(column.now.name)}`,
  );
  return `WITH RECURSIVE ${changes(files)}, lives AS (
    SELECT *, sum(CASE WHEN _rowseal_op IN ('c', 'r', 'd') OR _rowseal_sub = 1 THEN 1 ELSE 0 END)
      OVER (PARTITION BY ${by} ORDER BY _rowseal_n) AS _rowseal_life
    FROM live WHERE ${known}
  ), filled AS (
    SELECT ${by}, _rowseal_op, _rowseal_group, _rowseal_seq, _rowseal_sub, _rowseal_committed_at, _rowseal_n,
      max(CASE WHEN _rowseal_sub = 1 THEN _rowseal_seq END) OVER ${life} AS moved, ${filled.join(', ')}
    FROM lives
  ), moves AS (
    SELECT moved_at, up, ${each((i) => `v${i}`)} FROM (
      SELECT _rowseal_seq AS moved_at, _rowseal_op, lag(moved) OVER ${before} AS up, ${each((i) => `lag(v${i}) OVER ${before} AS v${i}`)}
      FROM filled
    ) WHERE _rowseal_op = 'd' AND moved_at IN (SELECT moved FROM filled)
  ), origins AS (
    SELECT moved_at, up, 0 AS depth, ${each((i) => `v${i}`)} FROM moves
    UNION ALL
    SELECT o.moved_at, m.up, o.depth + 1, ${each((i) => `coalesce(o.v${i}, m.v${i})`)}
    FROM origins AS o JOIN moves AS m ON m.moved_at = o.up
  ), origin AS (
    SELECT * FROM origins QUALIFY row_number() OVER (PARTITION BY moved_at ORDER BY depth DESC) = 1
  ), latest AS (
    SELECT * FROM filled QUALIFY row_number() OVER (PARTITION BY ${by} ORDER BY _rowseal_n DESC) = 1
  )
  SELECT ${[...shown, 'l._rowseal_op', 'l._rowseal_group', 'l._rowseal_seq', 'l._rowseal_committed_at'].join(', ')}
  FROM latest AS l LEFT JOIN origin AS o ON o.moved_at = l.moved
  WHERE l._rowseal_op <> 'd'`;
}

/** A value from the files, which may be text there since the column was retyped, as its present type. */
function typed({ stored, now }: ViewColumn, value: string): string {
  if (stored.type === now.type) return value;
  return castExpression(`CAST(${value} AS VARCHAR)`, now.type, true);
}

/** A file of views for DuckDB, one for each table, beside the data. */
export function viewsFile(targets: readonly { readonly target: Target; readonly files: string }[]): string {
  const views = targets.map(({ target, files }) => {
    const { namespace, name } = target.table;
    const schema = quoteIdentifier(namespace);
    return `CREATE SCHEMA IF NOT EXISTS ${schema};\nCREATE OR REPLACE VIEW ${schema}.${quoteIdentifier(name)} AS\n${currentRows(target, files)};\n`;
  });
  return `-- Current rows over the change files. Written anew when a table changes: duckdb -init views.sql\n${views.join('\n')}`;
}
