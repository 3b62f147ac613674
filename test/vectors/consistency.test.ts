import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConsistencyProver, verifyConsistency } from '../../src/audit/consistency/proof.ts';
import { type Digest, leafHash, nodeHash, sha256 } from '../../src/audit/hashing.ts';
import { treeRoot } from '../../src/audit/inclusion-proof.ts';
import { CompactRange } from '../../src/audit/merkle.ts';

const toHex = (digest: Digest): string => Buffer.from(digest, 'latin1').toString('hex');

/** Leaves of the vectors of transparency-dev/merkle (testonly/constants.go). */
const LEAVES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
].map((hex) => leafHash(Buffer.from(hex, 'hex')));

function treeOf(leaves: readonly Digest[]): CompactRange {
  const tree = new CompactRange();
  for (const leaf of leaves) tree.append(leaf);
  return tree;
}

function prove(leaves: readonly Digest[], from: number): readonly Digest[] {
  const prover = new ConsistencyProver(treeOf(leaves.slice(0, from)));
  for (const leaf of leaves.slice(from)) prover.append(leaf);
  return prover.proof();
}

/** RFC 6962 §2.1.2 as it is written there, over all leaves. */
function reference(m: number, leaves: readonly Digest[], whole = true): readonly Digest[] {
  if (m === leaves.length) return whole ? [] : [treeRoot(leaves)];
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  const [left, right] = [leaves.slice(0, k), leaves.slice(k)];
  return m <= k
    ? [...reference(m, left, whole), treeRoot(right)]
    : [...reference(m - k, right, false), treeRoot(left)];
}

describe('RFC 6962 consistency proofs', () => {
  it.each([
    [1, 1, []],
    [
      1,
      8,
      [
        '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
        '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
        '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
      ],
    ],
    [
      6,
      8,
      [
        '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
        'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
        'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
      ],
    ],
    [
      2,
      5,
      [
        '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
        'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      ],
    ],
  ])('from %i to %i leaves, as published', (from, to, expected) => {
    const leaves = LEAVES.slice(0, to);
    const proof = prove(leaves, from);
    expect(proof.map(toHex)).toEqual(expected);
    expect(verifyConsistency(from, to, treeRoot(LEAVES.slice(0, from)), treeRoot(leaves), proof)).toBe(true);
  });

  it('all sizes up to 70 agree with the RFC word for word, and verify', () => {
    const leaves = Array.from({ length: 70 }, (_, i) => leafHash(Buffer.from([i])));
    for (let to = 1; to <= leaves.length; to++) {
      for (let from = 1; from <= to; from++) {
        const proof = prove(leaves.slice(0, to), from);
        expect(proof).toEqual(reference(from, leaves.slice(0, to)));
        const [old, now] = [treeRoot(leaves, 0, from), treeRoot(leaves, 0, to)];
        expect(verifyConsistency(from, to, old, now, proof)).toBe(true);
      }
    }
  });

  it('anything else is refused', () => {
    const other = sha256(Buffer.from('other'));
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), fc.nat(), fc.nat(), (to, pick, at) => {
        const from = 1 + (pick % to);
        const leaves = Array.from({ length: to }, (_, i) => leafHash(Buffer.from([i])));
        const [old, now] = [treeRoot(leaves, 0, from), treeRoot(leaves)];
        const proof = prove(leaves, from);
        const holds = (p: readonly Digest[], m = from, n = to, a = old, b = now): boolean =>
          verifyConsistency(m, n, a, b, p);
        expect(holds(proof)).toBe(true);
        expect(holds([...proof, other])).toBe(false);
        expect(holds(proof, from, to, other)).toBe(false);
        expect(holds(proof, from, to, old, other)).toBe(false);
        expect(holds(proof, to + 1)).toBe(false);
        if (proof.length > 0) {
          expect(holds(proof.slice(1))).toBe(false);
          expect(holds(proof.slice(0, -1))).toBe(false);
          expect(holds(proof.with(at % proof.length, other))).toBe(false);
        }
      }),
    );
  });

  it('begins with the empty tree, and with nothing else', () => {
    const empty = new CompactRange().root();
    expect(verifyConsistency(0, 8, empty, treeRoot(LEAVES), [])).toBe(true);
    expect(verifyConsistency(0, 8, treeRoot(LEAVES), treeRoot(LEAVES), [])).toBe(false);
    expect(verifyConsistency(0, 8, empty, treeRoot(LEAVES), [empty])).toBe(false);
    expect(verifyConsistency(0, 0, empty, empty, [])).toBe(true);
    for (const size of [-1, 0.5, Number.NaN, 2 ** 53])
      expect(verifyConsistency(size, size, empty, empty, [])).toBe(false);
  });

  it('sizes beyond 2^32, from the edges of trees alone', () => {
    // A tree of 2^40 + 1 leaves whose left half is one known hash.
    const left = sha256(Buffer.from('left'));
    const leaf = leafHash(Buffer.from('leaf'));
    const old = new CompactRange(2 ** 40, [left]);
    const prover = new ConsistencyProver(old);
    prover.append(leaf);
    const root = nodeHash(left, leaf);
    expect(prover.proof()).toEqual([leaf]);
    expect(verifyConsistency(2 ** 40, 2 ** 40 + 1, left, root, prover.proof())).toBe(true);
    expect(verifyConsistency(2 ** 40 - 1, 2 ** 40 + 1, left, root, prover.proof())).toBe(false);
  });
});
