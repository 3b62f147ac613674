import type { Client } from 'pg';
import type { UnfitCell } from '../../../src/deliver/warehouse/set-aside.ts';
import type { TargetColumn } from '../../../src/deliver/warehouse/target.ts';
import { quoteLiteral } from './identifier.ts';
import { exactTest, plainTest } from './types.ts';

/** Some cell is not the plain text of its type, so each must be looked at. */
export function needsSifting(
  columns: readonly TargetColumn[],
  cells: readonly (readonly (string | null)[])[],
): boolean {
  return columns.some(({ type }, i) => {
    const plain = plainTest(type);
    return cells[i]!.some((cell) => cell !== null && !plain(cell));
  });
}

/** The cells that are not exactly values of their types: by their form, and by what the server says of the rest. */
export async function unfitCells(
  client: Client,
  columns: readonly TargetColumn[],
  cells: readonly (readonly (string | null)[])[],
): Promise<readonly UnfitCell[]> {
  const unfit: UnfitCell[] = [];
  for (const [column, { type }] of columns.entries()) {
    const exact = exactTest(type);
    const rows: number[] = [];
    const texts: string[] = [];
    for (const [row, cell] of cells[column]!.entries()) {
      if (cell === null) continue;
      if (!exact(cell)) unfit.push({ row, column });
      else if (type !== 'text') {
        rows.push(row);
        texts.push(cell);
      }
    }
    if (rows.length === 0) continue;
    const invalid = await client.query<[number]>({
      text: `SELECT i FROM unnest($1::int[], $2::text[]) AS s(i, v) WHERE NOT pg_input_is_valid(v, ${quoteLiteral(type)})`,
      values: [rows, texts],
      rowMode: 'array',
    });
    for (const [row] of invalid.rows) unfit.push({ row, column });
  }
  return unfit;
}
