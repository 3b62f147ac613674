import { fromBase64, toBase64 } from '../base64.ts';
import type { Digest } from '../hashing.ts';
import { digestBytes, digestOf, parseSignedHead, type SignedHead } from '../note.ts';
import { MAX_PROOF_HASHES, verifyConsistency } from './proof.ts';

/** Two signed heads of one log, and the proof that the newer history begins with the older one. */
export interface ConsistencyDocument {
  readonly old: SignedHead;
  readonly new: SignedHead;
  readonly proof: readonly Digest[];
}

const FORMAT = 'rowseal/consistency/v1';
/** Two notes and 63 hashes, with much to spare. */
export const MAX_DOCUMENT_LENGTH = 262_144;

/** One line of JSON, members in this order (docs/audit-format.md §16). */
export function formatConsistency(oldNote: string, newNote: string, proof: readonly Digest[]): string {
  return `${JSON.stringify({ format: FORMAT, old: oldNote, new: newNote, proof: proof.map((hash) => toBase64(digestBytes(hash))) })}\n`;
}

/** null: the text is no such document. */
export function parseConsistency(text: string): ConsistencyDocument | null {
  if (text.length > MAX_DOCUMENT_LENGTH) return null;
  try {
    const json = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const { old, new: newer, proof } = json;
    if (typeof old !== 'string' || typeof newer !== 'string' || !Array.isArray(proof)) return null;
    const hashes = proof.map((hash) => (typeof hash === 'string' ? fromBase64(hash) : null));
    const heads = [parseSignedHead(old), parseSignedHead(newer)] as const;
    if (heads[0] === null || heads[1] === null || hashes.length > MAX_PROOF_HASHES) return null;
    if (!hashes.every((hash) => hash?.length === 32)) return null;
    const digests = hashes.map((hash) => digestOf(hash!));
    if (formatConsistency(old, newer, digests).trimEnd() !== text.trimEnd()) return null;
    return { old: heads[0], new: heads[1], proof: digests };
  } catch {
    // The parser quotes its input.
    return null;
  }
}

export type ConsistencyVerdict = 'consistent' | 'unsigned' | 'forked' | 'foreign';

/** @param signed whether a trusted key signed a head */
export function judgeConsistency(
  document: ConsistencyDocument,
  signed: (head: SignedHead) => boolean,
): ConsistencyVerdict {
  const { old, new: newer, proof } = document;
  if (!signed(old) || !signed(newer)) return 'unsigned';
  if (old.head.origin !== newer.head.origin) return 'foreign';
  return verifyConsistency(old.head.size, newer.head.size, old.head.root, newer.head.root, proof)
    ? 'consistent'
    : 'forked';
}
