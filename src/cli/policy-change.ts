import type { AuditLog } from '../audit/audit-log.ts';
import type { Source } from '../capture/source.ts';
import { loadMaskKeys, type RowsealConfig } from '../config/load.ts';
import { RowsealError } from '../error/rowseal-error.ts';
import { changedTables } from '../mask/changed-tables.ts';
import { customWorkers } from '../mask/method/custom-worker.ts';
import { CompiledPolicy } from '../mask/policy.ts';
import { diffPolicies, weakerParts } from '../mask/review/policy-diff.ts';
import type { MaskedTable } from '../model/masked.ts';
import { displayName } from '../model/table.ts';
import type { PolicyChange } from '../pipeline/policy-switch.ts';
import { checkedViews, sinkMask } from './sink-masks.ts';

type MaskSection = RowsealConfig['mask'];

/** What a change of policy is judged by. */
export interface RunningPipeline {
  /** As the process was started with. */
  readonly config: RowsealConfig;
  readonly makeSource: () => Source;
  readonly log: AuditLog;
}

/**
 * Compiles another policy and checks it as a start would: against the tables of the source as they are now, the rules of
 * the sinks, and the keys that the log was masked under.
 *
 * @param inForce the policy that it is to follow
 * @throws RowsealError RS-MASK-001 … -014, RS-SINK-002 … -005, RS-CFG-…, or what the source says when it cannot be asked
 */
export async function preparePolicy(
  { config, makeSource, log }: RunningPipeline,
  mask: MaskSection,
  inForce: CompiledPolicy,
): Promise<PolicyChange> {
  const policy = new CompiledPolicy(mask.policy, loadMaskKeys({ mask }, process.env), customWorkers);
  const [before, now] = [inForce.key, policy.key];
  if (before.epoch !== now.epoch || before.fingerprint !== now.fingerprint)
    throw new RowsealError('RS-MASK-014', {
      detail: `in force is epoch ${before.epoch} of key ${before.fingerprint}, configured is epoch ${now.epoch} of key ${now.fingerprint}`,
      state: 'the policy in force goes on, under its key',
      fix: 'bring back the key; to move on to the new one, stop this process, then: rowseal mask rotate',
    });
  const probe = makeSource();
  try {
    const tables = await probe.tables();
    policy.check(tables);
    for (const sink of config.sinks) {
      const views = sinkMask(config, sink);
      if (views !== null) checkedViews(views, policy, tables);
    }
    const changed = changedTables(policy, tables, log.tables());
    return { policy, tables: changed.filter(sameColumns).map(({ now: version }) => version) };
  } catch (error) {
    policy.end();
    throw error;
  } finally {
    await probe.close();
  }
}

/** Where the source altered the table meanwhile, the stream brings the new columns, and the policy record with them. */
function sameColumns({ sealed, now }: { readonly sealed: MaskedTable; readonly now: MaskedTable }): boolean {
  const shape = (table: MaskedTable): string =>
    JSON.stringify([table.key, table.columns.map(({ name, id, sourceType }) => [name, id, sourceType])]);
  return shape(sealed) === shape(now);
}

/** In what a policy shows more than another, or may: columns, settings, joins; by name. */
export function weakerIn(config: RowsealConfig, inForce: MaskSection, next: MaskSection): readonly string[] {
  const captured = new Set(config.source.tables.map(displayName));
  // What sinks get changes with a restart only.
  const same = { captured, sinks: new Map<string, null>() };
  const { columns, settings, joins } = weakerParts(
    diffPolicies({ ...same, policy: inForce.policy }, { ...same, policy: next.policy }),
  );
  return [
    ...columns.map(({ column }) => column),
    ...settings.map(({ setting }) => `mask.${setting}`),
    ...joins.map(({ columns: [one, other] }) => `${one} = ${other}`),
  ];
}
