import { createHash, hash } from 'node:crypto';
import { type HashState, Sha256Lanes } from '../../sha256/sha256-lanes.ts';

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
const CAPACITY = 65_536;
const BYTES_MAX = CAPACITY - BLOCK_BYTES;

/** `binary` is one character a byte (latin1): the cheapest way out of the hash function. */
type Encoding = 'hex' | 'binary' | 'base64url';

/** Working memory, made when the first batch comes. */
let lanes: Sha256Lanes | null = null;

/**
 * HMAC-SHA-256 (RFC 2104) for short messages, as two one-shot hashes over prepared pads: about half the time of
 * `createHmac`, which allocates a native object a call. Not for keys longer than a block; ours have 32 bytes.
 */
export class HmacSha256 {
  /** ipad, then the message. */
  readonly #inner: Buffer;
  /** opad, then the inner digest. */
  readonly #outer: Buffer;
  #states: { readonly inner: HashState; readonly outer: HashState } | null = null;

  constructor(key: Buffer) {
    if (key.length > BLOCK_BYTES) throw new RangeError('key longer than a block');
    this.#inner = Buffer.alloc(CAPACITY);
    this.#outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES);
    for (let i = 0; i < BLOCK_BYTES; i++) {
      const byte = key[i] ?? 0;
      this.#inner[i] = byte ^ 0x36;
      this.#outer[i] = byte ^ 0x5c;
    }
  }

  digest(message: Uint8Array, encoding: Encoding): string {
    if (message.length > BYTES_MAX) return this.#long(message, encoding);
    this.#inner.set(message, BLOCK_BYTES);
    return this.#finish(message.length, encoding);
  }

  /** MAC of the UTF-8 of a text. */
  text(message: string, encoding: Encoding): string {
    // A UTF-16 unit takes at most three bytes of UTF-8.
    if (message.length * 3 > BYTES_MAX) return this.#long(message, encoding);
    return this.#finish(this.#inner.write(message, BLOCK_BYTES, 'utf8'), encoding);
  }

  #finish(messageBytes: number, encoding: Encoding): string {
    return this.#close(
      hash('sha256', this.#inner.subarray(0, BLOCK_BYTES + messageBytes), 'binary'),
      encoding,
    );
  }

  /**
   * MACs of the UTF-8 of many texts, in about a third of the time of one after another.
   *
   * @param bytes of each MAC, from its front; at most 32
   * @returns the MACs one after another
   */
  texts(messages: readonly string[], bytes: number): Buffer {
    lanes ??= new Sha256Lanes();
    this.#states ??= {
      inner: lanes.stateAfter(this.#inner.subarray(0, BLOCK_BYTES)),
      outer: lanes.stateAfter(this.#outer.subarray(0, BLOCK_BYTES)),
    };
    const { inner, outer } = this.#states;
    const macs = Buffer.allocUnsafe(messages.length * bytes);
    for (let done = 0; done < messages.length; ) {
      const some = lanes.hmac(messages, done, inner, outer, bytes);
      if (some.length === 0) {
        const mac = this.text(messages[done]!, 'binary').slice(0, bytes);
        macs.write(mac, done * bytes, 'latin1');
        done++;
      } else {
        macs.set(some, done * bytes);
        done += some.length / bytes;
      }
    }
    return macs;
  }

  /** In two steps, so that no buffer of the longest message ever seen is kept. */
  #long(message: string | Uint8Array, encoding: Encoding): string {
    const inner = createHash('sha256').update(this.#inner.subarray(0, BLOCK_BYTES));
    return this.#close(inner.update(message).digest('binary'), encoding);
  }

  #close(digest: string, encoding: Encoding): string {
    this.#outer.write(digest, BLOCK_BYTES, DIGEST_BYTES, 'latin1');
    return hash('sha256', this.#outer, encoding);
  }
}
