import { type HashMessages, INITIAL_STATE, PADDED, sha256Module } from './sha256-module.ts';
import { wasmInstance } from './wasm-instance.ts';

const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;
const PAGE_BYTES = 65_536;
/** 0x01 ‖ left ‖ right (RFC 6962 §2.1). */
const NODE_BYTES = 1 + 2 * DIGEST_BYTES;
/** Leaves of a batch at most; more gain nothing. */
export const BATCH_LEAVES = 512;
/** Bytes of a batch that are copied to the lanes. */
export const BATCH_BYTES = PAGE_BYTES;
/** Longer messages are faster in a native hash, which is called for each. Three blocks. */
export const LANE_MESSAGE_BYTES = 3 * BLOCK_BYTES - 9;
/** Spare lanes of a group of four hash what stands there; nobody reads it. */
const SPARE = 4;

const SLOTS = BATCH_LEAVES / 2 + 1 + SPARE;
const HALF = BATCH_LEAVES / 2 + SPARE;

/** Addresses in the module's memory. Leaves of even and of odd number are hashed apart, and so are nodes: each kind fills one side of the nodes above it. */
const AT = (() => {
  const state = 0;
  const leafOffsets = state + DIGEST_BYTES;
  const leafLengths = leafOffsets + 2 * 4 * HALF;
  const nodeOffsets = leafLengths + 2 * 4 * HALF;
  const nodeLengths = nodeOffsets + 4 * 4 * HALF;
  const slots = nodeLengths + 4 * HALF;
  const input = slots + 2 * (NODE_BYTES * SLOTS + 2 * BLOCK_BYTES);
  return { state, leafOffsets, leafLengths, nodeOffsets, nodeLengths, slots, input };
})();
const SLOTS_BYTES = NODE_BYTES * SLOTS + 2 * BLOCK_BYTES;
const PAGES = Math.ceil((AT.input + BATCH_BYTES + 2 * LANE_MESSAGE_BYTES + 2 * BLOCK_BYTES) / PAGE_BYTES);

/**
 * Leaf and node hashes of an RFC 6962 tree, four messages at a time. Every digest is written where it stands in the message of
 * the node above it, so nothing is copied between the levels.
 *
 * A _level_ is a row of nodes, numbered from a left edge that lies between two nodes of the level above: node `i` is the left
 * half of slot `i / 2` if `i` is even, else the right half of `(i - 1) / 2`.
 */
export class TreeLanes {
  readonly #hash: HashMessages;
  readonly #words: Int32Array;
  /** All of the memory. */
  readonly bytes: Buffer;

  constructor() {
    const { buffer, exports } = wasmInstance(sha256Module(PAGES), PAGES);
    this.#hash = exports['hash'] as HashMessages;
    this.bytes = Buffer.from(buffer);
    this.#words = new Int32Array(buffer);
    this.#words.set(INITIAL_STATE, AT.state / 4);
    for (let i = 0; i < HALF; i++) {
      this.#words[AT.nodeLengths / 4 + i] = NODE_BYTES;
      for (const area of [0, 1])
        for (const odd of [0, 1])
          this.#words[nodeOffsetsAt(area, odd) / 4 + i] = slotAt(area, Math.min(2 * i + odd, SLOTS - 1));
    }
    for (const area of [0, 1]) for (let i = 0; i < SLOTS; i++) this.bytes[slotAt(area, i)] = 1;
  }

  /** Where a batch of messages is to be copied. */
  get input(): number {
    return AT.input;
  }

  /** Message `index` stands at `offset` of the input. */
  place(index: number, offset: number, length: number): void {
    const at = (index & 1) * HALF + (index >> 1);
    this.#words[AT.leafOffsets / 4 + at] = AT.input + offset;
    this.#words[AT.leafLengths / 4 + at] = length;
  }

  /**
   * Hashes the placed messages into level 0.
   *
   * @param first number of the first leaf in its level: 0, or 1 when a node that was there before is on its left
   */
  hashLeaves(count: number, first: number): void {
    for (let i = count; i < count + 2 * SPARE; i++) this.place(i, 0, 0);
    for (const odd of [0, 1]) {
      const half = (count + 1 - odd) >> 1;
      if (half === 0) continue;
      const half4 = 4 * HALF * odd;
      this.#run(half, AT.leafOffsets + half4, AT.leafLengths + half4, nodeAt(0, odd + first));
    }
  }

  /**
   * Hashes the full slots of a level into the one above.
   *
   * @param level counted from the leaves
   * @param count nodes of the level above
   * @param first as of `hashLeaves`, in the level above
   */
  hashNodes(level: number, count: number, first: number): void {
    for (const odd of [0, 1]) {
      const half = (count + 1 - odd) >> 1;
      if (half === 0) continue;
      this.#run(half, nodeOffsetsAt(level & 1, odd), AT.nodeLengths, nodeAt((level + 1) & 1, odd + first));
    }
  }

  /** Where node `number` of a level lies in the memory. Levels share two areas: only the newest and the one below it are there. */
  digestAt(level: number, number: number): number {
    return nodeAt(level & 1, number);
  }

  #run(count: number, offsets: number, lengths: number, out: number): void {
    this.#hash(count, offsets, lengths, AT.state, 0, PADDED, out, NODE_BYTES);
  }
}

function slotAt(area: number, index: number): number {
  return AT.slots + area * SLOTS_BYTES + NODE_BYTES * index;
}

function nodeAt(area: number, number: number): number {
  return slotAt(area, number >> 1) + 1 + (number & 1) * DIGEST_BYTES;
}

function nodeOffsetsAt(area: number, odd: number): number {
  return AT.nodeOffsets + 4 * HALF * (2 * area + odd);
}
