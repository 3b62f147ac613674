import { DIGEST_BYTES, type Digest } from '../hashing.ts';
import { ENTRY_BYTES, PAGE_ENTRIES, pageHashes } from '../row-index/index-root.ts';
import { pairsAbove, pathIn } from '../tree-path.ts';

/** A page of an index as a proof shows it. */
export interface IndexPage {
  readonly number: number;
  readonly entries: Buffer;
  readonly path: readonly Digest[];
}

/** Sorted entries of one index record, in memory or in a look-up file. */
export interface SortedEntries {
  readonly count: number;
  read(from: number, to: number): Promise<Buffer>;
  /** Nodes of the tree over the pages, level after level; see `pairsAbove`. */
  nodes(): Promise<Buffer>;
}

/** Tags are spread evenly, so an entry is looked for where it should be: this many entries around. */
const WINDOW = 512;

/** Entries with this tag: from (inclusive) and to (exclusive); equal where there are none. */
export async function rangeOf(
  entries: SortedEntries,
  tag: Buffer,
): Promise<{ readonly from: number; readonly to: number }> {
  return { from: await bound(entries, tag, 0), to: await bound(entries, tag, 1) };
}

/** The first entry whose tag is not below (`above` 0) or is above (1). */
async function bound(entries: SortedEntries, tag: Buffer, above: 0 | 1): Promise<number> {
  const { count } = entries;
  // Whole pages, so that those that a proof shows are read with it.
  const guess = Math.floor(((tag.readUInt32BE(0) / 0x1_0000_0000) * count) / PAGE_ENTRIES) * PAGE_ENTRIES;
  let [low, high] = [Math.max(0, guess - WINDOW), Math.min(count, guess + WINDOW)];
  let window = await entries.read(low, high);
  const before = (at: number): boolean => {
    const order = window.compare(tag, 0, 8, (at - low) * ENTRY_BYTES, (at - low) * ENTRY_BYTES + 8);
    return above === 0 ? order < 0 : order <= 0;
  };
  if (low < high && ((low > 0 && !before(low)) || (high < count && before(high - 1)))) {
    // Not spread as expected: a look at everything.
    [low, high] = [0, count];
    window = await entries.read(0, count);
  }
  let [from, to] = [low, high];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (before(middle)) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** Pages that hold entries `from` to `to` and a neighbour on each side, as far as there is one. */
export async function pagesAround(
  entries: SortedEntries,
  from: number,
  to: number,
): Promise<readonly IndexPage[]> {
  const { count } = entries;
  if (count === 0) return [];
  const pages = Math.ceil(count / PAGE_ENTRIES);
  const first = Math.floor(Math.max(0, from - 1) / PAGE_ENTRIES);
  const last = Math.floor(Math.min(count - 1, to) / PAGE_ENTRIES);
  const nodes = await entries.nodes();
  const starts = levelStarts(pages);
  const node = (level: number, index: number): Digest => {
    const at = (starts[level]! + index) * DIGEST_BYTES;
    return nodes.latin1Slice(at, at + DIGEST_BYTES);
  };
  const found: IndexPage[] = [];
  for (let number = first; number <= last; number++) {
    found.push({
      number,
      entries: await entries.read(number * PAGE_ENTRIES, Math.min(count, (number + 1) * PAGE_ENTRIES)),
      path: pathIn(node, pages, number),
    });
  }
  return found;
}

export function nodesOf(sorted: Buffer): Buffer {
  return Buffer.from(pairsAbove(pageHashes(sorted)).flat().join(''), 'latin1');
}

/** Where each level begins among the nodes of a tree. */
function levelStarts(leaves: number): readonly number[] {
  const starts: number[] = [];
  for (let [at, width] = [0, leaves]; width > 0; at += width, width = width >> 1) starts.push(at);
  return starts;
}

/** Of all levels over so many leaves. */
export function nodeCount(leaves: number): number {
  let count = 0;
  for (let width = leaves; width > 0; width >>= 1) count += width;
  return count;
}

export function entriesInMemory(sorted: Buffer): SortedEntries {
  return {
    count: sorted.length / ENTRY_BYTES,
    read: async (from, to) => sorted.subarray(from * ENTRY_BYTES, to * ENTRY_BYTES),
    nodes: async () => nodesOf(sorted),
  };
}
