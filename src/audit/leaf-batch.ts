import { BATCH_BYTES, BATCH_LEAVES, LANE_MESSAGE_BYTES, TreeLanes } from '../sha256/tree-lanes.ts';
import { DIGEST_BYTES, type Digest, leafInPlace } from './hashing.ts';
import type { CompactRange } from './merkle.ts';

/** Fewer are hashed one by one: lanes would stand idle. */
const FEW = 8;

/** One for all, because memory of WebAssembly takes much address space: from `hash` to `appendTo` nobody may pause. */
let lanes: TreeLanes | null = null;

/**
 * Leaf hashes of records that follow each other in a frame (`u16 length ‖ record ‖ chain value`), and the nodes they complete:
 * the same as `leafInPlace` and `CompactRange.append` of each, at a fraction of the calls into the native hash.
 */
export class LeafBatch {
  #payload: Buffer = Buffer.alloc(0);
  #count = 0;
  readonly #starts = new Int32Array(BATCH_LEAVES);
  readonly #ends = new Int32Array(BATCH_LEAVES);
  /** Number of the first leaf in its level. */
  #first = 0;
  /** What was not hashed in lanes. */
  #few: Digest[] = [];

  /**
   * Takes records from offset `at` on, at most `most`, and hashes their leaves.
   *
   * @param size of the tree that they go to
   * @returns how many; 0 where the bytes are not one whole record
   */
  hash(payload: Buffer, at: number, most: number, size: number): number {
    this.#payload = payload;
    this.#walk(payload, at, Math.min(most, BATCH_LEAVES));
    const count = this.#count;
    this.#few = [];
    if (count < FEW) {
      for (let i = 0; i < count; i++) this.#few.push(leafInPlace(payload, this.#starts[i]!, this.#ends[i]!));
      return count;
    }
    lanes ??= new TreeLanes();
    const { bytes, input } = lanes;
    this.#first = size % 2;
    bytes.set(payload.subarray(at, this.#ends[count - 1]), input);
    let long = 0;
    for (let i = 0; i < count; i++) {
      // The last byte of the length has its place; in the copy it may be the prefix of the leaf.
      const from = this.#starts[i]! - 1 - at;
      const length = this.#ends[i]! - at - from;
      const fits = length <= LANE_MESSAGE_BYTES;
      bytes[input + from] = 0;
      lanes.place(i, fits ? from : 0, fits ? length : 0);
      if (!fits) long++;
    }
    lanes.hashLeaves(count, this.#first);
    if (long > 0) this.#hashLong(lanes);
    return count;
  }

  start(index: number): number {
    return this.#starts[index]!;
  }

  end(index: number): number {
    return this.#ends[index]!;
  }

  /** Writes a leaf hash to `target` at `at`. */
  copyLeaf(index: number, target: Buffer, at: number): void {
    if (this.#count < FEW) {
      target.latin1Write(this.#few[index]!, at, DIGEST_BYTES);
      return;
    }
    const { bytes } = lanes!;
    const from = lanes!.digestAt(0, this.#first + index);
    for (let i = 0; i < DIGEST_BYTES; i++) target[at + i] = bytes[from + i]!;
  }

  /** The leaves become the next ones of the tree, whose size is the one that `hash` was told. Ends the use of the batch. */
  appendTo(tree: CompactRange): void {
    if (this.#count < FEW) {
      for (const leaf of this.#few) tree.append(leaf);
      return;
    }
    const { bytes } = lanes!;
    const peaks = [...tree.peaks];
    /** Smallest first. */
    const added: Digest[] = [];
    let rest = tree.size;
    let count = this.#count;
    for (let level = 0; count > 0; level++) {
      // A subtree that stood alone is the left neighbour of the first node.
      const odd = rest % 2;
      if (odd === 1) bytes.latin1Write(peaks.pop()!, lanes!.digestAt(level, 0), DIGEST_BYTES);
      const nodes = odd + count;
      if (nodes % 2 === 1) {
        const at = lanes!.digestAt(level, nodes - 1);
        added.push(bytes.latin1Slice(at, at + DIGEST_BYTES));
      }
      count = (nodes - (nodes % 2)) / 2;
      rest = (rest - odd) / 2;
      if (count > 0) lanes!.hashNodes(level, count, rest % 2);
    }
    tree.grow(this.#count, [...peaks, ...added.reverse()]);
  }

  /** Finds the records, as far as they are whole and there is room. A first one for which there is none comes alone. */
  #walk(payload: Buffer, at: number, most: number): void {
    let count = 0;
    for (let from = at + 2; count < most && from <= payload.length; count++) {
      const to = from + payload.readUInt16BE(from - 2);
      if (to + DIGEST_BYTES > payload.length || (count > 0 && to - at > BATCH_BYTES)) break;
      this.#starts[count] = from;
      this.#ends[count] = to;
      from = to + DIGEST_BYTES + 2;
    }
    this.#count = count;
  }

  #hashLong(lanes: TreeLanes): void {
    for (let i = 0; i < this.#count; i++) {
      const from = this.#starts[i]!;
      const to = this.#ends[i]!;
      if (to - from + 1 > LANE_MESSAGE_BYTES)
        lanes.bytes.latin1Write(
          leafInPlace(this.#payload, from, to),
          lanes.digestAt(0, this.#first + i),
          DIGEST_BYTES,
        );
    }
  }
}
