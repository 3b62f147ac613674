import { RowsealError } from '../../error/rowseal-error.ts';
import type { ColumnType } from '../../model/type.ts';
import type { KeySpace } from '../key-space.ts';
import { type CompiledMethod, type MaskResult, TEXT, UNFIT } from '../method.ts';
import type { MethodDocument, Normalizer, TokenAlphabet } from '../policy-document.ts';
import { normalizeValue, unpad } from './normalize.ts';

/**
 * Characters, bits a character, and the most characters that a digest of 256 bits fills. What is drawn from it base by
 * base leaves 64 bits over, so that the bias is below 2^-64.
 */
const alphabets: Readonly<
  Record<TokenAlphabet, { readonly characters: string; readonly bits: number; readonly most: number }>
> = {
  base64url: { characters: '', bits: 6, most: 43 },
  hex: { characters: '', bits: 4, most: 64 },
  base32: { characters: 'abcdefghijklmnopqrstuvwxyz234567', bits: 5, most: 38 },
  alphanumeric: {
    characters: '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz',
    bits: Math.log2(62),
    most: 32,
  },
  digits: { characters: '0123456789', bits: Math.log2(10), most: 57 },
};

const DIGEST_BYTES = 32;
const DEFAULT_BITS = 128;
/** Below this a token of a key column is not safe from collisions: 2^32 values would meet one. */
const KEY_BITS_MIN = 64;
/** Below this tokens of a table of thousands collide. */
const BITS_MIN = 32;

/**
 * HMAC-SHA-256 of the normalised value under the space's key: irreversible without the key, equal for equal values
 * of one space in any table, snapshot or stream. With b bits, n different values have a collision with a chance of about
 * n² / 2^(b+1).
 *
 * @throws RowsealError RS-MASK-005 for a length that the digest cannot fill, or too few bits
 */
export function compileToken(
  options: Extract<MethodDocument, { method: 'token' }>,
  space: KeySpace,
  type: ColumnType,
  where: string,
  isKey: boolean,
): CompiledMethod {
  const { normalize, prefix, alphabet = 'base64url' } = options;
  const length = options.length ?? Math.ceil(DEFAULT_BITS / alphabets[alphabet].bits);
  const bits = Math.floor(length * alphabets[alphabet].bits);
  const { most } = alphabets[alphabet];
  if (length > most)
    throw unsuitable(where, `a digest fills ${most} characters of ${alphabet}, not ${length}`);
  if (bits < BITS_MIN)
    throw unsuitable(where, `${length} characters carry ${bits} bits; ${BITS_MIN} is the least`);
  if (isKey && bits < KEY_BITS_MIN) {
    throw unsuitable(where, `${length} characters carry ${bits} bits; a key column needs ${KEY_BITS_MIN}`);
  }
  const padded = type.kind === 'text' && type.padded;
  return {
    transform: { kind: 'map', ...tokenizer(space, { normalize, prefix, alphabet, length, padded }) },
    type: TEXT,
    injective: true,
    reversible: false,
    description: {
      method: 'token',
      domain: space.name,
      normalize,
      prefix,
      ...(alphabet === 'base64url' && length === 22 ? {} : { alphabet, length }),
    },
  };
}

interface TokenForm {
  readonly normalize: readonly Normalizer[];
  readonly prefix: string;
  readonly alphabet: TokenAlphabet;
  readonly length: number;
  readonly padded: boolean;
}

interface Tokenizer {
  readonly map: (value: string) => MaskResult;
  readonly mapAll: (values: readonly string[]) => readonly MaskResult[];
}

function tokenizer(space: KeySpace, form: TokenForm): Tokenizer {
  const { normalize, prefix, alphabet, length, padded } = form;
  const hmac = space.hmac();
  const prepare = (value: string): string => normalizeValue(padded ? unpad(value) : value, normalize);
  const plain = normalize.length === 0 && !padded;
  const draw = drawing(alphabet, length);
  const { encoding, bytes, characters } = digestText(alphabet, length);
  return {
    map: (value) => {
      const text = plain ? value : prepare(value);
      // UTF-8 has no lone surrogates: different ones would become one replacement character.
      if (!text.isWellFormed()) return UNFIT.malformed;
      return prefix + draw(hmac.text(text, encoding));
    },
    mapAll: (values) => {
      const results: MaskResult[] = [];
      for (let from = 0; from < values.length; from += TOGETHER) {
        const some = values.slice(from, from + TOGETHER);
        const texts = plain ? some : some.map(prepare);
        const digests = hmac.texts(texts, bytes).toString(encoding);
        for (let i = 0; i < texts.length; i++) {
          const digest = digests.slice(i * characters, (i + 1) * characters);
          results.push(texts[i]!.isWellFormed() ? prefix + draw(digest) : UNFIT.malformed);
        }
      }
      return results;
    },
  };
}

/** Characters of base64url that whole triples of a digest's bytes fill. */
const BASE64_TOGETHER = 40;

/** Tokens made together are slices of one text, which lives as long as one of them: so not too many. */
const TOGETHER = 512;

/** How a digest is printed to draw a token from, and of how many bytes and characters that is, if digests stand side by side. */
function digestText(
  alphabet: TokenAlphabet,
  length: number,
): { readonly encoding: 'base64url' | 'hex'; readonly bytes: number; readonly characters: number } {
  // Three bytes are four characters; a longer token takes the whole digest, of which the last bits stand alone.
  if (alphabet === 'base64url' && length <= BASE64_TOGETHER)
    return { encoding: 'base64url', bytes: 3 * Math.ceil(length / 4), characters: 4 * Math.ceil(length / 4) };
  if (alphabet === 'hex')
    return { encoding: 'hex', bytes: Math.ceil(length / 2), characters: 2 * Math.ceil(length / 2) };
  return { encoding: 'hex', bytes: DIGEST_BYTES, characters: 2 * DIGEST_BYTES };
}

/** From the digest (hex, or base64url) to the characters of a token. */
function drawing(alphabet: TokenAlphabet, length: number): (digest: string) => string {
  if (alphabet === 'hex') return (digest) => digest.slice(0, length);
  if (alphabet === 'base64url') {
    if (length <= BASE64_TOGETHER) return (digest) => digest.slice(0, length);
    return (digest) => Buffer.from(digest, 'hex').toString('base64url').slice(0, length);
  }
  const { characters } = alphabets[alphabet];
  const base = BigInt(characters.length);
  return (digest) => {
    let rest = BigInt(`0x${digest}`);
    let drawn = '';
    for (let i = 0; i < length; i++) {
      drawn += characters[Number(rest % base)];
      rest /= base;
    }
    return drawn;
  };
}

const FALLBACK_PREFIX = 'tok_';
export const FALLBACK_CHARACTERS = FALLBACK_PREFIX.length + 22;

/** The token that stands for a value which a format-preserving method cannot take (`short: hash`, `foreign: hash`). */
export function fallbackToken(space: KeySpace): (value: string) => string {
  const hmac = space.hmac();
  return (value) => {
    // No UTF-8 begins with 0xff: what has lone surrogates is apart from every text that has none.
    const digest = value.isWellFormed()
      ? hmac.text(value, 'base64url')
      : hmac.digest(Buffer.concat([Uint8Array.of(0xff), Buffer.from(value, 'utf16le')]), 'base64url');
    return FALLBACK_PREFIX + digest.slice(0, 22);
  };
}

function unsuitable(where: string, why: string): RowsealError {
  return new RowsealError('RS-MASK-005', { detail: `${where}: ${why}` });
}
