import { padded } from './layout.ts';

/** A change file where readers find it. */
export interface ChangeFile {
  /** From the directory on: `tables/…/date=2026-01-31/0000000000000007-0000000000000012.parquet`. */
  readonly path: string;
  readonly bytes: number;
}

export interface CompactionOptions {
  /** Files of one table and day that are merged while the day is still being written; a past day's are merged when there are two. */
  readonly files: number;
  /** A merged file has at most this many bytes; a file with more than half of them is left alone. */
  readonly maxBytes: number;
}

/** Files that become one. */
export interface Merge {
  readonly into: string;
  readonly from: readonly string[];
}

interface Ranged extends ChangeFile {
  readonly from: number;
  readonly to: number;
}

const NAME = /^(.*)\/(\d{16})-(\d{16})\.parquet$/;

/**
 * Which change files lie where, and which of them should be merged next. What it says depends on the files alone, so a
 * writer that begins anew goes on where the last one stopped.
 */
export class CompactionPlan {
  readonly #options: CompactionOptions;
  /** By folder of a table and day; in the order of their groups. */
  readonly #days = new Map<string, Ranged[]>();
  /** Newest day of each table. */
  readonly #open = new Map<string, string>();
  /** Folders to look at. */
  readonly #due = new Set<string>();

  constructor(options: CompactionOptions) {
    this.#options = options;
  }

  add(file: ChangeFile): void {
    const match = NAME.exec(file.path);
    if (match === null) return;
    const folder = match[1]!;
    const files = this.#days.get(folder) ?? [];
    files.push({ ...file, from: Number(match[2]), to: Number(match[3]) });
    // Mostly the last one already.
    files.sort((a, b) => a.from - b.from || a.to - b.to);
    this.#days.set(folder, files);
    this.#due.add(folder);
    const table = tableOf(folder);
    const newest = this.#open.get(table);
    if (newest !== undefined && newest > folder) return;
    this.#open.set(table, folder);
    // The day before is over.
    if (newest !== undefined) this.#due.add(newest);
  }

  remove(paths: readonly string[]): void {
    const gone = new Set(paths);
    for (const path of paths) {
      const folder = path.slice(0, path.lastIndexOf('/'));
      const files = this.#days.get(folder);
      if (files !== undefined)
        this.#days.set(
          folder,
          files.filter((file) => !gone.has(file.path)),
        );
    }
  }

  /**
   * The merge that is due.
   *
   * @param before files with this group or later ones stay as they are
   */
  next(before: number): Merge | null {
    for (const folder of this.#due) {
      const merge = this.#mergeIn(folder, before);
      if (merge !== null) return merge;
      this.#due.delete(folder);
    }
    return null;
  }

  #mergeIn(folder: string, before: number): Merge | null {
    const { maxBytes, files: wanted } = this.#options;
    const least = this.#open.get(tableOf(folder)) === folder ? wanted : 2;
    let run: Ranged[] = [];
    let bytes = 0;
    for (const file of this.#days.get(folder)!) {
      const fits = file.to < before && file.bytes * 2 <= maxBytes;
      if (fits && bytes + file.bytes <= maxBytes) {
        run.push(file);
        bytes += file.bytes;
        continue;
      }
      if (run.length >= least) break;
      run = fits ? [file] : [];
      bytes = fits ? file.bytes : 0;
    }
    if (run.length < least) return null;
    const name = `${padded(run[0]!.from)}-${padded(Math.max(...run.map(({ to }) => to)))}`;
    return { into: `${folder}/${name}.parquet`, from: run.map(({ path }) => path) };
  }
}

function tableOf(folder: string): string {
  return folder.slice(0, folder.lastIndexOf('/'));
}
