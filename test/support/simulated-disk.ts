import { dirname } from 'node:path';
import type { Disk, DiskFile } from '../../src/audit/disk.ts';
import { RowsealError } from '../../src/error/rowseal-error.ts';

/** Thrown by every call after the power went: the process is gone. */
export class PowerCut extends Error {}

type PendingWrite =
  | { readonly kind: 'write'; readonly bytes: Buffer; readonly position: number }
  | { readonly kind: 'truncate'; readonly length: number };

interface Inode {
  /** What a process sees. */
  content: Buffer;
  /** What is on the platter. */
  durable: Buffer;
  pending: PendingWrite[];
  /** A sync failed: `content` shows writes that are neither durable nor pending. */
  lost: boolean;
}

/** Makes a disk lie about one thing, to see that the harness notices. */
export interface Lies {
  /** A sync of this path returns without doing anything. */
  readonly skipSync?: (path: string) => boolean;
  /** A write to this path does nothing. */
  readonly skipWrite?: (path: string) => boolean;
}

/**
 * A disk in memory that keeps only what was synced. At a power cut each file keeps its synced bytes and some prefix of the
 * writes since, the last one torn, zero-filled or cut short; each unsynced name is there or not.
 *
 * A sync may fail as Linux's does (Rebello et al., USENIX ATC 2020): pages that could not be written are clean from then on,
 * so they can be read, are gone with the power, and no later sync writes them unless they are written to again. Lengths and
 * names are the file system's own journal's: a sync that failed leaves them unsynced, and the next one is about them too.
 */
export class SimulatedDisk implements Disk {
  readonly #random: () => number;
  readonly #lies: Lies;
  #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  #directories = new Set<string>();
  #callsLeft = Number.POSITIVE_INFINITY;
  #syncsLeft = Number.POSITIVE_INFINITY;
  #generation = 0;
  /** Of the volume. A write that does not fit is cut short and fails, as on a full disk. */
  capacityBytes = Number.POSITIVE_INFINITY;

  constructor(random: () => number, lies: Lies = {}) {
    this.#random = random;
    this.#lies = lies;
  }

  /** The power goes at the `calls`-th change to the disk from now. */
  cutAfter(calls: number): void {
    this.#callsLeft = calls;
  }

  /** The `syncs`-th sync from now fails, of a file or of a directory; those after it do not. */
  failSyncAfter(syncs: number): void {
    this.#syncsLeft = syncs;
  }

  /** The process ended, however it did; the kernel goes on. It may have dropped clean pages that it could not write. */
  restartProcess(): void {
    this.#revive();
    for (const inode of new Set(this.#names.values()))
      if (inode.lost && this.#random() < 0.5) {
        inode.content = written(inode);
        inode.lost = false;
      }
  }

  /** What is there when the power comes back. Open files of before are void. */
  restart(): void {
    this.#revive();
    const survivors = new Map(this.#durableNames);
    for (const path of new Set([...this.#names.keys(), ...this.#durableNames.keys()])) {
      if (this.#names.get(path) === this.#durableNames.get(path) || this.#random() < 0.5) continue;
      const now = this.#names.get(path);
      if (now === undefined) survivors.delete(path);
      else survivors.set(path, now);
    }
    for (const inode of new Set(survivors.values())) this.#tear(inode);
    this.#names = survivors;
    this.#durableNames = new Map(survivors);
  }

  /** Content as an observer outside sees it at this moment; null: no such file. */
  peek(path: string): Buffer | null {
    return this.#names.get(path)?.content ?? null;
  }

  async makeDirectory(path: string): Promise<void> {
    this.#step();
    for (let at = path; at !== dirname(at); at = dirname(at)) this.#directories.add(at);
  }

  async list(path: string): Promise<readonly string[]> {
    this.#alive();
    const prefix = `${path}/`;
    const names = new Set<string>();
    for (const name of [...this.#names.keys(), ...this.#directories])
      if (name.startsWith(prefix)) names.add(name.slice(prefix.length).split('/')[0]!);
    return [...names].sort();
  }

  async size(path: string): Promise<number | null> {
    this.#alive();
    return this.#names.get(path)?.content.length ?? null;
  }

  async read(path: string, offset: number, length: number): Promise<Buffer> {
    this.#alive();
    const inode = this.#names.get(path);
    if (inode === undefined) throw new Error(`no file ${path}`);
    return Buffer.from(inode.content.subarray(offset, offset + length));
  }

  async open(path: string): Promise<DiskFile> {
    this.#step();
    let inode = this.#names.get(path);
    if (inode === undefined) {
      inode = { content: Buffer.alloc(0), durable: Buffer.alloc(0), pending: [], lost: false };
      this.#names.set(path, inode);
    }
    const file = inode;
    const generation = this.#generation;
    const step = (): void => {
      if (generation !== this.#generation) throw new PowerCut();
      this.#step();
    };
    return {
      write: async (pieces, position) => {
        step();
        if (this.#lies.skipWrite?.(path) === true) return;
        const bytes = Buffer.concat(pieces);
        if (this.capacityBytes === Number.POSITIVE_INFINITY)
          return apply(file, { kind: 'write', bytes, position });
        const room = (await this.freeBytes()) - Math.max(0, position - file.content.length);
        const grows = Math.max(0, position + bytes.length - file.content.length);
        if (grows <= room) return apply(file, { kind: 'write', bytes, position });
        const fits = Math.max(0, bytes.length - (grows - Math.max(0, room)));
        apply(file, { kind: 'write', bytes: bytes.subarray(0, fits), position });
        throw new RowsealError('RS-AUD-002', { detail: `could not write ${path} (ENOSPC)` });
      },
      truncate: async (length) => {
        step();
        apply(file, { kind: 'truncate', length });
      },
      sync: async () => {
        step();
        if (this.#lies.skipSync?.(path) === true) return;
        if (this.#syncFails()) {
          file.pending = file.pending.filter(({ kind }) => kind === 'truncate' || this.#random() < 0.5);
          file.lost = true;
          throw syncFailure(path);
        }
        file.durable = written(file);
        file.pending = [];
      },
      close: async () => {
        if (generation !== this.#generation) throw new PowerCut();
      },
    };
  }

  async rename(from: string, to: string): Promise<void> {
    this.#step();
    const inode = this.#names.get(from);
    if (inode === undefined) throw new Error(`no file ${from}`);
    this.#names.delete(from);
    this.#names.set(to, inode);
  }

  async remove(path: string): Promise<void> {
    this.#step();
    this.#names.delete(path);
  }

  async syncDirectory(path: string): Promise<void> {
    this.#step();
    if (this.#lies.skipSync?.(path) === true) return;
    if (this.#syncFails()) throw syncFailure(path);
    for (const name of new Set([...this.#names.keys(), ...this.#durableNames.keys()])) {
      if (dirname(name) !== path) continue;
      const inode = this.#names.get(name);
      if (inode === undefined) this.#durableNames.delete(name);
      else this.#durableNames.set(name, inode);
    }
  }

  async freeBytes(): Promise<number> {
    let used = 0;
    for (const { content } of new Set(this.#names.values())) used += content.length;
    return Math.max(0, this.capacityBytes - used);
  }

  #revive(): void {
    this.#callsLeft = Number.POSITIVE_INFINITY;
    this.#syncsLeft = Number.POSITIVE_INFINITY;
    this.#generation++;
  }

  #syncFails(): boolean {
    return --this.#syncsLeft === 0;
  }

  #alive(): void {
    if (this.#callsLeft <= 0) throw new PowerCut();
  }

  #step(): void {
    this.#alive();
    this.#callsLeft--;
    if (this.#callsLeft <= 0) throw new PowerCut();
  }

  /** The synced bytes, then a prefix of what came after, its last write damaged. */
  #tear(inode: Inode): void {
    const survivor: Inode = { content: inode.durable, durable: inode.durable, pending: [], lost: false };
    const kept = Math.floor(this.#random() * (inode.pending.length + 1));
    for (let i = 0; i < kept; i++) {
      const write = inode.pending[i]!;
      apply(
        survivor,
        i === kept - 1 && write.kind === 'write' ? this.#damage(write, survivor.content) : write,
      );
    }
    inode.content = survivor.content;
    inode.durable = survivor.content;
    inode.pending = [];
    inode.lost = false;
  }

  #damage(write: Extract<PendingWrite, { kind: 'write' }>, before: Buffer): PendingWrite {
    const roll = this.#random();
    const at = Math.floor(this.#random() * (write.bytes.length + 1));
    if (roll < 0.25) return write;
    if (roll < 0.6) return { ...write, bytes: write.bytes.subarray(0, at) };
    // The length arrived, the blocks did not: zeros where there were none, what was there elsewhere.
    const bytes = Buffer.alloc(write.bytes.length);
    before.subarray(write.position).copy(bytes);
    write.bytes.copy(bytes, 0, 0, at);
    return { ...write, bytes };
  }
}

function syncFailure(path: string): RowsealError {
  return new RowsealError('RS-AUD-001', { detail: `could not sync ${path} (EIO)` });
}

/** What is on the platter once all that is pending is. */
function written(inode: Inode): Buffer {
  if (!inode.lost) return inode.content;
  const platter: Inode = { content: inode.durable, durable: inode.durable, pending: [], lost: false };
  for (const write of inode.pending) apply(platter, write);
  return platter.content;
}

function apply(inode: Inode, write: PendingWrite): void {
  inode.pending.push(write);
  if (write.kind === 'truncate') {
    inode.content =
      write.length <= inode.content.length
        ? inode.content.subarray(0, write.length)
        : Buffer.concat([inode.content, Buffer.alloc(write.length - inode.content.length)]);
    return;
  }
  const end = write.position + write.bytes.length;
  const content = Buffer.alloc(Math.max(end, inode.content.length));
  inode.content.copy(content);
  write.bytes.copy(content, write.position);
  inode.content = content;
}
