import type { BoundTable } from './run-builder.ts';
import type { DecodedTableMap } from './table-map.ts';

/** What is known of a table id: its newest map and, once the source has answered, what it is bound to. */
export interface KnownTable {
  readonly map: DecodedTableMap;
  /** undefined: not bound yet; null: not captured. */
  bound: BoundTable | null | undefined;
}

/**
 * Each ALTER makes a new id, so the ids of a server's life are many; the least recently mapped ones are forgotten.
 */
const TABLES_MAX = 8192;
/** Bytes of their maps at most; far more than the tables of any server that was seen. */
const BYTES_MAX = 64 << 20;

/** Tables by id, in the order of their last map. */
export class TableStore {
  readonly #tables = new Map<number, KnownTable>();
  #bytes = 0;

  get(tableId: number): KnownTable | undefined {
    return this.#tables.get(tableId);
  }

  /** The table, if its newest map had these very bytes; it counts as mapped again. */
  again(tableId: number, body: Buffer): KnownTable | undefined {
    const known = this.#tables.get(tableId);
    if (known === undefined || !known.map.body.equals(body)) return undefined;
    this.#tables.delete(tableId);
    this.#tables.set(tableId, known);
    return known;
  }

  add(map: DecodedTableMap): KnownTable {
    const known: KnownTable = { map, bound: undefined };
    this.#forget(map.tableId);
    this.#tables.set(map.tableId, known);
    this.#bytes += map.body.length;
    while (this.#tables.size > TABLES_MAX || (this.#bytes > BYTES_MAX && this.#tables.size > 1))
      this.#forget(this.#tables.keys().next().value!);
    return known;
  }

  clear(): void {
    this.#tables.clear();
    this.#bytes = 0;
  }

  #forget(tableId: number): void {
    this.#bytes -= this.#tables.get(tableId)?.map.body.length ?? 0;
    this.#tables.delete(tableId);
  }
}
