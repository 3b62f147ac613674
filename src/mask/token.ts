import type { HmacSha256 } from './hmac.ts';
import { type CompiledMethod, TEXT } from './method.ts';
import type { Normalizer } from './policy-document.ts';

/** 22 characters of base64url carry 132 bits; collisions need about 2^66 values. */
const TOKEN_CHARACTERS = 22;

/** Values remembered per domain: rows repeat e-mails and names, and an update carries most of them twice. */
const MEMO_ENTRIES = 4096;

/** Longer values are not remembered: the memo stays small whatever the columns hold. */
const MEMO_VALUE_CHARACTERS = 128;

/**
 * HMAC-SHA-256 of the normalised value under the domain's key: irreversible without the key, equal for equal values
 * of one domain in any table, snapshot or stream.
 */
export function compileToken(
  options: { readonly domain: string; readonly normalize: readonly Normalizer[]; readonly prefix: string },
  key: HmacSha256,
): CompiledMethod {
  const { domain, normalize, prefix } = options;
  const token = (value: string): string =>
    prefix + key.text(normalizeValue(value, normalize), 'base64url').slice(0, TOKEN_CHARACTERS);
  return {
    transform: { kind: 'map', map: remember(token) },
    type: TEXT,
    injective: normalize.length === 0,
    description: { method: 'token', domain, normalize, prefix },
  };
}

/** Two generations of a map: full, the older one is forgotten. No list to keep, no entry lives for ever. */
function remember(compute: (value: string) => string): (value: string) => string {
  let young = new Map<string, string>();
  let old = new Map<string, string>();
  return (value) => {
    if (value.length > MEMO_VALUE_CHARACTERS) return compute(value);
    let result = young.get(value);
    if (result !== undefined) return result;
    result = old.get(value) ?? compute(value);
    if (young.size >= MEMO_ENTRIES) {
      old = young;
      young = new Map();
    }
    young.set(value, result);
    return result;
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
