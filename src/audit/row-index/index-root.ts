import { type Digest, sha256 } from '../hashing.ts';
import { CompactRange } from '../merkle.ts';

/** docs/audit-format.md §11: an entry is eight bytes of a tag and four of the record's distance from `first`. */
export const ENTRY_BYTES = 12;
/** Entries of a page, the leaf of an index's tree. */
export const PAGE_ENTRIES = 32;

const LABEL = Buffer.from('rowseal/v1/index\0', 'latin1');
const message = Buffer.alloc(LABEL.length + 4 + PAGE_ENTRIES * ENTRY_BYTES);
message.set(LABEL);

/** H("rowseal/v1/index\0" ‖ u32 length ‖ entries). @param page at most PAGE_ENTRIES entries */
export function pageHash(page: Uint8Array): Digest {
  message.writeUInt32BE(page.length, LABEL.length);
  message.set(page, LABEL.length + 4);
  return sha256(message.subarray(0, LABEL.length + 4 + page.length));
}

/** Hashes of the pages of a sorted index. */
export function pageHashes(entries: Uint8Array): readonly Digest[] {
  const hashes: Digest[] = [];
  const step = PAGE_ENTRIES * ENTRY_BYTES;
  for (let at = 0; at < entries.length; at += step) hashes.push(pageHash(entries.subarray(at, at + step)));
  return hashes;
}

/** Root of the RFC 6962 tree over the pages. */
export function indexRoot(pages: readonly Digest[]): Digest {
  const tree = new CompactRange();
  for (const page of pages) tree.append(page);
  return tree.root();
}
