/** Where files are kept: a directory, or a bucket. Names are relative and use `/`. What resolves is durable. */
export interface FileStore {
  /** For messages: the directory, or `s3://bucket/prefix`. */
  readonly place: string;
  /** Local directory in which files are made before they are put here. */
  readonly workDirectory: string;
  /** @returns null: there is no such file */
  read(name: string): Promise<string | null>;
  /** Whole or not at all, and never over another. @returns false: it is there already, and as it was */
  create(name: string, text: string): Promise<boolean>;
  replace(name: string, text: string): Promise<void>;
  /** Names of files directly in a folder, sorted. */
  list(folder: string): Promise<readonly string[]>;
  /** Files in a folder, at any depth. */
  walk(folder: string): AsyncIterable<{ readonly name: string; readonly bytes: number }>;
  /** Anything is in the folder, at any depth. */
  isEmpty(folder: string): Promise<boolean>;
  remove(name: string): Promise<void>;
  /** Moves a file of the work directory here. */
  put(localFile: string, name: string): Promise<void>;
  /** A local file with the same content: the file itself, or a copy in the work directory. */
  fetch(name: string): Promise<string>;
  /** Gone already, and there under its new name: nothing to do. */
  move(from: string, to: string): Promise<void>;
  removeAll(folder: string): Promise<void>;
  /** @returns a local directory with these folders as they are now: the place itself, or a copy to be dropped */
  localCopy(folders: readonly string[]): Promise<string>;
  dropLocalCopy(): Promise<void>;
  close(): void;
}
