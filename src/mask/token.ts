import type { HmacSha256 } from './hmac.ts';
import { type CompiledMethod, TEXT } from './method.ts';
import type { Normalizer } from './policy-document.ts';

/** 22 characters of base64url carry 132 bits; collisions need about 2^66 values. */
const TOKEN_CHARACTERS = 22;

/**
 * HMAC-SHA-256 of the normalised value under the domain's key: irreversible without the key, equal for equal values
 * of one domain in any table, snapshot or stream.
 */
export function compileToken(
  options: { readonly domain: string; readonly normalize: readonly Normalizer[]; readonly prefix: string },
  key: HmacSha256,
): CompiledMethod {
  const { domain, normalize, prefix } = options;
  const token = (value: string): string => {
    const text = normalize.length === 0 ? value : normalizeValue(value, normalize);
    return prefix + key.text(text, 'base64url').slice(0, TOKEN_CHARACTERS);
  };
  return {
    transform: { kind: 'map', map: token },
    type: TEXT,
    injective: normalize.length === 0,
    description: { method: 'token', domain, normalize, prefix },
  };
}

export function normalizeValue(value: string, steps: readonly Normalizer[]): string {
  for (const step of steps) {
    switch (step) {
      case 'trim':
        value = value.trim();
        break;
      case 'lower':
        value = value.toLowerCase();
        break;
      case 'upper':
        value = value.toUpperCase();
        break;
      case 'nfc':
        value = value.normalize('NFC');
        break;
    }
  }
  return value;
}
