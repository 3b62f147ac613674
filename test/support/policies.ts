import { generateMaskKeyFile, MaskKeys } from '../../src/mask/keys.ts';
import { type CustomHost, noCustomFunctions } from '../../src/mask/method/custom.ts';
import { CompiledPolicy } from '../../src/mask/policy.ts';
import type { ColumnRule, PolicyDocument, Rule } from '../../src/mask/policy-document.ts';
import type { Column, TableSchema } from '../../src/model/table.ts';
import type { ColumnType } from '../../src/model/type.ts';

export const TEST_KEYS = MaskKeys.parse(generateMaskKeyFile(), 1);

export const method = (m: Rule): ColumnRule => ({ kind: 'method', method: m });
export const domain = (name: string): ColumnRule => ({ kind: 'domain', domain: name });
export const keep = method({ method: 'keep' });
export const token = method({ method: 'token', normalize: [], prefix: 'tok_' });
export const redact = method({ method: 'redact', with: 'null' });
export const drop = method({ method: 'drop' });

/** FF1 on digits, nothing kept. */
export const fpe: Extract<Rule, { method: 'fpe' }> = {
  method: 'fpe',
  alphabet: 'digits',
  keepFirst: 0,
  keepLast: 0,
  separators: null,
  checkDigit: 'none',
  normalize: [],
  min: null,
  max: null,
};

/** A function of a module, as the configuration names it. */
export function custom(source: string, more: Partial<Extract<Rule, { method: 'custom' }>> = {}): Rule {
  return {
    method: 'custom',
    module: 'mask.mjs',
    source,
    export: 'mask',
    returns: 'same',
    timeoutMs: 200,
    injective: false,
    ...more,
  };
}

/** A host that runs nothing: what a rule with a function is called, not what it answers. */
export const idleFunctions: CustomHost = {
  load: () => ({ call: (values) => values.map(() => ({ kind: 'failed' })), end: () => {} }),
};

export function policy(
  columns: Readonly<Record<string, ColumnRule>>,
  more: Partial<PolicyDocument> = {},
  keys: MaskKeys = TEST_KEYS,
  host: CustomHost = noCustomFunctions,
): CompiledPolicy {
  return new CompiledPolicy(
    {
      undecided: 'halt',
      keyEpoch: 1,
      domains: new Map(),
      tables: new Map([['public.people', new Map(Object.entries(columns))]]),
      leakGuard: { oneIn: null, action: 'alert', except: new Set() },
      ...more,
    },
    keys,
    host,
  );
}

const TEXT: ColumnType = { kind: 'text', maxLength: null, padded: false };

export function schema(
  columns: Readonly<Record<string, ColumnType | null>>,
  key: readonly number[] = [0],
  name = 'people',
): TableSchema {
  const list = Object.entries(columns).map(
    ([column, type], i): Column => ({
      name: column,
      type: type ?? TEXT,
      sourceType: 'text',
      id: String(i + 1),
    }),
  );
  return Object.freeze({ namespace: 'public', name, columns: list, key });
}
