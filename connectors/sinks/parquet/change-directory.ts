import { randomBytes } from 'node:crypto';
import { mkdir, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { GroupIndex } from '../../../src/audit/audit-log.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { Merge } from './compaction-plan.ts';
import type { FileStore } from './file-store.ts';
import { padded } from './layout.ts';

/** What makes a set of files count: written last. */
export interface Manifest {
  readonly format: 1;
  readonly epoch: string;
  /** Groups in the files. */
  readonly from: GroupIndex;
  readonly to: GroupIndex;
  /** Of the journal, signed, with group `to` as its newest. */
  readonly head: string;
  /** Paths from the directory on. */
  readonly files: readonly WrittenFile[];
  /** File with what is known of each table, by table key. */
  readonly targets: Readonly<Record<string, string>>;
  /** Folder that the files were put into before. */
  readonly staging: string;
  /** Dead letters in all files up to here, by table. */
  readonly dead_letters: Readonly<Record<string, number>>;
}

export interface WrittenFile {
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
}

/** Progress without rows: groups up to `to` follow the manifest and concern no table. */
interface CursorFile {
  readonly after_manifest: GroupIndex | null;
  readonly to: GroupIndex;
  readonly head: string;
}

/** How far the directory is. */
export type ReachedGroup = Pick<CursorFile, 'to' | 'head'>;

const STATE = '_rowseal';
const STAGING = `${STATE}/staging`;
/** Merged files that do not count yet. */
const MERGING = `${STATE}/merging`;
/** What is being merged; it is there from the moment that the merged file counts until nothing is left to do. */
const MERGE = `${STATE}/merge.json`;

/**
 * The files of a Parquet sink. Change files are put into `_rowseal/staging`, a manifest is created that names them, and
 * then they are moved to `tables`: who reads `tables` sees whole groups only, in whatever moment the writer dies.
 *
 * A manifest may come later than its writer believes: of a request whose answer was lost, or by a writer that slept between
 * its look at the epoch and the deed. It holds whole groups, so whoever finds it goes on from it; and its files are
 * there, because every opening stages in a folder of its own and removes those of others only when it has created a
 * manifest itself. From then on none before it can be created any more: they all begin at the same group.
 */
export class ChangeDirectory {
  readonly #store: FileStore;
  /** Of this opening. */
  #staging = STAGING;

  constructor(store: FileStore) {
    this.#store = store;
  }

  get place(): string {
    return this.#store.place;
  }

  get workDirectory(): string {
    return this.#store.workDirectory;
  }

  /** Puts the pipeline's name there. @throws RowsealError RS-PQT-002, -003 */
  async claim(pipeline: string): Promise<void> {
    const name = `${STATE}/pipeline.json`;
    const mine = JSON.stringify({ format: 1, pipeline });
    const there = await this.#store.read(name);
    if (there === null) await this.#store.create(name, mine);
    else expectPipeline(there, pipeline, this.place);
    // A second one must be refused: the fence and the commit rest on that.
    if (await this.#store.create(name, mine)) throw new RowsealError('RS-PQT-002', { detail: this.place });
    expectPipeline((await this.#store.read(name)) ?? '{}', pipeline, this.place);
  }

  /** Whose files these are; null: nobody's. */
  async pipeline(): Promise<string | null> {
    const text = await this.#store.read(`${STATE}/pipeline.json`);
    return text === null ? null : ((JSON.parse(text) as { pipeline?: string }).pipeline ?? null);
  }

  /** Fences writers of lower epochs. @throws RowsealError RS-PQT-004 */
  async enter(epoch: bigint, sink: string): Promise<void> {
    await this.#store.create(`${STATE}/epochs/${epochName(epoch)}`, '');
    await this.expectNewest(epoch, sink);
    for (const name of await this.#store.list(`${STATE}/epochs`))
      if (name < epochName(epoch)) await this.#store.remove(`${STATE}/epochs/${name}`);
    this.#staging = `${STAGING}/${epochName(epoch)}-${randomBytes(6).toString('hex')}`;
  }

  get staging(): string {
    return this.#staging;
  }

  /** @throws RowsealError RS-PQT-004 */
  async expectNewest(epoch: bigint, sink: string): Promise<void> {
    const newest = (await this.#store.list(`${STATE}/epochs`)).at(-1);
    if (newest !== epochName(epoch))
      throw new RowsealError('RS-PQT-004', { detail: `sink ${sink}, epoch ${epoch}` });
  }

  async newestManifest(): Promise<Manifest | null> {
    const name = (await this.#store.list(`${STATE}/manifests`)).at(-1);
    if (name === undefined) return null;
    return JSON.parse((await this.#store.read(`${STATE}/manifests/${name}`)) ?? '') as Manifest;
  }

  /** The last group that counts. */
  async reached(newest: Manifest | null): Promise<ReachedGroup | null> {
    const text = await this.#store.read(`${STATE}/cursor.json`);
    if (text === null) return newest;
    const cursor = JSON.parse(text) as CursorFile;
    return cursor.after_manifest === (newest?.from ?? null) ? cursor : newest;
  }

  async moveCursor(newest: Manifest | null, { to, head }: ReachedGroup): Promise<void> {
    const cursor: CursorFile = { after_manifest: newest?.from ?? null, to, head };
    await this.#store.replace(`${STATE}/cursor.json`, JSON.stringify(cursor));
  }

  /** Where a change file is made before it is staged. */
  async workFile(path: string): Promise<string> {
    await mkdir(this.workDirectory, { recursive: true });
    return join(this.workDirectory, path.replaceAll('/', ','));
  }

  /** @returns bytes */
  async stage(workFile: string, path: string): Promise<number> {
    const { size } = await stat(workFile);
    await this.#store.put(workFile, `${this.#staging}/${path}`);
    return size;
  }

  async saveTarget(name: string, text: string): Promise<void> {
    await this.#store.create(`${STATE}/targets/${name}`, text);
  }

  async readTarget(name: string): Promise<string> {
    return (await this.#store.read(`${STATE}/targets/${name}`)) ?? '';
  }

  /**
   * The moment the files count. The name says where the groups begin, so of two writers at one cursor one fails.
   *
   * @throws RowsealError RS-PQT-004 when a newer writer was first; RS-PQT-009 when it was an older one, or an own attempt
   */
  async commit(manifest: Manifest, sink: string): Promise<void> {
    const name = `${STATE}/manifests/${padded(manifest.from)}.json`;
    if (await this.#store.create(name, `${JSON.stringify(manifest)}\n`)) return;
    await this.expectNewest(BigInt(manifest.epoch), sink);
    throw new RowsealError('RS-PQT-009', { detail: `sink ${sink}, group ${manifest.from}` });
  }

  /** Moves what a manifest names to where it is read. Idempotent. */
  async publish(manifest: Manifest): Promise<void> {
    for (const { path } of manifest.files) await this.#store.move(`${manifest.staging}/${path}`, path);
  }

  /** Files of all openings, after this one created and published a manifest: no other can be created that names them. */
  removeAllStaged(): Promise<void> {
    return this.#store.removeAll(STAGING);
  }

  /** Files that readers see. */
  async *changeFiles(): AsyncGenerator<{ readonly path: string; readonly bytes: number }> {
    for await (const { name, bytes } of this.#store.walk('tables')) yield { path: name, bytes };
  }

  /** A local file with the content of one that readers see. */
  fetch(path: string): Promise<string> {
    return this.#store.fetch(path);
  }

  async dropFetched(files: readonly string[]): Promise<void> {
    for (const file of files) if (dirname(file) === this.workDirectory) await rm(file, { force: true });
  }

  /** @returns bytes */
  async stageMerge(workFile: string, path: string): Promise<number> {
    const { size } = await stat(workFile);
    await this.#store.put(workFile, `${MERGING}/${path}`);
    return size;
  }

  /** The moment a merged file counts, and those that it replaces do not. */
  commitMerge(merge: Merge): Promise<void> {
    return this.#store.replace(MERGE, `${JSON.stringify(merge)}\n`);
  }

  /** Puts a merged file where it is read, and takes those away that are in it. Idempotent. */
  async finishMerge({ into, from }: Merge): Promise<void> {
    await this.#store.move(`${MERGING}/${into}`, into);
    for (const path of from) await this.#store.remove(path);
    await this.#store.remove(MERGE);
  }

  /** Goes on with what a writer before committed, and forgets what it did not. */
  async resumeMerge(): Promise<void> {
    const text = await this.#store.read(MERGE);
    if (text !== null) {
      const merge = JSON.parse(text) as Merge;
      // A writer that slept after it looked at the fence notes a file that its heir has removed: nothing was replaced.
      const there = (await this.#has(`${MERGING}/${merge.into}`)) || (await this.#has(merge.into));
      await (there ? this.finishMerge(merge) : this.#store.remove(MERGE));
    }
    await this.#store.removeAll(MERGING);
  }

  async #has(path: string): Promise<boolean> {
    return (await this.#store.list(dirname(path))).includes(basename(path));
  }

  /** What this opening staged for a batch that was given up was never visible. */
  async removeStaged(): Promise<void> {
    await this.#store.removeAll(this.#staging);
    await rm(this.workDirectory, { recursive: true, force: true });
  }

  isEmpty(folder: string): Promise<boolean> {
    return this.#store.isEmpty(folder);
  }

  /** Replaces a file that is for readers only. */
  replace(name: string, text: string): Promise<void> {
    return this.#store.replace(name, text);
  }

  close(): void {
    this.#store.close();
  }
}

function expectPipeline(text: string, pipeline: string, place: string): void {
  const known = JSON.parse(text) as { pipeline?: string };
  if (known.pipeline !== pipeline)
    throw new RowsealError('RS-PQT-003', { detail: `${place} holds pipeline ${known.pipeline}` });
}

function epochName(epoch: bigint): string {
  return String(epoch).padStart(20, '0');
}
