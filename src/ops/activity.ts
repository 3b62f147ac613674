import type { MaskedEvent, MaskedTable } from '../model/masked.ts';
import { displayName, tableKey } from '../model/table.ts';

/** What happened to one table since the process started, and what the policy does with its columns. */
export interface TableStatus {
  readonly name: string;
  readonly columns: number;
  readonly kept: number;
  readonly masked: number;
  /** Dropped, or always null. */
  readonly left_out: number;
  /** Without a decision: redacted until somebody decides. */
  readonly undecided: number;
  readonly changes: number;
  /** When the newest one was masked, ISO 8601; null: none since the start. */
  readonly last_change: string | null;
}

/** Something a person should look at. */
export interface Notice {
  readonly code: string | null;
  readonly text: string;
  readonly fix: string | null;
}

/** Notices of one kind are kept for this many columns; the metrics count all. */
const MAX_NOTICES = 100;

/** Remembers by table what passed the mask and what was noticed on the way: names and counts. */
export class Activity {
  readonly #tables = new Map<string, { table: MaskedTable; changes: number; lastMs: number | null }>();
  readonly #unfit = new Map<string, number>();
  readonly #leaks = new Map<string, number>();
  #rows = 0;

  /** Row operations since the start. */
  get rows(): number {
    return this.#rows;
  }

  /** Table versions that are known without a change, from the log. */
  know(tables: readonly MaskedTable[]): void {
    for (const table of tables) this.#entry(table);
  }

  masked(events: readonly MaskedEvent[]): void {
    for (const event of events) {
      if (event.kind !== 'rows' && event.kind !== 'truncate') continue;
      const table = event.kind === 'rows' ? event.run.table : event.table;
      const count = event.kind === 'rows' ? event.run.count : 1;
      const entry = this.#entry(table);
      entry.changes += count;
      entry.lastMs = Date.now();
      this.#rows += count;
    }
  }

  unfit(table: string, column: string, reason: string, count: number): void {
    bump(this.#unfit, `${table}.${column}: ${reason}`, count);
  }

  leaked(table: string, column: string, kind: string, count: number): void {
    bump(this.#leaks, `${table}.${column}: ${kind}`, count);
  }

  tables(undecided: Readonly<Record<string, number>>): readonly TableStatus[] {
    return [...this.#tables.values()]
      .map(({ table, changes, lastMs }) => {
        const name = displayName(table);
        return {
          name,
          ...coverage(table, undecided[name] ?? 0),
          changes,
          last_change: lastMs === null ? null : new Date(lastMs).toISOString(),
        };
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  notices(): readonly Notice[] {
    return [
      ...[...this.#leaks].map(([what, count]) => ({
        code: 'RS-MASK-012',
        text: `personal data in a kept column: ${what}, ${count} row images`,
        fix: 'mask the column, or name it under mask.leak_guard.except',
      })),
      ...[...this.#unfit].map(([what, count]) => ({
        code: null,
        text: `values that do not fit their method: ${what}, ${count}`,
        fix: 'see docs/masking.md, on_error',
      })),
    ];
  }

  #entry(table: MaskedTable) {
    const key = tableKey(table);
    const entry = this.#tables.get(key) ?? { table, changes: 0, lastMs: null };
    entry.table = table;
    this.#tables.set(key, entry);
    return entry;
  }
}

function coverage(
  table: MaskedTable,
  undecided: number,
): Omit<TableStatus, 'name' | 'changes' | 'last_change'> {
  const count = (wanted: (method: string) => boolean): number =>
    table.columns.filter(({ method }) => wanted(method)).length;
  const kept = count((method) => method === 'keep');
  const leftOut = count((method) => method === 'drop' || method === 'redact');
  return {
    columns: table.columns.length,
    kept,
    masked: table.columns.length - kept - leftOut,
    left_out: leftOut,
    undecided,
  };
}

function bump(counts: Map<string, number>, key: string, count: number): void {
  if (!counts.has(key) && counts.size >= MAX_NOTICES) return;
  counts.set(key, (counts.get(key) ?? 0) + count);
}
