import type { MaskedColumn, MaskedTable } from '../../model/masked.ts';
import { visibleColumns } from '../../model/schema-diff.ts';
import { columnIdentity } from '../../model/table.ts';

/** A column of a warehouse table. */
export interface TargetColumn {
  /** See `columnIdentity`. */
  readonly identity: string;
  /** Name in the warehouse. */
  readonly name: string;
  readonly type: string;
}

/** What a sink knows of one warehouse table; kept as JSON in its bookkeeping. */
export interface Target {
  readonly table: MaskedTable;
  readonly columns: readonly TargetColumn[];
  /** All columns there ever were: a history keeps those that the mirror dropped. */
  readonly historyColumns: readonly TargetColumn[];
  /** The mirror has `PROOF_COLUMNS`. */
  readonly proof: boolean;
  /** There is a history table. */
  readonly history: boolean;
}

/**
 * For the bookkeeping: members in the order of their names. A table from the mask and the same one from the log are made in two
 * places, and a warehouse that is built from the log is to be the live one to the byte.
 */
export function targetText(target: Target): string {
  return JSON.stringify(target, (_, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
}

/** What the configuration wants beside the mirror of a table. */
export interface TargetWishes {
  readonly proof: boolean;
  readonly history: boolean;
}

/** How a warehouse names and types columns. */
export interface Dialect {
  /** The type that holds every value of the column, or the text type where none does. */
  typeOf(column: MaskedColumn): string;
  /** The type that every value of any type fits. */
  readonly textType: string;
  /** Two names with the same fold cannot stand beside each other in one table. */
  fold(name: string): string;
  /** Name and suffix as the warehouse can have them; where that is too long, the name is cut. */
  fit(name: string, suffix: string): string;
}

/** Columns that say where a row comes from in the audit log. */
export const PROOF_COLUMNS = [
  '_rowseal_op',
  '_rowseal_group',
  '_rowseal_seq',
  '_rowseal_committed_at',
] as const;
/** In histories also: names of the columns that the source did not send. */
export const UNCHANGED_COLUMN = '_rowseal_unchanged';
const RESERVED: readonly string[] = [...PROOF_COLUMNS, UNCHANGED_COLUMN];

/** One step that brings a warehouse table to the next version, in an order in which they can be applied. */
export type TargetStep =
  | { readonly kind: 'drop'; readonly name: string }
  | { readonly kind: 'rename'; readonly from: string; readonly to: string }
  | { readonly kind: 'retype'; readonly name: string; readonly from: string; readonly to: string }
  | { readonly kind: 'add'; readonly column: TargetColumn }
  | { readonly kind: 'add-proof' | 'drop-proof' };

export interface Alteration {
  readonly target: Target;
  readonly mirror: readonly TargetStep[];
  /** `create`: there is none yet. */
  readonly history: 'create' | readonly TargetStep[];
}

export function newTarget(table: MaskedTable, wishes: TargetWishes, dialect: Dialect): Target {
  const columns = allocate(table, [], dialect);
  return { table, columns, historyColumns: columns, ...wishes };
}

/**
 * Drops, renames, retypes and adds in the mirror. The history keeps dropped columns and old names, and a column whose type
 * changed becomes text there: old versions keep their exact value.
 */
export function alterTarget(
  known: Target,
  table: MaskedTable,
  wishes: TargetWishes,
  dialect: Dialect,
): Alteration {
  const before = new Map(known.columns.map((column) => [column.identity, column]));
  const columns = allocate(table, known.columns, dialect);
  const kept = new Set(columns.map(({ identity }) => identity));
  const mirror: TargetStep[] = known.columns
    .filter(({ identity }) => !kept.has(identity))
    .map(({ name }) => ({ kind: 'drop', name }));
  // Through a name of its own first, so that two columns can change places.
  const renames = columns.flatMap(({ identity, name }) => {
    const old = before.get(identity);
    return old !== undefined && old.name !== name ? [{ from: old.name, to: name }] : [];
  });
  renames.forEach(({ from }, i) => {
    mirror.push({ kind: 'rename', from, to: `_rowseal_rename_${i}` });
  });
  renames.forEach(({ to }, i) => {
    mirror.push({ kind: 'rename', from: `_rowseal_rename_${i}`, to });
  });
  for (const { identity, name, type } of columns) {
    const old = before.get(identity);
    if (old !== undefined && old.type !== type)
      mirror.push({ kind: 'retype', name, from: old.type, to: type });
  }
  for (const column of columns) if (!before.has(column.identity)) mirror.push({ kind: 'add', column });
  if (known.proof !== wishes.proof) mirror.push({ kind: wishes.proof ? 'add-proof' : 'drop-proof' });
  const { historyColumns, history } = alterHistory(known, table, dialect);
  return {
    // A history that is there is kept in step, even while nothing is added to it.
    target: { table, columns, historyColumns, proof: wishes.proof, history: known.history || wishes.history },
    mirror,
    history: known.history ? history : wishes.history ? 'create' : [],
  };
}

function alterHistory(
  known: Target,
  table: MaskedTable,
  dialect: Dialect,
): { readonly historyColumns: readonly TargetColumn[]; readonly history: readonly TargetStep[] } {
  const historyColumns = [...known.historyColumns];
  const history: TargetStep[] = [];
  for (const column of visibleColumns(table)) {
    const identity = columnIdentity(column);
    const at = historyColumns.findIndex((one) => one.identity === identity);
    const type = dialect.typeOf(column);
    if (at < 0) {
      const taken = new Set([...RESERVED, ...historyColumns.map(({ name }) => name)].map(dialect.fold));
      const added = { identity, name: freeName(column.name, taken, dialect), type };
      historyColumns.push(added);
      history.push({ kind: 'add', column: added });
      continue;
    }
    const { name, type: from } = historyColumns[at]!;
    if (from === type || from === dialect.textType) continue;
    historyColumns[at] = { identity, name, type: dialect.textType };
    history.push({ kind: 'retype', name, from, to: dialect.textType });
  }
  return { historyColumns, history };
}

/** Names for the visible columns; a column keeps its name as long as the source's name stays. */
function allocate(
  table: MaskedTable,
  known: readonly TargetColumn[],
  dialect: Dialect,
): readonly TargetColumn[] {
  const taken = new Set(RESERVED.map(dialect.fold));
  const visible = visibleColumns(table);
  const names = new Map<MaskedColumn, string>();
  const keep = new Map(known.map(({ identity, name }) => [identity, name]));
  // First those that have their name already, so that a newcomer gets the number.
  for (const column of visible) {
    const name = keep.get(columnIdentity(column));
    if (name === undefined || !isNameFor(name, column.name, dialect) || taken.has(dialect.fold(name)))
      continue;
    names.set(column, name);
    taken.add(dialect.fold(name));
  }
  return visible.map((column) => {
    let name = names.get(column);
    if (name === undefined) {
      name = freeName(column.name, taken, dialect);
      taken.add(dialect.fold(name));
    }
    return { identity: columnIdentity(column), name, type: dialect.typeOf(column) };
  });
}

/** The warehouse's name is the source's, or that with a number. */
function isNameFor(name: string, wanted: string, dialect: Dialect): boolean {
  const number = /_\d+$/.exec(name)?.[0];
  return name === dialect.fit(wanted, '') || (number !== undefined && name === dialect.fit(wanted, number));
}

/** A second `name` beside `Name` becomes `name_2` where the warehouse does not tell them apart. */
function freeName(wanted: string, taken: ReadonlySet<string>, dialect: Dialect): string {
  let name = dialect.fit(wanted, '');
  for (let n = 2; taken.has(dialect.fold(name)); n++) name = dialect.fit(wanted, `_${n}`);
  return name;
}

/** For each target column, where its cell is in a row of a table version; -1: that version does not have it. */
export function cellIndexes(columns: readonly TargetColumn[], table: MaskedTable): readonly number[] {
  const at = new Map(
    table.columns.map((column, index) => [column.method === 'drop' ? '' : columnIdentity(column), index]),
  );
  return columns.map((column) => at.get(column.identity) ?? -1);
}

/**
 * Positions of the key of a table version among the target's columns.
 *
 * @returns -1 for a key column that the target does not have any more
 */
export function keyColumns({ columns }: Target, table: MaskedTable): readonly number[] {
  return table.key.map((index) => {
    const identity = columnIdentity(table.columns[index]!);
    return columns.findIndex((candidate) => candidate.identity === identity);
  });
}
