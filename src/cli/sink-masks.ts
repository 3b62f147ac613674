import { isDeepStrictEqual } from 'node:util';
import { loadMaskKeys, type RowsealConfig } from '../config/load.ts';
import type { SinkConfig } from '../config/sinks.ts';
import { customWorkers } from '../mask/method/custom-worker.ts';
import { CompiledPolicy } from '../mask/policy.ts';
import { SinkMask, type SinkMaskServices, type SinkView } from '../mask/sink-mask.ts';
import type { Finding } from '../model/finding.ts';
import { displayName, type TableSchema } from '../model/table.ts';

/** What a sink gets by its configuration; null: everything, whole. Keys are loaded when a rule of the sink needs them. */
export function sinkMask(config: RowsealConfig, sink: SinkConfig): SinkMask | null {
  if (sink.tables === null) return null;
  const policies = known.get(config) ?? new EpochPolicies(config);
  known.set(config, policies);
  return new SinkMask(sink.name, sink.tables, policies);
}

/** A command that prints a key is run once, whatever the number of sinks. */
const known = new WeakMap<RowsealConfig, EpochPolicies>();

class EpochPolicies implements SinkMaskServices {
  readonly #config: RowsealConfig;
  readonly #epochs = new Map<number, { readonly policy: CompiledPolicy; readonly fingerprint: string }>();

  constructor(config: RowsealConfig) {
    this.#config = config;
  }

  get domains(): SinkMaskServices['domains'] {
    return this.#config.mask.policy.domains;
  }

  get policy(): CompiledPolicy {
    return this.keyed(this.#config.mask.policy.keyEpoch).policy;
  }

  keyed(epoch: number): { readonly policy: CompiledPolicy; readonly fingerprint: string } {
    let made = this.#epochs.get(epoch);
    if (made === undefined) {
      const keys = loadMaskKeys(this.#config, process.env, epoch);
      const policy = new CompiledPolicy(this.#config.mask.policy, keys, customWorkers);
      made = { policy, fingerprint: keys.fingerprint };
      this.#epochs.set(epoch, made);
    }
    return made;
  }
}

/**
 * Columns whose own rule of a sink names a domain that is another one in the next mask section, as options: sinks keep what they
 * were begun with, because one table version must look the same to them from beginning to end.
 */
export function changedSinkDomains(
  { sinks }: Pick<RowsealConfig, 'sinks'>,
  before: RowsealConfig['mask'],
  next: RowsealConfig['mask'],
): readonly string[] {
  const changed = (domain: string): boolean =>
    !isDeepStrictEqual(before.policy.domains.get(domain), next.policy.domains.get(domain));
  return sinks.flatMap(({ name, tables }) =>
    [...(tables?.tables ?? [])].flatMap(([table, { rules }]) =>
      [...rules].flatMap(([column, rule]) =>
        rule.kind === 'domain' && changed(rule.domain)
          ? [`sinks.${name}.tables.${table}.mask.${column} (domain ${rule.domain})`]
          : [],
      ),
    ),
  );
}

/** The tables as a run would seal them, as the sink would get them. @throws RowsealError RS-MASK-002, RS-SINK-002 … -005 */
export function checkedViews(
  mask: SinkMask,
  policy: CompiledPolicy,
  tables: readonly TableSchema[],
): readonly SinkView[] {
  return tables.flatMap((table) => mask.check(policy.compileMasker(table, 'running').table) ?? []);
}

/** What a sink gets otherwise than the policy says, for people. */
export function viewFindings(sink: string, views: readonly SinkView[]): readonly Finding[] {
  return views.flatMap(({ table, changes }): readonly Finding[] => {
    if (changes.length === 0) return [];
    const listed = changes.map(({ column, change }) => `${column} ${change}`).join(', ');
    return [
      {
        level: 'ok',
        code: null,
        subject: `sink ${sink}`,
        detail: `${displayName(table)}: ${listed}`,
        fix: null,
      },
    ];
  });
}
