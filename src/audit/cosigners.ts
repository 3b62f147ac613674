import { CosignatureVerifier } from './cosignature.ts';
import type { Ed25519 } from './ed25519/ed25519.ts';
import type { SignedHead } from './note.ts';
import type { WitnessPolicy } from './witness-policy.ts';

/** Which witnesses of a policy have cosigned a head, and when (seconds since 1970-01-01 UTC); null: a line by one of them is wrong. */
export function cosignersOf(
  policy: WitnessPolicy,
  head: SignedHead,
  ed25519: Ed25519,
): Readonly<Record<string, number>> | null {
  const times: [string, number][] = [];
  for (const { name, key } of policy.witnesses) {
    const time = new CosignatureVerifier(key, ed25519).timeOf(head);
    if (time === 'invalid') return null;
    if (time !== null) times.push([name, time]);
  }
  return Object.fromEntries(times);
}
