import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { RowsealError } from '../../../src/error/rowseal-error.ts';
import type { SpaceHolder, SpillSpace } from './spill-space.ts';

const TAG_BYTES = 16;
const NONCE_BYTES = 12;

/**
 * Raw changes of one transaction, kept until its end. Nothing of them can be read on the disk (law 1): every block is
 * encrypted with AES-256-GCM under a random key that is nowhere but in this object, and the file loses its name as soon as
 * it is made, so that it is gone with the process however that ends.
 */
export class Spill implements SpaceHolder {
  readonly #space: SpillSpace;
  readonly #file: FileHandle;
  readonly #key = randomBytes(32);
  /** Bytes of each block before it was encrypted, which is as long. */
  readonly #lengths: number[] = [];
  #size = 0;
  #closing: Promise<void> | null = null;

  private constructor(space: SpillSpace, file: FileHandle) {
    this.#space = space;
    this.#file = file;
    space.enter(this);
  }

  /** @throws RowsealError RS-PG-050 */
  static async make(space: SpillSpace): Promise<Spill> {
    const path = join(space.directory, `.spill-${process.pid}-${randomBytes(8).toString('hex')}`);
    try {
      const file = await open(path, 'wx+', 0o600);
      await unlink(path);
      return new Spill(space, file);
    } catch (thrown) {
      throw failure(thrown);
    }
  }

  /** @throws RowsealError RS-PG-050, also when there is no room for it */
  async append(block: Buffer): Promise<void> {
    await this.#space.admit(block.length + TAG_BYTES);
    this.#refuseClosed();
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce(this.#lengths.length));
    const sealed = Buffer.concat([cipher.update(block), cipher.final(), cipher.getAuthTag()]);
    try {
      let written = 0;
      while (written < sealed.length) {
        const { bytesWritten } = await this.#file.write(sealed, written, null, this.#size + written);
        written += bytesWritten;
      }
    } catch (thrown) {
      throw failure(thrown);
    }
    this.#refuseClosed();
    this.#lengths.push(block.length);
    this.#size += sealed.length;
    this.#space.wrote(sealed.length);
  }

  /** In the order in which they were appended. @throws RowsealError RS-PG-050, also when they are not what was appended */
  async *blocks(): AsyncGenerator<Buffer> {
    let at = 0;
    for (const [index, length] of this.#lengths.entries()) {
      this.#refuseClosed();
      const sealed = await this.#read(at, length + TAG_BYTES);
      at += sealed.length;
      this.#refuseClosed();
      const decipher = createDecipheriv('aes-256-gcm', this.#key, nonce(index));
      decipher.setAuthTag(sealed.subarray(length));
      let block: Buffer;
      try {
        block = Buffer.concat([decipher.update(sealed.subarray(0, length)), decipher.final()]);
      } catch {
        throw new RowsealError('RS-PG-050', { detail: 'a block is not as it was written' });
      }
      yield block;
    }
  }

  giveUp(): void {
    void this.close();
  }

  close(): Promise<void> {
    this.#closing ??= this.#free();
    return this.#closing;
  }

  async #free(): Promise<void> {
    this.#key.fill(0);
    await this.#file.close().catch(() => {});
    this.#space.leave(this, this.#size);
  }

  /** Its key is gone with it: nothing must be written or read from then on. */
  #refuseClosed(): void {
    if (this.#closing !== null)
      throw new RowsealError('RS-PG-050', { detail: 'it was given up to make room' });
  }

  async #read(at: number, length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(length);
    let read = 0;
    while (read < length) {
      let bytesRead = 0;
      try {
        ({ bytesRead } = await this.#file.read(buffer, read, length - read, at + read));
      } catch (thrown) {
        throw failure(thrown);
      }
      if (bytesRead === 0) throw new RowsealError('RS-PG-050', { detail: 'the file ends too early' });
      read += bytesRead;
    }
    return buffer;
  }
}

/** A key serves one file, so the number of the block is enough. */
function nonce(block: number): Buffer {
  const bytes = Buffer.alloc(NONCE_BYTES);
  bytes.writeUIntBE(block, NONCE_BYTES - 6, 6);
  return bytes;
}

function failure(thrown: unknown): RowsealError {
  const errno = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown';
  return new RowsealError('RS-PG-050', { detail: errno, origin: errno });
}
