import { TouchedKeys } from '../../../src/capture/touched-keys.ts';
import type { DueCopy, PostgresPosition } from '../../../src/model/position.ts';
import { type TableName, tableKey } from '../../../src/model/table.ts';
import type { Chunk } from './chunk.ts';
import type { CopyCursor, KeyValues } from './key-cursor.ts';

/** A table on its way. */
export interface TableCopy {
  readonly name: TableName;
  /** As the position has it that we went on from; null: its copy begins. */
  readonly resumed: string | null;
  /** Keys that the stream has named since the copy began. */
  touched: TouchedKeys;
  cursor: CopyCursor | null;
  /** The cursor as it stands in positions; null: the copy has not begun, or must begin again. */
  sealed: string | null;
  /** Keys to be read once more; see `Chunk`. */
  readonly owed: Map<string, KeyValues>;
  /** What is being read, or waits for the stream to come to its mark. */
  chunk: Chunk | null;
  /** Settles when the chunk is read. */
  reading: Promise<void>;
}

/** What a position says of copies. */
export type CopyState = Pick<PostgresPosition, 'phase' | 'copying' | 'outside'>;

/** Which tables are being copied, and which wait for it. */
export class CopyPlan {
  readonly #width: number;
  #phase: 'snapshot' | 'stream';
  /** Tables without a key: they are copied whole, in one snapshot. */
  #keyless: readonly TableName[];
  #waiting: DueCopy[];
  readonly #active = new Map<string, TableCopy>();
  /** See `Position.outside`. */
  #outside: readonly TableName[];
  #state: CopyState = { phase: 'stream' };

  /**
   * @param due in order; their `copied` says how far they have come
   * @param keyless those of them that have no key
   * @param width tables at a time
   * @param outside see `Position.outside`
   */
  constructor(
    due: readonly DueCopy[],
    keyless: readonly TableName[],
    phase: 'snapshot' | 'stream',
    width: number,
    outside: readonly TableName[] = [],
  ) {
    const without = new Set(keyless.map(tableKey));
    this.#keyless = keyless;
    this.#waiting = due.filter((table) => !without.has(tableKey(table)));
    this.#phase = phase;
    this.#width = width;
    this.#outside = outside;
    this.#describe();
  }

  get done(): boolean {
    return this.#keyless.length === 0 && this.#active.size === 0 && this.#waiting.length === 0;
  }

  /** As it stands in positions from here on. */
  get state(): CopyState {
    return this.#state;
  }

  get keyless(): readonly TableName[] {
    return this.#keyless;
  }

  get active(): Iterable<TableCopy> {
    return this.#active.values();
  }

  /** Tables whose copy is not finished. */
  get left(): readonly TableName[] {
    return [...this.#keyless, ...[...this.#active.values()].map(({ name }) => name), ...this.#waiting];
  }

  of(table: TableName): TableCopy | null {
    return this.#active.get(tableKey(table)) ?? null;
  }

  /** The next table sets out; null: none waits, or as many as may are on their way. */
  next(): TableCopy | null {
    if (this.#active.size >= this.#width) return null;
    const due = this.#waiting.shift();
    if (due === undefined) return null;
    const { namespace, name, copied } = due;
    const copy: TableCopy = {
      name: { namespace, name },
      resumed: copied ?? null,
      // What an earlier process streamed is not known any more.
      touched: copied === undefined ? new TouchedKeys() : TouchedKeys.all(),
      cursor: null,
      sealed: copied ?? null,
      owed: new Map(),
      chunk: null,
      reading: Promise.resolve(),
    };
    this.#active.set(tableKey(due), copy);
    this.#describe();
    return copy;
  }

  begin(copy: TableCopy, cursor: CopyCursor, sealed: string | null): void {
    copy.touched = new TouchedKeys();
    copy.owed.clear();
    this.advance(copy, cursor, sealed);
  }

  advance(copy: TableCopy, cursor: CopyCursor, sealed: string | null): void {
    copy.cursor = cursor;
    copy.sealed = sealed;
    this.#describe();
  }

  finish(table: TableName): void {
    const key = tableKey(table);
    this.#active.delete(key);
    this.#keyless = this.#keyless.filter((other) => tableKey(other) !== key);
    this.#outside = this.#outside.filter((other) => tableKey(other) !== key);
    this.#describe();
  }

  /** Whatever has been copied of the table is void. */
  again({ namespace, name }: TableName): void {
    const key = tableKey({ namespace, name });
    this.#active.delete(key);
    if (!this.#waiting.some((table) => tableKey(table) === key)) this.#waiting.push({ namespace, name });
    this.#describe();
  }

  #describe(): void {
    if (this.done) {
      this.#phase = 'stream';
      this.#state = { phase: 'stream', ...this.#outsideState() };
      return;
    }
    const active = [...this.#active.values()].map(
      ({ name, sealed }): DueCopy => (sealed === null ? name : { ...name, copied: sealed }),
    );
    this.#state = {
      phase: this.#phase,
      copying: [...this.#keyless, ...active, ...this.#waiting],
      ...this.#outsideState(),
    };
  }

  #outsideState(): Pick<CopyState, 'outside'> {
    return this.#outside.length === 0 ? {} : { outside: this.#outside };
  }
}
