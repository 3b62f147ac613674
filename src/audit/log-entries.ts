import { join } from 'node:path';
import { ByteReader, MalformedBytes } from './bytes.ts';
import type { Disk } from './disk.ts';
import { FrameType } from './frame.ts';
import { DIGEST_BYTES, leafHash } from './hashing.ts';
import { decodeLeafFrame, readSegmentHeader } from './journal-reader.ts';
import { CompactRange } from './merkle.ts';
import { listSegments, segmentName } from './segment.ts';
import { readSegmentFile } from './verify/segment-file.ts';

/** The journal, or the log of one table, in an audit directory. */
export type LogName = { readonly kind: 'journal' } | { readonly kind: 'table'; readonly directory: string };

/** What a log is made of, in order: what was hashed into its tree, and the signed heads between. */
export type LogPiece =
  /** One leaf of the tree. */
  | { readonly kind: 'entry'; readonly bytes: Buffer }
  /** The signed head of all entries before. */
  | { readonly kind: 'head'; readonly note: string };

export function logOrigin(origin: string, log: LogName): string {
  return log.kind === 'journal' ? origin : `${origin}/tables/${log.directory}`;
}

function folderOf(log: LogName): string {
  return log.kind === 'journal' ? 'journal' : join('tables', log.directory);
}

function segmentKind(log: LogName): 'journal' | 'records' {
  return log.kind === 'journal' ? 'journal' : 'records';
}

/**
 * Where to begin to read so as to meet entry `from`: the last segment that begins at or before it, and the tree before
 * that segment as its header says. Not verified: whoever uses it compares the root with a signed head.
 *
 * @throws MalformedBytes
 */
export async function treeBefore(
  disk: Disk,
  directory: string,
  log: LogName,
  from: number,
): Promise<{ readonly segment: number; readonly tree: CompactRange }> {
  const folder = join(directory, folderOf(log));
  const kind = segmentKind(log);
  for (const segment of [...(await listSegments(disk, folder, kind))].reverse()) {
    const { header } = await readSegmentHeader(disk, join(folder, segmentName(kind, segment))).catch(
      (error: unknown) => {
        // A segment that a crash has just begun.
        if (error instanceof MalformedBytes) return { header: null };
        throw error;
      },
    );
    if (header !== null && header.next <= from)
      return { segment, tree: new CompactRange(header.next, header.peaks) };
  }
  return { segment: 0, tree: new CompactRange() };
}

/**
 * Entries and heads from the beginning of a segment on, one segment in memory at a time. What follows the newest head was
 * never sealed; a torn end is left out.
 */
export async function* readLog(
  disk: Disk,
  directory: string,
  log: LogName,
  segment: number,
): AsyncGenerator<LogPiece> {
  for (const number of await listSegments(disk, join(directory, folderOf(log)), segmentKind(log)))
    if (number >= segment) yield* readPieces(disk, directory, log, number);
}

/** The newest signed head of a log; null: it has none. */
export async function newestHead(disk: Disk, directory: string, log: LogName): Promise<string | null> {
  const segments = await listSegments(disk, join(directory, folderOf(log)), segmentKind(log));
  for (const segment of segments.toReversed()) {
    let note: string | null = null;
    for await (const piece of readPieces(disk, directory, log, segment))
      if (piece.kind === 'head') note = piece.note;
    if (note !== null) return note;
  }
  return null;
}

async function* readPieces(
  disk: Disk,
  directory: string,
  log: LogName,
  segment: number,
): AsyncGenerator<LogPiece> {
  const file = await readSegmentFile(disk, directory, folderOf(log), segmentKind(log), segment).catch(
    (error: unknown) => {
      // A segment that a crash has just begun.
      if (error instanceof MalformedBytes) return null;
      throw error;
    },
  );
  for (const frame of file?.frames ?? []) yield* piecesOf(frame.type, frame.payload);
}

function piecesOf(type: number, payload: Buffer): readonly LogPiece[] {
  switch (type) {
    case FrameType.leaf: {
      const { bytes, note } = decodeLeafFrame(payload);
      return [
        { kind: 'entry', bytes },
        { kind: 'head', note },
      ];
    }
    case FrameType.records:
    case FrameType.meta: {
      const reader = new ByteReader(payload);
      const pieces: LogPiece[] = [];
      while (!reader.done) {
        pieces.push({ kind: 'entry', bytes: reader.bytes(reader.u16()) });
        reader.bytes(DIGEST_BYTES);
      }
      return pieces;
    }
    case FrameType.trailer: {
      const { note } = JSON.parse(payload.toString('utf8')) as { readonly note: string };
      return [{ kind: 'head', note }];
    }
    default:
      return [];
  }
}

/** The tree over the first `size` entries. null: the log is shorter. @throws MalformedBytes */
export async function treeAt(
  disk: Disk,
  directory: string,
  log: LogName,
  size: number,
): Promise<CompactRange | null> {
  const { segment, tree } = await treeBefore(disk, directory, log, size);
  if (tree.size === size) return tree;
  for await (const piece of readLog(disk, directory, log, segment)) {
    if (piece.kind !== 'entry') continue;
    tree.append(leafHash(piece.bytes));
    if (tree.size === size) return tree;
  }
  return null;
}
