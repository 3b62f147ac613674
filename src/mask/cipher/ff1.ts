import { Aes } from './aes.ts';

const ROUNDS = 10;
/**
 * Largest modulus of the arithmetic in doubles. A step is `(rest * 2^16 + half) % modulus` with `rest < modulus` and
 * `half < 2^16`: at most modulus * 2^16 - 1, which a double holds exactly up to 2^53. So modulus ≤ 2^37.
 */
const EXACT_MODULUS = 2 ** 37;

/**
 * FF1 (NIST SP 800-38G, algorithm 7 and 8): a permutation of the numeral strings of one length. The standard's own
 * floor of radix^length ≥ 100 holds here; the floor of a million is the business of who chooses the domain.
 */
export class Ff1 {
  readonly #aes: Aes;
  readonly #radix: number;

  /** @param key 16, 24 or 32 bytes @param radix 2 to 65,536 */
  constructor(key: Uint8Array, radix: number) {
    if (!Number.isInteger(radix) || radix < 2 || radix > 65_536) throw new RangeError('radix');
    this.#aes = new Aes(key);
    this.#radix = radix;
  }

  /** The permutation of strings of `length` numerals under a tweak, its fixed blocks encrypted ahead. */
  permutation(length: number, tweak: Uint8Array): Ff1Permutation {
    if (
      !Number.isInteger(length) ||
      length < 2 ||
      length > 0xffff ||
      length * Math.log2(this.#radix) < Math.log2(100)
    )
      throw new RangeError('length');
    const half = this.#radix ** Math.ceil(length / 2);
    const form = new Ff1Form(this.#aes, this.#radix, length, tweak);
    return half <= EXACT_MODULUS ? new DoublePermutation(form) : new BigPermutation(form);
  }
}

export interface Ff1Permutation {
  /** In place; every numeral below the radix. */
  encrypt(numerals: Uint16Array): void;
  decrypt(numerals: Uint16Array): void;
}

/** What all rounds of one permutation share. */
class Ff1Form {
  readonly aes: Aes;
  readonly radix: number;
  /** Lengths of the halves. */
  readonly u: number;
  readonly v: number;
  /** Bytes of a half as a number, and bytes taken of the pseudo-random function. */
  readonly b: number;
  readonly d: number;
  /** CBC-MAC over all whole blocks that do not change from round to round. */
  readonly state: Uint32Array;
  /** What is left: the rest of the tweak and zeros; then come the round and the number, up to a block's end. */
  readonly tail: Uint8Array;

  constructor(aes: Aes, radix: number, length: number, tweak: Uint8Array) {
    this.aes = aes;
    this.radix = radix;
    this.u = Math.floor(length / 2);
    this.v = length - this.u;
    this.b = Math.ceil(bitLength(radix, this.v) / 8);
    this.d = 4 * Math.ceil(this.b / 4) + 4;
    const padding = (((-tweak.length - this.b - 1) % 16) + 16) % 16;
    const fixed = new Uint8Array(16 + tweak.length + padding + 1 + this.b);
    fixed.set([1, 2, 1, radix >>> 16, radix >>> 8, radix, ROUNDS, this.u % 256]);
    const view = new DataView(fixed.buffer);
    view.setUint32(8, length);
    view.setUint32(12, tweak.length);
    fixed.set(tweak, 16);
    // The round and the number take the last b + 1 bytes; what lies in whole blocks before them never changes.
    const variable = fixed.length - this.b - 1;
    const whole = variable - (variable % 16);
    this.state = new Uint32Array(4);
    absorb(aes, this.state, fixed, 0, whole);
    this.tail = fixed.subarray(whole);
  }
}

/** Bits of radix^length - 1, as the standard's ceil(length * log2(radix)), exactly. */
function bitLength(radix: number, length: number): number {
  if (length * Math.log2(radix) < 50) return Math.ceil(Math.log2(radix ** length));
  return (BigInt(radix) ** BigInt(length) - 1n).toString(2).length;
}

function absorb(aes: Aes, state: Uint32Array, bytes: Uint8Array, from: number, to: number): void {
  for (let at = from; at < to; at += 16) {
    for (let w = 0; w < 4; w++) {
      const i = at + 4 * w;
      state[w]! ^= (bytes[i]! << 24) | (bytes[i + 1]! << 16) | (bytes[i + 2]! << 8) | bytes[i + 3]!;
    }
    aes.encrypt(state);
  }
}

/** Halves up to 2^37: a half fits five bytes, so that round and number fill one block and one AES call makes a round. */
class DoublePermutation implements Ff1Permutation {
  readonly #form: Ff1Form;
  /** The last block with zeros for round and number, joined with the state. */
  readonly #base = new Uint32Array(4);
  readonly #block = new Uint32Array(4);
  readonly #roundWord: number;
  readonly #roundShift: number;
  readonly #moduli: readonly [number, number];

  constructor(form: Ff1Form) {
    this.#form = form;
    this.#base.set(form.state);
    for (let i = 0; i < 16; i++) this.#base[i >> 2]! ^= form.tail[i]! << (24 - 8 * (i & 3));
    const at = 15 - form.b;
    this.#roundWord = at >> 2;
    this.#roundShift = 24 - 8 * (at & 3);
    this.#moduli = [form.radix ** form.u, form.radix ** form.v];
  }

  encrypt(numerals: Uint16Array): void {
    const { u, v, radix } = this.#form;
    let a = read(numerals, 0, u, radix);
    let b = read(numerals, u, u + v, radix);
    for (let round = 0; round < ROUNDS; round++) {
      const modulus = this.#moduli[(round & 1) as 0 | 1];
      const sum = a + this.#random(round, b, modulus);
      a = b;
      b = sum >= modulus ? sum - modulus : sum;
    }
    write(numerals, 0, u, radix, a);
    write(numerals, u, u + v, radix, b);
  }

  decrypt(numerals: Uint16Array): void {
    const { u, v, radix } = this.#form;
    let a = read(numerals, 0, u, radix);
    let b = read(numerals, u, u + v, radix);
    for (let round = ROUNDS - 1; round >= 0; round--) {
      const modulus = this.#moduli[(round & 1) as 0 | 1];
      const difference = b - this.#random(round, a, modulus);
      b = a;
      a = difference < 0 ? difference + modulus : difference;
    }
    write(numerals, 0, u, radix, a);
    write(numerals, u, u + v, radix, b);
  }

  /** The round's pseudo-random number below the modulus. */
  #random(round: number, half: number, modulus: number): number {
    const block = this.#block;
    const base = this.#base;
    const { d } = this.#form;
    block[0] = base[0]!;
    block[1] = base[1]!;
    block[2] = base[2]! ^ Math.floor(half / 0x1_0000_0000);
    block[3] = base[3]! ^ (half >>> 0);
    block[this.#roundWord]! ^= round << this.#roundShift;
    this.#form.aes.encrypt(block);
    let rest = 0;
    for (let word = 0; word < d >> 2; word++) {
      const value = block[word]!;
      rest = (rest * 0x1_0000 + (value >>> 16)) % modulus;
      rest = (rest * 0x1_0000 + (value & 0xffff)) % modulus;
    }
    return rest;
  }
}

function read(numerals: Uint16Array, from: number, to: number, radix: number): number {
  let number = 0;
  for (let i = from; i < to; i++) number = number * radix + numerals[i]!;
  return number;
}

function write(numerals: Uint16Array, from: number, to: number, radix: number, number: number): void {
  for (let i = to - 1; i >= from; i--) {
    const rest = Math.floor(number / radix);
    numerals[i] = number - rest * radix;
    number = rest;
  }
}

/** Any size, with big integers. */
class BigPermutation implements Ff1Permutation {
  readonly #form: Ff1Form;
  readonly #moduli: readonly [bigint, bigint];

  constructor(form: Ff1Form) {
    this.#form = form;
    const radix = BigInt(form.radix);
    this.#moduli = [radix ** BigInt(form.u), radix ** BigInt(form.v)];
  }

  encrypt(numerals: Uint16Array): void {
    const { u, v, radix } = this.#form;
    let a = readBig(numerals, 0, u, radix);
    let b = readBig(numerals, u, u + v, radix);
    for (let round = 0; round < ROUNDS; round++) {
      const c = (a + this.#random(round, b)) % this.#moduli[(round & 1) as 0 | 1];
      a = b;
      b = c;
    }
    writeBig(numerals, 0, u, radix, a);
    writeBig(numerals, u, u + v, radix, b);
  }

  decrypt(numerals: Uint16Array): void {
    const { u, v, radix } = this.#form;
    let a = readBig(numerals, 0, u, radix);
    let b = readBig(numerals, u, u + v, radix);
    for (let round = ROUNDS - 1; round >= 0; round--) {
      const modulus = this.#moduli[(round & 1) as 0 | 1];
      const c = (((b - this.#random(round, a)) % modulus) + modulus) % modulus;
      b = a;
      a = c;
    }
    writeBig(numerals, 0, u, radix, a);
    writeBig(numerals, u, u + v, radix, b);
  }

  #random(round: number, half: bigint): bigint {
    const { aes, state, tail, b, d } = this.#form;
    const bytes = Uint8Array.from(tail);
    bytes[bytes.length - b - 1] = round;
    const hex = half.toString(16).padStart(2 * b, '0');
    for (let i = 0; i < b; i++)
      bytes[bytes.length - b + i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
    const r = Uint32Array.from(state);
    absorb(aes, r, bytes, 0, bytes.length);
    let random = wordsHex(r);
    for (let j = 1; random.length < 2 * d; j++) {
      const more = Uint32Array.from(r);
      more[3]! ^= j;
      aes.encrypt(more);
      random += wordsHex(more);
    }
    return BigInt(`0x${random.slice(0, 2 * d)}`);
  }
}

function wordsHex(words: Uint32Array): string {
  let hex = '';
  for (const word of words) hex += word.toString(16).padStart(8, '0');
  return hex;
}

function readBig(numerals: Uint16Array, from: number, to: number, radix: number): bigint {
  let number = 0n;
  for (let i = from; i < to; i++) number = number * BigInt(radix) + BigInt(numerals[i]!);
  return number;
}

function writeBig(numerals: Uint16Array, from: number, to: number, radix: number, number: bigint): void {
  for (let i = to - 1; i >= from; i--) {
    numerals[i] = Number(number % BigInt(radix));
    number /= BigInt(radix);
  }
}
