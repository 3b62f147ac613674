import type { ChangeEvent } from '../../../src/model/change.ts';
import { type TableName, tableKey } from '../../../src/model/table.ts';

/**
 * Takes changes of tables out that are not part of the log before their copy, though the slot has them. What is left of a
 * transaction is numbered anew.
 */
export class OutsideFilter {
  readonly #outside: Set<string>;
  #ordinal = 0;

  constructor(outside: readonly TableName[]) {
    this.#outside = new Set(outside.map(tableKey));
  }

  /** From here on its changes are part of the log; called between transactions. */
  admit(table: TableName): void {
    this.#outside.delete(tableKey(table));
  }

  /** null: it is taken out. */
  inside(event: ChangeEvent): ChangeEvent | null {
    if (this.#outside.size === 0) return event;
    switch (event.kind) {
      case 'begin':
        this.#ordinal = 0;
        return event;
      case 'rows': {
        const { run } = event;
        if (this.#outside.has(tableKey(run.table))) return null;
        const firstOrdinal = this.#ordinal;
        this.#ordinal += run.count;
        return { ...event, run: { ...run, firstOrdinal } };
      }
      case 'truncate':
        if (this.#outside.has(tableKey(event.table))) return null;
        this.#ordinal++;
        return event;
      default:
        return event;
    }
  }
}
