import { type FileHandle, mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { RowsealError } from '../error/rowseal-error.ts';
import type { Disk, DiskFile } from './disk.ts';

/** The real file system. Errors carry the errno and the file's own name, nothing of its content. */
export class NodeDisk implements Disk {
  makeDirectory(path: string): Promise<void> {
    return guarded('create', path, async () => {
      await mkdir(path, { recursive: true, mode: 0o750 });
    });
  }

  async list(path: string): Promise<readonly string[]> {
    try {
      return (await readdir(path)).sort();
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      throw diskError('list', path, error);
    }
  }

  async size(path: string): Promise<number | null> {
    try {
      return (await stat(path)).size;
    } catch (error) {
      // ENOTDIR: a file lies where a folder on the way to it would.
      if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return null;
      throw diskError('look at', path, error);
    }
  }

  read(path: string, offset: number, length: number): Promise<Buffer> {
    return guarded('read', path, async () => {
      const file = await open(path, 'r');
      try {
        // A length may come from a damaged file: no more memory than there are bytes.
        const there = Math.max(0, (await file.stat()).size - offset);
        const buffer = Buffer.allocUnsafe(Math.min(length, there));
        let filled = 0;
        while (filled < buffer.length) {
          const { bytesRead } = await file.read(buffer, filled, buffer.length - filled, offset + filled);
          if (bytesRead === 0) break;
          filled += bytesRead;
        }
        return buffer.subarray(0, filled);
      } finally {
        await file.close();
      }
    });
  }

  open(path: string): Promise<DiskFile> {
    return guarded('open', path, async () => {
      const exists = (await this.size(path)) !== null;
      return new NodeDiskFile(path, await open(path, exists ? 'r+' : 'wx+', 0o640));
    });
  }

  rename(from: string, to: string): Promise<void> {
    return guarded('rename', from, () => rename(from, to));
  }

  remove(path: string): Promise<void> {
    return guarded('remove', path, () => rm(path, { force: true }));
  }

  syncDirectory(path: string): Promise<void> {
    return guarded('sync', path, async () => {
      const directory = await open(path, 'r');
      try {
        await directory.sync();
      } finally {
        await directory.close();
      }
    });
  }

  async freeBytes(path: string): Promise<number | null> {
    try {
      const { bavail, bsize } = await statfs(path);
      return bavail * bsize;
    } catch {
      return null;
    }
  }
}

class NodeDiskFile implements DiskFile {
  readonly #path: string;
  readonly #file: FileHandle;

  constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  write(pieces: readonly Uint8Array[], position: number): Promise<void> {
    return guarded('write', this.#path, async () => {
      let rest = pieces;
      // A full disk makes short writes before it makes errors (reliability: 4,096 of 10,000 bytes, no error).
      while (rest.length > 0) {
        const { bytesWritten } = await this.#file.writev(rest.slice(0, MAX_PIECES), position);
        if (bytesWritten === 0) throw Object.assign(new Error(), { code: 'ENOSPC' });
        position += bytesWritten;
        rest = afterBytes(rest, bytesWritten);
      }
    });
  }

  sync(): Promise<void> {
    return guarded('sync', this.#path, () => this.#file.datasync());
  }

  truncate(length: number): Promise<void> {
    return guarded('truncate', this.#path, () => this.#file.truncate(length));
  }

  close(): Promise<void> {
    return guarded('close', this.#path, () => this.#file.close());
  }
}

/** IOV_MAX is 1024 on Linux. */
const MAX_PIECES = 1024;

/** What is left of the pieces when so many bytes of them are written; empty pieces go too. */
export function afterBytes(pieces: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let i = 0;
  while (i < pieces.length && pieces[i]!.length <= bytes) bytes -= pieces[i++]!.length;
  if (bytes === 0 || i === pieces.length) return pieces.slice(i);
  return [pieces[i]!.subarray(bytes), ...pieces.slice(i + 1)];
}

async function guarded<T>(what: string, path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw diskError(what, path, error);
  }
}

function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown';
}

/** What a call of the file system failed with, without anything of the file's content. */
export function diskError(what: string, path: string, error: unknown): RowsealError {
  if (error instanceof RowsealError) return error;
  const errno = errnoOf(error);
  const code = errno === 'ENOSPC' || errno === 'EDQUOT' || errno === 'EFBIG' ? 'RS-AUD-002' : 'RS-AUD-001';
  return new RowsealError(code, { detail: `could not ${what} ${path} (${errno})`, origin: errno });
}
