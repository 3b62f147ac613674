import { join } from 'node:path';
import { RowsealError } from '../error/rowseal-error.ts';
import type { Disk } from './disk.ts';
import { quarantineTail, replaceFile } from './durable.ts';
import { leafHash } from './hashing.ts';
import { CompactRange } from './merkle.ts';
import { type HeadSigner, parseSignedHead } from './note.ts';

/** One request to turn tokens back, written down and signed before it is answered (docs/audit-format.md §9). */
export interface AccessEntry {
  /** Microseconds since 1970-01-01 UTC, as text: JSON numbers are doubles. */
  readonly time_us: string;
  readonly actor: string;
  readonly reason: string;
  /** Token space, `domain:…` or `column:…`. */
  readonly space: string;
  readonly key_epoch: number;
  /** The masked values that were asked about: they are in the warehouse anyway, and say what was looked up. */
  readonly tokens: readonly string[];
}

/** A line of the log: the entry, and the signed head of the tree that it completes. */
export interface AccessLine {
  readonly entry: AccessEntry;
  readonly note: string;
}

export const ACCESS_FOLDER = 'access';
export const ACCESS_FILE = 'requests.jsonl';

export function accessOrigin(origin: string): string {
  return `${origin}/access`;
}

/** The bytes that are hashed and signed: members in this order. */
export function entryBytes(entry: AccessEntry): Buffer {
  const { time_us, actor, reason, space, key_epoch, tokens } = entry;
  return Buffer.from(JSON.stringify({ time_us, actor, reason, space, key_epoch, tokens }), 'utf8');
}

/** One JSON object a line; null: the text is no line of the log. */
export function parseAccessLine(text: string): AccessLine | null {
  try {
    const line = JSON.parse(text) as AccessLine;
    const canonical = JSON.stringify({
      entry: JSON.parse(entryBytes(line.entry).toString('utf8')),
      note: line.note,
    });
    return canonical === text ? line : null;
  } catch {
    return null;
  }
}

export interface AccessLog {
  /** Durable and signed when it resolves; only then may the request be answered. */
  append(entry: AccessEntry): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the access log of an audit directory. It has a lock of its own, so that a request does not wait for the pipeline
 * that is writing the log beside it. An unfinished last line (a crash before the answer) is moved aside.
 *
 * @throws RowsealError RS-AUD-006, RS-AUD-012
 */
export async function openAccessLog(
  disk: Disk,
  directory: string,
  origin: string,
  signer: HeadSigner,
  lock: (directory: string) => () => Promise<void>,
): Promise<AccessLog> {
  const folder = join(directory, ACCESS_FOLDER);
  await disk.makeDirectory(folder);
  await disk.syncDirectory(directory);
  const release = lock(folder);
  try {
    const path = join(folder, ACCESS_FILE);
    const size = (await disk.size(path)) ?? 0;
    const bytes = size === 0 ? Buffer.alloc(0) : await disk.read(path, 0, size);
    const whole = bytes.lastIndexOf(0x0a) + 1;
    if (whole < size) {
      const aside = join(
        directory,
        'quarantine',
        `access.from-${whole}.${(await disk.list(join(directory, 'quarantine'))).length}`,
      );
      await quarantineTail(disk, path, whole, aside);
    }
    const tree = new CompactRange();
    for (const text of bytes.subarray(0, whole).toString('utf8').split('\n').slice(0, -1)) {
      const line = parseAccessLine(text);
      if (line === null) throw damaged(`line ${tree.size + 1} cannot be read`);
      tree.append(leafHash(entryBytes(line.entry)));
      const head = parseSignedHead(line.note)?.head;
      if (head === undefined || head.size !== tree.size || head.root !== tree.root())
        throw damaged(`the head on line ${tree.size} does not fit`);
    }
    const head = await publishedSize(disk, folder);
    if (head > tree.size) throw damaged(`a head for ${head} requests was published, ${tree.size} are there`);
    return new FileAccessLog(disk, folder, origin, signer, release, tree, whole);
  } catch (error) {
    await release();
    throw error;
  }
}

async function publishedSize(disk: Disk, folder: string): Promise<number> {
  const path = join(folder, 'head');
  const size = await disk.size(path);
  if (size === null) return 0;
  return parseSignedHead((await disk.read(path, 0, size)).toString('utf8'))?.head.size ?? 0;
}

class FileAccessLog implements AccessLog {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #origin: string;
  readonly #signer: HeadSigner;
  readonly #release: () => Promise<void>;
  readonly #tree: CompactRange;
  #end: number;

  constructor(
    disk: Disk,
    folder: string,
    origin: string,
    signer: HeadSigner,
    release: () => Promise<void>,
    tree: CompactRange,
    end: number,
  ) {
    this.#disk = disk;
    this.#folder = folder;
    this.#origin = origin;
    this.#signer = signer;
    this.#release = release;
    this.#tree = tree;
    this.#end = end;
  }

  async append(entry: AccessEntry): Promise<void> {
    const bytes = entryBytes(entry);
    this.#tree.append(leafHash(bytes));
    const head = { origin: accessOrigin(this.#origin), size: this.#tree.size, root: this.#tree.root() };
    const note = this.#signer.sign(head, this.#origin);
    const line = Buffer.from(
      `${JSON.stringify({ entry: JSON.parse(bytes.toString('utf8')), note })}\n`,
      'utf8',
    );
    const file = await this.#disk.open(join(this.#folder, ACCESS_FILE));
    try {
      await file.write([line], this.#end);
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#disk.syncDirectory(this.#folder);
    this.#end += line.length;
    await replaceFile(this.#disk, join(this.#folder, 'head'), Buffer.from(note, 'utf8'));
  }

  close(): Promise<void> {
    return this.#release();
  }
}

function damaged(detail: string): RowsealError {
  return new RowsealError('RS-AUD-012', { detail });
}
