import { TouchedKeys } from '../../../src/capture/touched-keys.ts';
import type { MysqlPosition } from '../../../src/model/position.ts';
import { type TableName, tableKey } from '../../../src/model/table.ts';
import type { KeyCursor } from './key-cursor.ts';

/** The table whose rows are being copied. */
export interface CurrentCopy {
  readonly name: TableName;
  /** Keys that the stream has named since the copy began. */
  readonly touched: TouchedKeys;
  cursor: KeyCursor | null;
  /** The cursor as it stands in positions; null: at the beginning. */
  sealedCursor: string | null;
}

/** What a position says of the copy. */
export type CopyState = Pick<MysqlPosition, 'phase' | 'copying' | 'copied'>;

const DONE: CopyState = { phase: 'stream', copied: null };

/** Which captured tables are copied, being copied, or waiting for it. */
export class CopyPlan {
  readonly #captured: ReadonlyMap<string, TableName>;
  readonly #foldsNames: boolean;
  readonly #phase: 'snapshot' | 'stream';
  #waiting: TableName[];
  #current: CurrentCopy | null;
  #state: CopyState = DONE;
  /** The first copy of all tables has been finished at some time. */
  #complete: boolean;

  private constructor(
    captured: readonly TableName[],
    waiting: readonly TableName[],
    phase: 'snapshot' | 'stream',
    foldsNames = false,
    current: CurrentCopy | null = null,
  ) {
    this.#current = current;
    this.#foldsNames = foldsNames;
    this.#captured = new Map(captured.map((name) => [this.#folded(tableKey(name)), name]));
    this.#waiting = [...waiting];
    this.#phase = phase;
    this.#complete = phase === 'stream';
    this.#describe();
  }

  /** @param tables to copy first, in order */
  static initial(captured: readonly TableName[], tables: readonly TableName[]): CopyPlan {
    return new CopyPlan(captured, tables, 'snapshot');
  }

  /**
   * Goes on with what a position says; tables that are captured no longer are left out.
   *
   * @param foldsNames see `Server.foldsNames`
   */
  static resume(captured: readonly TableName[], position: CopyState, foldsNames = false): CopyPlan {
    const byKey = new Map(captured.map((name) => [tableKey(name), name]));
    const [first, ...rest] = position.copying ?? [];
    const still = (names: readonly TableName[]): TableName[] =>
      names.filter((name) => byKey.has(tableKey(name)));
    if (first === undefined) return new CopyPlan(captured, [], position.phase, foldsNames);
    // Begun without a first chunk: begins again.
    if (position.copied === null || !byKey.has(tableKey(first)))
      return new CopyPlan(captured, still([first, ...rest]), position.phase, foldsNames);
    const current = { name: first, touched: TouchedKeys.all(), cursor: null, sealedCursor: position.copied };
    return new CopyPlan(captured, still(rest), position.phase, foldsNames, current);
  }

  get current(): CurrentCopy | null {
    return this.#current;
  }

  get done(): boolean {
    return this.#current === null && this.#waiting.length === 0;
  }

  /** As it stands in positions. */
  get state(): CopyState {
    return this.#state;
  }

  /** The table as the configuration names it; null: it is not there. */
  captured(name: TableName): TableName | null {
    return this.#captured.get(this.#folded(tableKey(name))) ?? null;
  }

  /** Its changes are part of the stream: it is copied or being copied. */
  streams(name: TableName): boolean {
    const key = tableKey(name);
    return this.captured(name) !== null && !this.#waiting.some((one) => tableKey(one) === key);
  }

  inDatabase(database: string): readonly TableName[] {
    const folded = this.#folded(database);
    return [...this.#captured.values()].filter((name) => this.#folded(name.namespace) === folded);
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
    const table = this.captured(name);
    if (table === null) return;
    if (this.#current !== null && tableKey(this.#current.name) === key) this.#current = null;
    if (!this.#waiting.some((one) => tableKey(one) === key)) this.#waiting.push(table);
    this.#describe();
  }

  /** The cursor of the current table says nothing any more: it begins again, before all others. */
  restart(): void {
    this.#waiting.unshift(this.#current!.name);
    this.#current = null;
    this.#describe();
  }

  #folded(name: string): string {
    return this.#foldsNames ? name.toLowerCase() : name;
  }

  #describe(): void {
    if (this.done) {
      this.#complete = true;
      this.#state = DONE;
      return;
    }
    const current = this.#current;
    this.#state = {
      phase: this.#complete ? 'stream' : this.#phase,
      copying: [...(current === null ? [] : [current.name]), ...this.#waiting],
      copied: current?.sealedCursor ?? null,
    };
  }
}
