import type { SealedEvent } from '../audit/audit-log.ts';
import { type MaskedCell, UNCHANGED } from '../model/cell.ts';
import { Image, Op } from '../model/change.ts';
import { KEY_TAG_BYTES, type MaskedColumn, type MaskedRun, type MaskedTable } from '../model/masked.ts';
import { visibleColumns } from '../model/schema-diff.ts';
import { columnIdentity } from '../model/table.ts';
import type { ColumnType } from '../model/type.ts';
import { normalText } from './normal-text.ts';
import { type ExpectedCell, type TableRows, UNKNOWN } from './row-store.ts';

type Gone = Extract<SealedEvent, { kind: 'gone' }>;

/**
 * What the log says a table's mirror must hold: its changes folded one after the other. Cells stand in the order of the
 * visible columns of the newest version met.
 */
export class ExpectedTable {
  readonly rows: TableRows;
  #version: MaskedTable;
  #columns: readonly MaskedColumn[];
  /** Positions of the key among the visible columns. */
  #key: readonly number[];

  constructor(version: MaskedTable, rows: TableRows) {
    this.rows = rows;
    this.#version = version;
    this.#columns = visibleColumns(version);
    this.#key = keyPositions(version, this.#columns);
  }

  get version(): MaskedTable {
    return this.#version;
  }

  get columns(): readonly MaskedColumn[] {
    return this.#columns;
  }

  get keyed(): boolean {
    return this.#version.key.length > 0;
  }

  /** Names of the key's columns and their cells, for people. */
  keyOf(cells: readonly (ExpectedCell | null)[]): Readonly<Record<string, string | null>> {
    return Object.fromEntries(
      this.#key.map((index) => [this.#columns[index]!.name, shown(cells[index] ?? null)]),
    );
  }

  /** Under which a row with these cells is found; of a table without a key all cells. */
  keyText(cells: readonly ExpectedCell[]): string {
    const positions = this.keyed ? this.#key : this.#columns.map((_, i) => i);
    return JSON.stringify(
      positions.map((index) => normalText(this.#columns[index]!.type, shown(cells[index] ?? null))),
    );
  }

  /** A version of the table was met. Rows that are there take its shape. */
  become(version: MaskedTable): void {
    if (version === this.#version) return;
    const before = this.#columns;
    const columns = visibleColumns(version);
    const key = keyPositions(version, columns);
    const moves = columns.map((column) => {
      const from = before.findIndex((one) => columnIdentity(one) === columnIdentity(column));
      return { from, retyped: from >= 0 && !sameType(before[from]!.type, column.type) };
    });
    const same =
      columns.length === before.length &&
      moves.every(({ from, retyped }, i) => from === i && !retyped) &&
      key.join() === this.#key.join();
    this.#version = version;
    this.#columns = columns;
    this.#key = key;
    if (same) return;
    this.rows.rewrite(
      (cells) =>
        moves.map(({ from, retyped }) => {
          const cell = from < 0 ? null : cells[from]!;
          return retyped && typeof cell === 'string' ? [cell] : cell;
        }),
      (cells) => this.keyText(cells),
    );
  }

  empty(): void {
    this.rows.clear();
  }

  /** A change whose image is erased or expired. */
  lose({ seq, op, keyTag, oldKeyTag }: Gone): void {
    if (oldKeyTag !== null) this.rows.find(tagText(oldKeyTag));
    if (keyTag === null) {
      // Without a key nobody can say which of the rows it was.
      const tag = `seq ${seq}`;
      if (op !== Op.delete) this.rows.lose(tag, seq);
      return;
    }
    if (op === Op.delete) this.rows.find(tagText(keyTag));
    else this.rows.lose(tagText(keyTag), seq);
  }

  add(run: MaskedRun, first: number): void {
    this.become(run.table);
    const width = run.table.columns.length;
    const indexes = this.#columns.map((column) => run.table.columns.indexOf(column));
    let at = 0;
    for (let row = 0; row < run.count; row++) {
      const bits = run.images[row]!;
      const before = (bits & Image.before) === 0 ? null : indexes.map((index) => run.cells[at + index]!);
      if (before !== null) at += width;
      const after = (bits & Image.after) === 0 ? null : indexes.map((index) => run.cells[at + index]!);
      if (after !== null) at += width;
      if (this.keyed) this.#change(run, row, before, after, first + row);
      else this.#changeBag(before, after, first + row);
    }
  }

  #change(
    run: MaskedRun,
    row: number,
    before: readonly MaskedCell[] | null,
    after: readonly MaskedCell[] | null,
    seq: number,
  ): void {
    const tag = run.keyTags.subarray(row * KEY_TAG_BYTES, (row + 1) * KEY_TAG_BYTES);
    const oldTag = run.oldKeyTags.get(row) ?? null;
    let lost = this.rows.gone > 0 && this.rows.find(tagText(tag));
    if (oldTag !== null && this.rows.gone > 0) lost = this.rows.find(tagText(oldTag)) || lost;
    if (after === null) {
      this.rows.remove(this.keyText(before!.map(textIn)));
      return;
    }
    const isUpdate = run.ops[row] === Op.update;
    const newKey = this.keyText(after.map(textIn));
    const oldKey = isUpdate && before !== null ? this.keyText(before.map(textIn)) : newKey;
    let cells: readonly ExpectedCell[] = after.map(textIn);
    if (isUpdate && after.includes(UNCHANGED)) {
      const base = this.rows.get(oldKey)?.cells ?? null;
      cells = after.map((cell, i) =>
        cell === UNCHANGED ? (base === null ? (lost ? UNKNOWN : null) : base[i]!) : textIn(cell),
      );
    }
    if (oldKey !== newKey) this.rows.remove(oldKey);
    this.rows.put(newKey, seq, cells);
  }

  #changeBag(before: readonly MaskedCell[] | null, after: readonly MaskedCell[] | null, seq: number): void {
    if (before !== null) this.#addCopies(before.map(textIn), -1, seq);
    if (after !== null) this.#addCopies(after.map(textIn), 1, seq);
  }

  #addCopies(cells: readonly ExpectedCell[], more: 1 | -1, seq: number): void {
    const key = this.keyText(cells);
    const there = this.rows.get(key);
    const copies = (there?.copies ?? 0) + more;
    if (copies > 0) this.rows.put(key, seq, cells, copies);
    else if (there !== null) this.rows.remove(key);
  }
}

/** Text of a cell as far as there is one. */
export function shown(cell: ExpectedCell): string | null {
  if (cell === UNKNOWN || cell === null) return null;
  return typeof cell === 'string' ? cell : cell[0];
}

export function tagText(tag: Uint8Array): string {
  return Buffer.from(tag).toString('latin1');
}

function textIn(cell: MaskedCell): string | null {
  return typeof cell === 'string' ? cell : null;
}

function keyPositions(table: MaskedTable, columns: readonly MaskedColumn[]): readonly number[] {
  return table.key.map((index) => columns.indexOf(table.columns[index]!));
}

function sameType(a: ColumnType, b: ColumnType): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
