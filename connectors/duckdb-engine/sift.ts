import type { UnfitCell } from '../../src/deliver/warehouse/set-aside.ts';
import type { TargetColumn } from '../../src/deliver/warehouse/target.ts';
import type { PackedCell, PackedRunner } from './packed.ts';
import { castExpression, plainTest } from './types.ts';

/** Some cell is not the plain text of its type, so each cast must be checked. */
export function needsSifting(
  columns: readonly TargetColumn[],
  cells: readonly (readonly PackedCell[])[],
): boolean {
  return columns.some(({ type }, i) => {
    const plain = plainTest(type);
    return plain !== null && cells[i]!.some((cell) => cell !== null && !plain(cell));
  });
}

/** The cells that are not exactly values of their types. */
export async function unfitCells(
  runner: PackedRunner,
  columns: readonly TargetColumn[],
  cells: readonly (readonly PackedCell[])[],
): Promise<readonly UnfitCell[]> {
  const unfit: UnfitCell[] = [];
  for (const [column, { type }] of columns.entries()) {
    if (type === 'VARCHAR') continue;
    const index = cells[column]!.map((_, row) => String(row));
    const rows = await runner.numbers(
      [index, cells[column]!],
      (packed) =>
        `SELECT CAST(c0 AS BIGINT) FROM (${packed}) WHERE c1 IS NOT NULL AND ${castExpression('c1', type, true)} IS NULL`,
    );
    for (const row of rows) unfit.push({ row, column });
  }
  return unfit;
}
