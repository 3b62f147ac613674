import type { MirroredTable, MirrorView } from '../deliver/mirror-reader.ts';
import { columnIdentity, displayName } from '../model/table.ts';
import { type ExpectedTable, shown } from './expected-table.ts';
import { normalText } from './normal-text.ts';
import type { ChangedColumn, Difference, ReconciledTable } from './report.ts';
import { type ExpectedCell, type RowStore, UNKNOWN } from './row-store.ts';

/** One table of the warehouse against what it must hold. What was met is taken out of the expected rows. */
export class TableComparison {
  readonly #expected: ExpectedTable;
  readonly #found: MirroredTable;
  readonly #store: RowStore;
  readonly #tell: (difference: Difference) => void;
  readonly #name: string;
  /** For each expected column its place among the found ones; -1: the warehouse does not have it. */
  readonly #places: readonly number[];
  readonly #counts = {
    rows: 0,
    changed: 0,
    added: 0,
    removed: 0,
    untold: 0,
    uncomparedCells: 0,
    deadLetters: 0,
  };

  constructor(
    expected: ExpectedTable,
    found: MirroredTable,
    store: RowStore,
    tell: (difference: Difference) => void,
  ) {
    this.#expected = expected;
    this.#found = found;
    this.#store = store;
    this.#tell = tell;
    this.#name = displayName(expected.version);
    this.#places = expected.columns.map((column) =>
      found.columns.findIndex(({ identity }) => identity === columnIdentity(column)),
    );
  }

  /** @throws RowsealError RS-REC-003 */
  async run(view: MirrorView, progress: (rows: number) => void): Promise<ReconciledTable> {
    for await (const rows of view.rows(this.#found)) {
      for (const { cells, seq } of rows) this.#compare(cells, seq);
      this.#counts.rows += rows.length;
      progress(rows.length);
    }
    this.#removed();
    return { table: this.#name, ...this.#counts };
  }

  #compare(found: readonly (string | null)[], seq: number | null): void {
    const cells = this.#places.map((place) => (place < 0 ? null : found[place]!));
    const expected = this.#expected;
    const { rows } = expected;
    const key = expected.keyText(cells);
    const row = rows.get(key);
    if (row === null) {
      const lost = seq === null || !expected.keyed ? this.#takeAnyLost() : rows.takeLost(seq);
      if (lost) this.#counts.untold++;
      else {
        this.#counts.added++;
        const shownKey = expected.keyed ? expected.keyOf(cells) : {};
        this.#tell({ kind: 'added', table: this.#name, key: shownKey, foundSeq: seq });
      }
      return;
    }
    if (row.copies > 1) rows.put(key, row.seq, row.cells, row.copies - 1);
    else rows.remove(key);
    if (!expected.keyed) return;
    const columns = row.cells.flatMap((cell, i) => this.#differs(i, cell, cells[i]!, cells) ?? []);
    const sameSeq = !this.#found.proof || seq === row.seq;
    if (columns.length === 0 && sameSeq) return;
    this.#counts.changed++;
    this.#tell({
      kind: 'changed',
      table: this.#name,
      key: expected.keyOf(row.cells),
      seq: row.seq,
      foundSeq: seq,
      columns,
    });
  }

  /** Rows without a number, or without a key, cannot be told apart: as many are let pass as the log lost. */
  #takeAnyLost(): boolean {
    if (this.#counts.untold >= this.#expected.rows.gone) return false;
    return true;
  }

  #differs(
    index: number,
    expected: ExpectedCell,
    found: string | null,
    cells: readonly (string | null)[],
  ): ChangedColumn | null {
    const place = this.#places[index]!;
    if (place < 0) return null;
    if (expected === UNKNOWN) {
      this.#counts.uncomparedCells++;
      return null;
    }
    const column = this.#expected.columns[index]!;
    const text = shown(expected);
    const target = this.#found.columns[place]!;
    const held = text === null || target.held === undefined ? text : target.held(text);
    if (held === found) return null;
    if (held !== null && normalText(column.type, held) === normalText(column.type, found)) return null;
    if (expected !== null && typeof expected !== 'string') {
      this.#counts.uncomparedCells++;
      return null;
    }
    if (found === null && text !== null && this.#isLetter(target.name, cells, text)) {
      this.#counts.deadLetters++;
      return null;
    }
    return {
      name: column.name,
      expected: text,
      found: found === null ? 'null' : `${found.length} characters`,
    };
  }

  /** What was not met. */
  #removed(): void {
    const { rows } = this.#expected;
    for (const { cells, seq, copies } of rows.all()) {
      if (this.#isLetter('', cells.map(shown), null)) {
        this.#counts.deadLetters++;
        continue;
      }
      this.#counts.removed += copies;
      const key = this.#expected.keyed ? this.#expected.keyOf(cells) : {};
      for (let copy = 0; copy < copies; copy++) this.#tell({ kind: 'removed', table: this.#name, key, seq });
    }
  }

  #isLetter(column: string, cells: readonly (string | null)[], value: string | null): boolean {
    const { version, columns } = this.#expected;
    const key = version.key.map((index) => cells[columns.indexOf(version.columns[index]!)] ?? '').join();
    return this.#store.hasLetter(this.#name, column, key, value);
  }
}
