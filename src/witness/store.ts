import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Disk } from '../audit/disk.ts';
import { replaceFile } from '../audit/durable.ts';
import { parseCheckpoint, type SignedHead } from '../audit/note.ts';
import { RowsealError } from '../error/rowseal-error.ts';

export interface CosignedCheckpoint {
  /** As the witness got it, with its own cosignature. */
  readonly note: string;
  readonly head: SignedHead;
}

/** SHA-256 of the origin in hex: what a log is called in addresses (C2SP tlog-witness) and on the disk. */
export function originHash(origin: string): string {
  return createHash('sha256').update(origin, 'utf8').digest('hex');
}

/** The newest checkpoint of every log that this witness has cosigned, one file each. What is saved is durable. */
export class WitnessStore {
  readonly #disk: Disk;
  readonly #directory: string;

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  async open(): Promise<void> {
    await this.#disk.makeDirectory(this.#directory);
  }

  /** null: none was ever cosigned. @throws RowsealError RS-WIT-001 when the file is damaged: it must not count as none */
  async load(origin: string): Promise<CosignedCheckpoint | null> {
    const file = this.#file(origin);
    const size = await this.#disk.size(file);
    if (size === null) return null;
    const note = (await this.#disk.read(file, 0, size)).toString('utf8');
    const head = parseCheckpoint(note);
    if (head === null || head.head.origin !== origin) throw new RowsealError('RS-WIT-001', { detail: file });
    return { note, head };
  }

  /** Write aside, fsync, rename, fsync of the directory: after a crash the old one or this one. */
  async save(origin: string, note: string): Promise<void> {
    await replaceFile(this.#disk, this.#file(origin), Buffer.from(note, 'utf8'));
  }

  #file(origin: string): string {
    return join(this.#directory, `${originHash(origin)}.checkpoint`);
  }
}
