import { RowsealError } from '../../../src/error/rowseal-error.ts';
import {
  type Column,
  type ColumnReference,
  displayName,
  type TableName,
  type TableSchema,
  tableKey,
} from '../../../src/model/table.ts';
import type { ColumnHint, TableBinding, TableMap } from './binlog/binlog-event.ts';
import { TypeCode } from './binlog/column-type-code.ts';
import { type Cell, quoteIdentifier, type Session } from './connection.ts';
import { type ForeignKey, foreignKeys, jsonColumns } from './table-definition.ts';
import { isOldFraction, mysqlType } from './types.ts';

/** A table as the server describes it now. */
export interface CatalogTable {
  readonly schema: TableSchema;
  /** By column index. */
  readonly hints: ReadonlyMap<number, ColumnHint>;
  /** Printed with leading zeros. By column index. */
  readonly zerofill: ReadonlySet<number>;
  /** Names of columns whose width the binlog does not tell: see `isOldFraction`. */
  readonly oldFractions: readonly string[];
  readonly engine: string;
  /** The optimizer's estimate; null when there is none. */
  readonly estimatedRows: number | null;
  /** Foreign keys of this table through which a change of the parent changes rows here. */
  readonly cascades: readonly ForeignKey[];
}

/** Looks up tables in information_schema. */
export class Catalog {
  readonly #session: Session;
  readonly #known = new Map<
    string,
    { readonly definition: string | null; readonly table: CatalogTable | null }
  >();

  constructor(session: Session) {
    this.#session = session;
  }

  /**
   * null: there is no such base table, or the account cannot see it. Kept as long as SHOW CREATE TABLE prints the same;
   * so one object means one version.
   *
   * @throws RowsealError RS-MY-008 for a name that the server finds under another spelling: events have the stored one
   */
  async table(name: TableName): Promise<CatalogTable | null> {
    const key = tableKey(name);
    const definition = await this.#definition(name);
    const known = this.#known.get(key);
    if (known !== undefined && known.definition === definition) return known.table;
    const table = definition === null ? null : await this.#read(name, definition);
    this.#known.set(key, { definition, table });
    return table;
  }

  /** Every base table that the account can see, but for those of the server itself. */
  async names(): Promise<readonly TableName[]> {
    const rows = await this.#rows(
      `SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES
       WHERE TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA NOT IN ('mysql', 'sys', 'information_schema', 'performance_schema')
       ORDER BY 1, 2`,
      [],
    );
    return rows.map(([namespace, table]) => ({ namespace: namespace!, name: table! }));
  }

  async #definition(name: TableName): Promise<string | null> {
    try {
      const sql = `SHOW CREATE TABLE ${quoteIdentifier(name.namespace)}.${quoteIdentifier(name.name)}`;
      const rows = await this.#session.rows(sql, 'reading the catalog');
      // Counts up with every row.
      return rows[0]?.[1]?.replace(/ AUTO_INCREMENT=\d+/, '') ?? null;
    } catch (thrown) {
      // What may not be seen is not there, as in information_schema.
      if (thrown instanceof RowsealError && /^RS-MY-0(08|15)$/.test(thrown.code)) return null;
      throw thrown;
    }
  }

  async #read(name: TableName, definition: string): Promise<CatalogTable | null> {
    const values = [name.namespace, name.name];
    const found = (
      await this.#rows(
        `SELECT ENGINE, TABLE_ROWS, TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES
         WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND TABLE_TYPE = 'BASE TABLE'`,
        values,
      )
    )[0];
    if (found === undefined) return null;
    const stored = { namespace: found[2]!, name: found[3]! };
    if (tableKey(stored) !== tableKey(name))
      throw new RowsealError('RS-MY-008', {
        detail: `${displayName(name)} is ${displayName(stored)} on the server, which stores names so (lower_case_table_names)`,
        fix: `write ${displayName(stored)} in source.tables and in the mask policy`,
      });
    const rows = await this.#rows(
      `SELECT COLUMN_NAME, COLUMN_TYPE, CHARACTER_MAXIMUM_LENGTH FROM information_schema.COLUMNS
       WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION`,
      values,
    );
    const json = jsonColumns(definition);
    const references = new Map<string, ColumnReference>();
    for (const { columns: own, parent, parentColumns } of foreignKeys(definition, name.namespace))
      own.forEach((column, i) => {
        if (!references.has(column)) references.set(column, { ...parent, column: parentColumns[i]! });
      });
    const hints = new Map<number, ColumnHint>();
    const zerofill = new Set<number>();
    const columns = rows.map(([column, columnType, maxLength], index): Column => {
      const { type, sourceType, hint } = mysqlType({
        columnType: columnType!,
        maxLength: maxLength === null ? null : Number(maxLength),
        holdsJson: json.has(column!),
      });
      if (hint !== null) hints.set(index, hint);
      if (/\bzerofill\b/i.test(columnType!)) zerofill.add(index);
      const leadsTo = references.get(column!);
      return Object.freeze({
        name: column!,
        type,
        sourceType,
        id: null,
        ...(leadsTo === undefined ? {} : { references: leadsTo }),
      });
    });
    const key = (await this.#key(values)).map((column) => columns.findIndex((one) => one.name === column));
    return {
      schema: Object.freeze({
        namespace: name.namespace,
        name: name.name,
        columns: Object.freeze(columns),
        key: Object.freeze(key),
      }),
      hints,
      zerofill,
      oldFractions: rows.filter(([, columnType]) => isOldFraction(columnType!)).map(([column]) => column!),
      engine: found[0] ?? '',
      estimatedRows: found[1] === null ? null : Number(found[1]),
      cascades: foreignKeys(definition, name.namespace).filter((key) => key.cascades),
    };
  }

  /** Columns of the primary key in key order; else of the first unique index without nulls and prefixes; else none. */
  async #key(values: readonly unknown[]): Promise<readonly string[]> {
    const rows = await this.#rows(
      `SELECT INDEX_NAME, COLUMN_NAME, NULLABLE, SUB_PART FROM information_schema.STATISTICS
       WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND NON_UNIQUE = 0
       ORDER BY INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX`,
      values,
    );
    const indexes = new Map<string, (readonly Cell[])[]>();
    for (const row of rows) indexes.set(row[0]!, [...(indexes.get(row[0]!) ?? []), row]);
    for (const [index, parts] of indexes) {
      // An index over an expression has no column name.
      const whole = parts.every(
        ([, column, nullable, prefix]) =>
          column !== null && nullable !== 'YES' && (prefix === null || index === 'PRIMARY'),
      );
      if (whole) return parts.map(([, column]) => column!);
    }
    return [];
  }

  #rows(sql: string, values: readonly unknown[]): Promise<readonly (readonly Cell[])[]> {
    return this.#session.rows(sql, 'reading the catalog', values);
  }
}

/** Byte columns of the binlog that may be one of MariaDB's types. */
const HINTED: Readonly<Record<ColumnHint, RegExp>> = {
  uuid: /^binary\(16\)$/,
  inet6: /^binary\(16\)$/,
  inet4: /^binary\(4\)$/,
  vector: /^(var)?binary\(\d+\)$/,
};

const OLD_TEMPORALS: ReadonlySet<number> = new Set([TypeCode.time, TypeCode.datetime, TypeCode.timestamp]);

/**
 * The version of a table that a table map announces. The map rules: names, types and their order are its own. From the
 * catalog, which may be younger, a column takes what the map does not say, if it is the same column by name and type.
 *
 * @throws RowsealError RS-MY-061
 */
export function bindTable(
  map: TableMap,
  catalog: CatalogTable | null,
  flavor: 'mysql' | 'mariadb',
): TableBinding {
  const known = new Map(catalog?.schema.columns.map((column, index) => [column.name, index]));
  const hints = new Map<number, ColumnHint>();
  const columns = map.columns.map((column, index): Column => {
    const at = known.get(column.name);
    const now = at === undefined ? undefined : catalog!.schema.columns[at];
    const hint = at === undefined ? undefined : catalog!.hints.get(at);
    if (
      hint !== undefined &&
      (HINTED[hint].test(column.sourceType) || column.sourceType === now!.sourceType)
    ) {
      hints.set(index, hint);
      return now!;
    }
    if (now !== undefined && now.sourceType === column.sourceType) return now;
    // MariaDB had fractions in this format, of another width each, and tells it only in the catalog.
    if (flavor === 'mariadb' && OLD_TEMPORALS.has(column.code))
      throw new RowsealError('RS-MY-061', {
        detail: `column ${displayName({ namespace: map.schema, name: map.table })}.${column.name}`,
      });
    return Object.freeze({ name: column.name, type: column.type, sourceType: column.sourceType, id: null });
  });
  const { namespace, name } = catalog?.schema ?? { namespace: map.schema, name: map.table };
  const same =
    catalog !== null &&
    columns.length === catalog.schema.columns.length &&
    columns.every((column, index) => column === catalog.schema.columns[index]);
  const table = same
    ? catalog.schema
    : Object.freeze({
        namespace,
        name,
        columns: Object.freeze(columns),
        key: Object.freeze(keyOf(map, catalog, columns)),
      });
  return { table, hints };
}

/** The catalog's key, as long as all of its columns are there; else the map's. */
function keyOf(map: TableMap, catalog: CatalogTable | null, columns: readonly Column[]): readonly number[] {
  const names = catalog?.schema.key.map((index) => catalog.schema.columns[index]!.name) ?? [];
  const key = names.map((name) => columns.findIndex((column) => column.name === name));
  return key.length > 0 && !key.includes(-1) ? key : map.primaryKey.map((part) => part.column);
}
