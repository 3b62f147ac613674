import { sha256 } from '@noble/hashes/sha2.js';
import { Buffer } from 'buffer';

/**
 * What the proof check asks of `node:crypto`, for a browser: the build puts this file in its place, so that the page runs
 * the very code of `rowseal audit verify-proof`.
 */
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
