import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { RowsealError } from '../error/rowseal-error.ts';
import { rawPublicKey } from './ed25519/node-ed25519.ts';
import { PUBLIC_KEY_BYTES } from './ed25519/rule.ts';
import { formatVerifierKey, parseVerifierKey } from './note.ts';
import { isEncryptedKey, openKey } from './signers/encrypted-key.ts';
import { LocalSigner } from './signers/local-signer.ts';
import type { Signer } from './signers/signer.ts';

const SEED_BYTES = 32;

/** A new Ed25519 signing key, as PKCS#8 PEM (RFC 8410). */
export function generateSigningKeyFile(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

/**
 * @param content PKCS#8 PEM; a seed (RFC 8032) as 32 raw bytes, 64 hex digits or base64; or an encrypted key file
 * @param passphrase of an encrypted key
 * @throws RowsealError RS-AUD-008; RS-AUD-014 when the passphrase is missing or wrong
 */
export function parseSigningKey(content: string | Uint8Array, passphrase: string | null = null): LocalSigner {
  if (typeof content !== 'string' && content.length === SEED_BYTES) return LocalSigner.fromSeed(content);
  const text = (typeof content === 'string' ? content : Buffer.from(content).toString('utf8')).trim();
  if (isEncryptedKey(text)) return parseSigningKey(openKey(text, passphrase));
  if (/^[0-9a-f]{64}$/i.test(text)) return LocalSigner.fromSeed(Buffer.from(text, 'hex'));
  if (/^[A-Za-z0-9+/]{43}=$/.test(text)) return LocalSigner.fromSeed(Buffer.from(text, 'base64'));
  return fromPem(text);
}

function fromPem(pem: string): LocalSigner {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return new LocalSigner(key);
  } catch {
    // OpenSSL's message may quote the file.
  }
  throw new RowsealError('RS-AUD-008');
}

/** The seed of a signing key (RFC 8032 §5.1.5), to be encrypted. @throws RowsealError RS-AUD-008 */
export function seedOfPem(pem: string): Uint8Array {
  try {
    // RFC 8410 §7: the seed ends the PKCS#8 document.
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519')
      return key.export({ format: 'der', type: 'pkcs8' }).subarray(-SEED_BYTES);
  } catch {
    // As above.
  }
  throw new RowsealError('RS-AUD-008');
}

/** What to hand to a verifier: the public key under the log's origin, as a C2SP vkey. */
export function verifierKeyOf(signer: Pick<Signer, 'publicKey'>, origin: string): string {
  return formatVerifierKey(origin, signer.publicKey);
}

/**
 * The public key of a signer that only signs.
 *
 * @param text a vkey of any name; the 32 bytes in base64; or SubjectPublicKeyInfo as a KMS prints it, PEM or base64
 * @throws RowsealError RS-AUD-008
 */
export function parsePublicKey(text: string): Uint8Array {
  const bytes = parseVerifierKey(text)?.publicKey ?? Buffer.from(text.trim(), 'base64');
  if (bytes.length === PUBLIC_KEY_BYTES) return bytes;
  try {
    const key = text.includes('-----BEGIN')
      ? createPublicKey(text)
      : createPublicKey({ key: Buffer.from(bytes), format: 'der', type: 'spki' });
    if (key.asymmetricKeyType === 'ed25519') return rawPublicKey(key);
  } catch {
    // OpenSSL's message may quote the text.
  }
  throw new RowsealError('RS-AUD-008', { detail: 'the public key' });
}
