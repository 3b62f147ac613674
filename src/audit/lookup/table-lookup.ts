import { join } from 'node:path';
import { MalformedBytes } from '../bytes.ts';
import type { Disk } from '../disk.ts';
import { type Digest, leafInPlace } from '../hashing.ts';
import { LeafBatch } from '../leaf-batch.ts';
import { CompactRange } from '../merkle.ts';
import { type AuditRecord, decodeRecord, RecordKind } from '../record.ts';
import { indexChange, indexRecord } from '../row-index/index-entries.ts';
import { parseIndexPayload } from '../row-index/index-payload.ts';
import { RowIndex } from '../row-index/row-index.ts';
import { BLOCK_LEAVES, KeptTree } from '../tree-path.ts';
import { LogWalk } from './log-walk.ts';
import {
  type LookupRange,
  listRanges,
  lookupFolder,
  readRange,
  type Versions,
  writeRange,
} from './lookup-file.ts';
import { BEGINNING, type Place } from './place.ts';
import { parseTrailer } from './sealed-size.ts';
import { entriesInMemory, type SortedEntries } from './sorted-entries.ts';

export type { Versions };

/** Records that an index record covers, with the record itself. */
export interface IndexedRange {
  readonly first: number;
  readonly next: number;
  readonly record: Buffer;
  readonly entries: SortedEntries;
}

/** A record with its bytes, and its row images as they are stored. */
export interface FoundRecord {
  readonly record: AuditRecord;
  readonly bytes: Buffer;
  readonly images: readonly { readonly salt: Buffer; readonly body: Buffer }[];
}

/** The newest group that touched the table, as its trailer says. */
export interface TableEnd {
  readonly group: number;
  readonly size: number;
}

/** Records are read for a path or a proof: what is around them is not. */
const NEARBY_BYTES = 64 * 1024;
/** Blocks of 256 records with their images that are kept: what is looked for comes in order. */
const KEPT_BLOCKS = 16;

/**
 * Finds the records of a row without reading the log: by the index that is sealed with the records, of which sorted copies
 * are kept beside the log. What follows the newest index record of level 1 is read.
 */
export class TableLookup {
  readonly end: TableEnd;
  /** Ranges without a hole from record 0, oldest first; what follows the last is `tail`. */
  readonly ranges: readonly IndexedRange[];
  /** Records after the last index record, which is the first of them; from 0 where there is none. */
  readonly tail: readonly Buffer[];
  readonly tree: KeptTree;
  /** Schemas and policies of the whole log. */
  readonly versions: Versions;
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #places: readonly Place[];
  readonly #blocks = new Map<number, Promise<readonly Omit<FoundRecord, 'record'>[]>>();
  readonly #leaves = new Map<number, Promise<readonly Digest[]>>();

  private constructor(
    disk: Disk,
    folder: string,
    end: TableEnd,
    ranges: readonly IndexedRange[],
    tail: readonly Buffer[],
    places: readonly Place[],
    blocks: readonly Digest[],
    versions: Versions,
  ) {
    this.#disk = disk;
    this.#folder = folder;
    this.end = end;
    this.ranges = ranges;
    this.tail = tail;
    this.#places = places;
    this.versions = versions;
    this.tree = new KeptTree(end.size, blocks, (block) => {
      const leaves = this.#leaves.get(block) ?? this.#leavesOf(block);
      this.#leaves.set(block, leaves);
      return leaves;
    });
  }

  /**
   * @param table its directory @param size records up to the end of a sealed group
   * @param kept whether look-up files may be used, not only written
   * @throws MalformedBytes where the log cannot be read
   */
  static async open(
    disk: Disk,
    directory: string,
    table: string,
    size: number,
    kept = true,
  ): Promise<TableLookup> {
    const folder = join(directory, 'tables', table);
    const lookups = lookupFolder(directory, table);
    const known: LookupRange[] = [];
    if (kept) {
      try {
        const there = (await listRanges(disk, lookups)).filter(({ next }) => next < size);
        known.push(...(await inTurns(there, (range) => readRange(disk, lookups, range))));
      } catch (error) {
        if (!(error instanceof MalformedBytes)) throw error;
        known.length = 0;
      }
    }
    const reading = new TailReading(disk, folder, known, async (range, sorted) => {
      try {
        await writeRange(disk, lookups, range, sorted);
      } catch {
        // Beside a log that may only be read: then it is read again the next time.
      }
    });
    const end = await reading.run(size);
    const { ranges, tail, places, blocks, versions } = reading;
    return new TableLookup(disk, folder, end, ranges, tail, places, blocks, versions);
  }

  /** @throws MalformedBytes */
  async record(seq: number): Promise<FoundRecord> {
    const block = Math.floor(seq / BLOCK_LEAVES);
    let records = this.#blocks.get(block);
    if (records === undefined) {
      records = this.#readBlock(block);
      this.#blocks.set(block, records);
      for (const oldest of this.#blocks.keys()) {
        if (this.#blocks.size <= KEPT_BLOCKS) break;
        this.#blocks.delete(oldest);
      }
    }
    const found = (await records)[seq % BLOCK_LEAVES];
    if (found === undefined) throw new MalformedBytes(`record ${seq} is not there`);
    const record = decodeRecord(found.bytes);
    if (record.seq !== seq)
      throw new MalformedBytes(`record ${record.seq} stands where ${seq} is looked for`);
    return { record, ...found };
  }

  async #readBlock(block: number): Promise<readonly Omit<FoundRecord, 'record'>[]> {
    const first = block * BLOCK_LEAVES;
    const count = Math.min(BLOCK_LEAVES, this.end.size - first);
    const walk = new LogWalk(this.#disk, this.#folder, this.#place(first), NEARBY_BYTES);
    const records: Omit<FoundRecord, 'record'>[] = [];
    while (records.length < count) {
      const walked = await walk.next();
      if (walked === null) throw new MalformedBytes(`record ${first + records.length} is not there`);
      const bytes = Buffer.from(walked.payload.subarray(walked.from, walked.to));
      records.push({ bytes, images: await walk.images() });
    }
    return records;
  }

  async #leavesOf(block: number): Promise<readonly Digest[]> {
    const first = block * BLOCK_LEAVES;
    const count = Math.min(BLOCK_LEAVES, this.end.size - first);
    const walk = new LogWalk(this.#disk, this.#folder, this.#place(first), NEARBY_BYTES, false);
    const leaves: Digest[] = [];
    while (leaves.length < count) {
      const walked = await walk.next();
      if (walked === null) throw new MalformedBytes(`record ${first + leaves.length} is not there`);
      leaves.push(leafInPlace(walked.payload, walked.from, walked.to));
    }
    return leaves;
  }

  #place(seq: number): Place {
    const place = this.#places[Math.floor(seq / BLOCK_LEAVES)];
    if (place === undefined) throw new MalformedBytes(`record ${seq} is not there`);
    return place;
  }
}

/** Reads what no look-up file covers, and makes files of what has become a range. */
class TailReading {
  readonly ranges: IndexedRange[];
  tail: Buffer[] = [];
  readonly places: Place[];
  readonly blocks: Digest[];
  readonly versions: { schemas: string[]; policies: string[] };
  readonly #walk: LogWalk;
  readonly #keep: KeepRange;
  /** The first record that is not covered: an index record of level 1, or 0. */
  readonly #start: number;
  /** Leaves of the block in hand, and how many of them are of records that the walk has not come to. */
  #block = new CompactRange();
  #hashed = 0;
  readonly #leaves = new LeafBatch();
  #index = new RowIndex();
  /** Where the range of level 1 in hand begins among ranges, blocks and places. */
  #began: Beginning;

  constructor(disk: Disk, folder: string, known: readonly LookupRange[], keep: KeepRange) {
    this.ranges = [...known];
    this.places = known.flatMap(({ places }) => places);
    this.blocks = known.flatMap(({ blocks }) => blocks);
    this.#keep = keep;
    const last = known.at(-1);
    this.#start = last?.next ?? 0;
    this.versions = {
      schemas: known.flatMap(({ versions }) => versions.schemas),
      policies: known.flatMap(({ versions }) => versions.policies),
    };
    this.#began = this.#beginning();
    // The block in hand is hashed again from its first record.
    const begun = this.#start % BLOCK_LEAVES === 0 ? last?.end : this.places.at(-1);
    this.#walk = new LogWalk(disk, folder, begun ?? BEGINNING);
  }

  async run(size: number): Promise<TableEnd> {
    for (let seq = this.#start - (this.#start % BLOCK_LEAVES); seq < size; seq++) {
      const walked = this.#walk.nextInMemory() ?? (await this.#walk.next());
      if (walked === null) throw new MalformedBytes(`record ${seq} is not there`);
      if (seq % BLOCK_LEAVES === 0 && seq >= this.#start) this.places.push(this.#walk.place());
      const { payload, from, to, isChange } = walked;
      if (this.#hashed === 0) this.#hashAhead(payload, from - 2);
      this.#hashed--;
      if (seq >= this.#start) {
        const bytes = payload.subarray(from, to);
        if (isChange) indexChange(this.#index, this.#walk.scan, payload);
        else await this.#takeOther(seq, bytes, () => leafInPlace(payload, from, to));
        this.tail.push(bytes);
      }
      if (seq % BLOCK_LEAVES === BLOCK_LEAVES - 1) {
        this.blocks.push(this.#block.root());
        this.#block = new CompactRange();
      }
    }
    return parseTrailer(await this.#walk.trailer());
  }

  /** Records from the one in hand on, as far as they are in memory and belong into its block. */
  #hashAhead(payload: Buffer, at: number): void {
    const { size } = this.#block;
    this.#hashed = this.#leaves.hash(payload, at, BLOCK_LEAVES - size, size);
    this.#leaves.appendTo(this.#block);
  }

  async #takeOther(seq: number, bytes: Buffer, leaf: () => Digest): Promise<void> {
    const record = decodeRecord(bytes);
    if (record.kind === RecordKind.schema) this.versions.schemas.push(record.payload);
    if (record.kind === RecordKind.policy) this.versions.policies.push(record.payload);
    if (record.kind !== RecordKind.index) {
      indexRecord(this.#index, record);
      return;
    }
    const { level } = parseIndexPayload(record.payload);
    if (seq > this.#start || this.#start === 0) await this.#close(level, seq, bytes);
    this.#index.recorded(level, seq, leaf());
    this.tail = [];
  }

  /** The records up to here are a range; one of level 1 takes the place of those in it. */
  async #close(level: 0 | 1, next: number, record: Buffer): Promise<void> {
    const { first } = parseIndexPayload(decodeRecord(record).payload);
    const sorted = this.#index.sorted(level);
    if (level === 1) {
      this.ranges.length = this.#began.ranges;
      const end = this.#walk.place();
      const blocks = this.blocks.slice(this.#began.blocks);
      // A block that begins with the index record belongs to the next range.
      const places = this.places.slice(this.#began.places, Math.ceil(next / BLOCK_LEAVES));
      const versions = {
        schemas: this.versions.schemas.slice(this.#began.schemas),
        policies: this.versions.policies.slice(this.#began.policies),
      };
      await this.#keep({ first, next, record, end, blocks, places, versions }, sorted);
    }
    this.ranges.push({ first, next, record, entries: entriesInMemory(sorted) });
    if (level === 1) this.#began = { ...this.#beginning(), places: Math.ceil(next / BLOCK_LEAVES) };
  }

  #beginning(): Beginning {
    return {
      ranges: this.ranges.length,
      blocks: this.blocks.length,
      places: this.places.length,
      schemas: this.versions.schemas.length,
      policies: this.versions.policies.length,
    };
  }
}

interface Beginning {
  readonly ranges: number;
  readonly blocks: number;
  readonly places: number;
  readonly schemas: number;
  readonly policies: number;
}

type KeepRange = (range: Omit<LookupRange, 'entries'>, sorted: Buffer) => Promise<void>;

/** Some at a time: the files are read by a pool of threads. */
async function inTurns<T, R>(items: readonly T[], read: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += 16)
    results.push(...(await Promise.all(items.slice(at, at + 16).map(read))));
  return results;
}
