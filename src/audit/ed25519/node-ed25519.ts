import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import type { Ed25519 } from './ed25519.ts';
import { isStrictPoint, isStrictSignature } from './rule.ts';

/** DER prefix of an Ed25519 SubjectPublicKeyInfo (RFC 8410 §4). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/** OpenSSL's verifier, which computes [S]B - [k]A and compares bytes, behind the rule. */
export const nodeEd25519: Ed25519 = {
  open(publicKey) {
    const key = isStrictPoint(publicKey) ? keyOf(publicKey) : null;
    if (key === null) return null;
    return (message, signature) => isStrictSignature(signature) && verify(null, message, key, signature);
  },
};

/** null: newer versions refuse bytes that are no point already here. */
function keyOf(publicKey: Uint8Array): KeyObject | null {
  try {
    return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' });
  } catch {
    return null;
  }
}

/** The 32 bytes at the end of an Ed25519 SubjectPublicKeyInfo (RFC 8410 §4). */
export function rawPublicKey(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' }).subarray(-32);
}
