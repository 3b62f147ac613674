import { type TableSchema, tableKey } from '../../../src/model/table.ts';

/** Versions of one table that are kept; a stream that is behind a copy has two at a time. */
const KEPT = 4;

/** One object for each version of a table, whoever met it: `===` tells versions apart. */
export class TableVersions {
  readonly #known = new Map<string, { readonly text: string; readonly table: TableSchema }[]>();

  /** The object that stands for this version. */
  of(table: TableSchema): TableSchema {
    const key = tableKey(table);
    const text = JSON.stringify(table);
    const versions = this.#known.get(key) ?? [];
    const known = versions.find((version) => version.text === text);
    if (known !== undefined) return known.table;
    this.#known.set(key, [{ text, table }, ...versions].slice(0, KEPT));
    return table;
  }
}
