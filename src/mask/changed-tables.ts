import type { MaskedTable } from '../model/masked.ts';
import { isMessageLog } from '../model/message-log.ts';
import type { TableSchema } from '../model/table.ts';
import { tableKey } from '../model/table.ts';
import type { CompiledPolicy } from './policy.ts';

/** A table whose rows in the log and in the sinks are masked otherwise than its next ones would be. */
export interface ChangedTable {
  readonly table: TableSchema;
  /** `key`: equal values have other tokens. `policy`: a column has another rule; the key is the same, or no column uses it. */
  readonly change: 'key' | 'policy';
  readonly sealed: MaskedTable;
  readonly now: MaskedTable;
}

/**
 * Compares what the log says its rows were masked with to what the policy would do now. Columns that came or went since
 * are not looked at: they are the stream's affair.
 */
export function changedTables(
  policy: CompiledPolicy,
  tables: readonly TableSchema[],
  sealed: readonly MaskedTable[],
): readonly ChangedTable[] {
  const known = new Map(sealed.map((table) => [tableKey(table), table]));
  return tables.flatMap((table): readonly ChangedTable[] => {
    // Messages are never copied again: each stays as it was masked when it came.
    if (isMessageLog(table)) return [];
    const before = known.get(tableKey(table));
    if (before === undefined) return [];
    const { table: now } = policy.compileMasker(table, 'running');
    const otherKey = before.keyEpoch !== now.keyEpoch || before.keyFingerprint !== now.keyFingerprint;
    if (otherKey && policy.usesKey(table)) return [{ table, change: 'key', sealed: before, now }];
    return isMaskedAlike(before, now) ? [] : [{ table, change: 'policy', sealed: before, now }];
  });
}

/** Columns that both versions have are masked alike. */
export function isMaskedAlike(
  before: Pick<MaskedTable, 'policy'>,
  now: Pick<MaskedTable, 'policy'>,
): boolean {
  const rules = rulesOf(before);
  return [...rulesOf(now)].every(([column, rule]) => (rules.get(column) ?? rule) === rule);
}

/** {@link MaskedTable.policy}, by column. */
function rulesOf(table: Pick<MaskedTable, 'policy'>): ReadonlyMap<string, string> {
  const rules = JSON.parse(table.policy) as readonly (readonly [string, unknown])[];
  return new Map(rules.map(([column, rule]) => [column, JSON.stringify(rule)]));
}
