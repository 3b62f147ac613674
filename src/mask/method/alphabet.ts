import { RowsealError } from '../../error/rowseal-error.ts';

const DIGITS = '0123456789';
const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const UPPER = LOWER.toUpperCase();

/** Alphabets with a name, and the characters that are commonly written between theirs. */
export const namedAlphabets: ReadonlyMap<
  string,
  { readonly characters: string; readonly separators: string }
> = new Map([
  ['digits', { characters: DIGITS, separators: ' -./()' }],
  ['hex', { characters: `${DIGITS}abcdef`, separators: '-:' }],
  ['lower', { characters: LOWER, separators: " -'" }],
  ['upper', { characters: UPPER, separators: " -'" }],
  ['letters', { characters: LOWER + UPPER, separators: " -'." }],
  ['lower_alphanumeric', { characters: DIGITS + LOWER, separators: ' -._' }],
  ['upper_alphanumeric', { characters: DIGITS + UPPER, separators: ' -._' }],
  ['alphanumeric', { characters: DIGITS + LOWER + UPPER, separators: ' -._' }],
]);

/** Tells characters of an alphabet from separators and from foreign ones, by code point. */
export class Alphabet {
  readonly radix: number;
  readonly #characters: readonly string[];
  readonly #low = new Int32Array(128).fill(FOREIGN);
  readonly #high = new Map<number, number>();

  /**
   * @param alphabet a name, or the characters themselves (each once) @param separators null: the named alphabet's own
   * @throws RowsealError RS-MASK-005
   */
  constructor(alphabet: string, separators: string | null, where: string) {
    const named = namedAlphabets.get(alphabet);
    this.#characters = [...(named?.characters ?? alphabet)];
    this.radix = this.#characters.length;
    if (this.radix < 2 || new Set(this.#characters).size !== this.radix) {
      throw new RowsealError('RS-MASK-005', {
        detail: `${where}: an alphabet is one of ${[...namedAlphabets.keys()].join(', ')}, or at least two different characters`,
      });
    }
    for (const [numeral, character] of this.#characters.entries()) this.#set(character, numeral);
    for (const separator of separators ?? named?.separators ?? '') {
      if (this.#characters.includes(separator))
        throw new RowsealError('RS-MASK-005', { detail: `${where}: a separator is also in the alphabet` });
      this.#set(separator, SEPARATOR);
    }
  }

  /** A numeral, {@link SEPARATOR} or {@link FOREIGN}. */
  numeral(codePoint: number): number {
    return codePoint < 128 ? this.#low[codePoint]! : (this.#high.get(codePoint) ?? FOREIGN);
  }

  character(numeral: number): string {
    return this.#characters[numeral]!;
  }

  #set(character: string, numeral: number): void {
    const code = character.codePointAt(0)!;
    if (code < 128) this.#low[code] = numeral;
    else this.#high.set(code, numeral);
  }
}

export const FOREIGN = -1;
export const SEPARATOR = -2;
