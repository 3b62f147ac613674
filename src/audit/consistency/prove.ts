import { MalformedBytes } from '../bytes.ts';
import type { Disk } from '../disk.ts';
import { leafHash } from '../hashing.ts';
import { type LogName, newestHead, readLog, treeAt, treeBefore } from '../log-entries.ts';
import { parseSignedHead, type SignedHead } from '../note.ts';
import { formatConsistency } from './document.ts';
import { ConsistencyProver } from './proof.ts';

export type ConsistencyOutcome =
  | { readonly kind: 'proven'; readonly document: string; readonly old: SignedHead; readonly new: SignedHead }
  /** The log holds fewer entries than the head says. */
  | { readonly kind: 'shorter'; readonly size: number; readonly head: SignedHead }
  /** The log has another root at the size of the head. */
  | { readonly kind: 'forked'; readonly head: SignedHead }
  | { readonly kind: 'unreadable'; readonly why: string };

/**
 * Proves from the log that one head of it grew out of another. Reads the log from the older head on, and of what is before
 * only the edge of the tree, which the older head's root confirms.
 *
 * @param oldNote a head of this log, its signature checked by the caller
 * @param newNote null: the newest head in the log
 */
export async function proveConsistency(
  disk: Disk,
  directory: string,
  log: LogName,
  oldNote: string,
  newNote: string | null,
): Promise<ConsistencyOutcome> {
  try {
    return await prove(disk, directory, log, oldNote, newNote);
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error;
    return { kind: 'unreadable', why: error.message };
  }
}

async function prove(
  disk: Disk,
  directory: string,
  log: LogName,
  oldNote: string,
  newNote: string | null,
): Promise<ConsistencyOutcome> {
  const newest = await newestHead(disk, directory, log);
  const size = newest === null ? 0 : (parseSignedHead(newest)?.head.size ?? 0);
  const old = parseSignedHead(oldNote)!;
  const note = newNote ?? newest ?? oldNote;
  const newer = parseSignedHead(note);
  if (newer === null) return { kind: 'unreadable', why: 'the newest head is not a signed head' };
  const oldTree = old.head.size > size ? null : await treeAt(disk, directory, log, old.head.size);
  if (oldTree === null) return { kind: 'shorter', size, head: old };
  if (oldTree.root() !== old.head.root) return { kind: 'forked', head: old };
  if (newer.head.size > size) return { kind: 'shorter', size, head: newer };
  const prover = new ConsistencyProver(oldTree);
  const { segment, tree } = await treeBefore(disk, directory, log, old.head.size);
  let index = tree.size;
  for await (const piece of readLog(disk, directory, log, segment)) {
    if (prover.tree.size >= newer.head.size) break;
    if (piece.kind === 'entry' && index++ >= old.head.size) prover.append(leafHash(piece.bytes));
  }
  if (prover.tree.root() !== newer.head.root) return { kind: 'forked', head: newer };
  return { kind: 'proven', document: formatConsistency(oldNote, note, prover.proof()), old, new: newer };
}
