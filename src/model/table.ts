import type { ColumnType } from './type.ts';

export interface TableName {
  /** Postgres schema, or MySQL database. */
  readonly namespace: string;
  readonly name: string;
}

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  /** The type as the source spells it, for example `character varying(80)`. */
  readonly sourceType: string;
  /**
   * Identity that survives a rename (Postgres: attnum as text); null where the source has none, then the name is
   * the identity. A column dropped and added again under one name has another id.
   */
  readonly id: string | null;
  /** The column that a foreign key of this one leads to. Not part of the version: it may come and go. */
  readonly references?: ColumnReference;
}

/** A column of a table, by name. */
export interface ColumnReference extends TableName {
  readonly column: string;
}

/**
 * One version of a source table. A source makes one frozen object per version and puts that same object on every run
 * of rows, so `===` tells whether the version changed.
 */
export interface TableSchema extends TableName {
  readonly columns: readonly Column[];
  /** Indexes into `columns` of the row key (replica identity, else primary key), in key order. Empty: keyless. */
  readonly key: readonly number[];
}

/** `namespace.name`, for messages and policies. Not injective (`a.b`+`c`): never an identity, never a path. */
export function displayName(table: TableName): string {
  return `${table.namespace}.${table.name}`;
}

/** An injective key for maps: names cannot contain NUL. */
export function tableKey(table: TableName): string {
  return `${table.namespace}\0${table.name}`;
}

/** The identity of a column within its table. */
export function columnIdentity(column: Pick<Column, 'id' | 'name'>): string {
  return column.id === null ? `n:${column.name}` : `i:${column.id}`;
}
