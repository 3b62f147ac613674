import type { MaskedCell } from '../../model/cell.ts';
import type { WholeRow } from './mirror-piece.ts';
import { proofCells, type RowProof } from './row-proof.ts';
import { PROOF_COLUMNS } from './target.ts';

/** Rows as columns of text: what warehouses load in bulk. */
export interface RowBlock {
  readonly count: number;
  /** Column by column, `count` cells each. */
  readonly columns: (string | null)[][];
}

/**
 * The rows' cells, then those of the proof.
 *
 * @param width target columns
 */
export function blockOf(rows: Iterable<WholeRow>, width: number, withProof: boolean): ProvenBlock {
  const columns: (string | null)[][] = Array.from(
    { length: width + (withProof ? PROOF_COLUMNS.length : 0) },
    () => [],
  );
  const proofs: RowProof[] = [];
  for (const { cells, proof } of rows) {
    for (let i = 0; i < width; i++) columns[i]!.push(textOrNull(cells[i]!));
    proofs.push(proof);
    if (!withProof) continue;
    const lead = proofCells(proof);
    for (let i = 0; i < lead.length; i++) columns[width + i]!.push(lead[i]!);
  }
  return { count: proofs.length, columns, proofs };
}

export interface ProvenBlock extends RowBlock {
  readonly proofs: readonly RowProof[];
}

/** The rows that are not in `gone`. */
export function without(block: ProvenBlock, gone: ReadonlySet<number>): ProvenBlock {
  if (gone.size === 0) return block;
  const stays = (_: unknown, row: number): boolean => !gone.has(row);
  const columns = block.columns.map((column) => column.filter(stays));
  return { count: block.count - gone.size, columns, proofs: block.proofs.filter(stays) };
}

/** A cell's value; the states that are not values have none. */
export function textOrNull(cell: MaskedCell): string | null {
  return typeof cell === 'string' ? cell : null;
}
