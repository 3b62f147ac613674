import { hash } from 'node:crypto';

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
const INITIAL_CAPACITY = 4096;

/** `binary` is one character a byte (latin1): the cheapest way out of the hash function. */
type Encoding = 'hex' | 'binary' | 'base64url';

/**
 * HMAC-SHA-256 (RFC 2104) for short messages, as two one-shot hashes over prepared pads: about half the time of
 * `createHmac`, which allocates a native object a call. Not for keys longer than a block; ours have 32 bytes.
 */
export class HmacSha256 {
  /** ipad, then the message. */
  #inner: Buffer;
  /** opad, then the inner digest. */
  readonly #outer: Buffer;

  constructor(key: Buffer) {
    if (key.length > BLOCK_BYTES) throw new RangeError('key longer than a block');
    this.#inner = Buffer.alloc(INITIAL_CAPACITY);
    this.#outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES);
    for (let i = 0; i < BLOCK_BYTES; i++) {
      const byte = key[i] ?? 0;
      this.#inner[i] = byte ^ 0x36;
      this.#outer[i] = byte ^ 0x5c;
    }
  }

  digest(message: Uint8Array, encoding: Encoding): string {
    this.#reserve(message.length);
    this.#inner.set(message, BLOCK_BYTES);
    return this.#finish(message.length, encoding);
  }

  /** MAC of the UTF-8 of a text. */
  text(message: string, encoding: Encoding): string {
    // A UTF-16 unit takes at most three bytes of UTF-8.
    this.#reserve(message.length * 3);
    return this.#finish(this.#inner.write(message, BLOCK_BYTES, 'utf8'), encoding);
  }

  #finish(messageBytes: number, encoding: Encoding): string {
    const digest = hash('sha256', this.#inner.subarray(0, BLOCK_BYTES + messageBytes), 'binary');
    this.#outer.write(digest, BLOCK_BYTES, DIGEST_BYTES, 'latin1');
    return hash('sha256', this.#outer, encoding);
  }

  #reserve(messageBytes: number): void {
    const needed = BLOCK_BYTES + messageBytes;
    if (this.#inner.length >= needed) return;
    const larger = Buffer.alloc(Math.max(needed, this.#inner.length * 2));
    this.#inner.copy(larger, 0, 0, BLOCK_BYTES);
    this.#inner = larger;
  }
}
