/**
 * What the log needs of a file system, and no more: small enough to be simulated with power cuts (test/fault). A write
 * is durable only after `sync` of the file; a created, renamed or removed name only after `syncDirectory`.
 */
export interface Disk {
  /** Creates the directory and its parents; existing is fine. */
  makeDirectory(path: string): Promise<void>;
  /** Names in a directory, sorted; empty when it does not exist. */
  list(path: string): Promise<readonly string[]>;
  /** Bytes of a file; null when there is none. */
  size(path: string): Promise<number | null>;
  /** Exactly `length` bytes from `offset`, or fewer at the end of the file. */
  read(path: string, offset: number, length: number): Promise<Buffer>;
  /** Opens for writing, creating the file when it does not exist. */
  open(path: string): Promise<DiskFile>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  syncDirectory(path: string): Promise<void>;
  /** Bytes that may still be written to the volume of a directory; null: it cannot be asked. */
  freeBytes(path: string): Promise<number | null>;
}

export interface DiskFile {
  /** Writes all of the pieces, one after the other (loops over short writes), from `position` on. */
  write(pieces: readonly Uint8Array[], position: number): Promise<void>;
  /** Makes the file's bytes and length durable. A failure is final: it must not be tried again. */
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}
