import { type Digest, nodeHash } from './hashing.ts';
import { largestPowerBelow, treeRoot } from './inclusion-proof.ts';

/** Leaves under one kept node of {@link KeptTree}: 2^8. */
export const BLOCK_LEAVES = 256;

/**
 * An RFC 6962 tree of which only the nodes over blocks of leaves are kept; leaves are asked for where a path needs them.
 * Makes paths in a tree of millions without hashing it again.
 */
export class KeptTree {
  readonly size: number;
  /** Nodes over whole blocks, and above them over whole pairs. */
  readonly #levels: Digest[][];
  readonly #leaves: (block: number) => Promise<readonly Digest[]>;

  /** @param blocks one for every whole block @param leaves of a block, whole or the last */
  constructor(
    size: number,
    blocks: readonly Digest[],
    leaves: (block: number) => Promise<readonly Digest[]>,
  ) {
    this.size = size;
    this.#leaves = leaves;
    this.#levels = pairsAbove(blocks);
  }

  /** The audit path of a leaf (RFC 6962 §2.1.1), lowest sibling first. */
  async path(index: number): Promise<readonly Digest[]> {
    const path: Digest[] = [];
    let [from, to] = [0, this.size];
    while (to - from > 1) {
      const split = from + largestPowerBelow(to - from);
      if (index < split) {
        path.push(await this.#node(split, to));
        to = split;
      } else {
        path.push(await this.#node(from, split));
        from = split;
      }
    }
    return path.reverse();
  }

  /** Roots of the perfect subtrees before a leaf, largest first. */
  async peaks(size: number): Promise<readonly Digest[]> {
    const peaks: Digest[] = [];
    for (let from = 0; from < size; ) {
      let power = 1;
      while (power * 2 <= size - from) power *= 2;
      peaks.push(await this.#node(from, from + power));
      from += power;
    }
    return peaks;
  }

  async #node(from: number, to: number): Promise<Digest> {
    const width = to - from;
    if (width >= BLOCK_LEAVES && isPower(width)) {
      const level = Math.log2(width / BLOCK_LEAVES);
      return this.#levels[level]![from / width]!;
    }
    if (width <= BLOCK_LEAVES) {
      const block = Math.floor(from / BLOCK_LEAVES);
      const leaves = await this.#leaves(block);
      return treeRoot(leaves, from - block * BLOCK_LEAVES, to - block * BLOCK_LEAVES);
    }
    const split = from + largestPowerBelow(width);
    return nodeHash(await this.#node(from, split), await this.#node(split, to));
  }
}

/** Nodes of a whole tree that is kept in memory, by level: level 0 the leaves, above whole pairs only. */
export function pairsAbove(leaves: readonly Digest[]): Digest[][] {
  const levels: Digest[][] = [[...leaves]];
  for (let below = levels[0]!; below.length > 1; below = levels.at(-1)!) {
    const level: Digest[] = [];
    for (let i = 0; i + 1 < below.length; i += 2) level.push(nodeHash(below[i]!, below[i + 1]!));
    levels.push(level);
  }
  return levels;
}

/** The audit path of a leaf, from the nodes of {@link pairsAbove}. @param count of leaves */
export function pathIn(
  node: (level: number, index: number) => Digest,
  count: number,
  index: number,
): readonly Digest[] {
  const over = (from: number, to: number): Digest => {
    const width = to - from;
    if (isPower(width)) return node(Math.log2(width), from / width);
    const split = from + largestPowerBelow(width);
    return nodeHash(over(from, split), over(split, to));
  };
  return pathOver(count, index, over);
}

/** The audit path of a leaf. @param node root of the subtree over leaves `from` to `to` */
export function pathOver(
  size: number,
  index: number,
  node: (from: number, to: number) => Digest,
): readonly Digest[] {
  const path: Digest[] = [];
  let [from, to] = [0, size];
  while (to - from > 1) {
    const split = from + largestPowerBelow(to - from);
    path.push(index < split ? node(split, to) : node(from, split));
    if (index < split) to = split;
    else from = split;
  }
  return path.reverse();
}

function isPower(width: number): boolean {
  return 2 ** Math.round(Math.log2(width)) === width;
}
