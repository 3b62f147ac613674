import { timingSafeEqual } from 'node:crypto';
import { Aes } from './aes.ts';

const TAG_BYTES = 16;

/**
 * AES-SIV (RFC 5297): deterministic authenticated encryption. Equal plaintexts have equal ciphertexts, and a changed
 * one is refused. Associated data is fixed at the start, its part of S2V computed once.
 */
export class AesSiv {
  readonly #mac: Aes;
  readonly #counter: Aes;
  /** The two CMAC subkeys (RFC 4493 §2.3). */
  readonly #k1: Uint8Array;
  readonly #k2: Uint8Array;
  /** S2V over the associated data. */
  readonly #prefix: Uint8Array;
  readonly #block = new Uint32Array(4);

  /** @param key 32, 48 or 64 bytes: the MAC's half, then the counter's */
  constructor(key: Uint8Array, associatedData: readonly Uint8Array[]) {
    this.#mac = new Aes(key.subarray(0, key.length / 2));
    this.#counter = new Aes(key.subarray(key.length / 2));
    const zero = new Uint8Array(16);
    this.#k1 = doubled(this.#encrypted(zero));
    this.#k2 = doubled(this.#k1);
    let d = this.#cmac(zero, zero.length, null);
    for (const data of associatedData) {
      d = doubled(d);
      const mac = this.#cmac(data, data.length, null);
      for (let i = 0; i < 16; i++) d[i]! ^= mac[i]!;
    }
    this.#prefix = d;
  }

  /** The synthetic IV (16 bytes), then as many bytes as the plaintext has. */
  seal(plaintext: Uint8Array): Buffer {
    const sealed = Buffer.allocUnsafe(TAG_BYTES + plaintext.length);
    sealed.set(this.#s2v(plaintext));
    sealed.set(plaintext, TAG_BYTES);
    this.#count(sealed);
    return sealed;
  }

  /** null: not sealed under this key and data, or changed since. */
  open(sealed: Uint8Array): Buffer | null {
    if (sealed.length < TAG_BYTES) return null;
    const opened = Buffer.from(sealed);
    this.#count(opened);
    const plaintext = opened.subarray(TAG_BYTES);
    return timingSafeEqual(this.#s2v(plaintext), sealed.subarray(0, TAG_BYTES)) ? plaintext : null;
  }

  /** RFC 5297 §2.4, the last step. */
  #s2v(plaintext: Uint8Array): Uint8Array {
    if (plaintext.length >= 16) return this.#cmac(plaintext, plaintext.length, this.#prefix);
    const last = doubled(this.#prefix);
    for (let i = 0; i < plaintext.length; i++) last[i]! ^= plaintext[i]!;
    last[plaintext.length]! ^= 0x80;
    return this.#cmac(last, 16, null);
  }

  /** CMAC (RFC 4493) of the bytes, the last sixteen of which are joined with `end` first (xorend of RFC 5297). */
  #cmac(bytes: Uint8Array, length: number, end: Uint8Array | null): Uint8Array {
    const block = this.#block.fill(0);
    const blocks = Math.max(1, Math.ceil(length / 16));
    const whole = length === blocks * 16;
    const tail = whole ? this.#k1 : this.#k2;
    const joined = end === null ? Number.POSITIVE_INFINITY : length - 16;
    for (let n = 0; n < blocks; n++) {
      const from = n * 16;
      const final = n === blocks - 1;
      if (!final && from + 16 <= joined) {
        for (let w = 0, i = from; w < 4; w++, i += 4)
          block[w]! ^= (bytes[i]! << 24) | (bytes[i + 1]! << 16) | (bytes[i + 2]! << 8) | bytes[i + 3]!;
      } else {
        for (let i = 0; i < 16; i++) {
          const at = from + i;
          let byte = at < length ? bytes[at]! : at === length ? 0x80 : 0;
          if (at >= joined && at < length) byte ^= end![at - joined]!;
          if (final) byte ^= tail[i]!;
          block[i >> 2]! ^= byte << (24 - 8 * (i & 3));
        }
      }
      this.#mac.encrypt(block);
    }
    return bytesOf(block);
  }

  /** Counter mode over everything after the tag, from the tag with two bits cleared (RFC 5297 §2.5). */
  #count(sealed: Uint8Array): void {
    const view = new DataView(sealed.buffer, sealed.byteOffset, TAG_BYTES);
    const start = [0, 4, 8, 12].map((at) => view.getUint32(at)) as [number, number, number, number];
    start[2] &= 0x7fff_ffff;
    start[3] &= 0x7fff_ffff;
    const block = this.#block;
    for (let at = TAG_BYTES, counter = 0; at < sealed.length; at += 16, counter++) {
      // With the top bit of the last word cleared, 2^31 blocks (32 GiB) pass before a carry: no value is that long.
      block[0] = start[0];
      block[1] = start[1];
      block[2] = start[2];
      block[3] = start[3] + counter;
      this.#counter.encrypt(block);
      const end = Math.min(16, sealed.length - at);
      for (let i = 0; i < end; i++) sealed[at + i]! ^= block[i >> 2]! >>> (24 - 8 * (i & 3));
    }
  }

  #encrypted(bytes: Uint8Array): Uint8Array {
    const block = new Uint32Array(4);
    for (let i = 0; i < 16; i++) block[i >> 2]! |= bytes[i]! << (24 - 8 * (i & 3));
    this.#mac.encrypt(block);
    return bytesOf(block);
  }
}

function bytesOf(block: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(16);
  for (let i = 0; i < 16; i++) bytes[i] = block[i >> 2]! >>> (24 - 8 * (i & 3));
  return bytes;
}

/** Multiplication by x in GF(2^128) (RFC 5297 §2.3). */
function doubled(bytes: Uint8Array): Uint8Array {
  const result = new Uint8Array(16);
  for (let i = 0; i < 16; i++) result[i] = (bytes[i]! << 1) | (i < 15 ? bytes[i + 1]! >>> 7 : 0);
  if (bytes[0]! & 0x80) result[15]! ^= 0x87;
  return result;
}
