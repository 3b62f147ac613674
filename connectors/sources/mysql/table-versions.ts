import { type TableName, type TableSchema, tableKey } from '../../../src/model/table.ts';

/** The version of each table that was met last: the same version is the same object. */
export class TableVersions {
  readonly #versions = new Map<string, TableSchema>();

  of(name: TableName): TableSchema | null {
    return this.#versions.get(tableKey(name)) ?? null;
  }

  remember(table: TableSchema): void {
    this.#versions.set(tableKey(table), table);
  }

  /** The object that stands for this version, also when the server numbered its tables anew. */
  settle(table: TableSchema): TableSchema {
    const known = this.of(table);
    const settled = known !== null && JSON.stringify(known) === JSON.stringify(table) ? known : table;
    this.remember(settled);
    return settled;
  }
}
