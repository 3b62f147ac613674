import type { GroupIndex, SealedGroupInfo } from '../../audit/audit-log.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import { CopyingTables } from './copying-tables.ts';

/** Reason of a row whose change leaves values unchanged that the target does not have; they are null there. */
export const UNKNOWN_UNCHANGED = 'an unchanged value is not known here';

/** A value, or a whole row, that the warehouse cannot hold: kept there as text with the reason (law 8). Masked, as all else. */
export interface DeadLetter {
  readonly group: GroupIndex;
  /** `namespace.name` of the source. */
  readonly table: string;
  /** Masked key of the row, columns joined by a comma; null: the table has none. */
  readonly key: string | null;
  /** Empty: the whole row, as JSON. */
  readonly column: string;
  readonly value: string | null;
  readonly reason: string;
}

/** What the row lacks comes with the copy of its table. */
export function isStillToCome({ reason, group, table }: DeadLetter, copying: CopyingTables): boolean {
  return reason === UNKNOWN_UNCHANGED && copying.has(group, table);
}

/** As columns of text, in the order group, table, key, column, value, reason. */
export function letterColumns(letters: readonly DeadLetter[]): readonly (readonly (string | null)[])[] {
  return [
    letters.map(({ group }) => String(group)),
    letters.map(({ table }) => table),
    letters.map(({ key }) => key),
    letters.map(({ column }) => column),
    letters.map(({ value }) => value),
    letters.map(({ reason }) => reason),
  ];
}

/** Counts dead letters per table: what the warehouse holds, and what the open transaction adds. */
export class DeadLetterCount {
  readonly #max: number;
  readonly #held = new Map<string, number>();
  readonly #sinceOpen = new Map<string, number>();
  readonly #pending = new Map<string, Map<string, number>>();

  /** @param max dead letters that one table may have */
  constructor(max: number) {
    this.#max = max;
  }

  /** By table, since the sink was opened. */
  get counts(): ReadonlyMap<string, number> {
    return this.#sinceOpen;
  }

  /** The sink was opened, and its target holds these. */
  opened(held: Iterable<readonly [string, number]>): void {
    this.#held.clear();
    for (const [table, count] of held) this.#held.set(table, count);
    this.#sinceOpen.clear();
    this.#pending.clear();
  }

  add(table: string, what: string, count: number): void {
    if (count === 0) return;
    const reasons = this.#pending.get(table) ?? new Map<string, number>();
    reasons.set(what, (reasons.get(what) ?? 0) + count);
    this.#pending.set(table, reasons);
  }

  /**
   * Before the commit.
   *
   * @throws RowsealError RS-SINK-001; it names columns and reasons, since what was kept aside is rolled back
   */
  check(sink: string): void {
    for (const [table, reasons] of this.#pending) {
      const count = (this.#held.get(table) ?? 0) + sum(reasons);
      if (count <= this.#max) continue;
      const why = [...reasons].map(([what, times]) => `${what} (${times})`).join(', ');
      throw new RowsealError('RS-SINK-001', {
        detail: `sink ${sink}, table ${table}: there would be ${count}, allowed are ${this.#max}; this batch adds ${why}`,
        state: 'the batch was rolled back and stays in the audit log; this sink is stopped',
      });
    }
  }

  /** What the target will hold by table when the open transaction is committed. */
  totals(): Record<string, number> {
    const totals = Object.fromEntries(this.#held);
    for (const [table, reasons] of this.#pending) totals[table] = (totals[table] ?? 0) + sum(reasons);
    return totals;
  }

  committed(): void {
    for (const [table, reasons] of this.#pending) {
      const count = sum(reasons);
      this.#held.set(table, (this.#held.get(table) ?? 0) + count);
      this.#sinceOpen.set(table, (this.#sinceOpen.get(table) ?? 0) + count);
    }
    this.#pending.clear();
  }

  rolledBack(): void {
    this.#pending.clear();
  }
}

/** Dead letters of one batch: each once, and never more in memory than a table may have. */
export class DeadLetterBox {
  readonly #count: DeadLetterCount;
  readonly #sink: string;
  readonly #letters = new Map<string, DeadLetter>();
  readonly #copying: CopyingTables;

  /**
   * @param count of the sink; what it has pending is this batch's
   * @param groups of the batch
   */
  constructor(count: DeadLetterCount, sink: string, groups: readonly SealedGroupInfo[] = []) {
    this.#count = count;
    this.#sink = sink;
    this.#copying = new CopyingTables(groups);
  }

  /** A value that both mirror and history met is one dead letter. */
  get letters(): readonly DeadLetter[] {
    return [...this.#letters.values()];
  }

  /** @throws RowsealError RS-SINK-001 as soon as there are too many */
  readonly keep = (letters: readonly DeadLetter[]): void => {
    for (const letter of letters) {
      if (isStillToCome(letter, this.#copying)) continue;
      const identity = JSON.stringify(Object.values(letter));
      if (this.#letters.has(identity)) continue;
      this.#letters.set(identity, letter);
      const { table, column, reason } = letter;
      this.#count.add(table, column === '' ? reason : `column ${column} ${reason}`, 1);
    }
    this.#count.check(this.#sink);
  };
}

function sum(counts: ReadonlyMap<string, number>): number {
  let total = 0;
  for (const count of counts.values()) total += count;
  return total;
}
