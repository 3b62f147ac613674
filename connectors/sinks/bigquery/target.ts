import { hash } from 'node:crypto';
import type { GroupIndex } from '../../../src/audit/audit-log.ts';
import type { MaskedTable } from '../../../src/model/masked.ts';
import { visibleColumns } from '../../../src/model/schema-diff.ts';
import { columnIdentity } from '../../../src/model/table.ts';
import type { ColumnType } from '../../../src/model/type.ts';
import { freeName, shownColumnName, storedColumnName } from './names.ts';
import type { BigqueryMode } from './options.ts';
import { type BigqueryType, bigqueryType, keyType, type TypeChoices } from './types.ts';

/** A column of a table. */
export interface StoredColumn {
  readonly name: string;
  readonly type: BigqueryType;
}

/** A column of the source's table, as readers see it in the view and as it is stored. */
export interface TargetColumn {
  /** See `columnIdentity`. */
  readonly identity: string;
  /** Its name in the view. */
  readonly shown: string;
  /**
   * Where its values are: BigQuery changes a table only by adding columns, so a new type is a new column. The last one
   * is written; a row that was written before has its value in an earlier one.
   */
  readonly stored: readonly StoredColumn[];
}

/** A view that readers query, and the table below it. */
export interface Relation {
  readonly view: string;
  /** The table is `<base>__v<version>`: where a table cannot be emptied (cdc) a new version takes its place. */
  readonly base: string;
  readonly version: number;
  readonly columns: readonly TargetColumn[];
  /** Every column name given in this version, lower-case; names are never given twice. */
  readonly taken: readonly string[];
}

/** What the sink knows of one source table; kept in `_rowseal_tables`. */
export interface Target {
  readonly table: MaskedTable;
  readonly mode: BigqueryMode;
  readonly mirror: Relation;
  /** null: no history is kept. */
  readonly history: Relation | null;
  /** Rows with a smaller `seq` are void in the mirror's version: they came before a truncate. */
  readonly since: number;
  /** The group that the version came with, and the versions met there: a replay must not go back to an older one. */
  readonly at: GroupIndex;
  readonly versionsAt: readonly string[];
}

/** Columns of our own in mirrors and histories; any row leads by them to its proof. */
export const OWN_COLUMNS = [
  { name: '_rowseal_seq', type: 'INT64' },
  { name: '_rowseal_group', type: 'INT64' },
  { name: '_rowseal_committed_at', type: 'TIMESTAMP' },
  { name: '_rowseal_op', type: 'STRING' },
] as const satisfies readonly StoredColumn[];

/** Histories also say which cells the source did not send: names in a JSON array, null where it sent all. */
export const UNCHANGED_COLUMN = {
  name: '_rowseal_unchanged',
  type: 'STRING',
} as const satisfies StoredColumn;

export function storedTable(relation: Relation): string {
  return `${relation.base}__v${relation.version}`;
}

/** Identities of the key's columns, in key order. */
export function keyIdentities(table: MaskedTable): readonly string[] {
  return table.key.map((index) => columnIdentity(table.columns[index]!));
}

/** The mirror's columns of the row key that a table version has, in key order; one that is gone by now is left out. */
export function keyColumns(mirror: Relation, table: MaskedTable): readonly TargetColumn[] {
  return keyIdentities(table).flatMap(
    (identity) => mirror.columns.find((column) => column.identity === identity) ?? [],
  );
}

/** The stored column that is written. */
export function written(column: TargetColumn): StoredColumn {
  return column.stored.at(-1)!;
}

export interface Allocation {
  readonly types: TypeChoices;
  /** A view of that name is somebody's already. */
  readonly taken: (lowerCase: string) => boolean;
  readonly name: string;
  readonly mode: BigqueryMode;
  readonly history: boolean;
}

export function createTarget(table: MaskedTable, at: GroupIndex, allocation: Allocation): Target {
  const { types, taken, mode } = allocation;
  const view = freeName(allocation.name, taken);
  return {
    table,
    mode,
    mirror: evolve(newRelation(view, OWN_COLUMNS), null, table, mirrorType(table, types), 'drop'),
    history: allocation.history ? newHistory(view, table, types, taken) : null,
    since: 0,
    at,
    versionsAt: [versionMark(table)],
  };
}

/** The target with a history from now on, or without one. */
export function withHistory(
  known: Target,
  wanted: boolean,
  types: TypeChoices,
  taken: (lowerCase: string) => boolean,
): Target {
  if (wanted === (known.history !== null)) return known;
  const { table, mirror } = known;
  return { ...known, history: wanted ? newHistory(mirror.view, table, types, taken) : null };
}

function newHistory(
  view: string,
  table: MaskedTable,
  types: TypeChoices,
  taken: (lowerCase: string) => boolean,
): Relation {
  const name = freeName(`${view}__history`, (one) => taken(one) || one === view.toLowerCase());
  const empty = newRelation(name, [...OWN_COLUMNS, UNCHANGED_COLUMN]);
  return evolve(empty, null, table, (type) => bigqueryType(type, types), 'keep');
}

function newRelation(name: string, own: readonly StoredColumn[]): Relation {
  return { view: name, base: name, version: 1, columns: [], taken: own.map((column) => column.name) };
}

/** The target for a new version of its table. */
export function alterTarget(known: Target, table: MaskedTable, at: GroupIndex, types: TypeChoices): Target {
  const { mirror, history } = known;
  const met = at === known.at ? known.versionsAt : [versionMark(known.table)];
  return {
    ...known,
    table,
    at,
    versionsAt: [...met, versionMark(table)],
    mirror: evolve(mirror, known.table, table, mirrorType(table, types), 'drop'),
    history:
      history === null
        ? null
        : evolve(history, known.table, table, (type) => bigqueryType(type, types), 'keep'),
  };
}

/** Streamed changes are replayed over what came after them: their table's older versions are behind it already. */
export function isBehind(known: Target, table: MaskedTable, at: GroupIndex): boolean {
  if (known.mode === 'merge') return false;
  return at < known.at || (at === known.at && known.versionsAt.includes(versionMark(table)));
}

function versionMark({ columns, key }: MaskedTable): string {
  return hash('sha256', JSON.stringify([columns, key])).slice(0, 16);
}

/** The same mirror in a fresh table, without the remains of columns that were dropped or had another type. */
export function nextVersion(known: Target, since: number, types: TypeChoices): Target {
  const { mirror } = known;
  const fresh: Relation = {
    ...mirror,
    version: mirror.version + 1,
    columns: [],
    taken: OWN_COLUMNS.map(({ name }) => name),
  };
  return {
    ...known,
    mirror: evolve(fresh, null, known.table, mirrorType(known.table, types), 'drop'),
    since,
  };
}

/** Another key than before: a table that was made for the other one cannot take it. */
export function isRekeyed(before: Target, after: Target): boolean {
  const key = ({ mirror, table }: Target): string =>
    JSON.stringify(keyColumns(mirror, table).map((column) => written(column).name));
  return key(before) !== key(after);
}

function mirrorType(
  table: MaskedTable,
  types: TypeChoices,
): (type: ColumnType, identity: string) => BigqueryType {
  const keys = new Set(keyIdentities(table));
  return (type, identity) => (keys.has(identity) ? keyType(type, types) : bigqueryType(type, types));
}

/** @param gone what becomes of columns that the source dropped: a mirror drops them from sight, a history keeps them */
function evolve(
  relation: Relation,
  before: MaskedTable | null,
  table: MaskedTable,
  typeOf: (type: ColumnType, identity: string) => BigqueryType,
  gone: 'drop' | 'keep',
): Relation {
  const known = new Map(relation.columns.map((column) => [column.identity, column]));
  const namesBefore = new Map(
    before === null ? [] : visibleColumns(before).map((column) => [columnIdentity(column), column.name]),
  );
  const taken = new Set(relation.taken);
  const visible = visibleColumns(table);
  const present = new Set(visible.map(columnIdentity));
  const keptGone = gone === 'keep' ? relation.columns.filter(({ identity }) => !present.has(identity)) : [];
  const shown = new Set([
    ...OWN_COLUMNS.map(({ name }) => name),
    UNCHANGED_COLUMN.name,
    ...keptGone.map((column) => column.shown.toLowerCase()),
  ]);
  // Names that stay are given first, so that a new column cannot push an old one from its name.
  const stays = new Map<string, string>();
  for (const column of visible) {
    const identity = columnIdentity(column);
    const old = known.get(identity);
    if (old === undefined || namesBefore.get(identity) !== column.name) continue;
    stays.set(identity, old.shown);
    shown.add(old.shown.toLowerCase());
  }
  const columns = visible.map((column): TargetColumn => {
    const identity = columnIdentity(column);
    let name = stays.get(identity);
    if (name === undefined) {
      name = freeName(shownColumnName(column.name), (candidate) => shown.has(candidate));
      shown.add(name.toLowerCase());
    }
    const old = known.get(identity);
    const last = old === undefined ? null : written(old);
    const wanted = typeOf(column.type, identity);
    if (old !== undefined && last?.type === wanted) return { ...old, shown: name };
    // A history holds versions of both types: text is what they have in common.
    const type = old !== undefined && gone === 'keep' ? 'STRING' : wanted;
    if (old !== undefined && last?.type === type) return { ...old, shown: name };
    const stored = freeName(storedColumnName(column.name), (candidate) => taken.has(candidate));
    taken.add(stored.toLowerCase());
    return { identity, shown: name, stored: [...(old?.stored ?? []), { name: stored, type }] };
  });
  return { ...relation, columns: [...columns, ...keptGone], taken: [...taken] };
}

/** For each target column, where its cell is in a row of a table version; −1: that version does not have it. */
export function cellIndexes(columns: readonly TargetColumn[], table: MaskedTable): readonly number[] {
  const at = new Map(
    table.columns.map((column, index) => [column.method === 'drop' ? '' : columnIdentity(column), index]),
  );
  return columns.map((column) => at.get(column.identity) ?? -1);
}
