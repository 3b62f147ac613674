import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { DueCopy } from '../../../src/model/position.ts';
import { displayName, type TableName, tableKey } from '../../../src/model/table.ts';
import { type ColumnTypes, isRetyped } from './column-types.ts';

/**
 * What was last seen of the captured tables, by whatever connection of the pipeline: so it is noticed as well what becomes of
 * them between two connections. The stream tells of neither change.
 */
export class KnownTables {
  /** Key of each table by its oid. */
  readonly #keys = new Map<number, string>();
  readonly #types = new Map<string, ColumnTypes>();
  /** Tables whose copy is to begin again, and the last place of the stream that does not say so. */
  readonly #void = new Map<string, { readonly name: TableName; readonly lsn: bigint }>();

  /** Takes tables of which nothing is known as they are. */
  learn(oids: ReadonlyMap<number, string>): void {
    const known = new Set(this.#keys.values());
    for (const [oid, key] of oids) if (!known.has(key)) this.#keys.set(oid, key);
  }

  /** Everything is about to be copied. */
  forget(): void {
    this.#keys.clear();
    this.#types.clear();
    this.#void.clear();
  }

  /** What is copied of the table is void. @param lsn up to here positions did not say so */
  again({ namespace, name }: TableName, lsn: bigint): void {
    this.#void.set(tableKey({ namespace, name }), { name: { namespace, name }, lsn });
  }

  /** A position is sealed, so it is not forgotten any more what it says. */
  sealed(lsn: bigint): void {
    for (const [key, table] of this.#void) if (lsn > table.lsn) this.#void.delete(key);
  }

  /** What is to be copied from a sealed position on. */
  due(copying: readonly DueCopy[]): readonly DueCopy[] {
    const rest = copying.filter((table) => !this.#void.has(tableKey(table)));
    return [...rest, ...[...this.#void.values()].map(({ name }) => name)];
  }

  /**
   * Whether the table was dropped and created again, or another one took its name: nothing of what was copied is in it.
   *
   * @param captured false: it concerns nobody, unless it had a captured name before
   * @throws RowsealError RS-PG-030
   */
  isReplaced(table: TableName & { readonly oid: number }, captured: boolean): boolean {
    const key = tableKey(table);
    const before = this.#keys.get(table.oid);
    if (before !== undefined && before !== key)
      throw new RowsealError('RS-PG-030', {
        detail: `${before.replace('\0', '.')} is now ${displayName(table)}`,
      });
    if (before !== undefined || !captured) return false;
    const old = [...this.#keys].find(([, name]) => name === key);
    if (old !== undefined) this.#keys.delete(old[0]);
    this.#keys.set(table.oid, key);
    return old !== undefined;
  }

  /** Whether columns got another type since the types were looked at last. */
  isRetyped(table: TableName, types: ColumnTypes): boolean {
    const before = this.#types.get(tableKey(table));
    this.#types.set(tableKey(table), types);
    return before !== undefined && isRetyped(before, types);
  }
}
