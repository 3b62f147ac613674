import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Anchor, headFileName, sameHead } from '../../src/witness/anchor.ts';

/** One file for each head: on a volume that only grows (WORM), none is ever written over. */
export class DirectoryAnchor implements Anchor {
  readonly name: string;
  readonly place: string;

  constructor(name: string, directory: string) {
    this.name = name;
    this.place = directory;
  }

  async keep(size: number, note: string): Promise<'kept' | 'other'> {
    await mkdir(this.place, { recursive: true });
    const file = join(this.place, headFileName(size));
    const aside = `${file}.new`;
    await rm(aside, { force: true });
    const handle = await open(aside, 'wx', 0o640);
    try {
      await handle.writeFile(note);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // A link appears whole or not at all, and never over another file.
    const there = await link(aside, file).then(
      () => null,
      (error: unknown) => {
        if (error instanceof Error && 'code' in error && error.code === 'EEXIST')
          return readFile(file, 'utf8');
        throw error;
      },
    );
    await rm(aside, { force: true });
    const directory = await open(this.place, 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
    return there === null || sameHead(there, note) ? 'kept' : 'other';
  }

  close(): void {}
}
