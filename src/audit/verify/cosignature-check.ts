import { cosignersOf } from '../cosigners.ts';
import { nodeEd25519 } from '../ed25519/node-ed25519.ts';
import type { SignedHead } from '../note.ts';
import type { WitnessPolicy } from '../witness-policy.ts';
import type { Findings } from './report.ts';

/** The newest head of the journal that enough witnesses have cosigned. */
export interface CosignedHead {
  readonly size: number;
  /** When by whom, in seconds since 1970-01-01 UTC. */
  readonly witnesses: Readonly<Record<string, number>>;
}

/**
 * docs/audit-format.md §15: whether enough witnesses have seen this history.
 *
 * @param heads signed heads of the journal that fit it
 * @param size of the journal
 */
export function checkQuorum(
  policy: WitnessPolicy,
  heads: readonly SignedHead[],
  size: number,
  findings: Findings,
): CosignedHead | null {
  let best: CosignedHead | null = null;
  let most = 0;
  for (const head of heads) {
    const witnesses = cosignersOf(policy, head, nodeEd25519);
    if (witnesses === null) {
      findings.add('RS-AUD-032', `a cosignature on the head of size ${head.head.size} does not verify`);
      continue;
    }
    const names = new Set(Object.keys(witnesses));
    most = Math.max(most, names.size);
    if (policy.satisfied(names) && head.head.size > (best?.size ?? -1))
      best = { size: head.head.size, witnesses };
  }
  if (best === null)
    findings.add(
      'RS-AUD-032',
      `asked for is ${policy.rule}; the best of ${heads.length} heads is cosigned by ${most} of them`,
    );
  else if (best.size < size)
    findings.notes.push(`witnesses have seen ${best.size} of ${size} groups; the newer ones wait for them`);
  return best;
}
