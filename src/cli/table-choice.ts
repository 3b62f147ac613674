import { closest } from 'fastest-levenshtein';
import { RowsealError } from '../error/rowseal-error.ts';
import { displayName, type TableName, type TableSchema } from '../model/table.ts';

/** The tables that were named, in that order; all where none was. @throws RowsealError RS-CLI-001 for one that is not there */
export function chooseTables(
  tables: readonly TableSchema[],
  names: readonly string[],
): readonly TableSchema[] {
  if (names.length === 0) return tables;
  return names.map((name) => {
    const found = tables.find((table) => displayName(table) === name);
    if (found !== undefined) return found;
    const known = tables.map(displayName);
    const near = known.length === 0 ? '' : `; a similar one exists: \`${closest(name, known)}\``;
    throw new RowsealError('RS-CLI-001', { detail: `no captured table \`${name}\`${near}` });
  });
}

/** `schema.table` as an option names it. @throws RowsealError RS-CLI-001 */
export function tableNamed(text: string): TableName {
  const [namespace, name, ...rest] = text.split('.');
  if (!namespace || !name || rest.length > 0)
    throw new RowsealError('RS-CLI-001', { detail: '--table must be schema.table' });
  return { namespace, name };
}
