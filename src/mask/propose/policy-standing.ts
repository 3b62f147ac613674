import type { TableSchema } from '../../model/table.ts';
import { parseJsonPath } from '../method/json-path.ts';
import type { CompiledPolicy } from '../policy.ts';

/** What a policy does with a column, or with a place in its documents. */
export type Standing = 'masked' | 'kept' | 'undecided';

export interface ColumnStanding {
  readonly standing: Standing;
  /** Name of the method, `keep` where it is kept; null: the policy does not decide it. */
  readonly method: string | null;
  /** Of a place in the documents of the column. */
  at(path: string): { readonly standing: Standing; readonly method: string | null };
}

/** One a column, in the order of the table. @throws RowsealError what compiling the policy throws */
export function standingsOf(policy: CompiledPolicy, table: TableSchema): readonly ColumnStanding[] {
  const masker = policy.compileMasker(table, 'running');
  const undecided = new Set(masker.undecided);
  return masker.columns.map((mask) => {
    if (undecided.has(mask.name)) {
      const open = { standing: 'undecided', method: null } as const;
      return { ...open, at: () => open };
    }
    const { description } = mask.method;
    const own = judged(description);
    const paths = description['paths'];
    if (description['method'] !== 'json' || typeof paths !== 'object' || paths === null)
      return { ...own, at: () => own };
    const rules = Object.entries(paths as Readonly<Record<string, Readonly<Record<string, unknown>>>>).map(
      ([path, rule]) => ({ steps: parseJsonPath(path, mask.where), rule }),
    );
    return { ...own, at: (path) => placeIn(rules, path) };
  });
}

function judged(description: Readonly<Record<string, unknown>>): {
  readonly standing: Standing;
  readonly method: string;
} {
  const method = String(description['method']);
  return { standing: method === 'keep' ? 'kept' : 'masked', method };
}

type Steps = ReturnType<typeof parseJsonPath>;

/** The rule that reaches a place: its own, or that of a place above it; without one it is denied. */
function placeIn(
  rules: readonly { readonly steps: Steps; readonly rule: Readonly<Record<string, unknown>> }[],
  path: string,
): { readonly standing: Standing; readonly method: string } {
  const place = parseJsonPath(path, path);
  const reaching = rules.filter(
    ({ steps }) => steps.length <= place.length && steps.every((step, i) => meets(step, place[i]!)),
  );
  // What keeps is what counts: of several rules that may reach a place, the most open one.
  const kept = reaching.find(({ rule }) => rule['method'] === 'keep');
  const found = kept ?? reaching[0];
  return found === undefined ? { standing: 'masked', method: 'left out' } : judged(found.rule);
}

function meets(step: Steps[number], place: Steps[number]): boolean {
  if (step.kind === 'any-member') return place.kind !== 'any-element';
  if (place.kind === 'any-member') return step.kind === 'member';
  return (
    step.kind === place.kind &&
    (step.kind !== 'member' || (place.kind === 'member' && place.name === step.name))
  );
}
