import { join } from 'node:path';
import { ByteBuilder, ByteReader, MalformedBytes } from '../bytes.ts';
import type { Disk } from '../disk.ts';
import { DIGEST_BYTES, type Digest } from '../hashing.ts';
import { ENTRY_BYTES, PAGE_ENTRIES } from '../row-index/index-root.ts';
import { PLACE_BYTES, type Place, readPlace, writePlace } from './place.ts';
import { nodeCount, nodesOf, type SortedEntries } from './sorted-entries.ts';

/**
 * What a look-up keeps of the records from one index record of level 1 to the next, so that it need not read them again.
 * Made from the log, worth nothing as evidence, and deleted at will: a proof that it leads to is checked like any other.
 */
export interface LookupRange {
  /** Records covered: `first`, which is the index record before or 0, up to before `next`, the index record of this range. */
  readonly first: number;
  readonly next: number;
  /** The index record at `next`. */
  readonly record: Buffer;
  /** Where the index record lies: the walk goes on there. */
  readonly end: Place;
  /** Nodes over blocks of 256 leaves that end in (first, next]. */
  readonly blocks: readonly Digest[];
  /** Where the first record of each block lies that begins in [first, next). */
  readonly places: readonly Place[];
  readonly entries: SortedEntries;
  /** Payloads of the schema and policy records among them, in order. */
  readonly versions: Versions;
}

export interface Versions {
  readonly schemas: readonly string[];
  readonly policies: readonly string[];
}

const MAGIC = 'rowseal/v1/lookup';
/** Enough for everything before the entries, as a rule. */
const HEAD_BYTES = 24 * 1024;

export function lookupFolder(directory: string, table: string): string {
  return join(directory, 'lookup', table);
}

/** Ranges that files are kept for, in order and without a hole from record 0. */
export async function listRanges(
  disk: Disk,
  folder: string,
): Promise<readonly { readonly first: number; readonly next: number }[]> {
  const byFirst = new Map<number, number>();
  for (const name of await disk.list(folder)) {
    const match = /^(\d{1,16})-(\d{1,16})$/.exec(name);
    if (match !== null) byFirst.set(Number(match[1]), Number(match[2]));
  }
  const ranges = [];
  for (let first = 0; ; ) {
    const next = byFirst.get(first);
    if (next === undefined || next <= first) return ranges;
    ranges.push({ first, next });
    first = next;
  }
}

export function encodeRange(range: Omit<LookupRange, 'entries'>, sorted: Buffer): Buffer {
  const { first, next, record, end, blocks, places, versions } = range;
  const builder = new ByteBuilder(sorted.length + HEAD_BYTES);
  builder.binary(MAGIC);
  builder.u64(BigInt(first));
  builder.u64(BigInt(next));
  builder.u32(record.length);
  builder.bytes(record);
  writePlace(builder, end);
  const said = Buffer.from(JSON.stringify([versions.schemas, versions.policies]), 'utf8');
  builder.u32(said.length);
  builder.bytes(said);
  builder.u32(sorted.length / ENTRY_BYTES);
  builder.u32(blocks.length);
  builder.u32(places.length);
  for (const block of blocks) builder.binary(block);
  for (const place of places) writePlace(builder, place);
  builder.bytes(sorted);
  builder.bytes(nodesOf(sorted));
  return builder.take();
}

/** Written aside and renamed, so that a reader sees a whole file or none; not synced, because it can be made again. */
export async function writeRange(
  disk: Disk,
  folder: string,
  range: Omit<LookupRange, 'entries'>,
  sorted: Buffer,
): Promise<void> {
  await disk.makeDirectory(folder);
  const path = rangePath(folder, range.first, range.next);
  const aside = `${path}.${process.pid}.new`;
  const file = await disk.open(aside);
  try {
    await file.write([encodeRange(range, sorted)], 0);
  } finally {
    await file.close();
  }
  await disk.rename(aside, path);
}

/** @throws MalformedBytes */
export async function readRange(
  disk: Disk,
  folder: string,
  { first, next }: { readonly first: number; readonly next: number },
): Promise<LookupRange> {
  const path = rangePath(folder, first, next);
  let head = await disk.read(path, 0, HEAD_BYTES);
  let parsed = parseHead(head);
  if (parsed === null && head.length === HEAD_BYTES) {
    head = await disk.read(path, 0, (await disk.size(path)) ?? 0);
    parsed = parseHead(head);
  }
  if (parsed === null || parsed.first !== first || parsed.next !== next)
    throw new MalformedBytes('a look-up file is damaged');
  const { count, entriesAt, ...rest } = parsed;
  return { ...rest, entries: new FileEntries(disk, path, entriesAt, count) };
}

/** Entries in a look-up file. Each read is dear, so what was read last is kept: what is looked for next lies in it. */
class FileEntries implements SortedEntries {
  readonly count: number;
  readonly #disk: Disk;
  readonly #path: string;
  readonly #at: number;
  #kept: { readonly from: number; readonly to: number; readonly bytes: Buffer } | null = null;
  #nodes: Promise<Buffer> | null = null;

  constructor(disk: Disk, path: string, at: number, count: number) {
    this.#disk = disk;
    this.#path = path;
    this.#at = at;
    this.count = count;
  }

  async read(from: number, to: number): Promise<Buffer> {
    let kept = this.#kept;
    if (kept === null || from < kept.from || to > kept.to) {
      const bytes = await this.#disk.read(
        this.#path,
        this.#at + from * ENTRY_BYTES,
        (to - from) * ENTRY_BYTES,
      );
      kept = { from, to, bytes };
      this.#kept = kept;
    }
    return kept.bytes.subarray((from - kept.from) * ENTRY_BYTES, (to - kept.from) * ENTRY_BYTES);
  }

  nodes(): Promise<Buffer> {
    this.#nodes ??= this.#disk.read(
      this.#path,
      this.#at + this.count * ENTRY_BYTES,
      nodeCount(Math.ceil(this.count / PAGE_ENTRIES)) * DIGEST_BYTES,
    );
    return this.#nodes;
  }
}

function rangePath(folder: string, first: number, next: number): string {
  return join(folder, `${first}-${next}`);
}

/** null: the bytes end too early, or are something else. */
function parseHead(
  bytes: Buffer,
): (Omit<LookupRange, 'entries'> & { readonly count: number; readonly entriesAt: number }) | null {
  try {
    const reader = new ByteReader(bytes);
    if (reader.binary(MAGIC.length) !== MAGIC) return null;
    const first = Number(reader.u64());
    const next = Number(reader.u64());
    const record = reader.bytes(reader.u32());
    const end = readPlace(reader);
    const [schemas, policies] = JSON.parse(reader.utf8(reader.u32())) as [string[], string[]];
    const count = reader.u32();
    const [blockCount, placeCount] = [reader.u32(), reader.u32()];
    if (blockCount * DIGEST_BYTES + placeCount * PLACE_BYTES > bytes.length - reader.offset) return null;
    const blocks = Array.from({ length: blockCount }, () => reader.binary(DIGEST_BYTES));
    const places = Array.from({ length: placeCount }, () => readPlace(reader));
    const versions = { schemas, policies };
    return { first, next, record, end, blocks, places, versions, count, entriesAt: reader.offset };
  } catch (error) {
    if (error instanceof MalformedBytes || error instanceof SyntaxError) return null;
    throw error;
  }
}
