import { closest } from 'fastest-levenshtein';
import type { DiscoveredTable } from '../capture/source.ts';
import { RowsealError } from '../error/rowseal-error.ts';
import { displayName, type TableName } from '../model/table.ts';

/**
 * The tables that patterns choose: names with or without a schema, `*` for any characters. A pattern that matches nothing
 * is an error: it is most often a misspelling, and would protect nothing.
 *
 * @throws RowsealError RS-SCAN-001
 */
export function chooseTables(
  tables: readonly DiscoveredTable[],
  wanted: readonly string[],
  excluded: readonly string[],
): readonly DiscoveredTable[] {
  const names = tables.map(({ table }) => displayName(table));
  for (const pattern of [...wanted, ...excluded]) {
    if (tables.some(({ table }) => matches(pattern, table))) continue;
    const near = names.length === 0 ? '' : `; a similar name exists: \`${closest(pattern, names)}\``;
    throw new RowsealError('RS-SCAN-001', { detail: `\`${pattern}\` matches no table${near}` });
  }
  const chosen = tables.filter(
    ({ table }) =>
      (wanted.length === 0 || wanted.some((pattern) => matches(pattern, table))) &&
      !excluded.some((pattern) => matches(pattern, table)),
  );
  if (chosen.length === 0)
    throw new RowsealError('RS-SCAN-001', { detail: `${tables.length} tables may be read` });
  return chosen;
}

function matches(pattern: string, table: TableName): boolean {
  const expression = new RegExp(`^${pattern.split('*').map(escaped).join('.*')}$`, 's');
  return expression.test(displayName(table)) || (!pattern.includes('.') && expression.test(table.name));
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
