import { MalformedBytes } from '../bytes.ts';
import { parseErasure } from '../erased.ts';
import { type Digest, leafHash } from '../hashing.ts';
import { verifyInclusion } from '../inclusion-proof.ts';
import { CompactRange, peakCount } from '../merkle.ts';
import { type AuditRecord, RecordKind } from '../record.ts';
import { type IndexStatement, parseIndexPayload } from '../row-index/index-payload.ts';
import { ENTRY_BYTES, PAGE_ENTRIES, pageHash } from '../row-index/index-root.ts';
import { canonicalRecord } from './canonical-record.ts';
import type { RowClaim } from './proof-file.ts';

/** Entries of what concerns every row have this tag. */
const EVERY_ROW = Buffer.alloc(8);

/**
 * Which records a row must have, by the tail that is shown whole and the indexes before it (docs/audit-format.md §13.3).
 *
 * @returns seqs of the records that are the row's, or may be: the first half of their tag is
 * @throws MalformedBytes where the claim does not hold
 */
export function recordsOfRow(claim: RowClaim, size: number, root: Digest): ReadonlySet<number> {
  const tags = claim.tags.map((tag) => Buffer.from(tag, 'hex'));
  if (tags.length === 0) throw new MalformedBytes('the proof names no row');
  claim.tags.forEach((tag, i) => {
    if (i > 0 && claim.tags[i - 1]! >= tag) throw new MalformedBytes('the tags of the row are out of order');
  });
  const found = new Set<number>();
  checkTail(claim, size, root, new Set(claim.tags), found);
  checkRanges(claim, tags, found);
  return found;
}

/** The records after the last index, each one: with the subtrees before them they make the tree. */
function checkTail(
  { tail }: RowClaim,
  size: number,
  root: Digest,
  tags: ReadonlySet<string>,
  found: Set<number>,
): void {
  if (tail.peaks.length !== peakCount(tail.first) || tail.first + tail.records.length !== size)
    throw new MalformedBytes('the last records do not reach from the last index to the end of the log');
  const tree = new CompactRange(tail.first, tail.peaks);
  tail.records.forEach((bytes, i) => {
    const record = canonicalRecord(bytes);
    if (record.seq !== tail.first + i) throw new MalformedBytes('the last records are out of order');
    tree.append(leafHash(bytes));
    if (concerns(record, tags)) found.add(record.seq);
  });
  if (tree.root() !== root) throw new MalformedBytes('the last records are not those of the log');
}

function concerns(record: AuditRecord, tags: ReadonlySet<string>): boolean {
  switch (record.kind) {
    case RecordKind.truncate:
    case RecordKind.snapshot:
    case RecordKind.expiry:
      return true;
    case RecordKind.erasure:
      return parseErasure(record.payload).tags.some((tag) => tags.has(tag));
    default:
      return [record.keyTag, record.oldKeyTag].some(
        (tag) => tag !== null && tags.has(Buffer.from(tag).toString('hex')),
      );
  }
}

/** From the newest index, which stands first in the tail, back to record 0: each names the one before by its hash. */
function checkRanges({ tail, ranges }: RowClaim, tags: readonly Buffer[], found: Set<number>): void {
  let due: { readonly seq: number; readonly leaf: Digest } | null =
    tail.first === 0 ? null : { seq: tail.first, leaf: leafHash(tail.records[0] ?? Buffer.alloc(0)) };
  for (const range of ranges) {
    if (due === null) throw new MalformedBytes('an index reaches back before the first record');
    if (leafHash(range.record) !== due.leaf) throw new MalformedBytes('an index is not the one that is due');
    const record = canonicalRecord(range.record);
    if (record.kind !== RecordKind.index || record.seq !== due.seq)
      throw new MalformedBytes('an index is not the one that is due');
    const statement = parseIndexPayload(record.payload);
    const pages = checkedPages(range.pages, statement);
    const wanted = statement.wide > 0 ? [EVERY_ROW, ...tags] : tags;
    for (const tag of wanted) entriesOf(tag, pages, statement, found);
    const { first, previous } = statement;
    if (first >= due.seq) throw new MalformedBytes('an index covers nothing');
    due = previous === null ? null : { seq: first, leaf: previous };
  }
  if (due !== null)
    throw new MalformedBytes(`the indexes end before record ${due.seq}: the beginning is not covered`);
}

function checkedPages(
  shown: RowClaim['ranges'][number]['pages'],
  { entries, root }: IndexStatement,
): ReadonlyMap<number, Buffer> {
  const count = Math.ceil(entries / PAGE_ENTRIES);
  const pages = new Map<number, Buffer>();
  for (const { number, entries: bytes, path } of shown) {
    const full = number < count - 1 ? PAGE_ENTRIES : entries - (count - 1) * PAGE_ENTRIES;
    if (number >= count || bytes.length !== full * ENTRY_BYTES || pages.has(number))
      throw new MalformedBytes('a page of an index has not its size');
    if (!verifyInclusion(pageHash(bytes), number, count, path, root))
      throw new MalformedBytes('a page is not one of its index');
    pages.set(number, bytes);
  }
  return pages;
}

/** Adds the entries with this tag. The pages must show a smaller tag before them and a larger one behind, or an end. */
function entriesOf(
  tag: Buffer,
  pages: ReadonlyMap<number, Buffer>,
  { entries, first }: IndexStatement,
  found: Set<number>,
): void {
  if (entries === 0) return;
  const last = Math.ceil(entries / PAGE_ENTRIES) - 1;
  const order = (page: Buffer, entry: number): number =>
    page.compare(tag, 0, 8, entry * ENTRY_BYTES, entry * ENTRY_BYTES + 8);
  // The page where entries with this tag would begin: its first is smaller, or there is none before it.
  let at = -1;
  for (const [number, page] of pages) {
    if (number > at && (number === 0 || order(page, 0) < 0)) at = number;
  }
  if (at < 0) throw new MalformedBytes('no page shows what stands before the row');
  for (; ; at++) {
    const page = pages.get(at);
    if (page === undefined) throw new MalformedBytes('a page is missing where the row may stand');
    const count = page.length / ENTRY_BYTES;
    for (let entry = 0; entry < count; entry++)
      if (order(page, entry) === 0) found.add(first + page.readUInt32BE(entry * ENTRY_BYTES + 8));
    if (at === last || order(page, count - 1) > 0) return;
  }
}
