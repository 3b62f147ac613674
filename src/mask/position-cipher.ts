import { AesSiv } from './cipher/aes-siv.ts';
import type { MaskKeys } from './keys.ts';

/**
 * Encrypts what a source must remember in a position and nobody may read there: the key of the last copied row, which may
 * be of a masked column. AES-SIV under a key of its own, `p1.<key epoch>.<base64url>`; the key of another epoch opens
 * nothing.
 */
export class PositionCipher {
  readonly #siv: AesSiv;
  readonly #prefix: string;

  constructor(keys: MaskKeys) {
    this.#siv = new AesSiv(keys.cipher('position', '', 64), [Buffer.from('rowseal/v1/position')]);
    this.#prefix = `p1.${keys.epoch}.`;
  }

  seal(text: string): string {
    return this.#prefix + this.#siv.seal(Buffer.from(text, 'utf8')).toString('base64url');
  }

  /** null: sealed under another key, or changed since. */
  open(sealed: string): string | null {
    if (!sealed.startsWith(this.#prefix)) return null;
    return (
      this.#siv.open(Buffer.from(sealed.slice(this.#prefix.length), 'base64url'))?.toString('utf8') ?? null
    );
  }
}
