import { join } from 'node:path';
import { MalformedBytes } from '../bytes.ts';
import type { Disk } from '../disk.ts';
import { nodeEd25519 } from '../ed25519/node-ed25519.ts';
import { FrameType } from '../frame.ts';
import { decodeLeafFrame } from '../journal-reader.ts';
import type { KeyChange } from '../key-change.ts';
import {
  formatVerifierKey,
  parseSignedHead,
  parseVerifierKey,
  type SignedHead,
  type VerifierKey,
} from '../note.ts';
import { listSegments } from '../segment.ts';
import { readSegmentFile } from './segment-file.ts';
import { HeadVerifier } from './signature.ts';
import { TrustedKeys } from './trusted-keys.ts';

/**
 * Makes ready to follow the keys of a log from the pinned ones. Most logs are signed by a pinned key from the first leaf
 * on. Where they are not, the pinned key may have been added later: then the log says which key was before it, and nothing
 * of that is believed until the leaf that adds the pinned key is met, signed by both.
 */
export async function trustedKeys(
  disk: Disk,
  directory: string,
  pinned: readonly VerifierKey[],
): Promise<TrustedKeys> {
  const first = await claimedFirstKey(disk, directory, pinned);
  return new TrustedKeys(pinned, nodeEd25519, first);
}

async function claimedFirstKey(
  disk: Disk,
  directory: string,
  pinned: readonly VerifierKey[],
): Promise<VerifierKey | null> {
  const changes: KeyChange[] = [];
  let isFirst = true;
  for await (const { note, keys } of readKeyChanges(disk, directory)) {
    const signed = isFirst ? parseSignedHead(note) : null;
    isFirst = false;
    if (signed !== null && pinned.some((key) => new HeadVerifier(key, nodeEd25519).signedByKey(signed)))
      return null;
    changes.push(...keys);
  }
  for (const key of pinned) {
    let text = formatVerifierKey(key.name, key.publicKey);
    // Each step goes back by one addition, so it ends.
    for (const change of changes.toReversed())
      if (change.action === 'add' && change.key === text) text = change.by;
    const first = parseVerifierKey(text);
    if (first !== null && text !== formatVerifierKey(key.name, key.publicKey)) return first;
  }
  return null;
}

/** The first leaf, and all that change keys, as far as the journal can be read. */
async function* readKeyChanges(
  disk: Disk,
  directory: string,
): AsyncGenerator<{ readonly note: string; readonly keys: readonly KeyChange[] }> {
  let isFirst = true;
  try {
    for (const segment of await listSegments(disk, join(directory, 'journal'), 'journal')) {
      const file = await readSegmentFile(disk, directory, 'journal', 'journal', segment);
      for (const frame of file?.frames ?? []) {
        if (frame.type !== FrameType.leaf || !(isFirst || frame.payload.includes('"keys":['))) continue;
        const { note, leaf } = decodeLeafFrame(frame.payload);
        yield { note, keys: leaf.keys };
        isFirst = false;
      }
    }
  } catch (error) {
    // What is wrong with the journal says its own check.
    if (!(error instanceof MalformedBytes)) throw error;
  }
}

/**
 * Whether a head is signed by a key that the pinned ones lead to, without looking at the tree: for commands that prove
 * something about two heads and leave the rest to `audit verify`.
 */
export async function followedKeys(
  disk: Disk,
  directory: string,
  pinned: readonly VerifierKey[],
): Promise<(head: SignedHead) => boolean> {
  const keys = await trustedKeys(disk, directory, pinned);
  for await (const { note, keys: changes } of readKeyChanges(disk, directory)) {
    const head = parseSignedHead(note);
    if (head !== null) keys.checkLeaf(note, head.head, head.head.size - 1, changes);
  }
  return (head) => keys.signedByKey(head);
}
