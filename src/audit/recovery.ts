import { join } from 'node:path';
import { RowsealError } from '../error/rowseal-error.ts';
import { ByteReader, MalformedBytes } from './bytes.ts';
import type { Disk } from './disk.ts';
import { keepEnd, quarantineTail, writeAgain } from './durable.ts';
import type { RecoveredState } from './file-audit-log.ts';
import { FRAME_HEADER_BYTES, type Frame, FrameType, readFrame } from './frame.ts';
import { chainNext, DIGEST_BYTES, leafHash } from './hashing.ts';
import { emptyJournalState, type JournalState } from './journal.ts';
import type { JournalLeaf, TouchedTable } from './journal-leaf.ts';
import { COSIGNED_FILE, decodeLeafFrame } from './journal-reader.ts';
import { applyKeyChanges } from './key-change.ts';
import { CompactRange } from './merkle.ts';
import { parseSignedHead } from './note.ts';
import { decodeRecord, RecordKind } from './record.ts';
import { replayIndex } from './row-index/replay-index.ts';
import type { IndexMark } from './row-index/row-index.ts';
import { listSegments, type SegmentKind, segmentName } from './segment.ts';
import { segmentBytes } from './segment-bytes.ts';
import { decodeSegmentHeader, type SegmentHeader } from './segment-header.ts';
import { emptyTableState, type TableState } from './table-log.ts';

/**
 * Brings a directory back to its newest sealed group after any crash. The journal decides: a group exists if its leaf
 * does. Reads the last segment of each file run, so its cost does not grow with the log. Everything it cuts off
 * is moved aside and the cut is synced before anything is signed. Running it twice changes nothing.
 *
 * What it finds need not be durable: the process before may have been killed before a sync, or ended because one failed.
 * Only the newest leaf can be in doubt, since a leaf is written after the syncs of its tables and of the leaf before have
 * succeeded; it is written again. And cuts of an earlier recovery: their files are synced again.
 *
 * @throws RowsealError RS-AUD-003 (less on disk than was published), RS-AUD-004 (damage), RS-AUD-005 (another log)
 */
export async function recover(disk: Disk, directory: string, origin: string): Promise<RecoveredState> {
  const journal = await recoverJournal(disk, directory, origin);
  const tables = new Map<string, TableState>();
  const last = journal.leaves.at(-1)?.group ?? journal.state.size - 1;
  const touched = new Map<string, TouchedTable>();
  for (const leaf of journal.leaves) for (const table of leaf.tables) touched.set(table.directory, table);
  for (const name of await disk.list(join(directory, 'tables'))) {
    const state = await recoverTable(disk, directory, name, `${origin}/tables/${name}`, last);
    const expected = touched.get(name);
    if (
      expected !== undefined &&
      (state.seq !== expected.size || state.chain !== expected.chain || state.tree.root() !== expected.root)
    ) {
      throw damaged(
        `the log of table ${name} holds ${state.seq} records, its newest group says ${expected.size}, or their hashes differ`,
      );
    }
    await refuseRollback(disk, join(directory, 'tables', name, 'head'), state.seq);
    tables.set(name, state);
  }
  for (const name of touched.keys()) {
    if (!tables.has(name)) throw damaged(`the directory of table ${name} is gone`);
  }
  return { journal: journal.state, last: journal.leaves.at(-1) ?? null, tables };
}

interface RecoveredJournal {
  readonly state: JournalState;
  /** Leaves of the last segment (and of the one before, when the last holds none). */
  readonly leaves: readonly JournalLeaf[];
}

async function recoverJournal(disk: Disk, directory: string, origin: string): Promise<RecoveredJournal> {
  const path = join(directory, 'journal');
  let state = emptyJournalState(origin);
  let leaves: JournalLeaf[] = [];
  for (const segment of [...(await listSegments(disk, path, 'journal'))].reverse()) {
    const file = join(path, segmentName('journal', segment));
    const scan = await scanSegment(disk, file, 'journal', origin);
    if (scan.header !== null) {
      const tree = new CompactRange(scan.header.next, scan.header.peaks);
      let { chain, keys } = scan.header;
      let newest = 0;
      let end = 0;
      leaves = [];
      for (const frame of scan.frames) {
        const decoded =
          frame.type === FrameType.leaf ? tryDecode(() => decodeLeafFrame(frame.payload)) : null;
        if (decoded === null) break;
        const hash = leafHash(decoded.bytes);
        const after = applyKeyChanges(keys, decoded.leaf.keys, origin, decoded.leaf.group);
        if (after !== null && 'wrong' in after) throw damaged(`${file}: ${after.wrong}`);
        keys = after;
        const next = chainNext(chain, tree.size, hash);
        if (next !== decoded.chain || decoded.leaf.group !== tree.size)
          throw damaged(`${file}: the leaf at ${frame.offset} does not follow`);
        chain = next;
        tree.append(hash);
        leaves.push(decoded.leaf);
        // The first one was written with the header before it.
        newest = leaves.length === 1 ? 0 : frame.offset;
        end = frame.offset + frame.length;
      }
      if (leaves.length > 0) {
        await cut(disk, directory, 'journal', 'journal', segment, end);
        await writeAgain(disk, file, scan.bytes.subarray(newest, end), newest);
        state = { size: tree.size, chain, tree, keys, end: { segment, offset: end } };
        break;
      }
    }
    // A segment without a whole leaf was begun for a group that does not exist.
    await cut(disk, directory, 'journal', 'journal', segment, 0);
  }
  await refuseRollback(disk, join(path, 'head'), state.size);
  // What witnesses have cosigned was published for certain.
  await refuseRollback(disk, join(directory, COSIGNED_FILE), state.size);
  return { state, leaves };
}

async function recoverTable(
  disk: Disk,
  directory: string,
  name: string,
  origin: string,
  lastGroup: number,
): Promise<TableState> {
  const path = join(directory, 'tables', name);
  let state = emptyTableState(origin);
  for (const segment of [...(await listSegments(disk, path, 'records'))].reverse()) {
    const file = join(path, segmentName('records', segment));
    const scan = await scanSegment(disk, file, 'records', origin);
    const sealed = scan.header === null ? null : replay(scan.header, scan.frames, segment, lastGroup, file);
    if (sealed !== null) {
      state = { ...sealed, index: await indexAt(disk, directory, join('tables', name), sealed.recordsEnd) };
      await cut(disk, directory, join('tables', name), 'records', segment, sealed.recordsEnd.offset);
      break;
    }
    await cut(disk, directory, join('tables', name), 'records', segment, 0);
  }
  for (const segment of await listSegments(disk, path, 'rows')) {
    if (segment < state.rowsEnd.segment) continue;
    await cut(
      disk,
      directory,
      join('tables', name),
      'rows',
      segment,
      segment === state.rowsEnd.segment ? state.rowsEnd.offset : 0,
    );
  }
  const rows = await disk.size(join(path, segmentName('rows', state.rowsEnd.segment)));
  if (state.rowsEnd.offset > 0 && (rows ?? 0) < state.rowsEnd.offset)
    throw damaged(`the row images of table ${name} end too early`);
  // What an earlier recovery cut off must not come back: its trailers name groups that are others by now.
  await keepEnd(disk, join(path, segmentName('records', state.recordsEnd.segment)));
  return state;
}

/** Replays records up to the last trailer of a sealed group; null when the segment holds none. */
function replay(
  header: SegmentHeader,
  frames: readonly Frame[],
  segment: number,
  lastGroup: number,
  file: string,
): Omit<TableState, 'index'> | null {
  const tree = new CompactRange(header.next, header.peaks);
  let { chain, schema, policy } = header;
  let seq = header.next;
  let sealed: Omit<TableState, 'index'> | null = null;
  for (const frame of frames) {
    if (frame.type === FrameType.records || frame.type === FrameType.meta) {
      const reader = new ByteReader(frame.payload);
      while (!reader.done) {
        const bytes = reader.bytes(reader.u16());
        const leaf = leafHash(bytes);
        chain = chainNext(chain, seq, leaf);
        if (reader.binary(DIGEST_BYTES) !== chain)
          throw damaged(`${file}: the chain breaks at record ${seq}`);
        tree.append(leaf);
        if (frame.type === FrameType.meta) {
          const record = decodeRecord(bytes);
          if (record.kind === RecordKind.schema) schema = { seq, payload: record.payload };
          if (record.kind === RecordKind.policy) policy = { seq, payload: record.payload };
        }
        seq++;
      }
    } else if (frame.type === FrameType.trailer) {
      const trailer = JSON.parse(frame.payload.toString('utf8')) as {
        readonly group: number;
        readonly size: number;
        readonly rows: readonly [number, number];
      };
      if (trailer.group > lastGroup) break;
      if (trailer.size !== seq)
        throw damaged(`${file}: a group says ${trailer.size} records where ${seq} are`);
      sealed = {
        seq,
        chain,
        tree: tree.clone(),
        schema,
        policy,
        recordsEnd: { segment, offset: frame.offset + frame.length },
        rowsEnd: { segment: trailer.rows[0], offset: trailer.rows[1] },
      };
    }
  }
  return sealed;
}

/** The rows met since the last index record, which a writer goes on with. */
async function indexAt(
  disk: Disk,
  directory: string,
  folder: string,
  end: TableState['recordsEnd'],
): Promise<IndexMark> {
  try {
    return (await replayIndex(disk, directory, folder, end)).mark();
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error;
    throw damaged(`${folder}: ${error.message}`);
  }
}

interface SegmentScan {
  readonly bytes: Buffer;
  /** null: not even the header is whole. */
  readonly header: SegmentHeader | null;
  /** Whole frames after the header, up to the first that is torn. */
  readonly frames: readonly Frame[];
}

async function scanSegment(
  disk: Disk,
  file: string,
  kind: SegmentKind,
  origin: string,
): Promise<SegmentScan> {
  // Packed or not: nothing is packed that a crash could have torn.
  const bytes = await wholeSegment(disk, file);
  const size = bytes.length;
  const read = async (offset: number, length: number): Promise<Buffer> =>
    bytes.subarray(offset, offset + length);
  const frames: Frame[] = [];
  let header: SegmentHeader | null = null;
  let offset = 0;
  while (offset + FRAME_HEADER_BYTES <= size) {
    const frame = await readFrame(read, offset).catch(tornIsNull);
    if (frame === null) break;
    if (offset === 0) {
      header = frame.type === FrameType.header ? tryDecode(() => decodeSegmentHeader(frame.payload)) : null;
      if (header === null) break;
      if (header.origin !== origin || header.kind !== kind) {
        throw new RowsealError('RS-AUD-005', {
          detail: `${file} belongs to ${header.origin}, configured is ${origin}`,
        });
      }
    } else frames.push(frame);
    offset += frame.length;
  }
  return { bytes, header, frames };
}

async function wholeSegment(disk: Disk, file: string): Promise<Buffer> {
  const segments = segmentBytes(disk);
  try {
    return await segments.read(file, 0, (await segments.size(file)) ?? 0);
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error;
    throw damaged(`${file}: ${error.message}`);
  }
}

async function cut(
  disk: Disk,
  directory: string,
  folder: string,
  kind: SegmentKind,
  segment: number,
  at: number,
): Promise<void> {
  const file = join(directory, folder, segmentName(kind, segment));
  const size = await disk.size(file);
  if (size === null || (size <= at && at > 0)) return;
  const aside = join(
    directory,
    'quarantine',
    `${folder.replaceAll('/', '_')}_${segmentName(kind, segment)}.from-${at}.${await freeNumber(disk, directory)}`,
  );
  await quarantineTail(disk, file, at, aside);
  if (at > 0) return;
  await disk.remove(file);
  await disk.syncDirectory(join(directory, folder));
}

async function freeNumber(disk: Disk, directory: string): Promise<number> {
  return (await disk.list(join(directory, 'quarantine'))).length;
}

/** A head that was published is a promise: less than it must never be signed again. */
async function refuseRollback(disk: Disk, file: string, size: number): Promise<void> {
  const length = await disk.size(file);
  if (length === null) return;
  const head = parseSignedHead((await disk.read(file, 0, length)).toString('utf8'));
  if (head === null) throw damaged(`${file} is not a signed head`);
  if (head.head.size > size) {
    throw new RowsealError('RS-AUD-003', { detail: `${file} says ${head.head.size}, the log holds ${size}` });
  }
}

function tryDecode<T>(decode: () => T): T | null {
  try {
    return decode();
  } catch (error) {
    if (error instanceof MalformedBytes) return null;
    throw error;
  }
}

function tornIsNull(error: unknown): null {
  if (error instanceof MalformedBytes) return null;
  throw error;
}

function damaged(detail: string): RowsealError {
  return new RowsealError('RS-AUD-004', { detail });
}
