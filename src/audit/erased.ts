import type { Erasure } from '../model/masked.ts';
import { MalformedBytes } from './bytes.ts';
import { SALT_BYTES } from './hashing.ts';

/**
 * An erased row image keeps its place and length, salt and body all zeros (docs/audit-format.md §5.1). A salt is random:
 * none is all zeros but for a chance of 2^-128.
 */
export function isErased(bytes: Uint8Array, saltAt = 0): boolean {
  for (let i = saltAt; i < saltAt + SALT_BYTES; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** Payload of an erasure record: members in this order. */
export function erasurePayload(erasure: Erasure): string {
  const { tags, actor, reason, images } = erasure;
  return JSON.stringify({ tags, actor, reason, images });
}

/** @throws MalformedBytes when the payload is not what {@link erasurePayload} writes */
export function parseErasure(payload: string): Erasure {
  try {
    const erasure = JSON.parse(payload) as Erasure;
    if (erasurePayload(erasure) === payload && isErasure(erasure)) return erasure;
  } catch {
    // Said below, without the input.
  }
  throw new MalformedBytes('an erasure record is not in canonical form');
}

function isErasure({ tags, actor, reason, images }: Erasure): boolean {
  return (
    Array.isArray(tags) &&
    tags.every((tag, i) => /^[0-9a-f]{32}$/.test(tag) && (i === 0 || tags[i - 1]! < tag)) &&
    typeof actor === 'string' &&
    typeof reason === 'string' &&
    Number.isSafeInteger(images)
  );
}
