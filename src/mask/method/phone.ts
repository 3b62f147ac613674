import {
  type CountryCode,
  getCountries,
  getCountryCallingCode,
  Metadata,
  parsePhoneNumberFromString,
} from 'libphonenumber-js';
import { RowsealError } from '../../error/rowseal-error.ts';
import type { ColumnType } from '../../model/type.ts';
import { RankCipher } from '../cipher/rank-cipher.ts';
import type { KeySpace } from '../key-space.ts';
import { type CompiledMethod, type MaskResult, UNFIT } from '../method.ts';
import { DOMAIN_FLOOR } from './domain-floor.ts';
import { valueOrNull } from './fpe.ts';
import { unpad } from './normalize.ts';

/** Lengths of national numbers that the numbering plans of a calling code know. */
type PossibleLengths = ReadonlyMap<string, ReadonlySet<number>>;

/** Most first digits keep their meaning: so many steps without one that does have a chance below 2^-64. */
const STEPS_MAX = 422;

/** Digits, the plus, and what people write between. */
const FORM = /^\+?[\d\s().\-/]{5,40}$/;

/**
 * Phone numbers: calling code, length and punctuation stay, the national number is permuted by FF1 among the numbers of
 * its length that do not begin with 0 and, written without a plus, are read as they are written. Length decides whether
 * a number is possible, so possible numbers stay possible.
 * Written nationally or internationally, one number has one token, given the country.
 */
export function compilePhone(
  country: string | null,
  space: KeySpace,
  type: ColumnType,
  where: string,
): CompiledMethod {
  if (type.kind !== 'text')
    throw new RowsealError('RS-MASK-005', {
      detail: `${where}: phone needs text, the column is ${type.kind}`,
    });
  if (country !== null && !getCountries().includes(country as CountryCode))
    throw new RowsealError('RS-MASK-005', {
      detail: `${where}: \`${country}\` is not a country (ISO 3166, two letters)`,
    });
  const lengths = possibleLengths();
  const ciphers = new Map<string, RankCipher>();
  const cipherOf = (code: string, zeros: number, digits: number, size: bigint): RankCipher => {
    const form = `phone ${code} ${zeros} ${digits}`;
    let cipher = ciphers.get(form);
    if (cipher === undefined) {
      cipher = new RankCipher(space.secret('fpe', 32), size, Buffer.from(form));
      ciphers.set(form, cipher);
    }
    return cipher;
  };
  const apply = (value: string, direction: 'encrypt' | 'decrypt'): MaskResult => {
    const text = value.trim();
    if (!FORM.test(text)) return UNFIT.foreign;
    const read = text.startsWith('+') ? international : national;
    const number = read(text, country, lengths);
    if (number === null) return UNFIT.foreign;
    const zeros = /^0*/.exec(number.national)![0].length;
    const significant = number.national.slice(zeros);
    // First digit 1 to 9, the others free: 9 × 10^(n-1).
    const size = 9n * 10n ** BigInt(Math.max(0, significant.length - 1));
    if (significant.length === 0 || size < DOMAIN_FLOOR) return UNFIT.short;
    const least = size / 9n;
    const cipher = cipherOf(number.code, zeros, significant.length, size);
    let rank = BigInt(significant) - least;
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      const masked = cipher[direction](rank);
      if (masked === null) break;
      rank = masked;
      const digits = String(masked + least);
      const written = withLastDigits(text, digits);
      // Written nationally, other digits can mean another prefix: then the walk goes on, until it is read as written.
      const again = read === international ? null : national(written, country, lengths);
      if (
        read === international ||
        (again?.code === number.code && again.national === '0'.repeat(zeros) + digits)
      )
        return text === value ? written : value.replace(text, () => written);
    }
    return UNFIT.range;
  };
  return {
    transform: { kind: 'map', map: (value) => apply(type.padded ? unpad(value) : value, 'encrypt') },
    type: { kind: 'text', maxLength: type.maxLength, padded: false },
    injective: true,
    reversible: true,
    reverse: (token) => valueOrNull(apply(token, 'decrypt')),
    description: { method: 'phone', domain: space.name, country },
  };
}

interface PhoneNumber {
  readonly code: string;
  readonly national: string;
}

/** Calling codes are prefix-free, of one to three digits (ITU-T E.164). */
function international(text: string, _country: string | null, lengths: PossibleLengths): PhoneNumber | null {
  const digits = text.replace(/\D/g, '');
  for (let width = 1; width <= 3; width++) {
    const code = digits.slice(0, width);
    const possible = lengths.get(code);
    if (possible === undefined) continue;
    const national = digits.slice(width);
    return possible.has(national.length) ? { code, national } : null;
  }
  return null;
}

/** A number without its calling code, by the country's own rules for prefixes. */
function national(text: string, country: string | null, lengths: PossibleLengths): PhoneNumber | null {
  if (country === null) return null;
  const parsed = parsePhoneNumberFromString(text, country as CountryCode);
  if (parsed === undefined || parsed.ext !== undefined) return null;
  const code = parsed.countryCallingCode;
  // What is replaced are the last digits; a plan that rewrites more than a prefix is left alone.
  if (!text.replace(/\D/g, '').endsWith(parsed.nationalNumber)) return null;
  return lengths.get(code)?.has(parsed.nationalNumber.length) === true
    ? { code, national: parsed.nationalNumber }
    : null;
}

/** Replaces as many digits as given, counted from the end; all else stays. */
function withLastDigits(text: string, digits: string): string {
  const characters = [...text];
  let left = digits.length;
  for (let i = characters.length - 1; i >= 0 && left > 0; i--) {
    if (/\d/.test(characters[i]!)) characters[i] = digits[--left]!;
  }
  return characters.join('');
}

let remembered: PossibleLengths | null = null;

/** From libphonenumber's metadata; made once, on first use. */
function possibleLengths(): PossibleLengths {
  if (remembered !== null) return remembered;
  const lengths = new Map<string, Set<number>>();
  const metadata = new Metadata();
  for (const country of getCountries()) {
    const code = getCountryCallingCode(country);
    metadata.selectNumberingPlan(country);
    const set = lengths.get(code) ?? new Set();
    for (const length of metadata.numberingPlan?.possibleLengths() ?? []) set.add(length);
    lengths.set(code, set);
  }
  remembered = lengths;
  return lengths;
}

/** A number with a plus, of a length that its calling code knows. */
export function isPossibleInternational(text: string): boolean {
  return FORM.test(text) && international(text, null, possibleLengths()) !== null;
}
