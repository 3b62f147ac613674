import { join } from 'node:path';
import { MalformedBytes } from '../bytes.ts';
import type { Disk } from '../disk.ts';
import { FrameType } from '../frame.ts';
import { type Digest, leafHash, nodeHash } from '../hashing.ts';
import { largestPowerBelow, treeRoot } from '../inclusion-proof.ts';
import { COSIGNED_FILE, decodeLeafFrame, readSegmentHeader } from '../journal-reader.ts';
import { parseSignedHead } from '../note.ts';
import { listSegments, segmentName } from '../segment.ts';
import type { SegmentHeader } from '../segment-header.ts';
import { pathOver } from '../tree-path.ts';
import { FrameCursor } from './frame-cursor.ts';

/** A leaf of the journal with what proves that it is one. */
export interface ProvenLeaf {
  readonly index: number;
  readonly bytes: Buffer;
  /** Signed head of the journal that the path leads to. */
  readonly note: string;
  readonly path: readonly Digest[];
}

/**
 * The leaf of a group and its path to the newest head that witnesses have cosigned, or to the one that is kept beside the journal,
 * or to its own where those are older.
 *
 * @throws MalformedBytes
 */
export async function proveLeaf(disk: Disk, directory: string, group: number): Promise<ProvenLeaf> {
  const folder = join(directory, 'journal');
  const kept = await headFor(disk, directory, group);
  const head = kept === null ? null : parseSignedHead(kept);
  const header = await segmentOf(disk, folder, group);
  const leaves: Digest[] = [];
  const size = Math.max(group + 1, head?.head.size ?? 0);
  let found: { readonly bytes: Buffer; readonly note: string } | null = null;
  for await (const { index, payload } of leavesOf(disk, folder, header, size)) {
    const bytes = leafIn(payload);
    leaves.push(leafHash(bytes));
    if (index !== group) continue;
    found = { bytes: Buffer.from(bytes), note: decodeLeafFrame(payload).note };
  }
  if (found === null) throw new MalformedBytes(`leaf ${group} of the journal is not there`);
  const note = kept !== null && head !== null && head.head.size === size ? kept : found.note;
  return { index: group, bytes: found.bytes, note, path: pathFrom(header.peaks, header.next, leaves, group) };
}

async function headFor(disk: Disk, directory: string, group: number): Promise<string | null> {
  for (const file of [COSIGNED_FILE, join('journal', 'head')]) {
    const text = await readText(disk, join(directory, file));
    const head = text === null ? null : parseSignedHead(text);
    if (head !== null && head.head.size > group) return text;
  }
  return null;
}

/** The newest leaf of the journal, by its last segment. @throws MalformedBytes when there is none */
export async function newestGroup(disk: Disk, directory: string): Promise<number> {
  const folder = join(directory, 'journal');
  const kept = await readText(disk, join(folder, 'head'));
  const head = kept === null ? null : parseSignedHead(kept);
  if (head !== null && head.head.size > 0) return head.head.size - 1;
  const { segment, next } = await segmentOf(disk, folder, Number.MAX_SAFE_INTEGER);
  const frames = new FrameCursor(disk, folder, 'journal', segment, 0);
  let newest = next - 1;
  try {
    while ((await frames.next()) !== null) newest++;
  } catch (error) {
    // A torn end: what is before it is there.
    if (!(error instanceof MalformedBytes)) throw error;
  }
  if (newest < 0) throw new MalformedBytes('the journal is empty');
  return newest;
}

async function segmentOf(disk: Disk, folder: string, group: number): Promise<SegmentHeader> {
  for (const segment of [...(await listSegments(disk, folder, 'journal'))].reverse()) {
    const { header } = await readSegmentHeader(disk, join(folder, segmentName('journal', segment)));
    if (header.next <= group) return header;
  }
  throw new MalformedBytes('the journal is not there');
}

/** A leaf that changes keys, with its paths to a head of the journal and to its own. */
export interface ProvenKeyChange {
  readonly bytes: Buffer;
  readonly note: string;
  readonly path: readonly Digest[];
  readonly own: readonly Digest[];
}

/**
 * The leaves before `size` that change the keys of the log. A segment whose keys are those of the one after it is passed over:
 * what was added and went within it signs nothing any more.
 *
 * @throws MalformedBytes
 */
export async function proveKeyChanges(
  disk: Disk,
  directory: string,
  size: number,
): Promise<readonly ProvenKeyChange[]> {
  const folder = join(directory, 'journal');
  const headers: SegmentHeader[] = [];
  for (const segment of await listSegments(disk, folder, 'journal')) {
    const { header } = await readSegmentHeader(disk, join(folder, segmentName('journal', segment)));
    if (header.next < size) headers.push(header);
  }
  const found = new Map<number, { readonly bytes: Buffer; readonly note: string }>();
  let begin: number | null = null;
  for (const [i, header] of headers.entries()) {
    const following = headers[i + 1];
    if (following !== undefined && following.keys?.join() === header.keys?.join()) continue;
    for await (const { index, payload } of leavesOf(disk, folder, header, following?.next ?? size)) {
      if (!payload.includes(KEYS_MEMBER)) continue;
      const { leaf, bytes, note } = decodeLeafFrame(payload);
      if (leaf.keys.length === 0) continue;
      found.set(index, { bytes: Buffer.from(bytes), note });
      begin ??= i;
    }
  }
  if (begin === null) return [];
  const leaves: Digest[] = [];
  for (const [i, header] of headers.entries()) {
    if (i < begin) continue;
    for await (const { payload } of leavesOf(disk, folder, header, headers[i + 1]?.next ?? size))
      leaves.push(leafHash(leafIn(payload)));
  }
  const { next, peaks } = headers[begin]!;
  return [...found].map(([index, { bytes, note }]) => ({
    bytes,
    note,
    path: pathFrom(peaks, next, leaves, index),
    own: pathFrom(peaks, next, leaves.slice(0, index + 1 - next), index),
  }));
}

/** Frames of leaves of one segment. @param end the first leaf that is not wanted @throws MalformedBytes */
async function* leavesOf(
  disk: Disk,
  folder: string,
  { segment, next }: SegmentHeader,
  end: number,
): AsyncGenerator<{ readonly index: number; readonly payload: Buffer }> {
  const frames = new FrameCursor(disk, folder, 'journal', segment, 0);
  for (let index = next; index < end; index++) {
    const frame = await frames.next();
    if (frame?.type !== FrameType.leaf) throw new MalformedBytes(`leaf ${index} of the journal is not there`);
    yield { index, payload: frame.payload };
  }
}

function leafIn(payload: Buffer): Buffer {
  return payload.subarray(4, 4 + payload.readUInt32BE(0));
}

/** Only a leaf that changes keys has it; a text may hold the same, so the leaf is looked at. */
const KEYS_MEMBER = '"keys":[';

/** The audit path in a tree of which the leaves before `next` are known as perfect subtrees only. */
function pathFrom(
  peaks: readonly Digest[],
  next: number,
  leaves: readonly Digest[],
  index: number,
): readonly Digest[] {
  const known = new Map<string, Digest>();
  let [at, rest] = [0, next];
  for (const peak of peaks) {
    const width = 2 ** Math.floor(Math.log2(rest));
    known.set(`${at}-${at + width}`, peak);
    at += width;
    rest -= width;
  }
  const node = (from: number, to: number): Digest => {
    const peak = known.get(`${from}-${to}`);
    if (peak !== undefined) return peak;
    if (from >= next) return treeRoot(leaves, from - next, to - next);
    const split = from + largestPowerBelow(to - from);
    return nodeHash(node(from, split), node(split, to));
  };
  return pathOver(next + leaves.length, index, node);
}

export async function readText(disk: Disk, path: string): Promise<string | null> {
  const size = await disk.size(path);
  return size === null ? null : (await disk.read(path, 0, size)).toString('utf8');
}
