import { AesSiv } from '../cipher/aes-siv.ts';
import type { KeySpace } from '../key-space.ts';
import { type CompiledMethod, TEXT, UNFIT } from '../method.ts';

const FORM = /^t1\.(\d{1,10})\.([A-Za-z0-9_-]{22,})$/;

/**
 * Reversible tokens, `t1.<key epoch>.<base64url of AES-SIV>`: equal for equal values of a space, readable with the key,
 * refused when changed. The space is the associated data, so that a token of one opens in no other.
 */
export function compileReversible(space: KeySpace): CompiledMethod {
  const siv = new AesSiv(space.secret('siv', 64), [Buffer.from(`rowseal/v1/reversible\0${space.name}`)]);
  const prefix = `t1.${space.epoch}.`;
  return {
    transform: {
      kind: 'map',
      map: (value) =>
        value.isWellFormed()
          ? prefix + siv.seal(Buffer.from(value, 'utf8')).toString('base64url')
          : UNFIT.malformed,
    },
    type: TEXT,
    injective: true,
    reversible: true,
    reverse: (token) => {
      const match = FORM.exec(token);
      if (match === null || match[1] !== String(space.epoch)) return null;
      const sealed = Buffer.from(match[2]!, 'base64url');
      // The last character has bits to spare: of the spellings of one token only the right one counts.
      if (sealed.toString('base64url') !== match[2]) return null;
      return siv.open(sealed)?.toString('utf8') ?? null;
    },
    description: { method: 'reversible', domain: space.name },
  };
}

/** The key epoch that a reversible token names; null: it is none. */
export function epochOfToken(token: string): number | null {
  const match = FORM.exec(token);
  return match === null ? null : Number(match[1]);
}
