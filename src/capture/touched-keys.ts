/** Bits of the filter: 1 MiB of memory, one wrong answer in fifty at a million keys. */
const BITS = 1 << 23;

/**
 * Which row keys the stream has named since the copy of a table began, in fixed memory: a Bloom filter. `mayHave` can be
 * wrong in one direction only. It decides whether a copied row may already be in the sinks and must replace what is there;
 * replacing where nothing is costs a look-up, never a row.
 */
export class TouchedKeys {
  readonly #words = new Uint32Array(BITS / 32);
  #any = false;

  /** Every key may have been touched: what an earlier process streamed is not known any more. */
  static all(): TouchedKeys {
    const keys = new TouchedKeys();
    keys.#words.fill(0xffff_ffff);
    keys.#any = true;
    return keys;
  }

  add(key: string): void {
    this.#any = true;
    const [a, b] = hashes(key);
    for (let i = 0; i < 4; i++) {
      const bit = (a + Math.imul(i, b)) >>> 9;
      this.#words[bit >>> 5]! |= 1 << (bit & 31);
    }
  }

  mayHave(key: string): boolean {
    if (!this.#any) return false;
    const [a, b] = hashes(key);
    for (let i = 0; i < 4; i++) {
      const bit = (a + Math.imul(i, b)) >>> 9;
      if ((this.#words[bit >>> 5]! & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }
}

/** Two 32-bit FNV-1a hashes of different seeds; the second one odd. */
function hashes(key: string): readonly [number, number] {
  let a = 0x811c9dc5;
  let b = 0x9747b28c;
  for (let i = 0; i < key.length; i++) {
    const unit = key.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b ^ unit, 0x85ebca6b);
  }
  // FNV leaves the upper bits of short keys alike.
  a ^= a >>> 15;
  a = Math.imul(a, 0x2c1b3c6d);
  a ^= a >>> 12;
  b ^= b >>> 13;
  return [a >>> 0, (b | 1) >>> 0];
}
