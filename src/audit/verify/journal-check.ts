import { join } from 'node:path';
import { GtidSet } from '../../model/gtid-set.ts';
import { MariadbGtidPosition } from '../../model/mariadb-gtid.ts';
import { describePlace, type MysqlPosition } from '../../model/position.ts';
import { MalformedBytes } from '../bytes.ts';
import type { Disk } from '../disk.ts';
import { FrameType } from '../frame.ts';
import { chainNext, chainStart, leafHash } from '../hashing.ts';
import type { JournalLeaf } from '../journal-leaf.ts';
import { decodeLeafFrame, type LeafFrame } from '../journal-reader.ts';
import { type ActiveKeys, applyKeyChanges } from '../key-change.ts';
import { CompactRange } from '../merkle.ts';
import { listSegments } from '../segment.ts';
import type { Findings } from './report.ts';
import { readSegmentFile } from './segment-file.ts';
import type { TrustedKeys } from './trusted-keys.ts';

export interface CheckedJournal {
  readonly leaves: readonly JournalLeaf[];
  /** Root after each number of leaves that somebody asked for. */
  readonly rootAt: ReadonlyMap<number, string>;
  readonly head: string | null;
}

/** docs/audit-format.md §8.2: the journal alone. Stops at the first leaf that does not fit. */
export async function checkJournal(
  disk: Disk,
  root: string,
  verifier: TrustedKeys,
  wantedSizes: ReadonlySet<number>,
  findings: Findings,
): Promise<CheckedJournal> {
  const origin = verifier.name;
  const tree = new CompactRange();
  let chain = chainStart(origin);
  let keys: ActiveKeys = null;
  const leaves: JournalLeaf[] = [];
  const rootAt = new Map<number, string>([[0, tree.root()]]);
  let head: string | null = null;
  const segments = await listSegments(disk, join(root, 'journal'), 'journal');
  const done = (): CheckedJournal => {
    rootAt.set(tree.size, tree.root());
    return { leaves, rootAt, head };
  };
  for (let i = 0; i < segments.length; i++) {
    const at = { file: join('journal', `segment ${segments[i]}`) };
    if (segments[i] !== i) {
      findings.add('RS-AUD-021', `journal segment ${i} is missing`, at);
      return done();
    }
    let file: Awaited<ReturnType<typeof readSegmentFile>>;
    try {
      file = await readSegmentFile(disk, root, 'journal', 'journal', i);
    } catch (error) {
      if (!(error instanceof MalformedBytes)) throw error;
      // The first write of a new segment can be torn as any other.
      if (i === segments.length - 1 && isTornTail(error.message))
        findings.notes.push(
          `${at.file} has no whole header and is not part of the log (a crash leaves such a file)`,
        );
      else findings.add('RS-AUD-020', error.message, at);
      return done();
    }
    if (file === null) return done();
    findings.bytes += file.size;
    findings.storedBytes += file.stored;
    const { header, name } = file;
    if (header.origin !== origin || header.kind !== 'journal') {
      findings.add('RS-AUD-023', `the segment belongs to ${header.origin}`, { file: name });
      return done();
    }
    if (
      header.segment !== i ||
      header.next !== tree.size ||
      header.chain !== chain ||
      header.peaks.join() !== tree.peaks.join() ||
      header.keys?.join() !== keys?.join()
    ) {
      findings.add('RS-AUD-021', 'the segment does not continue the one before', { file: name });
      return done();
    }
    for (const frame of file.frames) {
      const place = { file: name, offset: frame.offset, group: tree.size };
      let leaf: LeafFrame;
      try {
        if (frame.type !== FrameType.leaf)
          throw new MalformedBytes('a frame that does not belong into a journal');
        leaf = decodeLeafFrame(frame.payload);
      } catch (error) {
        if (!(error instanceof MalformedBytes)) throw error;
        findings.add('RS-AUD-020', error.message, place);
        return done();
      }
      const hash = leafHash(leaf.bytes);
      if (leaf.leaf.group !== tree.size || chainNext(chain, tree.size, hash) !== leaf.chain) {
        findings.add(
          'RS-AUD-021',
          `leaf ${leaf.leaf.group} stands where leaf ${tree.size} is due, or its chain value is wrong`,
          place,
        );
        return done();
      }
      chain = leaf.chain;
      tree.append(hash);
      const changed = applyKeyChanges(keys, leaf.leaf.keys, origin, leaf.leaf.group);
      if (changed !== null && 'wrong' in changed) {
        findings.add('RS-AUD-021', changed.wrong, place);
        return done();
      }
      keys = changed;
      const signedHead = { origin, size: tree.size, root: tree.root() };
      const verdict = verifier.checkLeaf(leaf.note, signedHead, leaf.leaf.group, leaf.leaf.keys);
      findings.signatures++;
      if (verdict === 'unsigned')
        findings.add('RS-AUD-024', 'the journal head of this group is not signed by the key', place);
      else if (verdict !== 'ok')
        findings.add('RS-AUD-020', 'the journal head of this group does not fit its leaf', place);
      const previous = leaves.at(-1);
      const jump =
        leaf.leaf.gaps.length > 0 ? gapDefect(previous, leaf.leaf) : positionJump(previous, leaf.leaf);
      if (jump !== null) findings.add('RS-AUD-021', jump, place);
      for (const gap of leaf.leaf.gaps)
        findings.gaps.push({ group: leaf.leaf.group, sealed_at_us: String(leaf.leaf.sealedAtUs), ...gap });
      leaves.push(leaf.leaf);
      if (wantedSizes.has(tree.size)) rootAt.set(tree.size, tree.root());
      head = leaf.note;
    }
    if (file.wholeUntil < file.size) {
      const place = { file: name, offset: file.wholeUntil };
      if (i < segments.length - 1)
        findings.add('RS-AUD-020', file.tornBecause ?? 'the segment is torn', place);
      else if (isTornTail(file.tornBecause))
        findings.notes.push(
          `${name}: ${file.size - file.wholeUntil} bytes after the last whole leaf are not part of the log (a crash leaves such a tail)`,
        );
      else findings.add('RS-AUD-020', file.tornBecause ?? 'the end of the segment is damaged', place);
    }
  }
  return done();
}

/** A write that was cut short leaves a frame that ends too early; a whole frame with a wrong CRC was changed. */
export function isTornTail(because: string | null): boolean {
  return because !== null && /cut short/.test(because);
}

/** A gap stands alone in its group and spans exactly from the position before to that of its group. */
function gapDefect(previous: JournalLeaf | undefined, leaf: JournalLeaf): string | null {
  const [gap, ...others] = leaf.gaps;
  if (previous === undefined || others.length > 0 || leaf.tables.length > 0)
    return 'a gap is on record where none can be';
  return gap!.from === describePlace(previous.position) && gap!.to === describePlace(leaf.position)
    ? null
    : 'a gap on record does not span from the position before it to its own';
}

/** Positions of one source never go back; another source needs a gap on record. */
function positionJump(previous: JournalLeaf | undefined, leaf: JournalLeaf): string | null {
  if (previous === undefined) return null;
  const [before, after] = [previous.position, leaf.position];
  if (before.kind !== after.kind) return 'the source changed its kind without a gap on record';
  if (before.kind === 'mysql' || after.kind === 'mysql')
    return before.kind === 'mysql' && after.kind === 'mysql' ? mysqlJump(before, after) : null;
  // A promoted standby that has all of it goes on under a higher timeline.
  if (before.systemId !== after.systemId || before.slot !== after.slot || before.timeline > after.timeline)
    return 'the server, timeline or slot changed without a gap on record';
  if (before.phase === 'stream' && after.phase === 'snapshot')
    return 'a new copy began without a gap on record';
  return after.lsn < before.lsn ? 'the source position goes backwards' : null;
}

/** With GTIDs another server may go on; what was executed only grows. Without, files and offsets do. */
function mysqlJump(before: MysqlPosition, after: MysqlPosition): string | null {
  if (before.flavor !== after.flavor) return 'the server became one of another kind without a gap on record';
  if (before.phase === 'stream' && after.phase === 'snapshot')
    return 'a new copy began without a gap on record';
  if (before.gtidSet !== null && after.gtidSet !== null) {
    const grows = gtidsGrow(before.flavor, before.gtidSet, after.gtidSet);
    if (grows === null) return 'a position has GTIDs that cannot be read';
    if (!grows) return 'transactions that were executed before are not any more';
  } else if (before.server !== after.server) {
    return 'the server changed without a gap on record';
  }
  if (before.server !== after.server) return null;
  const back =
    before.place.file === after.place.file
      ? after.place.offset < before.place.offset
      : fileNumber(after.place.file) < fileNumber(before.place.file);
  return back ? 'the source position goes backwards' : null;
}

function gtidsGrow(flavor: 'mysql' | 'mariadb', before: string, after: string): boolean | null {
  if (flavor === 'mysql') {
    const [old, now] = [GtidSet.parse(before), GtidSet.parse(after)];
    return old === null || now === null ? null : now.contains(old);
  }
  const [old, now] = [MariadbGtidPosition.parse(before), MariadbGtidPosition.parse(after)];
  return old === null || now === null ? null : now.reaches(old);
}

/** `binlog.000042` → 42. */
function fileNumber(file: string): number {
  return Number(/\.(\d+)$/.exec(file)?.[1] ?? Number.NaN);
}
