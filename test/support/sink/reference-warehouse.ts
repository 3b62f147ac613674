import type { SealedEvent, SealedGroup } from '../../../src/audit/audit-log.ts';
import { type MaskedCell, UNCHANGED } from '../../../src/model/cell.ts';
import { Image, Op, opLetter } from '../../../src/model/change.ts';
import type { MaskedRun, MaskedTable } from '../../../src/model/masked.ts';
import { visibleColumns } from '../../../src/model/schema-diff.ts';
import { columnIdentity, tableKey } from '../../../src/model/table.ts';

/** By place of the column in `TableState.columns`; undefined: the row's version does not have it. */
type Cells = readonly (string | null | undefined)[];

/** Where a row of a warehouse comes from in the audit log. */
export interface Proof {
  readonly op: string;
  readonly group: number;
  readonly seq: number;
}

export interface WarehouseRow extends Proof {
  /** In the order of the visible columns of the table version that was asked for. */
  readonly cells: readonly (string | null)[];
}

export interface HistoryRow extends WarehouseRow {
  /** How many columns the source did not send; null: this target counts otherwise. */
  readonly unchanged: number | null;
}

interface Stored extends Proof {
  readonly cells: Cells;
}

interface StoredVersion extends Stored {
  readonly unchanged: number;
}

interface TableState {
  version: MaskedTable;
  /** Place of each column that ever was, by identity: a million rows as maps would not fit. */
  readonly columns: Map<string, number>;
  keyed: Map<string, Stored>;
  bag: Stored[];
  history: StoredVersion[];
}

/**
 * What a warehouse must hold after a number of groups: the plainest fold, one row at a time. Sinks are compared
 * with it.
 */
export class ReferenceWarehouse {
  readonly #tables = new Map<string, TableState>();

  async apply(groups: readonly SealedGroup[]): Promise<this> {
    for (const group of groups) {
      for (const version of group.tables) this.#state(version).version = version;
      for await (const events of group.chunks()) for (const event of events) this.#event(event, group.index);
    }
    return this;
  }

  mirror(table: MaskedTable): readonly WarehouseRow[] {
    const state = this.#state(table);
    return [...state.keyed.values(), ...state.bag].map((row) => show(state, row, table));
  }

  history(table: MaskedTable): readonly HistoryRow[] {
    const state = this.#state(table);
    return state.history.map((row) => ({ ...show(state, row, table), unchanged: row.unchanged }));
  }

  #event(event: SealedEvent, group: number): void {
    if (event.kind === 'rows') {
      const state = this.#state(event.run.table);
      let at = 0;
      for (let row = 0; row < event.run.count; row++)
        at = this.#row(state, event.run, row, at, group, event.seq);
    } else if (event.kind === 'truncate' || (event.kind === 'snapshot' && event.phase === 'begin')) {
      const state = this.#state(event.table);
      state.keyed.clear();
      state.bag = [];
      const op = event.kind === 'truncate' ? 't' : 's';
      state.history.push({ op, group, seq: event.seq, cells: [], unchanged: 0 });
    }
  }

  #row(state: TableState, run: MaskedRun, row: number, from: number, group: number, first: number): number {
    const { table } = run;
    const width = table.columns.length;
    const bits = run.images[row]!;
    let at = from;
    const take = (bit: number): readonly MaskedCell[] | null => {
      if ((bits & bit) === 0) return null;
      at += width;
      return run.cells.slice(at - width, at);
    };
    const before = take(Image.before);
    const after = take(Image.after);
    const op = run.ops[row]! as Op;
    const proof = { op: opLetter[op], group, seq: first + row };
    const shown = after ?? before!;
    const said = cellsOf(state, table, shown, null);
    state.history.push({ ...proof, cells: said, unchanged: unchangedCount(table, shown) });
    if (table.key.length === 0) {
      if (before !== null) removeOne(state.bag, cellsOf(state, table, before, null));
      if (after !== null) state.bag.push({ ...proof, cells: cellsOf(state, table, after, null) });
    } else if (after === null) {
      state.keyed.delete(keyOf(table, before!));
    } else {
      const oldKey = op === Op.update && before !== null ? keyOf(table, before) : keyOf(table, after);
      const base = op === Op.update ? (state.keyed.get(oldKey) ?? null) : null;
      state.keyed.delete(oldKey);
      state.keyed.set(keyOf(table, after), {
        ...proof,
        cells: base === null ? said : cellsOf(state, table, after, base.cells),
      });
    }
    return at;
  }

  #state(table: MaskedTable): TableState {
    const key = tableKey(table);
    let state = this.#tables.get(key);
    if (state === undefined) {
      state = { version: table, columns: new Map(), keyed: new Map(), bag: [], history: [] };
      this.#tables.set(key, state);
    }
    return state;
  }
}

function show(state: TableState, row: Stored, table: MaskedTable): WarehouseRow {
  const { op, group, seq } = row;
  const cells = visibleColumns(table).map((column) => {
    const place = state.columns.get(columnIdentity(column));
    return place === undefined ? null : (row.cells[place] ?? null);
  });
  return { op, group, seq, cells };
}

/** What a row of this version says, over what was there before. */
function cellsOf(
  { columns }: TableState,
  table: MaskedTable,
  image: readonly MaskedCell[],
  base: Cells | null,
): Cells {
  const cells = [...(base ?? [])];
  table.columns.forEach((column, i) => {
    const cell = image[i]!;
    if (column.method === 'drop' || typeof cell === 'symbol') return;
    const identity = columnIdentity(column);
    let place = columns.get(identity);
    if (place === undefined) {
      place = columns.size;
      columns.set(identity, place);
    }
    while (cells.length <= place) cells.push(undefined);
    cells[place] = cell;
  });
  return cells;
}

function unchangedCount(table: MaskedTable, image: readonly MaskedCell[]): number {
  return table.columns.filter((column, i) => column.method !== 'drop' && image[i] === UNCHANGED).length;
}

function keyOf(table: MaskedTable, image: readonly MaskedCell[]): string {
  return JSON.stringify(table.key.map((index) => String(image[index])));
}

function removeOne(bag: Stored[], wanted: Cells): void {
  const text = (cells: Cells): string =>
    cells.map((cell, i) => (cell === undefined ? '' : `${i}:${JSON.stringify(cell)}`)).join();
  const found = bag.findLastIndex((row) => text(row.cells) === text(wanted));
  if (found >= 0) bag.splice(found, 1);
}
