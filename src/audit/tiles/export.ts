import { dirname, join, resolve } from 'node:path';
import { RowsealError } from '../../error/rowseal-error.ts';
import { MalformedBytes } from '../bytes.ts';
import type { Disk } from '../disk.ts';
import { replaceFile } from '../durable.ts';
import { DIGEST_BYTES, type Digest, leafHash } from '../hashing.ts';
import { COSIGNED_FILE } from '../journal-reader.ts';
import { type LogName, newestHead, readLog, treeBefore } from '../log-entries.ts';
import { CompactRange } from '../merkle.ts';
import { parseSignedHead } from '../note.ts';
import { edgeOf, MAX_ENTRY_BYTES, MAX_LEVEL, TILE_WIDTH, tilePath } from './layout.ts';

export interface TilesReport {
  readonly origin: string;
  readonly size: number;
  /** Entries that were there from an earlier export. */
  readonly before: number;
  readonly filesWritten: number;
}

/**
 * Writes a log as C2SP tlog-tiles into a directory that any web server can serve: entry bundles, hash tiles, and last the
 * checkpoint, so that a reader at any moment finds all that the checkpoint needs. An export into the same directory again
 * goes on from the last full tile, after the tree that is there has been found to be a beginning of this one.
 *
 * @throws RowsealError RS-AUD-030 (the directory holds another log, or more of it), RS-AUD-031 (an entry is too large),
 *   RS-AUD-004, RS-AUD-011 (no such log)
 */
export async function exportTiles(
  disk: Disk,
  directory: string,
  log: LogName,
  target: string,
): Promise<TilesReport> {
  try {
    return await new TilesExport(disk, directory, log, target).run();
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error;
    throw new RowsealError('RS-AUD-004', { detail: error.message });
  }
}

class TilesExport {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #log: LogName;
  readonly #target: string;
  readonly #tree = new CompactRange();
  /** Hashes of the tile being filled, by level. */
  readonly #hashes: Digest[][] = Array.from({ length: MAX_LEVEL }, () => []);
  #bundle: Buffer[] = [];
  #written = 0;
  readonly #unsynced = new Set<string>();

  constructor(disk: Disk, directory: string, log: LogName, target: string) {
    this.#disk = disk;
    this.#directory = directory;
    this.#log = log;
    this.#target = resolve(target);
  }

  async run(): Promise<TilesReport> {
    const newest = await newestHead(this.#disk, this.#directory, this.#log);
    const head = newest === null ? null : parseSignedHead(newest);
    if (newest === null || head === null)
      throw new RowsealError('RS-AUD-011', { detail: 'nothing of it is sealed' });
    const { size, origin } = head.head;
    const before = await this.#published(origin, size);
    await this.#resume(before);
    if (this.#tree.size === before?.size && this.#tree.root() !== before.root) throw this.#another();
    const index = await this.#readFrom();
    for await (const piece of readLog(this.#disk, this.#directory, this.#log, index.segment)) {
      if (this.#tree.size === size) break;
      if (piece.kind !== 'entry' || index.at++ < this.#tree.size) continue;
      await this.#append(piece.bytes);
      if (this.#tree.size === before?.size && this.#tree.root() !== before.root) throw this.#another();
    }
    if (this.#tree.size !== size || this.#tree.root() !== head.head.root)
      throw before === null
        ? new RowsealError('RS-AUD-004', { detail: 'the entries do not give the root of the newest head' })
        : this.#another();
    await this.#writeEdge();
    for (const folder of this.#unsynced) await this.#disk.syncDirectory(folder);
    const checkpoint = await this.#withCosignatures(newest, head.body);
    await replaceFile(this.#disk, join(this.#target, 'checkpoint'), Buffer.from(checkpoint, 'utf8'));
    this.#written++;
    return { origin, size, before: before?.size ?? 0, filesWritten: this.#written };
  }

  /** The tree that an earlier export left. */
  async #published(
    origin: string,
    size: number,
  ): Promise<{ readonly size: number; readonly root: Digest } | null> {
    const text = await this.#read('checkpoint');
    const head = text === null ? null : parseSignedHead(text.toString('utf8'))?.head;
    if (head === null) return null;
    if (head === undefined)
      throw new RowsealError('RS-AUD-030', { detail: `the checkpoint in ${this.#target} cannot be read` });
    if (head.origin !== origin)
      throw new RowsealError('RS-AUD-030', { detail: `${this.#target} holds ${head.origin}` });
    if (head.size > size)
      throw new RowsealError('RS-AUD-030', {
        detail: `${this.#target} holds ${head.size} entries, the log has ${size}: it was truncated or rolled back`,
      });
    return head;
  }

  /** Takes over the full tiles of an earlier export; their hashes are checked by the root that follows. */
  async #resume(before: { readonly size: number } | null): Promise<void> {
    const full = Math.floor((before?.size ?? 0) / TILE_WIDTH);
    for (let index = 0; index < full; index++) {
      const tile = await this.#read(tilePath(0, index, TILE_WIDTH));
      if (tile?.length !== TILE_WIDTH * DIGEST_BYTES)
        throw new RowsealError('RS-AUD-030', { detail: `a tile of ${this.#target} is missing or damaged` });
      for (let at = 0; at < tile.length; at += DIGEST_BYTES)
        await this.#addHash(tile.latin1Slice(at, at + DIGEST_BYTES), true);
    }
  }

  /** Where in the log the first entry is that is not yet in the tree. */
  async #readFrom(): Promise<{ readonly segment: number; at: number }> {
    const { segment, tree } = await treeBefore(this.#disk, this.#directory, this.#log, this.#tree.size);
    return { segment, at: tree.size };
  }

  async #append(entry: Buffer): Promise<void> {
    if (entry.length > MAX_ENTRY_BYTES)
      throw new RowsealError('RS-AUD-031', {
        detail: `entry ${this.#tree.size} has ${entry.length} bytes, at most ${MAX_ENTRY_BYTES} fit`,
      });
    const length = Buffer.alloc(2);
    length.writeUInt16BE(entry.length);
    this.#bundle.push(length, entry);
    const index = Math.floor(this.#tree.size / TILE_WIDTH);
    if (this.#tree.size % TILE_WIDTH === TILE_WIDTH - 1) {
      await this.#writeTile('entries', index, TILE_WIDTH, Buffer.concat(this.#bundle));
      this.#bundle = [];
    }
    await this.#addHash(leafHash(entry), false);
  }

  /** @param known the tile that this hash is of is there already */
  async #addHash(hash: Digest, known: boolean): Promise<void> {
    const index = this.#tree.size;
    this.#tree.append(hash);
    let carry = hash;
    for (let level = 0; level < MAX_LEVEL; level++) {
      const tile = this.#hashes[level]!;
      tile.push(carry);
      if (tile.length < TILE_WIDTH) return;
      const number = Math.floor(index / TILE_WIDTH ** (level + 1));
      if (!known || level > 0)
        await this.#writeTile(level, number, TILE_WIDTH, Buffer.from(tile.join(''), 'latin1'));
      const whole = new CompactRange();
      for (const part of tile) whole.append(part);
      carry = whole.root();
      this.#hashes[level] = [];
    }
  }

  /** The partial tiles of the present size. */
  async #writeEdge(): Promise<void> {
    const { size } = this.#tree;
    const entries = edgeOf(size, 0);
    if (entries.width > 0)
      await this.#writeTile('entries', entries.full, entries.width, Buffer.concat(this.#bundle));
    for (let level = 0; level < MAX_LEVEL; level++) {
      const { full, width } = edgeOf(size, level);
      if (width > 0)
        await this.#writeTile(level, full, width, Buffer.from(this.#hashes[level]!.join(''), 'latin1'));
    }
  }

  /** A head that witnesses have cosigned is the same text with more signatures. */
  async #withCosignatures(note: string, body: string): Promise<string> {
    if (this.#log.kind !== 'journal') return note;
    const file = join(this.#directory, COSIGNED_FILE);
    const size = await this.#disk.size(file);
    const cosigned = size === null ? '' : (await this.#disk.read(file, 0, size)).toString('utf8');
    return parseSignedHead(cosigned)?.body === body ? cosigned : note;
  }

  async #writeTile(level: number | 'entries', index: number, width: number, bytes: Buffer): Promise<void> {
    const path = tilePath(level, index, width);
    // Tiles never change. One that is there is of an export that was cut short before its checkpoint.
    const there = await this.#read(path);
    if (there !== null && !there.equals(bytes)) throw this.#another();
    if (there === null) await this.#write(path, bytes);
    else this.#renamed(join(this.#target, path));
  }

  /** Whole or not at all; its name is durable before the checkpoint is written. */
  async #write(path: string, bytes: Uint8Array): Promise<void> {
    const file = join(this.#target, path);
    await this.#disk.makeDirectory(dirname(file));
    const aside = await this.#disk.open(`${file}.new`);
    try {
      await aside.truncate(0);
      await aside.write([bytes], 0);
      await aside.sync();
    } finally {
      await aside.close();
    }
    await this.#disk.rename(`${file}.new`, file);
    this.#renamed(file);
    this.#written++;
  }

  /** Its name, and those of its folders, need not be durable. */
  #renamed(file: string): void {
    for (let folder = dirname(file); folder !== dirname(this.#target); folder = dirname(folder))
      this.#unsynced.add(folder);
  }

  #another(): RowsealError {
    return new RowsealError('RS-AUD-030', { detail: `${this.#target} holds another history` });
  }

  async #read(path: string): Promise<Buffer | null> {
    const file = join(this.#target, path);
    const size = await this.#disk.size(file);
    return size === null ? null : this.#disk.read(file, 0, size);
  }
}
