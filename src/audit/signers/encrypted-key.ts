import { createCipheriv, createDecipheriv, randomBytes, scryptSync } from 'node:crypto';
import { RowsealError } from '../../error/rowseal-error.ts';

/**
 * A signing key under a passphrase: one line of JSON, members in this order. The key of the cipher (AES-256-GCM) is
 * scrypt(passphrase, salt, 2^log2_n, r = 8, p = 1); all members before `sealed` are its associated data, so that none can be
 * changed unseen.
 */
interface EncryptedKey {
  readonly format: typeof FORMAT;
  readonly log2_n: number;
  readonly salt: string;
  readonly nonce: string;
  /** Seed and tag. */
  readonly sealed: string;
}

const FORMAT = 'rowseal/signing-key/v1';

/** 128 MiB and about half a second (RFC 7914; OWASP's advice for scrypt). */
const LOG2_N = 17;
/** What a file may ask for: not so little that it protects nothing, nor so much that opening it is an attack. */
const LOG2_N_RANGE = [14, 20] as const;
const TAG_BYTES = 16;
const SEED_BYTES = 32;

export function isEncryptedKey(text: string): boolean {
  return text.startsWith(`{"format":"${FORMAT}"`);
}

/** @param log2n cost of the passphrase, as a power of two */
export function sealKey(seed: Uint8Array, passphrase: string, log2n = LOG2_N): string {
  const head = {
    format: FORMAT,
    log2_n: log2n,
    salt: randomBytes(16).toString('base64'),
    nonce: randomBytes(12).toString('base64'),
  } as const;
  const cipher = createCipheriv(
    'aes-256-gcm',
    cipherKey(head, passphrase),
    Buffer.from(head.nonce, 'base64'),
  );
  cipher.setAAD(associatedData(head));
  const sealed = Buffer.concat([cipher.update(seed), cipher.final(), cipher.getAuthTag()]).toString('base64');
  return `${JSON.stringify({ ...head, sealed })}\n`;
}

/** @returns the seed @throws RowsealError RS-AUD-008 (no such file), RS-AUD-014 (passphrase) */
export function openKey(text: string, passphrase: string | null): Uint8Array {
  const file = parse(text);
  if (passphrase === null) throw new RowsealError('RS-AUD-014', { detail: 'no passphrase is configured' });
  const sealed = Buffer.from(file.sealed, 'base64');
  const decipher = createDecipheriv(
    'aes-256-gcm',
    cipherKey(file, passphrase),
    Buffer.from(file.nonce, 'base64'),
  );
  decipher.setAAD(associatedData(file));
  decipher.setAuthTag(sealed.subarray(SEED_BYTES));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, SEED_BYTES)), decipher.final()]);
  } catch {
    throw new RowsealError('RS-AUD-014', { detail: 'it does not open the key' });
  }
}

function parse(text: string): EncryptedKey {
  try {
    const file = JSON.parse(text) as EncryptedKey;
    const { log2_n: log2n, salt, nonce, sealed } = file;
    const fits =
      JSON.stringify({ format: FORMAT, log2_n: log2n, salt, nonce, sealed }) === text &&
      Number.isInteger(log2n) &&
      log2n >= LOG2_N_RANGE[0] &&
      log2n <= LOG2_N_RANGE[1] &&
      Buffer.from(salt, 'base64').length === 16 &&
      Buffer.from(nonce, 'base64').length === 12 &&
      Buffer.from(sealed, 'base64').length === SEED_BYTES + TAG_BYTES;
    if (fits) return file;
  } catch {
    // The parser quotes the file.
  }
  throw new RowsealError('RS-AUD-008', { detail: 'the encrypted key file is damaged' });
}

function cipherKey({ log2_n, salt }: Pick<EncryptedKey, 'log2_n' | 'salt'>, passphrase: string): Buffer {
  const cost = 2 ** log2_n;
  // scrypt needs 128 · N · r bytes, and a little.
  return scryptSync(passphrase.normalize('NFC'), Buffer.from(salt, 'base64'), 32, {
    N: cost,
    r: 8,
    p: 1,
    maxmem: 128 * cost * 8 + (1 << 20),
  });
}

function associatedData({ format, log2_n, salt, nonce }: Omit<EncryptedKey, 'sealed'>): Buffer {
  return Buffer.from(JSON.stringify({ format, log2_n, salt, nonce }), 'utf8');
}
