import { join } from 'node:path';
import type { Disk } from '../audit/disk.ts';
import { NodeDisk } from '../audit/node-disk.ts';
import { copyBegan, type SealedPolicy, sealedPolicies } from '../audit/sealed-policies.ts';
import { tableDirectory } from '../audit/table-directory.ts';
import { isMaskedAlike } from '../mask/changed-tables.ts';
import type { CompiledPolicy } from '../mask/policy.ts';
import type { MaskedTable } from '../model/masked.ts';
import { isMessageLog } from '../model/message-log.ts';
import { type TableName, type TableSchema, tableKey } from '../model/table.ts';

/**
 * Tables of which mirrors may hold rows that were masked otherwise than the policy does now: by rules that held after their last
 * copy began. The newest sealed version does not tell: a reload, or the first row after a restart, seals the new rules.
 */
export async function changedSinceCopy(
  policy: CompiledPolicy,
  tables: readonly TableSchema[],
  sealed: readonly MaskedTable[],
  directory: string,
  disk: Disk = new NodeDisk(),
): Promise<readonly TableName[]> {
  const known = new Set(sealed.map(tableKey));
  const changed: TableName[] = [];
  for (const table of tables) {
    if (isMessageLog(table) || !known.has(tableKey(table))) continue;
    const folder = join('tables', tableDirectory(table));
    const { table: now } = policy.compileMasker(table, 'running');
    const until = lastOther(await sealedPolicies(disk, directory, folder), now);
    if (until === 'never') continue;
    if (until === 'now' || !(await copyBegan(disk, directory, folder, until))) changed.push(table);
  }
  return changed;
}

/** The record with which the last policy that masks otherwise ceased to hold. */
export function lastOther(
  policies: readonly SealedPolicy[],
  now: Pick<MaskedTable, 'policy'>,
): number | 'never' | 'now' {
  const last = policies.findLastIndex((policy) => !isMaskedAlike(policy, now));
  if (last < 0) return 'never';
  return policies[last + 1]?.seq ?? 'now';
}
