import { link, mkdir, open, readdir, readFile, rename, rm, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { GroupIndex } from '../../../src/audit/audit-log.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import { errnoOf } from './errors.ts';
import { padded } from './layout.ts';

/** What makes a set of files count: written last. */
export interface Manifest {
  readonly format: 1;
  readonly epoch: string;
  /** Groups in the files. */
  readonly from: GroupIndex;
  readonly to: GroupIndex;
  /** Paths from the directory on. */
  readonly files: readonly { readonly path: string; readonly rows: number }[];
  /** File with what is known of each table, by table key. */
  readonly targets: Readonly<Record<string, string>>;
  /** Dead letters in all files up to here, by table. */
  readonly dead_letters: Readonly<Record<string, number>>;
}

/** Progress without rows: groups up to `to` follow the manifest and concern no table. */
interface CursorFile {
  readonly after_manifest: GroupIndex | null;
  readonly to: GroupIndex;
}

/**
 * The files of a Parquet sink. Change files are made in `_rowseal/staging`, a manifest is created that names them, and
 * then they are moved to `tables`: who reads `tables` sees whole groups only, in whatever moment the writer dies.
 */
export class ChangeDirectory {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  path(name: string): string {
    return join(this.#root, name);
  }

  /** Makes the directory, and the pipeline's name in it. @throws RowsealError RS-PQT-003 */
  async claim(pipeline: string): Promise<void> {
    for (const name of ['epochs', 'manifests', 'staging', 'targets'])
      await mkdir(this.path(`_rowseal/${name}`), { recursive: true });
    await this.#create('_rowseal/pipeline.json', JSON.stringify({ format: 1, pipeline }));
    const known = JSON.parse(await readFile(this.path('_rowseal/pipeline.json'), 'utf8')) as {
      pipeline: string;
    };
    if (known.pipeline !== pipeline)
      throw new RowsealError('RS-PQT-003', { detail: `${this.#root} holds pipeline ${known.pipeline}` });
  }

  /** Fences writers of lower epochs. @throws RowsealError RS-PQT-004 */
  async enter(epoch: bigint, sink: string): Promise<void> {
    await this.#create(`_rowseal/epochs/${epochName(epoch)}`, '');
    await this.expectNewest(epoch, sink);
    for (const name of await readdir(this.path('_rowseal/epochs')))
      if (name < epochName(epoch)) await rm(this.path(`_rowseal/epochs/${name}`), { force: true });
  }

  /** @throws RowsealError RS-PQT-004 */
  async expectNewest(epoch: bigint, sink: string): Promise<void> {
    const newest = (await readdir(this.path('_rowseal/epochs'))).sort().at(-1);
    if (newest !== epochName(epoch))
      throw new RowsealError('RS-PQT-004', { detail: `sink ${sink}, epoch ${epoch}` });
  }

  async newestManifest(): Promise<Manifest | null> {
    const name = (await readdir(this.path('_rowseal/manifests')))
      .filter((one) => one.endsWith('.json'))
      .sort()
      .at(-1);
    if (name === undefined) return null;
    return JSON.parse(await readFile(this.path(`_rowseal/manifests/${name}`), 'utf8')) as Manifest;
  }

  /** The last group that counts. */
  async cursor(newest: Manifest | null): Promise<GroupIndex | null> {
    const to = newest?.to ?? null;
    const text = await readFile(this.path('_rowseal/cursor.json'), 'utf8').catch(() => null);
    if (text === null) return to;
    const cursor = JSON.parse(text) as CursorFile;
    return cursor.after_manifest === (newest?.from ?? null) ? cursor.to : to;
  }

  async moveCursor(newest: Manifest | null, to: GroupIndex): Promise<void> {
    const cursor: CursorFile = { after_manifest: newest?.from ?? null, to };
    await this.#write('_rowseal/cursor.json.new', JSON.stringify(cursor));
    await rename(this.path('_rowseal/cursor.json.new'), this.path('_rowseal/cursor.json'));
    await this.#syncDirectory('_rowseal');
  }

  /** Where a change file is made before it counts. */
  async staged(path: string): Promise<string> {
    const staged = this.path(join('_rowseal/staging', path));
    await mkdir(dirname(staged), { recursive: true });
    return staged;
  }

  async syncStaged(path: string): Promise<void> {
    const file = await open(join(this.#root, '_rowseal/staging', path), 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }

  async saveTarget(name: string, text: string): Promise<void> {
    if (await this.#create(`_rowseal/targets/${name}`, text)) await this.#syncDirectory('_rowseal/targets');
  }

  async readTarget(name: string): Promise<string> {
    return readFile(this.path(`_rowseal/targets/${name}`), 'utf8');
  }

  /**
   * The moment the files count. The name says where the groups begin, so of two writers at one cursor one fails.
   *
   * @throws RowsealError RS-PQT-004
   */
  async commit(manifest: Manifest, sink: string): Promise<void> {
    const created = await this.#create(
      `_rowseal/manifests/${padded(manifest.from)}.json`,
      `${JSON.stringify(manifest)}\n`,
    );
    if (!created) throw new RowsealError('RS-PQT-004', { detail: `sink ${sink}, group ${manifest.from}` });
    await this.#syncDirectory('_rowseal/manifests');
  }

  /** Moves what a manifest names to where it is read. Idempotent. */
  async publish(manifest: Manifest): Promise<void> {
    for (const { path } of manifest.files) {
      const final = this.path(path);
      await mkdir(dirname(final), { recursive: true });
      try {
        await rename(this.path(join('_rowseal/staging', path)), final);
      } catch (thrown) {
        if (errnoOf(thrown) !== 'ENOENT') throw thrown;
        // Moved already, before a crash.
        await (await open(final, 'r')).close();
      }
      await this.#syncDirectory(dirname(path));
    }
  }

  /** What no manifest names was never visible. */
  async removeStaged(): Promise<void> {
    await rm(this.path('_rowseal/staging'), { recursive: true, force: true });
    await mkdir(this.path('_rowseal/staging'), { recursive: true });
  }

  async isEmpty(path: string): Promise<boolean> {
    return (await readdir(this.path(path)).catch(() => [])).length === 0;
  }

  /** Replaces a file that is for readers only. */
  async replace(name: string, text: string): Promise<void> {
    await this.#write(`${name}.new`, text);
    await rename(this.path(`${name}.new`), this.path(name));
  }

  /** Whole or not at all, and never over another: written beside, then linked. @returns false: it is there already */
  async #create(name: string, text: string): Promise<boolean> {
    const beside = `${name}.${process.pid}.new`;
    await this.#write(beside, text);
    try {
      await link(this.path(beside), this.path(name));
      return true;
    } catch (thrown) {
      if (errnoOf(thrown) === 'EEXIST') return false;
      throw thrown;
    } finally {
      await unlink(this.path(beside));
    }
  }

  async #write(name: string, text: string): Promise<void> {
    const file = await open(this.path(name), 'w', 0o640);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
  }

  async #syncDirectory(name: string): Promise<void> {
    const directory = await open(this.path(name), 'r');
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }
}

function epochName(epoch: bigint): string {
  return String(epoch).padStart(20, '0');
}
