import type { Digest } from '../hashing.ts';
import { EntryList } from './entry-list.ts';
import type { IndexStatement } from './index-payload.ts';
import { indexRoot, pageHashes } from './index-root.ts';

/** Records after which an index record of each level is due. */
export type IndexSpacing = readonly [level0: number, level1: number];

/** Small enough that what follows the last one is shipped with a proof; large enough that a proof visits few. */
export const INDEX_SPACING: IndexSpacing = [2_048, 65_536];

/** Where an index of one level begins. */
interface Beginning {
  readonly first: number;
  readonly previous: Digest | null;
  /** Entries, and wide ones, that lie before it in the list. */
  readonly entries: number;
  readonly wide: number;
}

const START: Beginning = { first: 0, previous: null, entries: 0, wide: 0 };

/** Where an index stands; stays true while the index goes on. */
export interface IndexMark {
  readonly list: EntryList;
  readonly count: number;
  readonly wide: number;
  readonly levels: readonly [Beginning, Beginning];
}

/**
 * The rows that a table's records are about, since the last index record of level 1 (docs/audit-format.md §11). Twelve bytes
 * an entry in memory; sorting and hashing happen when an index record is due.
 */
export class RowIndex {
  #list: EntryList;
  #wide: number;
  #levels: readonly [Beginning, Beginning];

  constructor(mark: IndexMark = { list: new EntryList(), count: 0, wide: 0, levels: [START, START] }) {
    this.#list = mark.list;
    this.#list.truncate(mark.count);
    this.#wide = mark.wide;
    this.#levels = mark.levels;
  }

  mark(): IndexMark {
    return { list: this.#list, count: this.#list.count, wide: this.#wide, levels: this.#levels };
  }

  /** A record about the row with this tag. */
  add(tag: Uint8Array, at: number, seq: number): void {
    const high = (tag[at]! << 24) | (tag[at + 1]! << 16) | (tag[at + 2]! << 8) | tag[at + 3]!;
    const low = (tag[at + 4]! << 24) | (tag[at + 5]! << 16) | (tag[at + 6]! << 8) | tag[at + 7]!;
    this.#list.add(high, low, seq - this.#levels[1].first);
  }

  /** A record that concerns every row. */
  addWide(seq: number): void {
    this.#list.add(0, 0, seq - this.#levels[1].first);
    this.#wide++;
  }

  /** The level that is due at record `seq`; null: none. */
  due(seq: number, spacing: IndexSpacing): 0 | 1 | null {
    if (seq - this.#levels[1].first >= spacing[1]) return 1;
    return seq - this.#levels[0].first >= spacing[0] ? 0 : null;
  }

  /** What an index record of this level says when it comes next. */
  statement(level: 0 | 1): IndexStatement {
    const { first, previous, entries, wide } = this.#levels[level];
    return {
      level,
      first,
      previous,
      entries: this.#list.count - entries,
      wide: this.#wide - wide,
      root: indexRoot(pageHashes(this.sorted(level))),
    };
  }

  /** The sorted entries that an index record of this level hashes. */
  sorted(level: 0 | 1): Buffer {
    const { entries, first } = this.#levels[level];
    return this.#list.sorted(entries, first - this.#levels[1].first);
  }

  /** An index record of this level now stands at `seq`. */
  recorded(level: 0 | 1, seq: number, leaf: Digest): void {
    if (level === 1) {
      // A new list: marks into the old one stay true.
      this.#list = new EntryList(Math.max(256, this.#list.count));
      this.#wide = 0;
    }
    const beginning = { first: seq, previous: leaf, entries: this.#list.count, wide: this.#wide };
    this.#levels = level === 1 ? [beginning, beginning] : [beginning, this.#levels[1]];
  }
}
