import type { AuditLog } from '../audit/audit-log.ts';
import { compareCapturedSet } from '../capture/captured-set.ts';
import type { RowsealConfig } from '../config/load.ts';
import type { ErrorCode } from '../error/codes.ts';
import { RowsealError } from '../error/rowseal-error.ts';
import { changedTables } from '../mask/changed-tables.ts';
import type { CompiledPolicy } from '../mask/policy.ts';
import { weakerColumns } from '../mask/review/sealed-weaker.ts';
import type { Finding } from '../model/finding.ts';
import { isMessageLog } from '../model/message-log.ts';
import { retypedTables } from '../model/schema-diff.ts';
import { displayName, type TableName, type TableSchema, tableKey } from '../model/table.ts';

/** What is there before a pipeline is put together. */
export interface Prepared {
  readonly policy: CompiledPolicy;
  readonly log: AuditLog;
  /** The captured tables as they are now. */
  readonly tables: readonly TableSchema[];
}

/**
 * Seals which tables are captured from here on, if others than before, and that those which came are copied first.
 *
 * @returns what the operator should know
 */
export async function sealCapturedSet(config: RowsealConfig, log: AuditLog): Promise<readonly Finding[]> {
  if (log.last === null) return [];
  const { tables, snapshot } = config.source;
  // Of messages there is nothing to copy, and those of a time without their prefix are in no slot's past.
  const known = log.tables().filter((table) => !isMessageLog(table));
  const set = compareCapturedSet(log.last.position, known, tables, snapshot === 'initial');
  if (set === null) return [];
  await log.begin().seal(set.position);
  const told = (names: readonly TableName[], detail: string): readonly Finding[] =>
    names.map((name) => ({ level: 'ok', code: null, subject: displayName(name), detail, fix: null }));
  return [
    ...told(
      set.entered,
      snapshot === 'initial' ? 'is captured from now on, and copied first' : 'is captured from now on',
    ),
    ...told(set.left, 'is captured no longer; what the sinks and the log have of it stays'),
  ];
}

/**
 * Tokens of two keys must not meet in one table: a table that was copied under another key, and is not about to be copied
 * again, stops the start. Other rules are told: what they made before stays as it is.
 *
 * @throws RowsealError RS-MASK-014
 */
export function compareWithLog({ policy, log, tables }: Prepared): readonly Finding[] {
  const position = log.last?.position ?? null;
  if (position === null || (position.phase === 'snapshot' && position.copying === undefined)) return [];
  const due = new Set((position.copying ?? []).map(tableKey));
  const changed = changedTables(policy, tables, log.tables()).filter(
    ({ table }) => !due.has(tableKey(table)),
  );
  const keys = changed.filter(({ change }) => change === 'key');
  if (keys.length > 0) {
    const { sealed, now } = keys[0]!;
    throw new RowsealError('RS-MASK-014', {
      detail: `${keys.map(({ table }) => displayName(table)).join(', ')}: masked under epoch ${sealed.keyEpoch} of key ${sealed.keyFingerprint}, configured is epoch ${now.keyEpoch} of key ${now.keyFingerprint}`,
      state: 'not started; nothing was changed',
    });
  }
  return [
    ...changed.map(({ table, sealed, now }) => {
      const weaker = weakerColumns(sealed, now);
      const more = weaker.length === 0 ? '' : `; from now on these show more, or may: ${weaker.join(', ')}`;
      return notice('RS-MASK-018', 'policy', table, `was copied under other rules${more}`);
    }),
    ...(position.kind === 'postgres' ? retypedTables(tables, log.tables()) : [])
      .filter((table) => !due.has(tableKey(table)))
      .map((table) => notice('RS-PG-033', 'source', table, 'has columns of another type than the log')),
  ];
}

function notice(code: ErrorCode, subject: string, table: TableName, what: string): Finding {
  const name = displayName(table);
  return {
    level: 'warning',
    code,
    subject,
    detail: `${name} ${what}`,
    fix: `rowseal resnapshot --table ${name}`,
  };
}
