import { link, mkdir, open, readdir, readFile, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errnoOf } from './errors.ts';
import type { FileStore } from './file-store.ts';

/** Files in a directory of one file system. */
export class LocalStore implements FileStore {
  readonly place: string;
  readonly workDirectory: string;

  constructor(root: string) {
    this.place = root;
    this.workDirectory = join(root, '_rowseal/work');
  }

  async read(name: string): Promise<string | null> {
    try {
      return await readFile(this.#path(name), 'utf8');
    } catch (thrown) {
      if (errnoOf(thrown) === 'ENOENT') return null;
      throw thrown;
    }
  }

  /** Written beside, then linked: the link fails where there is one. */
  async create(name: string, text: string): Promise<boolean> {
    const beside = `${name}.${process.pid}.new`;
    await this.#write(beside, text);
    try {
      await link(this.#path(beside), this.#path(name));
      await this.#syncFolder(name);
      return true;
    } catch (thrown) {
      if (errnoOf(thrown) === 'EEXIST') return false;
      throw thrown;
    } finally {
      await unlink(this.#path(beside));
    }
  }

  async replace(name: string, text: string): Promise<void> {
    await this.#write(`${name}.new`, text);
    await rename(this.#path(`${name}.new`), this.#path(name));
    await this.#syncFolder(name);
  }

  async list(folder: string): Promise<readonly string[]> {
    try {
      const entries = await readdir(this.#path(folder), { withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile() && !entry.name.endsWith('.new'))
        .map(({ name }) => name)
        .sort();
    } catch (thrown) {
      if (errnoOf(thrown) === 'ENOENT') return [];
      throw thrown;
    }
  }

  async *walk(folder: string): AsyncGenerator<{ readonly name: string; readonly bytes: number }> {
    const entries = await readdir(this.#path(folder), { withFileTypes: true }).catch((thrown: unknown) => {
      if (errnoOf(thrown) === 'ENOENT') return [];
      throw thrown;
    });
    for (const entry of entries) {
      const name = `${folder}/${entry.name}`;
      if (entry.isDirectory()) yield* this.walk(name);
      else yield { name, bytes: (await stat(this.#path(name))).size };
    }
  }

  async isEmpty(folder: string): Promise<boolean> {
    try {
      return (await readdir(this.#path(folder))).length === 0;
    } catch (thrown) {
      if (errnoOf(thrown) === 'ENOENT') return true;
      throw thrown;
    }
  }

  remove(name: string): Promise<void> {
    return rm(this.#path(name), { force: true });
  }

  async put(localFile: string, name: string): Promise<void> {
    const file = await open(localFile, 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
    await mkdir(dirname(this.#path(name)), { recursive: true });
    await rename(localFile, this.#path(name));
    await this.#syncFolder(name);
  }

  async fetch(name: string): Promise<string> {
    return this.#path(name);
  }

  async move(from: string, to: string): Promise<void> {
    await mkdir(dirname(this.#path(to)), { recursive: true });
    try {
      await rename(this.#path(from), this.#path(to));
    } catch (thrown) {
      if (errnoOf(thrown) !== 'ENOENT') throw thrown;
      // Moved already, before a crash; if it is not there either, this fails.
      await (await open(this.#path(to), 'r')).close();
    }
    await this.#syncFolder(to);
  }

  removeAll(folder: string): Promise<void> {
    return rm(this.#path(folder), { recursive: true, force: true });
  }

  async localCopy(): Promise<string> {
    return this.place;
  }

  async dropLocalCopy(): Promise<void> {}

  close(): void {}

  async #write(name: string, text: string): Promise<void> {
    await mkdir(dirname(this.#path(name)), { recursive: true });
    const file = await open(this.#path(name), 'w', 0o640);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  async #syncFolder(name: string): Promise<void> {
    const folder = await open(dirname(this.#path(name)), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }

  #path(name: string): string {
    return join(this.place, name);
  }
}
