import type { Expiry } from '../model/masked.ts';
import { MalformedBytes } from './bytes.ts';

/** Payload of an expiry record (docs/audit-format.md §5.2): members in this order. */
export function expiryPayload({ before, actor, reason }: Expiry): string {
  return JSON.stringify({ before, actor, reason });
}

/** @throws MalformedBytes when the payload is not what {@link expiryPayload} writes */
export function parseExpiry(payload: string): Expiry {
  try {
    const expiry = JSON.parse(payload) as Expiry;
    const { before, actor, reason } = expiry;
    const sound =
      Number.isSafeInteger(before) && before >= 0 && typeof actor === 'string' && typeof reason === 'string';
    if (sound && expiryPayload(expiry) === payload) return expiry;
  } catch {
    // Said below, without the input.
  }
  throw new MalformedBytes('an expiry record is not in canonical form');
}
