/** Words of a block. */
const WORDS = 4;

const { sbox, t0, t1, t2, t3 } = tables();

/**
 * AES (FIPS 197), the forward cipher on single blocks with the key schedule kept: FF1, CMAC and counter mode need
 * nothing else. A call through node:crypto costs more than the block itself. By tables, as most JavaScript ciphers do:
 * not constant in time, so not for keys that an attacker on the same core may time.
 */
export class Aes {
  readonly #schedule: Uint32Array;
  readonly #rounds: number;

  /** @param key 16, 24 or 32 bytes */
  constructor(key: Uint8Array) {
    if (key.length !== 16 && key.length !== 24 && key.length !== 32)
      throw new RangeError('an AES key has 16, 24 or 32 bytes');
    const words = key.length / 4;
    this.#rounds = words + 6;
    this.#schedule = new Uint32Array(WORDS * (this.#rounds + 1));
    const w = this.#schedule;
    for (let i = 0; i < words; i++)
      w[i] = (key[4 * i]! << 24) | (key[4 * i + 1]! << 16) | (key[4 * i + 2]! << 8) | key[4 * i + 3]!;
    let constant = 1;
    for (let i = words; i < w.length; i++) {
      let word = w[i - 1]!;
      if (i % words === 0) {
        word = substitute((word << 8) | (word >>> 24)) ^ (constant << 24);
        constant = (constant << 1) ^ (constant & 0x80 ? 0x11b : 0);
      } else if (words === 8 && i % words === 4) word = substitute(word);
      w[i] = w[i - words]! ^ word;
    }
  }

  /** Encrypts a block of four big-endian words in place. */
  encrypt(block: Uint32Array): void {
    const w = this.#schedule;
    let a = block[0]! ^ w[0]!;
    let b = block[1]! ^ w[1]!;
    let c = block[2]! ^ w[2]!;
    let d = block[3]! ^ w[3]!;
    let k = 4;
    for (let round = 1; round < this.#rounds; round++, k += 4) {
      const e = t0[a >>> 24]! ^ t1[(b >>> 16) & 0xff]! ^ t2[(c >>> 8) & 0xff]! ^ t3[d & 0xff]! ^ w[k]!;
      const f = t0[b >>> 24]! ^ t1[(c >>> 16) & 0xff]! ^ t2[(d >>> 8) & 0xff]! ^ t3[a & 0xff]! ^ w[k + 1]!;
      const g = t0[c >>> 24]! ^ t1[(d >>> 16) & 0xff]! ^ t2[(a >>> 8) & 0xff]! ^ t3[b & 0xff]! ^ w[k + 2]!;
      d = t0[d >>> 24]! ^ t1[(a >>> 16) & 0xff]! ^ t2[(b >>> 8) & 0xff]! ^ t3[c & 0xff]! ^ w[k + 3]!;
      a = e;
      b = f;
      c = g;
    }
    block[0] = last(a, b, c, d) ^ w[k]!;
    block[1] = last(b, c, d, a) ^ w[k + 1]!;
    block[2] = last(c, d, a, b) ^ w[k + 2]!;
    block[3] = last(d, a, b, c) ^ w[k + 3]!;
  }
}

function last(a: number, b: number, c: number, d: number): number {
  return (
    (sbox[a >>> 24]! << 24) |
    (sbox[(b >>> 16) & 0xff]! << 16) |
    (sbox[(c >>> 8) & 0xff]! << 8) |
    sbox[d & 0xff]!
  );
}

function substitute(word: number): number {
  return last(word, word, word, word);
}

/** The S-box from inverses in GF(2^8), and the four tables that join it with MixColumns. */
function tables(): {
  readonly sbox: Uint8Array;
  readonly t0: Uint32Array;
  readonly t1: Uint32Array;
  readonly t2: Uint32Array;
  readonly t3: Uint32Array;
} {
  const power = new Uint8Array(256);
  const log = new Uint8Array(256);
  // 3 generates the field's multiplicative group.
  for (let i = 0, x = 1; i < 256; i++) {
    power[i] = x;
    log[x] = i;
    x ^= (x << 1) ^ (x & 0x80 ? 0x11b : 0);
  }
  const sbox = new Uint8Array(256);
  const [t0, t1, t2, t3] = [0, 1, 2, 3].map(() => new Uint32Array(256)) as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ];
  for (let i = 0; i < 256; i++) {
    let x = i === 0 ? 0 : power[255 - (i === 1 ? 255 : log[i]!)]!;
    x |= x << 8;
    const s = (x ^ (x >> 4) ^ (x >> 5) ^ (x >> 6) ^ (x >> 7) ^ 0x63) & 0xff;
    sbox[i] = s;
    const twice = ((s << 1) ^ (s & 0x80 ? 0x11b : 0)) & 0xff;
    const word = ((twice << 24) | (s << 16) | (s << 8) | (twice ^ s)) >>> 0;
    t0[i] = word;
    t1[i] = (word >>> 8) | (word << 24);
    t2[i] = (word >>> 16) | (word << 16);
    t3[i] = (word >>> 24) | (word << 8);
  }
  return { sbox, t0, t1, t2, t3 };
}
