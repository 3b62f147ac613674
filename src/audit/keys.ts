import { generateKeyPairSync } from 'node:crypto';
import { RowsealError } from '../error/rowseal-error.ts';
import { formatVerifierKey, HeadSigner } from './note.ts';

/** A new Ed25519 signing key, as PKCS#8 PEM (RFC 8410). */
export function generateSigningKeyFile(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

/** @param pem content of the key file @throws RowsealError RS-AUD-008 */
export function parseSigningKey(pem: string): HeadSigner {
  try {
    return HeadSigner.fromPem(pem);
  } catch {
    // OpenSSL's message may quote the file.
    throw new RowsealError('RS-AUD-008');
  }
}

/** What to hand to a verifier: the public key under the log's origin, as a C2SP vkey. */
export function verifierKeyOf(signer: HeadSigner, origin: string): string {
  return formatVerifierKey(origin, signer.publicKey);
}
