import { type ProvenBlock, textOrNull } from '../../../src/deliver/warehouse/row-block.ts';
import { imagePlaces } from '../../../src/deliver/warehouse/row-images.ts';
import { proofOf, type RowProof, type RunPlace } from '../../../src/deliver/warehouse/row-proof.ts';
import { cellIndexes, type Target, type TargetColumn } from '../../../src/deliver/warehouse/target.ts';
import { type MaskedCell, UNCHANGED } from '../../../src/model/cell.ts';
import { Op } from '../../../src/model/change.ts';
import type { MaskedRun, MaskedTable } from '../../../src/model/masked.ts';

/** Columns that a change file has before the row's own, and their types. */
export const LEAD = [
  ['_rowseal_op', 'VARCHAR'],
  ['_rowseal_group', 'BIGINT'],
  ['_rowseal_seq', 'BIGINT'],
  ['_rowseal_sub', 'TINYINT'],
  ['_rowseal_committed_at', 'TIMESTAMPTZ'],
  ['_rowseal_unchanged', 'VARCHAR[]'],
] as const;

/** Changes of one table in order, as columns of text. An update of the key is two: a delete (sub 0) and the row (sub 1). */
export class ChangePiece {
  readonly #columns: readonly TargetColumn[];
  #lead: (string | null)[][] = [];
  #cells: (string | null)[][] = [];
  #proofs: RowProof[] = [];

  constructor(target: Target) {
    this.#columns = target.historyColumns;
    this.#reset();
  }

  get size(): number {
    return this.#proofs.length;
  }

  take(): { readonly lead: readonly (string | null)[][]; readonly block: ProvenBlock } {
    const taken = {
      lead: this.#lead,
      block: { count: this.#proofs.length, columns: this.#cells, proofs: this.#proofs },
    };
    this.#reset();
    return taken;
  }

  mark(op: 't' | 's', { group, seq, commitTimeUs }: RunPlace): void {
    this.#push({ op, group, seq, commitTimeUs }, 0, [], () => null);
  }

  add(run: MaskedRun, place: RunPlace): void {
    const { table } = run;
    const indexes = cellIndexes(this.#columns, table);
    const places = imagePlaces(run);
    for (let row = 0; row < run.count; row++) {
      const before = places.before[row]!;
      const after = places.after[row]!;
      const proof = proofOf(place, run.ops[row]!, row);
      const moves = before >= 0 && after >= 0 && movesKey(run.cells, before, after, table);
      if (after < 0 || moves) this.#image({ ...proof, op: 'd' }, 0, run.cells, before, indexes);
      if (after >= 0) {
        const sub = moves && run.ops[row] === Op.update ? 1 : 0;
        this.#image(proof, sub, run.cells, after, indexes);
      }
    }
  }

  #image(
    proof: RowProof,
    sub: 0 | 1,
    cells: readonly MaskedCell[],
    at: number,
    indexes: readonly number[],
  ): void {
    const cell = (i: number): MaskedCell => (indexes[i]! < 0 ? null : cells[at + indexes[i]!]!);
    const unchanged: string[] = [];
    this.#columns.forEach(({ name }, i) => {
      // A column younger than this row's version: an update leaves it as it is.
      if (cell(i) === UNCHANGED || (indexes[i]! < 0 && proof.op === 'u')) unchanged.push(name);
    });
    this.#push(proof, sub, unchanged, (i) => textOrNull(cell(i)));
  }

  #push(
    proof: RowProof,
    sub: 0 | 1,
    unchanged: readonly string[],
    cell: (column: number) => string | null,
  ): void {
    const lead = [
      proof.op,
      String(proof.group),
      String(proof.seq),
      String(sub),
      String(proof.commitTimeUs),
      unchanged.length === 0 ? '[]' : JSON.stringify(unchanged),
    ];
    lead.forEach((text, i) => void this.#lead[i]!.push(text));
    this.#columns.forEach((_, i) => void this.#cells[i]!.push(cell(i)));
    this.#proofs.push(proof);
  }

  #reset(): void {
    this.#lead = LEAD.map(() => []);
    this.#cells = this.#columns.map(() => []);
    this.#proofs = [];
  }
}

/** The row leaves its key, or has none: then the row as it was goes, and the row as it is comes. */
function movesKey(cells: readonly MaskedCell[], before: number, after: number, table: MaskedTable): boolean {
  return table.key.length === 0 || table.key.some((index) => cells[before + index] !== cells[after + index]);
}
