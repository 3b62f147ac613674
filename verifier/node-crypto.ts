import { hashes, verify as nobleVerify } from '@noble/ed25519';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { Buffer } from 'buffer';

/**
 * What the proof check asks of `node:crypto`, for a browser: the build puts this file in its place, so that the page runs
 * the very code of `rowseal audit verify-proof`.
 */
hashes.sha512 = sha512;

/** `crypto.hash('sha256', …, 'binary')`. */
export function hash(_algorithm: 'sha256', bytes: Uint8Array, _encoding: 'binary'): string {
  return Buffer.from(sha256(bytes)).toString('latin1');
}

/** `createHash('sha256')` with `update` and `digest`. */
export function createHash(_algorithm: 'sha256') {
  const state = sha256.create();
  const chain = {
    update(bytes: Uint8Array | string) {
      state.update(typeof bytes === 'string' ? Buffer.from(bytes, 'utf8') : bytes);
      return chain;
    },
    digest(encoding?: 'hex') {
      const digest = Buffer.from(state.digest());
      return encoding === undefined ? digest : digest.toString(encoding);
    },
  };
  return chain;
}

/** An Ed25519 SubjectPublicKeyInfo: the key is its last 32 bytes (RFC 8410 §4). */
export function createPublicKey({ key }: { readonly key: Uint8Array }): Uint8Array {
  return key.subarray(-32);
}

/** RFC 8032, not ZIP 215; what Rowseal asks beyond it is checked by the caller. */
export function verify(
  _algorithm: null,
  message: Uint8Array,
  key: Uint8Array,
  signature: Uint8Array,
): boolean {
  try {
    return nobleVerify(signature, message, key, { zip215: false });
  } catch {
    return false;
  }
}

function absent(): never {
  throw new Error('not in a browser');
}

export const createPrivateKey = absent;
export const sign = absent;
