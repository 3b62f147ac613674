import { RowsealError } from '../../error/rowseal-error.ts';
import type { ColumnType } from '../../model/type.ts';
import { Ff1, type Ff1Permutation } from '../cipher/ff1.ts';
import { RankCipher } from '../cipher/rank-cipher.ts';
import type { KeySpace } from '../key-space.ts';
import { type CompiledMethod, type MaskResult, UNFIT } from '../method.ts';
import type { MethodDocument } from '../policy-document.ts';
import { Alphabet, FOREIGN, SEPARATOR } from './alphabet.ts';
import { leastFree, requireFloor, requireSize } from './domain-floor.ts';
import { normalizeValue, unpad } from './normalize.ts';

/** Longer texts are no identifiers; FF1's cost grows with the square of the length. */
const CHARACTERS_MAX = 512;

type FpeOptions = Omit<Extract<MethodDocument, { method: 'fpe' }>, 'method' | 'min' | 'max'>;

/**
 * FF1 on the characters of an alphabet; separators and kept characters stay where they are, and the kept ones are
 * part of the tweak. With `luhn` the check sum of the whole stays what it was, right or wrong, so valid numbers stay
 * valid: the last free digit is solved for, the others are encrypted.
 *
 * @throws RowsealError RS-MASK-005, -008
 */
export function compileFpe(
  options: FpeOptions & { readonly minCharacters?: number; readonly maxCharacters?: number },
  space: KeySpace,
  type: ColumnType,
  where: string,
): CompiledMethod {
  if (type.kind !== 'text')
    throw new RowsealError('RS-MASK-005', {
      detail: `${where}: fpe needs text or an integer, the column is ${type.kind}`,
    });
  const { keepFirst, keepLast, checkDigit, normalize } = options;
  const alphabet = new Alphabet(options.alphabet, options.separators, where);
  const { radix } = alphabet;
  const check = checkDigit === 'luhn' ? 1 : 0;
  if (check === 1 && options.alphabet !== 'digits')
    throw new RowsealError('RS-MASK-005', { detail: `${where}: a Luhn digit needs the alphabet digits` });
  const floor = { radix, keepFirst, keepLast, check };
  if (type.maxLength !== null) requireFloor(where, { ...floor, total: type.maxLength });
  if (options.minCharacters !== undefined) requireFloor(where, { ...floor, total: options.minCharacters });
  const least = Math.max(options.minCharacters ?? 0, leastFree(radix) + keepFirst + keepLast + check);
  const most = options.maxCharacters ?? CHARACTERS_MAX;
  const cipher = new TextCipher(new Ff1(space.secret('fpe', 32), radix), keepFirst, keepLast, check === 1);
  const numerals = new Uint16Array(CHARACTERS_MAX);

  const apply = (value: string, direction: 'encrypt' | 'decrypt'): MaskResult => {
    const plain = type.padded ? unpad(value) : value;
    const text = normalize.length === 0 ? plain : normalizeValue(plain, normalize);
    let count = 0;
    for (let i = 0; i < text.length; i++) {
      const code = text.codePointAt(i)!;
      if (code > 0xffff) i++;
      const numeral = alphabet.numeral(code);
      if (numeral === FOREIGN) return UNFIT.foreign;
      if (numeral === SEPARATOR) continue;
      if (count === most) return UNFIT.range;
      numerals[count++] = numeral;
    }
    if (count < least) return UNFIT.short;
    cipher.apply(numerals, count, direction);
    let masked = '';
    for (let i = 0, k = 0; i < text.length; i++) {
      const code = text.codePointAt(i)!;
      if (code > 0xffff) i++;
      masked +=
        alphabet.numeral(code) === SEPARATOR
          ? String.fromCodePoint(code)
          : alphabet.character(numerals[k++]!);
    }
    return masked;
  };
  return {
    transform: { kind: 'map', map: (value) => apply(value, 'encrypt') },
    type: { kind: 'text', maxLength: type.maxLength, padded: false },
    injective: true,
    reversible: true,
    reverse: (token) => valueOrNull(apply(token, 'decrypt')),
    description: {
      method: 'fpe',
      domain: space.name,
      alphabet: options.alphabet,
      keep_first: keepFirst,
      keep_last: keepLast,
      check_digit: checkDigit,
      separators: options.separators,
      normalize,
    },
  };
}

/** FF1 on the integers min to max; the default is from 0 to the largest of the type. @throws RowsealError RS-MASK-005, -008 */
export function compileIntegerFpe(
  options: { readonly min: string | null; readonly max: string | null },
  space: KeySpace,
  type: Extract<ColumnType, { kind: 'int' }>,
  where: string,
): CompiledMethod {
  const bits = BigInt(type.bits);
  const most = type.unsigned ? (1n << bits) - 1n : (1n << (bits - 1n)) - 1n;
  const least = type.unsigned ? 0n : -most - 1n;
  const min = options.min === null ? 0n : BigInt(options.min);
  const max = options.max === null ? most : BigInt(options.max);
  if (min < least || max > most || min > max)
    throw new RowsealError('RS-MASK-005', {
      detail: `${where}: ${min} to ${max} is no range of the type (${least} to ${most})`,
    });
  const size = max - min + 1n;
  requireSize(where, size, `the integers ${min} to ${max}`);
  const cipher = new RankCipher(space.secret('fpe', 32), size, Buffer.from(`int ${min} ${max}`));
  const apply = (value: string, direction: 'encrypt' | 'decrypt'): MaskResult => {
    if (!/^-?\d{1,20}$/.test(value)) return UNFIT.foreign;
    const number = BigInt(value);
    if (number < min || number > max) return UNFIT.foreign;
    const masked = cipher[direction](number - min);
    return masked === null ? UNFIT.range : String(masked + min);
  };
  return {
    transform: { kind: 'map', map: (value) => apply(value, 'encrypt') },
    type,
    injective: true,
    reversible: true,
    reverse: (token) => valueOrNull(apply(token, 'decrypt')),
    description: { method: 'fpe', domain: space.name, min: String(min), max: String(max) },
  };
}

export function valueOrNull(result: MaskResult): string | null {
  return typeof result === 'string' ? result : null;
}

/** FF1 between kept characters, over numerals. */
class TextCipher {
  readonly #ff1: Ff1;
  readonly #keepFirst: number;
  readonly #keepLast: number;
  readonly #luhn: boolean;
  /** Permutations without kept characters, by number of free ones and check sum. */
  readonly #prepared = new Map<number, Ff1Permutation>();

  constructor(ff1: Ff1, keepFirst: number, keepLast: number, luhn: boolean) {
    this.#ff1 = ff1;
    this.#keepFirst = keepFirst;
    this.#keepLast = keepLast;
    this.#luhn = luhn;
  }

  apply(numerals: Uint16Array, count: number, direction: 'encrypt' | 'decrypt'): void {
    const from = this.#keepFirst;
    const to = count - this.#keepLast;
    const sum = this.#luhn ? luhnSum(numerals, count) : 0;
    const free = numerals.subarray(from, this.#luhn ? to - 1 : to);
    this.#permutation(numerals, count, free.length, sum)[direction](free);
    if (this.#luhn) solveLuhn(numerals, count, to - 1, sum);
  }

  #permutation(numerals: Uint16Array, count: number, free: number, sum: number): Ff1Permutation {
    if (this.#keepFirst + this.#keepLast > 0)
      return this.#ff1.permutation(free, this.#tweak(numerals, count, sum));
    const key = free * 10 + sum;
    let permutation = this.#prepared.get(key);
    if (permutation === undefined) {
      permutation = this.#ff1.permutation(free, this.#tweak(numerals, count, sum));
      this.#prepared.set(key, permutation);
    }
    return permutation;
  }

  /** Kept characters, each list after its length, and the check sum; the domain is in the key, the length in FF1. */
  #tweak(numerals: Uint16Array, count: number, sum: number): Uint8Array {
    const wide = [this.#keepFirst, ...numerals.subarray(0, this.#keepFirst)];
    wide.push(this.#keepLast, ...numerals.subarray(count - this.#keepLast, count), sum);
    const tweak = new Uint8Array(wide.length * (this.#luhn ? 1 : 2));
    // Digits and sums fit a byte; numerals of any alphabet fit two.
    if (this.#luhn) tweak.set(wide);
    else for (const [i, part] of wide.entries()) tweak.set([part >>> 8, part & 0xff], 2 * i);
    return tweak;
  }
}

/** What a digit adds at a doubled place: its double's digits summed (ISO/IEC 7812-1, annex B). */
const DOUBLED = [0, 2, 4, 6, 8, 1, 3, 5, 7, 9];

/** Luhn's sum modulo 10 of all digits: 0 for a valid number. */
export function luhnSum(digits: Uint16Array, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += (count - i) % 2 === 0 ? DOUBLED[digits[i]!]! : digits[i]!;
  return sum % 10;
}

/** Sets the digit at `at` so that the sum of all is `sum`: there is exactly one. */
function solveLuhn(digits: Uint16Array, count: number, at: number, sum: number): void {
  digits[at] = 0;
  const missing = (sum + 10 - luhnSum(digits, count)) % 10;
  digits[at] = (count - at) % 2 === 0 ? DOUBLED.indexOf(missing) : missing;
}
