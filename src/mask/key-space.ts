import type { HmacSha256 } from './cipher/hmac.ts';
import type { MaskKeys } from './keys.ts';

/** What a cipher's key is for: each has a key of its own, so that no two methods share one. */
export type CipherPurpose = 'fpe' | 'siv' | 'ip' | 'shift';

/**
 * One token space: its name and the keys derived for it. Equal values of one space have equal tokens, wherever they
 * stand. Keys are derived when first asked for, and once.
 */
export class KeySpace {
  /** `domain:<name>`, or `column:<namespace.table.column>`. */
  readonly name: string;
  readonly #keys: MaskKeys;
  #hmac: HmacSha256 | null = null;
  readonly #secrets = new Map<CipherPurpose, Buffer>();

  constructor(keys: MaskKeys, name: string) {
    this.#keys = keys;
    this.name = name;
  }

  get epoch(): number {
    return this.#keys.epoch;
  }

  hmac(): HmacSha256 {
    this.#hmac ??= this.#keys.domain(this.name);
    return this.#hmac;
  }

  /** @param bytes at most 64 */
  secret(purpose: CipherPurpose, bytes: number): Buffer {
    let secret = this.#secrets.get(purpose);
    if (secret === undefined) {
      secret = this.#keys.cipher(purpose, this.name, bytes);
      this.#secrets.set(purpose, secret);
    }
    return secret;
  }
}
