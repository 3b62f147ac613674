import { type HashMessages, INITIAL_STATE, PADDED, sha256Module, WHOLE_BLOCKS } from './sha256-module.ts';
import { wasmInstance } from './wasm-instance.ts';

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
const PAGE_BYTES = 65_536;
/** Messages of one call at most; more gain nothing. */
const MESSAGES = 512;
/** UTF-8 of the messages of one call at most. */
export const INPUT_BYTES = PAGE_BYTES;
/** A UTF-16 unit takes at most three bytes of UTF-8. */
const UTF8_MOST = 3;
/** Bytes of UTF-8 that a character takes at most: a write without room for the next one ends fewer than that before its limit. */
const CHARACTER_MOST = 4;

/** Addresses in the module's memory. Vectors are stored and read past the end of digests and messages: each has room behind it. */
const AT = (() => {
  const state = 0;
  const offsets = state + DIGEST_BYTES;
  const lengths = offsets + 4 * MESSAGES;
  const digestOffsets = lengths + 4 * MESSAGES;
  const digestLengths = digestOffsets + 4 * MESSAGES;
  const digests = digestLengths + 4 * MESSAGES;
  const out = digests + DIGEST_BYTES * MESSAGES + 2 * BLOCK_BYTES;
  const input = out + DIGEST_BYTES * MESSAGES + DIGEST_BYTES;
  return { state, offsets, lengths, digestOffsets, digestLengths, digests, out, input };
})();
/** A lane that ended is read on as long as the longest of its group. */
const PAGES = Math.ceil((AT.input + 2 * INPUT_BYTES + 2 * BLOCK_BYTES) / PAGE_BYTES);

/** Eight words: what the hash function is in after some blocks. */
export type HashState = Int32Array;

/**
 * Working memory for hashing many short messages at once. One call uses it from the first message to the last digest, so
 * whoever runs on one thread may share it.
 */
export class Sha256Lanes {
  readonly #hash: HashMessages;
  readonly #bytes: Buffer;
  readonly #words: Int32Array;

  constructor() {
    const { buffer, exports } = wasmInstance(sha256Module(PAGES), PAGES);
    this.#hash = exports['hash'] as HashMessages;
    this.#bytes = Buffer.from(buffer);
    this.#words = new Int32Array(buffer);
    for (let i = 0; i < MESSAGES; i++) {
      this.#words[AT.digestOffsets / 4 + i] = AT.digests + DIGEST_BYTES * i;
      this.#words[AT.digestLengths / 4 + i] = DIGEST_BYTES;
    }
  }

  /** The state after one block. */
  stateAfter(block: Uint8Array): HashState {
    if (block.length !== BLOCK_BYTES) throw new RangeError(`a block has ${BLOCK_BYTES} bytes`);
    this.#bytes.set(block, AT.input);
    for (let i = 0; i < 4; i++) this.#place(i, AT.input, BLOCK_BYTES);
    this.#words.set(INITIAL_STATE, AT.state / 4);
    this.#hash(4, AT.offsets, AT.lengths, AT.state, -BLOCK_BYTES, WHOLE_BLOCKS, AT.digests, DIGEST_BYTES);
    const state = new Int32Array(8);
    for (let i = 0; i < 8; i++) state[i] = this.#bytes.readInt32BE(AT.digests + 4 * i);
    return state;
  }

  /**
   * HMAC-SHA-256 (RFC 2104 §2) of the UTF-8 of messages from `from` on, as many as there is room for.
   *
   * @param inner state after the key's inner pad, `outer` after its outer pad
   * @param bytes of each MAC that are wanted, from its front, at most 32
   * @returns the MACs one after another, valid until the next call; empty where the first message is too long
   */
  hmac(
    messages: readonly string[],
    from: number,
    inner: HashState,
    outer: HashState,
    bytes: number,
  ): Uint8Array {
    const count = this.#load(messages, from);
    if (count === 0) return this.#bytes.subarray(0, 0);
    // Spare lanes of the last group hash nothing.
    for (let i = count; i % 4 !== 0; i++) this.#place(i, AT.input, 0);
    this.#words.set(inner, AT.state / 4);
    this.#hash(count, AT.offsets, AT.lengths, AT.state, BLOCK_BYTES, PADDED, AT.digests, DIGEST_BYTES);
    this.#words.set(outer, AT.state / 4);
    this.#hash(count, AT.digestOffsets, AT.digestLengths, AT.state, BLOCK_BYTES, PADDED, AT.out, bytes);
    return this.#bytes.subarray(AT.out, AT.out + count * bytes);
  }

  /** @returns how many messages are in the input */
  #load(messages: readonly string[], from: number): number {
    const most = Math.min(messages.length, from + MESSAGES);
    let to = from;
    for (let units = 0; to < most; to++) {
      const { length } = messages[to]!;
      if (units + length > INPUT_BYTES) break;
      this.#place(to - from, AT.input + units, length);
      units += length;
    }
    const joined = messages.length === to - from ? messages.join('') : messages.slice(from, to).join('');
    // As many bytes as UTF-16 units: all of it is ASCII, and every message lies where it was placed. Room for a character
    // more than units may be, because a write that was cut at as many bytes would look the same.
    const written = this.#bytes.write(joined, AT.input, INPUT_BYTES + CHARACTER_MOST, 'utf8');
    if (written === joined.length) return to - from;
    return this.#loadSingly(messages, from, most);
  }

  #loadSingly(messages: readonly string[], from: number, most: number): number {
    let at = AT.input;
    for (let i = from; i < most; i++) {
      const message = messages[i]!;
      if (at + UTF8_MOST * message.length > AT.input + INPUT_BYTES) return i - from;
      const length = this.#bytes.write(message, at, 'utf8');
      this.#place(i - from, at, length);
      at += length;
    }
    return most - from;
  }

  #place(index: number, offset: number, length: number): void {
    this.#words[AT.offsets / 4 + index] = offset;
    this.#words[AT.lengths / 4 + index] = length;
  }
}
