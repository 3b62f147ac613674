import type { RunPlace } from '../../../src/deliver/warehouse/row-proof.ts';
import { UNCHANGED } from '../../../src/model/cell.ts';
import { Image, type Op, opLetter } from '../../../src/model/change.ts';
import type { MaskedRun } from '../../../src/model/masked.ts';
import { RowReader, type WrittenCell } from './row-reader.ts';
import { cellMembers, member, stampMembers } from './staged-row.ts';
import { StagedLines } from './staging.ts';
import type { Relation } from './target.ts';

/** Every version of every row, in order. What a column cannot hold is null here; the mirror's dead letters tell of it. */
export class HistoryLines {
  readonly #relation: Relation;
  readonly #reader: RowReader;
  #lines = new StagedLines();

  constructor(relation: Relation) {
    this.#relation = relation;
    this.#reader = new RowReader(relation.columns);
  }

  get bytes(): number {
    return this.#lines.bytes;
  }

  get lines(): number {
    return this.#lines.lines;
  }

  take(): StagedLines {
    const lines = this.#lines;
    this.#lines = new StagedLines();
    return lines;
  }

  mark(op: 't' | 's', place: RunPlace): void {
    this.#lines.push(`{${stampMembers({ ...place, op }).slice(1)}}\n`);
  }

  add(run: MaskedRun, place: RunPlace): void {
    this.#reader.use(run.table);
    for (const { op, seq, cells } of historyRows(run, place, this.#reader)) {
      let line = stampMembers({ ...place, op, seq }) + cellMembers(cells);
      const unchanged = unchangedNames(this.#relation, cells);
      if (unchanged !== null) line += member('u', unchanged);
      this.#lines.push(`{${line.slice(1)}}\n`);
    }
  }
}

export interface HistoryRow {
  readonly op: string;
  readonly seq: number;
  readonly cells: readonly WrittenCell[];
}

/** What each row shows: its state after the change, of a delete that before. */
export function* historyRows(run: MaskedRun, place: RunPlace, reader: RowReader): Generator<HistoryRow> {
  const width = run.table.columns.length;
  let at = 0;
  for (let row = 0; row < run.count; row++) {
    const bits = run.images[row]!;
    const both = bits === (Image.before | Image.after);
    const shown = both ? at + width : at;
    at += both ? 2 * width : width;
    yield {
      op: opLetter[run.ops[row]! as Op],
      seq: place.seq + row,
      cells: reader.read(run, shown, null, () => {}),
    };
  }
}

/** Names in a JSON array of the cells that the source did not send; null: none. */
export function unchangedNames({ columns }: Relation, cells: readonly WrittenCell[]): string | null {
  if (!cells.includes(UNCHANGED)) return null;
  return JSON.stringify(columns.filter((_, i) => cells[i] === UNCHANGED).map(({ shown }) => shown));
}
