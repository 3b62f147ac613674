import { hkdfSync, randomBytes } from 'node:crypto';
import { RowsealError } from '../error/rowseal-error.ts';
import { HmacSha256 } from './cipher/hmac.ts';

const FILE_PREFIX = 'rowseal-mask-key-v1:';
const KEY_BYTES = 32;

/** What a new mask key file holds: one line. */
export function generateMaskKeyFile(): string {
  return `${FILE_PREFIX}${randomBytes(KEY_BYTES).toString('base64')}\n`;
}

/**
 * Keys of one epoch, all derived from the key file by HKDF-SHA-256 (RFC 5869) with an info text of their own, so that
 * a token of one domain says nothing about another. Prints as nothing.
 */
export class MaskKeys {
  readonly epoch: number;
  readonly fingerprint: string;
  readonly #root: Buffer;

  /** @param file content of the key file @throws RowsealError RS-MASK-006 */
  static parse(file: string, epoch: number): MaskKeys {
    const line = file.trim();
    if (!line.startsWith(FILE_PREFIX))
      throw new RowsealError('RS-MASK-006', { detail: `it does not begin with ${FILE_PREFIX}` });
    const text = line.slice(FILE_PREFIX.length);
    const root = Buffer.from(text, 'base64');
    if (root.length !== KEY_BYTES || root.toString('base64') !== text) {
      throw new RowsealError('RS-MASK-006', {
        detail: `after the prefix stand not ${KEY_BYTES} bytes in base64`,
      });
    }
    return new MaskKeys(root, epoch);
  }

  constructor(root: Buffer, epoch: number) {
    this.#root = root;
    this.epoch = epoch;
    this.fingerprint = this.#derive('fingerprint', '')
      .digest(Buffer.from('rowseal/v1/mask-key-fingerprint'), 'hex')
      .slice(0, 16);
  }

  /** The key of one token space. */
  domain(name: string): HmacSha256 {
    return this.#derive('domain', name);
  }

  /** A key for a cipher of one token space. @param bytes at most 64 */
  cipher(purpose: string, name: string, bytes: number): Buffer {
    return this.#bytes(purpose, name, bytes);
  }

  /** The key of row-key tags. */
  tag(): HmacSha256 {
    return this.#derive('row-key-tag', '');
  }

  toJSON(): string {
    return '[mask keys]';
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return '[mask keys]';
  }

  #derive(purpose: string, name: string): HmacSha256 {
    return new HmacSha256(this.#bytes(purpose, name, KEY_BYTES));
  }

  #bytes(purpose: string, name: string, bytes: number): Buffer {
    const info = `rowseal/v1/mask/${purpose}\0${this.epoch}\0${name}`;
    return Buffer.from(hkdfSync('sha256', this.#root, Buffer.alloc(0), info, bytes));
  }
}
