import type { MaskedTable } from '../../../src/model/masked.ts';
import { diffTables, visibleColumns } from '../../../src/model/schema-diff.ts';
import { columnIdentity } from '../../../src/model/table.ts';
import { freeName, quoteIdentifier } from './identifier.ts';
import { duckdbType } from './types.ts';

/** A column of the warehouse table. */
export interface TargetColumn {
  /** See `columnIdentity`. */
  readonly identity: string;
  /** Name in DuckDB. */
  readonly name: string;
  readonly type: string;
}

/** What the sink knows of one warehouse table; kept in `_rowseal.tables`. */
export interface Target {
  readonly table: MaskedTable;
  readonly columns: readonly TargetColumn[];
  /** Columns that the history table keeps although the mirror dropped them, and all others. */
  readonly historyColumns: readonly TargetColumn[];
}

/** `"public"."orders"` */
export function mirrorName(table: MaskedTable): string {
  return `${quoteIdentifier(table.namespace)}.${quoteIdentifier(table.name)}`;
}

/** `"public"."orders__history"` */
export function historyName(table: MaskedTable): string {
  return `${quoteIdentifier(table.namespace)}.${quoteIdentifier(`${table.name}__history`)}`;
}

/** Statements that bring the warehouse from what is known to a new table version, and what is known afterwards. */
export interface Alteration {
  readonly target: Target;
  readonly mirror: readonly string[];
  readonly history: readonly string[];
  /** Retyped columns: values that do not fit the new type must be kept aside first. */
  readonly retyped: readonly { readonly name: string; readonly type: string }[];
}

/** Columns that history tables have before the row's own. */
export const HISTORY_COLUMNS = [
  '_op VARCHAR NOT NULL',
  '_group BIGINT NOT NULL',
  '_seq BIGINT NOT NULL',
  '_commit_time TIMESTAMPTZ NOT NULL',
  '_unchanged VARCHAR',
] as const;

const HISTORY_NAMES = new Set(['_op', '_group', '_seq', '_commit_time', '_unchanged']);

export function createTarget(table: MaskedTable): Alteration {
  const columns = allocate(table, [], new Set());
  const historyColumns = allocate(table, [], HISTORY_NAMES);
  const definition = (column: TargetColumn): string => `${quoteIdentifier(column.name)} ${column.type}`;
  const schema = `CREATE SCHEMA IF NOT EXISTS ${quoteIdentifier(table.namespace)}`;
  // DuckDB has no tables without columns; a source table may have none to show.
  const mirrorColumns = columns.length === 0 ? ['_empty BOOLEAN'] : columns.map(definition);
  return {
    target: { table, columns, historyColumns },
    mirror: [schema, `CREATE TABLE ${mirrorName(table)} (${mirrorColumns.join(', ')})`],
    history: [
      schema,
      `CREATE TABLE ${historyName(table)} (${[...HISTORY_COLUMNS, ...historyColumns.map(definition)].join(', ')})`,
    ],
    retyped: [],
  };
}

/** Drops, renames, retypes and adds in the mirror. The history keeps dropped columns and old names' types widen to text. */
export function alterTarget(known: Target, table: MaskedTable): Alteration {
  const mirror: string[] = [];
  const history: string[] = [];
  const retyped: { name: string; type: string }[] = [];
  const steps = diffTables(known.table, table);
  const m = mirrorName(table);
  const h = historyName(table);
  const byIdentity = new Map(known.columns.map((column) => [column.identity, column]));
  const columns = allocate(table, known.columns, new Set());
  const next = new Map(columns.map((column) => [column.identity, column]));
  for (const step of steps) {
    if (step.kind === 'drop-column')
      mirror.push(
        `ALTER TABLE ${m} DROP COLUMN ${quoteIdentifier(byIdentity.get(columnIdentity(step.column))!.name)}`,
      );
  }
  // Through a name of its own first, so that two columns can change places.
  const renames = columns.flatMap((column) => {
    const before = byIdentity.get(column.identity);
    return before !== undefined && before.name !== column.name ? [{ before, after: column }] : [];
  });
  renames.forEach(({ before }, i) => {
    mirror.push(
      `ALTER TABLE ${m} RENAME COLUMN ${quoteIdentifier(before.name)} TO ${quoteIdentifier(`_rowseal_rename_${i}`)}`,
    );
  });
  renames.forEach(({ after }, i) => {
    mirror.push(
      `ALTER TABLE ${m} RENAME COLUMN ${quoteIdentifier(`_rowseal_rename_${i}`)} TO ${quoteIdentifier(after.name)}`,
    );
  });
  for (const column of columns) {
    const before = byIdentity.get(column.identity);
    if (before === undefined || before.type === column.type) continue;
    retyped.push({ name: column.name, type: column.type });
    const name = quoteIdentifier(column.name);
    mirror.push(
      `ALTER TABLE ${m} ALTER COLUMN ${name} TYPE ${column.type} USING TRY_CAST(${name} AS ${column.type})`,
    );
  }
  for (const step of steps) {
    if (step.kind !== 'add-column') continue;
    const column = next.get(columnIdentity(step.column))!;
    mirror.push(`ALTER TABLE ${m} ADD COLUMN ${quoteIdentifier(column.name)} ${column.type}`);
  }
  const historyColumns = [...known.historyColumns];
  for (const column of visibleColumns(table)) {
    const identity = columnIdentity(column);
    const at = historyColumns.findIndex((known) => known.identity === identity);
    const type = duckdbType(column.type);
    if (at < 0) {
      const taken = new Set([...HISTORY_NAMES, ...historyColumns.map((known) => known.name.toLowerCase())]);
      const added = { identity, name: freeName(column.name, taken), type };
      historyColumns.push(added);
      history.push(`ALTER TABLE ${h} ADD COLUMN ${quoteIdentifier(added.name)} ${type}`);
    } else if (historyColumns[at]!.type !== type && historyColumns[at]!.type !== 'VARCHAR') {
      // Old versions keep their exact text: history has no better common type.
      historyColumns[at] = { ...historyColumns[at]!, type: 'VARCHAR' };
      history.push(`ALTER TABLE ${h} ALTER COLUMN ${quoteIdentifier(historyColumns[at]!.name)} TYPE VARCHAR`);
    }
  }
  return { target: { table, columns, historyColumns }, mirror, history, retyped };
}

/** Names for the visible columns; a column keeps its name as long as the source's name stays. */
function allocate(
  table: MaskedTable,
  known: readonly TargetColumn[],
  reserved: ReadonlySet<string>,
): readonly TargetColumn[] {
  const taken = new Set(reserved);
  const kept = new Map(known.map((column) => [column.identity, column]));
  return visibleColumns(table).map((column) => {
    const identity = columnIdentity(column);
    const before = kept.get(identity)?.name;
    const keeps =
      before !== undefined &&
      before.toLowerCase().replace(/_\d+$/, '') === column.name.toLowerCase() &&
      !taken.has(before.toLowerCase());
    const name = keeps && before === column.name ? before : freeName(column.name, taken);
    taken.add(name.toLowerCase());
    return { identity, name, type: duckdbType(column.type) };
  });
}

/** For each target column, where its cell is in a row of a table version; -1: that version does not have it. */
export function cellIndexes(columns: readonly TargetColumn[], table: MaskedTable): readonly number[] {
  const at = new Map(
    table.columns.map((column, index) => [column.method === 'drop' ? '' : columnIdentity(column), index]),
  );
  return columns.map((column) => at.get(column.identity) ?? -1);
}
