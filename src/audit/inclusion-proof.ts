import { type Digest, nodeHash, sha256 } from './hashing.ts';

/** Root of a whole tree (RFC 6962 §2.1, MTH). */
export function treeRoot(leaves: readonly Digest[], from = 0, to = leaves.length): Digest {
  const size = to - from;
  if (size === 0) return sha256(new Uint8Array());
  if (size === 1) return leaves[from]!;
  const split = from + largestPowerBelow(size);
  return nodeHash(treeRoot(leaves, from, split), treeRoot(leaves, split, to));
}

/** The audit path of leaf `index` (RFC 6962 §2.1.1, PATH), lowest sibling first. */
export function inclusionProof(leaves: readonly Digest[], index: number): readonly Digest[] {
  const path = (from: number, to: number): Digest[] => {
    const size = to - from;
    if (size === 1) return [];
    const split = from + largestPowerBelow(size);
    return index < split
      ? [...path(from, split), treeRoot(leaves, split, to)]
      : [...path(split, to), treeRoot(leaves, from, split)];
  };
  if (!Number.isInteger(index) || index < 0 || index >= leaves.length) throw new RangeError('no such leaf');
  return path(0, leaves.length);
}

/** Whether the path leads from the leaf to the root (RFC 9162 §2.1.3.2). */
export function verifyInclusion(
  leaf: Digest,
  index: number,
  size: number,
  proof: readonly Digest[],
  root: Digest,
): boolean {
  if (!Number.isInteger(index) || index < 0 || index >= size) return false;
  let fn = index;
  let sn = size - 1;
  let hash = leaf;
  for (const sibling of proof) {
    if (sn === 0) return false;
    if (fn % 2 === 1 || fn === sn) {
      hash = nodeHash(sibling, hash);
      while (fn % 2 === 0 && fn !== 0) {
        fn = Math.floor(fn / 2);
        sn = Math.floor(sn / 2);
      }
    } else hash = nodeHash(hash, sibling);
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 && hash === root;
}

/** Where RFC 6962 splits a tree of this size. */
export function largestPowerBelow(size: number): number {
  let power = 1;
  while (power * 2 < size) power *= 2;
  return power;
}
