import { createHmac, hkdfSync } from 'node:crypto';

/**
 * The mask once more, from docs/masking.md and in the plainest way, to hold the fast one against. Shares no code with
 * src/mask.
 */
export class ReferenceMask {
  readonly #root: Buffer;
  readonly #epoch: number;

  constructor(keyFile: string, epoch = 1) {
    this.#root = Buffer.from(keyFile.trim().replace('rowseal-mask-key-v1:', ''), 'base64');
    this.#epoch = epoch;
  }

  /** @param space `domain:email`, or `column:public.people.bio` */
  token(space: string, value: string | null): string | null {
    if (value === null) return null;
    const info = `rowseal/v1/mask/domain\0${this.#epoch}\0${space}`;
    const key = Buffer.from(hkdfSync('sha256', this.#root, Buffer.alloc(0), info, 32));
    return `tok_${createHmac('sha256', key).update(value, 'utf8').digest('base64url').slice(0, 22)}`;
  }

  keepLast(count: number, fill: string, value: string | null): string | null {
    if (value === null) return null;
    const characters = Array.from(value);
    if (characters.length <= count) return fill.repeat(characters.length);
    return fill.repeat(characters.length - count) + characters.slice(-count).join('');
  }
}
