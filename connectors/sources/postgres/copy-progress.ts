import type { SourceStats } from '../../../src/capture/source.ts';
import { displayName, type TableName, tableKey } from '../../../src/model/table.ts';

interface TableProgress {
  readonly name: string;
  readonly beganWith: number;
  readonly beganMs: number;
  readonly estimatedRows: number | null;
  rows: number;
}

/** How far the copies have come; for people. */
export class CopyProgress {
  readonly #tables = new Map<string, TableProgress>();
  readonly #now: () => number;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** @param rows copied before, by an earlier process */
  begin(name: TableName, rows: number, estimatedRows: number | null): void {
    this.#tables.set(tableKey(name), {
      name: displayName(name),
      beganWith: rows,
      beganMs: this.#now(),
      estimatedRows,
      rows,
    });
  }

  advance(name: TableName, rows: number): void {
    const table = this.#tables.get(tableKey(name));
    if (table !== undefined) table.rows = rows;
  }

  finish(name: TableName): void {
    this.#tables.delete(tableKey(name));
  }

  /** Tables on their way, as one; the seconds left are those of the slowest. */
  stats(): SourceStats['snapshot'] {
    const tables = [...this.#tables.values()];
    if (tables.length === 0) return null;
    const estimates = tables.map(({ estimatedRows, rows }) =>
      estimatedRows === null ? null : Math.max(estimatedRows, rows),
    );
    const left = tables.map((table) => this.#secondsLeft(table));
    return {
      table: tables.map(({ name }) => name).join(', '),
      rows: tables.reduce((sum, { rows }) => sum + rows, 0),
      estimatedRows: estimates.includes(null) ? null : estimates.reduce((sum, rows) => sum! + rows!, 0)!,
      secondsLeft: left.includes(null) ? null : Math.max(...left.map((seconds) => seconds!)),
    };
  }

  #secondsLeft({ estimatedRows, rows, beganWith, beganMs }: TableProgress): number | null {
    const done = rows - beganWith;
    if (estimatedRows === null || done === 0) return null;
    const rate = (done * 1000) / Math.max(1, this.#now() - beganMs);
    return Math.round(Math.max(0, estimatedRows - rows) / rate);
  }
}
