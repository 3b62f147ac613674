import { Ff1, type Ff1Permutation } from './ff1.ts';

/** Walking on from a value outside the set ends within this many steps but for a chance below 2^-64 (mean under 1.1). */
const STEPS_MAX = 422;

/**
 * A permutation of the integers 0 ≤ rank < size by FF1 and cycle walking: numerals of the smallest radix whose power just
 * covers the size, so that nearly every first answer already lies inside.
 */
export class RankCipher {
  readonly #size: bigint;
  readonly #radix: bigint;
  readonly #numerals: Uint16Array;
  readonly #permutation: Ff1Permutation;

  /** @param size at least 100 */
  constructor(key: Uint8Array, size: bigint, tweak: Uint8Array) {
    const { radix, length } = cover(size);
    this.#size = size;
    this.#radix = BigInt(radix);
    this.#numerals = new Uint16Array(length);
    this.#permutation = new Ff1(key, radix).permutation(length, tweak);
  }

  /** null: no answer within the bound of steps. */
  encrypt(rank: bigint): bigint | null {
    return this.#walk(rank, (numerals) => this.#permutation.encrypt(numerals));
  }

  decrypt(rank: bigint): bigint | null {
    return this.#walk(rank, (numerals) => this.#permutation.decrypt(numerals));
  }

  #walk(rank: bigint, step: (numerals: Uint16Array) => void): bigint | null {
    const numerals = this.#numerals;
    let rest = rank;
    for (let i = numerals.length - 1; i >= 0; i--) {
      numerals[i] = Number(rest % this.#radix);
      rest /= this.#radix;
    }
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      step(numerals);
      let number = 0n;
      for (const numeral of numerals) number = number * this.#radix + BigInt(numeral);
      if (number < this.#size) return number;
    }
    return null;
  }
}

/** The fewest numerals of at most 16 bits, and for them the smallest radix with radix^length ≥ size. */
function cover(size: bigint): { readonly radix: number; readonly length: number } {
  for (let length = 2; ; length++) {
    if (65_536n ** BigInt(length) < size) continue;
    let [low, high] = [2, 65_536];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (BigInt(middle) ** BigInt(length) >= size) high = middle;
      else low = middle + 1;
    }
    return { radix: low, length };
  }
}
