import { hash } from 'node:crypto';
import type { LeafBatch } from './leaf-batch.ts';

/** A SHA-256 digest as 32 latin1 characters: the cheapest form that Node's one-shot hash gives. */
export type Digest = string;

export const DIGEST_BYTES = 32;
export const SALT_BYTES = 16;

/** docs/audit-format.md §3. Labels end in NUL, so none is a prefix of another's message. */
const CHAIN_LABEL = Buffer.from('rowseal/v1/chain\0', 'latin1');
const GENESIS_LABEL = Buffer.from('rowseal/v1/genesis\0', 'latin1');
export const IMAGE_LABEL = Buffer.from('rowseal/v1/image\0', 'latin1');

export function sha256(bytes: Uint8Array): Digest {
  return hash('sha256', bytes, 'binary');
}

/** RFC 6962 §2.1: the leaf hash is H(0x00 ‖ leaf). */
export function leafHash(leaf: Uint8Array): Digest {
  const message = Buffer.allocUnsafe(1 + leaf.length);
  message[0] = 0;
  message.set(leaf, 1);
  return sha256(message);
}

/** The leaf hash of a record that stands in `bytes` behind another byte, which is the prefix for as long as it takes. */
export function leafInPlace(bytes: Buffer, from: number, to: number): Digest {
  const before = bytes[from - 1]!;
  bytes[from - 1] = 0;
  const digest = sha256(bytes.subarray(from - 1, to));
  bytes[from - 1] = before;
  return digest;
}

const node = Buffer.alloc(1 + 2 * DIGEST_BYTES);
node[0] = 1;

/** RFC 6962 §2.1: an inner node is H(0x01 ‖ left ‖ right). */
export function nodeHash(left: Digest, right: Digest): Digest {
  node.latin1Write(left, 1, DIGEST_BYTES);
  node.latin1Write(right, 1 + DIGEST_BYTES, DIGEST_BYTES);
  return sha256(node);
}

/** c_(-1): binds the chain to the log's origin. */
export function chainStart(origin: string): Digest {
  const name = Buffer.from(origin, 'utf8');
  const length = Buffer.alloc(2);
  length.writeUInt16BE(name.length);
  return sha256(Buffer.concat([GENESIS_LABEL, length, name]));
}

const link = Buffer.alloc(CHAIN_LABEL.length + DIGEST_BYTES + 8 + DIGEST_BYTES);
link.set(CHAIN_LABEL);
const LINK_PREVIOUS = CHAIN_LABEL.length;
const LINK_NUMBER = LINK_PREVIOUS + DIGEST_BYTES;
const LINK_LEAF = LINK_NUMBER + 8;

/** c_n = H("rowseal/v1/chain\0" ‖ c_(n-1) ‖ u64 n ‖ leaf_n). */
export function chainNext(previous: Digest, seq: number, leaf: Digest): Digest {
  link.latin1Write(leaf, LINK_LEAF, DIGEST_BYTES);
  return chainLink(previous, seq);
}

/** The same, of a leaf of a batch. */
export function chainNextOf(previous: Digest, seq: number, leaves: LeafBatch, index: number): Digest {
  leaves.copyLeaf(index, link, LINK_LEAF);
  return chainLink(previous, seq);
}

function chainLink(previous: Digest, seq: number): Digest {
  link.latin1Write(previous, LINK_PREVIOUS, DIGEST_BYTES);
  link.writeUInt32BE(Math.floor(seq / 0x1_0000_0000), LINK_NUMBER);
  link.writeUInt32BE(seq >>> 0, LINK_NUMBER + 4);
  return sha256(link);
}

let image = Buffer.alloc(4096);
image.set(IMAGE_LABEL);

/** H("rowseal/v1/image\0" ‖ salt ‖ u32 length ‖ body), of an image as it is stored: what follows the label stands there. */
export function imageHashOf(stored: Uint8Array, from: number, to: number): Digest {
  const length = IMAGE_LABEL.length + to - from;
  if (length > image.length) {
    image = Buffer.alloc(length * 2);
    image.set(IMAGE_LABEL);
  }
  image.set(stored.subarray(from, to), IMAGE_LABEL.length);
  return sha256(image.subarray(0, length));
}

/** The same, of an image in parts. */
export function imageHash(salt: Uint8Array, body: Uint8Array): Digest {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  const stored = Buffer.concat([salt, length, body]);
  return imageHashOf(stored, 0, stored.length);
}
