import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Disk, DiskFile } from '../../src/audit/disk.ts';

/** Files in memory, to be changed at will. */
export class MemoryDisk implements Disk {
  readonly files = new Map<string, Buffer>();

  /** What is in a directory of the real disk, under the same paths. */
  static of(directory: string): MemoryDisk {
    const disk = new MemoryDisk();
    for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
      const path = join(directory, name);
      if (statSync(path).isFile()) disk.files.set(path, readFileSync(path));
    }
    return disk;
  }

  async makeDirectory(): Promise<void> {}
  async syncDirectory(): Promise<void> {}

  async freeBytes(): Promise<null> {
    return null;
  }

  async list(path: string): Promise<readonly string[]> {
    const names = [...this.files.keys()]
      .filter((name) => name.startsWith(`${path}/`))
      .map((name) => name.slice(path.length + 1).split('/')[0]!);
    return [...new Set(names)].sort();
  }

  async size(path: string): Promise<number | null> {
    return this.files.get(path)?.length ?? null;
  }

  async read(path: string, offset: number, length: number): Promise<Buffer> {
    const bytes = this.files.get(path);
    if (bytes === undefined) throw new Error(`no file ${path}`);
    return Buffer.from(bytes.subarray(offset, offset + length));
  }

  async open(path: string): Promise<DiskFile> {
    const bytes = (): Buffer => this.files.get(path) ?? Buffer.alloc(0);
    if (!this.files.has(path)) this.files.set(path, bytes());
    return {
      write: async (pieces, position) => {
        const written = Buffer.concat(pieces);
        const grown = Buffer.alloc(Math.max(bytes().length, position + written.length));
        bytes().copy(grown);
        written.copy(grown, position);
        this.files.set(path, grown);
      },
      sync: async () => {},
      truncate: async (length) => {
        this.files.set(path, Buffer.from(bytes().subarray(0, length)));
      },
      close: async () => {},
    };
  }

  async rename(from: string, to: string): Promise<void> {
    this.files.set(to, this.files.get(from)!);
    this.files.delete(from);
  }

  async remove(path: string): Promise<void> {
    for (const name of [...this.files.keys()])
      if (name === path || name.startsWith(`${path}/`)) this.files.delete(name);
  }
}
