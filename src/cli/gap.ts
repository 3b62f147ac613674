import type { AuditLog, SealedGroup, SealedGroupInfo } from '../audit/audit-log.ts';
import type { Assessment } from '../capture/source.ts';
import { loggedTables, type RowsealConfig } from '../config/load.ts';
import { errorCodes } from '../error/codes.ts';
import { RowsealError } from '../error/rowseal-error.ts';
import type { Gap } from '../model/masked.ts';
import { describePlace, describePosition, withOutside } from '../model/position.ts';
import { displayName, tableKey } from '../model/table.ts';
import { makeSource } from './make-source.ts';
import { checkedTables, makePolicy } from './wire.ts';

/** What is lost when capture begins anew; names and places only. */
export interface GapPlan {
  /** Why going on is impossible; null: it is not. */
  readonly hole: { readonly code: string; readonly title: string; readonly detail: string | null } | null;
  /** The last sealed place, and the one at which capture begins again. */
  readonly from: string;
  readonly to: string;
  readonly from_server: string;
  readonly to_server: string;
  /** ISO 8601, UTC. */
  readonly sealed_at: string;
  readonly lost: string | null;
  readonly effect: string | null;
  readonly tables: readonly string[];
  /** They are copied again. */
  readonly copied: boolean;
}

export interface FoundGap {
  readonly plan: GapPlan;
  readonly assessment: Assessment;
  readonly last: SealedGroupInfo;
}

/** Whoever accepts it, in their own words. */
export interface Consent {
  readonly actor: string;
  readonly reason: string;
}

/**
 * Compares source and log. Changes nothing.
 *
 * @throws RowsealError RS-RUN-013 when nothing is sealed; whatever keeps a new beginning from being possible
 */
export async function findGap(config: RowsealConfig, log: AuditLog): Promise<FoundGap> {
  const { last } = log;
  if (last === null) throw new RowsealError('RS-RUN-013');
  const make = await makeSource(config);
  await checkedTables(makePolicy(config), make);
  const source = make();
  try {
    const assessment = await source.assess(last.position);
    const { hole, restart, lost, effect } = assessment;
    const plan: GapPlan = {
      hole:
        hole === null ? null : { code: hole.code, title: errorCodes[hole.code].title, detail: hole.detail },
      from: describePlace(last.position),
      to: describePlace(restart),
      from_server: describePosition(last.position),
      to_server: describePosition(restart),
      sealed_at: new Date(Number(last.sealedAtUs / 1000n)).toISOString(),
      lost,
      effect,
      tables: loggedTables(config.source).map(displayName),
      copied: config.source.snapshot === 'initial',
    };
    return { plan, assessment, last };
  } finally {
    await source.close();
  }
}

/** A group without rows: from its position on capture begins anew. */
export async function sealGap(
  config: RowsealConfig,
  log: AuditLog,
  found: FoundGap,
  consent: Consent,
): Promise<SealedGroup> {
  const { plan, assessment, last } = found;
  const captured = new Set(config.source.tables.map(tableKey));
  const outside = (last.position.outside ?? []).filter((table) => !captured.has(tableKey(table)));
  const restart = withOutside(assessment.restart, outside);
  const gap: Gap = {
    cause: plan.hole?.code ?? 'asked',
    from: plan.from,
    to: plan.to,
    tables: loggedTables(config.source).map(({ namespace, name }) => ({ namespace, name })),
    copied: plan.copied,
    ...consent,
  };
  const group = log.begin();
  await group.append([{ kind: 'gap', gap }]);
  return group.seal(restart);
}
