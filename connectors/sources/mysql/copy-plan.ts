import type { MysqlCopy } from '../../../src/model/position.ts';
import { displayName, type TableName, tableKey } from '../../../src/model/table.ts';
import type { KeyCursor } from './key-cursor.ts';
import { TouchedKeys } from './touched-keys.ts';

/** The table whose rows are being copied. */
export interface CurrentCopy {
  readonly name: TableName;
  /** Keys that the stream has named since the copy began. */
  readonly touched: TouchedKeys;
  cursor: KeyCursor | null;
  /** The cursor as it stands in positions; null: at the beginning. */
  sealedCursor: string | null;
}

/** Which captured tables are copied, being copied, or waiting for it. */
export class CopyPlan {
  readonly #captured: ReadonlyMap<string, TableName>;
  #waiting: TableName[];
  #current: CurrentCopy | null = null;
  #sealedText: MysqlCopy | null = null;

  /** @param waiting tables to copy, in order */
  constructor(captured: readonly TableName[], waiting: readonly TableName[]) {
    this.#captured = new Map(captured.map((name) => [tableKey(name), name]));
    this.#waiting = [...waiting];
    this.#describe();
  }

  /** Goes on with what a position says; tables that are captured no longer are left out. */
  static resume(captured: readonly TableName[], copy: MysqlCopy | null): CopyPlan {
    const byName = new Map(captured.map((name) => [displayName(name), name]));
    const named = (names: readonly string[]): TableName[] =>
      names.flatMap((name) => {
        const table = byName.get(name);
        return table === undefined ? [] : [table];
      });
    if (copy === null) return new CopyPlan(captured, []);
    const current = copy.table === null ? undefined : byName.get(copy.table);
    // Begun without a first chunk: begins again.
    const again = current !== undefined && copy.after === null ? [current] : [];
    const plan = new CopyPlan(captured, [...again, ...named(copy.waiting)]);
    if (current !== undefined && copy.after !== null) {
      plan.#current = { name: current, touched: TouchedKeys.all(), cursor: null, sealedCursor: copy.after };
      plan.#describe();
    }
    return plan;
  }

  get current(): CurrentCopy | null {
    return this.#current;
  }

  get done(): boolean {
    return this.#current === null && this.#waiting.length === 0;
  }

  /** As it stands in positions. */
  get state(): MysqlCopy | null {
    return this.#sealedText;
  }

  /** The table is in the configuration. */
  captured(name: TableName): TableName | null {
    return this.#captured.get(tableKey(name)) ?? null;
  }

  /** Its changes are part of the stream: it is copied or being copied. */
  streams(name: TableName): boolean {
    const key = tableKey(name);
    return this.#captured.has(key) && !this.#waiting.some((one) => tableKey(one) === key);
  }

  inDatabase(database: string): readonly TableName[] {
    return [...this.#captured.values()].filter((name) => name.namespace === database);
  }

  /** The table that {@link next} begins; null: none is left. */
  get upcoming(): TableName | null {
    return this.#waiting[0] ?? null;
  }

  /** The next table begins. */
  next(): CurrentCopy {
    this.#current = {
      name: this.#waiting.shift()!,
      touched: new TouchedKeys(),
      cursor: null,
      sealedCursor: null,
    };
    this.#describe();
    return this.#current;
  }

  advance(cursor: KeyCursor, sealed: string): void {
    this.#current!.cursor = cursor;
    this.#current!.sealedCursor = sealed;
    this.#describe();
  }

  finish(): void {
    this.#current = null;
    this.#describe();
  }

  /** The table must be copied again from its first row. */
  again(name: TableName): void {
    const key = tableKey(name);
    const table = this.#captured.get(key);
    if (table === undefined) return;
    if (this.#current !== null && tableKey(this.#current.name) === key) this.#current = null;
    if (!this.#waiting.some((one) => tableKey(one) === key)) this.#waiting.push(table);
    this.#describe();
  }

  /** The current table was begun under a key that is not known any more: it begins again, before all others. */
  restart(): void {
    this.#waiting.unshift(this.#current!.name);
    this.#current = null;
    this.#describe();
  }

  #describe(): void {
    const current = this.#current;
    this.#sealedText = this.done
      ? null
      : {
          table: current === null ? null : displayName(current.name),
          after: current?.sealedCursor ?? null,
          waiting: this.#waiting.map(displayName),
        };
  }
}
