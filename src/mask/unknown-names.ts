import { closest } from 'fastest-levenshtein';
import { RowsealError } from '../error/rowseal-error.ts';
import { displayName, type TableSchema } from '../model/table.ts';
import type { PolicyDocument } from './policy-document.ts';

/**
 * Every table and column that the policy names must be captured: a misspelt one would leave the right one undecided.
 *
 * @throws RowsealError RS-MASK-002
 */
export function refuseUnknownNames(document: PolicyDocument, tables: readonly TableSchema[]): void {
  const known = new Map(tables.map((table) => [displayName(table), table]));
  for (const [name, columns] of document.tables) {
    const table = known.get(name);
    if (table === undefined) {
      throw new RowsealError('RS-MASK-002', {
        detail: `table \`${name}\` is not captured${similar(name, [...known.keys()])}`,
        place: { file: 'configuration', path: `mask.tables.${name}` },
      });
    }
    const names = table.columns.map((column) => column.name);
    for (const column of columns.keys()) {
      if (names.includes(column)) continue;
      throw new RowsealError('RS-MASK-002', {
        detail: `table ${name} has no column \`${column}\`${similar(column, names)}`,
        place: { file: 'configuration', path: `mask.tables.${name}.${column}` },
      });
    }
  }
}

/** The end of a sentence about a name that is not there. */
export function similar(name: string, candidates: readonly string[]): string {
  return candidates.length === 0 ? '' : `; a similar name exists: \`${closest(name, candidates)}\``;
}
