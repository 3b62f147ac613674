import type { SealedGroup } from '../audit/audit-log.ts';
import type { MaskedTable } from '../model/masked.ts';
import { tableKey } from '../model/table.ts';

/** Whether a group brings another version of a table that is known by now. */
export function bringsNewVersion(known: ReadonlyMap<string, MaskedTable>, { tables }: SealedGroup): boolean {
  return tables.some((table) => {
    const before = known.get(tableKey(table));
    return before !== undefined && before !== table;
  });
}
