import { type Digest, nodeHash, sha256 } from './hashing.ts';

const EMPTY_ROOT = sha256(new Uint8Array());

/**
 * The right edge of an RFC 6962 tree: the roots of its perfect subtrees, largest first. Enough to append leaves and
 * to know the root; its size is the logarithm of the tree's.
 */
export class CompactRange {
  readonly #peaks: Digest[];
  #size: number;

  constructor(size = 0, peaks: readonly Digest[] = []) {
    this.#size = size;
    this.#peaks = [...peaks];
  }

  get size(): number {
    return this.#size;
  }

  get peaks(): readonly Digest[] {
    return this.#peaks;
  }

  append(leaf: Digest): void {
    let carry = leaf;
    // Each trailing one bit of the size is a perfect subtree that the new leaf completes.
    for (let rest = this.#size; rest % 2 === 1; rest = (rest - 1) / 2)
      carry = nodeHash(this.#peaks.pop()!, carry);
    this.#peaks.push(carry);
    this.#size++;
  }

  /** `count` leaves were appended elsewhere. @param peaks of the tree with them */
  grow(count: number, peaks: readonly Digest[]): void {
    this.#size += count;
    this.#peaks.splice(0, this.#peaks.length, ...peaks);
  }

  root(): Digest {
    if (this.#size === 0) return EMPTY_ROOT;
    let root = this.#peaks.at(-1)!;
    for (let i = this.#peaks.length - 2; i >= 0; i--) root = nodeHash(this.#peaks[i]!, root);
    return root;
  }

  clone(): CompactRange {
    return new CompactRange(this.#size, this.#peaks);
  }
}

/** How many subtree roots a tree of this size has: the one bits of the size. */
export function peakCount(size: number): number {
  let count = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}
