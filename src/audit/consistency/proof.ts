import { type Digest, nodeHash } from '../hashing.ts';
import { CompactRange } from '../merkle.ts';

/** More hashes than a proof between trees of any size that a number can hold (C2SP tlog-witness: at most 63). */
export const MAX_PROOF_HASHES = 63;

interface Subtree {
  readonly from: number;
  readonly size: number;
  readonly hash: Digest;
}

/**
 * Follows a tree from an old size on and proves at any time that it only grew (RFC 6962 §2.1.2, PROOF). It keeps the edge of
 * the old tree and of what came since: some dozens of hashes, however much that is.
 */
export class ConsistencyProver {
  readonly #old: CompactRange;
  readonly #tree: CompactRange;
  /** Perfect subtrees over the leaves since the old size, left to right, as large as their place allows. */
  readonly #since: Subtree[] = [];

  /** @param old the tree to prove from */
  constructor(old: CompactRange) {
    this.#old = old.clone();
    this.#tree = old.clone();
  }

  get oldSize(): number {
    return this.#old.size;
  }

  get tree(): CompactRange {
    return this.#tree;
  }

  append(leaf: Digest): void {
    const since = this.#since;
    since.push({ from: this.#tree.size, size: 1, hash: leaf });
    this.#tree.append(leaf);
    while (since.length > 1) {
      const right = since.at(-1)!;
      const left = since.at(-2)!;
      if (left.size !== right.size || left.from % (2 * left.size) !== 0) return;
      since.splice(-2, 2, { from: left.from, size: 2 * left.size, hash: nodeHash(left.hash, right.hash) });
    }
  }

  /** From the old size to the present one. */
  proof(): readonly Digest[] {
    return this.#old.size === 0 ? [] : this.#subproof(this.#old.size, 0, this.#tree.size, true);
  }

  /** SUBPROOF(m, D[from:to], whole). */
  #subproof(m: number, from: number, to: number, whole: boolean): Digest[] {
    if (m === to - from) return whole ? [] : [this.#rootOf(from, to)];
    const split = largestPowerBelow(to - from);
    return m <= split
      ? [...this.#subproof(m, from, from + split, whole), this.#rootOf(from + split, to)]
      : [...this.#subproof(m - split, from + split, to, false), this.#rootOf(from, from + split)];
  }

  /** Root of D[from:to], which the recursion asks for on either side of the old size only. */
  #rootOf(from: number, to: number): Digest {
    const parts = [...this.#oldSubtrees(), ...this.#since].filter(
      (part) => part.from >= from && part.from + part.size <= to,
    );
    return parts.map(({ hash }) => hash).reduceRight((right, left) => nodeHash(left, right));
  }

  #oldSubtrees(): readonly Subtree[] {
    let from = 0;
    return this.#old.peaks.map((hash) => {
      const size = largestPowerUpTo(this.#old.size - from);
      const subtree = { from, size, hash };
      from += size;
      return subtree;
    });
  }
}

/** Whether the tree of the old root became the tree of the new one by appending alone (RFC 9162 §2.1.4.2). */
export function verifyConsistency(
  oldSize: number,
  newSize: number,
  oldRoot: Digest,
  newRoot: Digest,
  proof: readonly Digest[],
): boolean {
  if (!Number.isSafeInteger(oldSize) || !Number.isSafeInteger(newSize) || oldSize < 0 || oldSize > newSize)
    return false;
  if (oldSize === newSize) return proof.length === 0 && oldRoot === newRoot;
  // Every tree begins as the empty one: its root is the only thing to look at.
  if (oldSize === 0) return proof.length === 0 && oldRoot === new CompactRange().root();
  if (proof.length === 0 || proof.length > MAX_PROOF_HASHES) return false;
  const path = largestPowerUpTo(oldSize) === oldSize ? [oldRoot, ...proof] : proof;
  let fn = oldSize - 1;
  let sn = newSize - 1;
  while (fn % 2 === 1) {
    fn = (fn - 1) / 2;
    sn = Math.floor(sn / 2);
  }
  let fr = path[0]!;
  let sr = path[0]!;
  for (const hash of path.slice(1)) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      fr = nodeHash(hash, fr);
      sr = nodeHash(hash, sr);
      while (fn % 2 === 0 && fn !== 0) {
        fn /= 2;
        sn = Math.floor(sn / 2);
      }
    } else sr = nodeHash(sr, hash);
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 && fr === oldRoot && sr === newRoot;
}

/** The largest power of two below the size. */
function largestPowerBelow(size: number): number {
  return largestPowerUpTo(size - 1);
}

function largestPowerUpTo(size: number): number {
  let power = 1;
  while (power * 2 <= size) power *= 2;
  return power;
}
