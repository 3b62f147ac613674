import { DROPPED, type MaskedCell, UNCHANGED } from '../../../src/model/cell.ts';
import type { MaskedRun, MaskedTable } from '../../../src/model/masked.ts';
import { columnIdentity } from '../../../src/model/table.ts';
import { cellIndexes, type TargetColumn, written } from './target.ts';
import { type Converter, converterTo, Misfit } from './values.ts';

/** A cell as it is written: text that casts without loss, null, or not known from this row. */
export type WrittenCell = string | null | typeof UNCHANGED;

/** Told of each value that its column cannot hold; such a cell is written as null. */
export type OnMisfit = (column: number, value: string, misfit: Misfit) => void;

/** Reads cells of rows of any version of one table in the order and the types of the target's columns. */
export class RowReader {
  readonly #columns: readonly TargetColumn[];
  #table: MaskedTable | null = null;
  #indexes: readonly number[] = [];
  #converters: readonly (Converter | null)[] = [];

  constructor(columns: readonly TargetColumn[]) {
    this.#columns = columns;
  }

  use(table: MaskedTable): void {
    if (this.#table === table) return;
    this.#table = table;
    this.#indexes = cellIndexes(this.#columns, table);
    const types = new Map(table.columns.map((column) => [columnIdentity(column), column.type]));
    this.#converters = this.#columns.map((column) => {
      const type = types.get(column.identity);
      return type === undefined ? null : converterTo(written(column).type, type);
    });
  }

  /** The table's own column has this index; −1: this version does not have it. */
  indexOf(column: number): number {
    return this.#indexes[column]!;
  }

  /**
   * @param at where the image begins
   * @param missing what a column is that this row's version does not have
   */
  read(
    { cells }: MaskedRun,
    at: number,
    missing: null | typeof UNCHANGED,
    onMisfit: OnMisfit,
  ): WrittenCell[] {
    const row = new Array<WrittenCell>(this.#columns.length);
    for (let i = 0; i < row.length; i++) {
      const index = this.#indexes[i]!;
      row[i] = index < 0 ? missing : this.#convert(i, cells[at + index]!, onMisfit);
    }
    return row;
  }

  /** Some columns only, for keys. */
  pick({ cells }: MaskedRun, at: number, columns: readonly number[], onMisfit: OnMisfit): (string | null)[] {
    return columns.map((i) => {
      const index = this.#indexes[i]!;
      const cell = index < 0 ? null : this.#convert(i, cells[at + index]!, onMisfit);
      return cell === UNCHANGED ? null : cell;
    });
  }

  #convert(column: number, cell: MaskedCell, onMisfit: OnMisfit): WrittenCell {
    if (cell === null || cell === DROPPED) return null;
    if (cell === UNCHANGED) return UNCHANGED;
    const converted = this.#converters[column]!(cell);
    if (!(converted instanceof Misfit)) return converted;
    onMisfit(column, cell, converted);
    return null;
  }
}
