import { createPublicKey, type KeyObject, verify } from 'node:crypto';
import { Point } from '@noble/ed25519';
import { keyId, parseSignedHead, type SignedHead, type TreeHead, type VerifierKey } from '../note.ts';

/** DER prefix of an Ed25519 SubjectPublicKeyInfo (RFC 8410 §4). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/**
 * Verifies heads under one key, strictly: a public key that is not canonical or of small order is refused (it would
 * accept signatures of many messages), and so is such an R. Implementations differ on these; RFC 8032 §5.1.7 leaves
 * room, so both are checked before Node's verifier is asked.
 */
export class HeadVerifier {
  readonly name: string;
  readonly #keyId: Buffer;
  readonly #key: KeyObject | null;

  constructor(key: VerifierKey) {
    this.name = key.name;
    this.#keyId = keyId(key.name, key.publicKey);
    this.#key = strictPoint(key.publicKey)
      ? createPublicKey({ key: Buffer.concat([SPKI_PREFIX, key.publicKey]), format: 'der', type: 'spki' })
      : null;
  }

  /** The head when the note is well formed, names the expected tree, and the key signed exactly these bytes. */
  check(
    note: string,
    expected: Omit<TreeHead, 'root'> & { readonly root?: string },
  ): 'ok' | 'malformed' | 'unsigned' | 'other' {
    const signed = parseSignedHead(note);
    if (signed === null) return 'malformed';
    if (!this.signedByKey(signed)) return 'unsigned';
    const { head } = signed;
    const fits =
      head.origin === expected.origin &&
      head.size === expected.size &&
      (expected.root === undefined || head.root === expected.root);
    return fits ? 'ok' : 'other';
  }

  signedByKey(signed: SignedHead): boolean {
    const ours = signed.signatures.filter(
      (signature) => signature.name === this.name && signature.keyId.equals(this.#keyId),
    );
    return ours.length === 1 && this.#verifies(signed.body, ours[0]!.signature);
  }

  #verifies(body: string, signature: Buffer): boolean {
    if (this.#key === null || signature.length !== 64) return false;
    return (
      verify(null, Buffer.from(body, 'utf8'), this.#key, signature) && strictPoint(signature.subarray(0, 32))
    );
  }
}

/** Canonical encoding and not of small order. */
function strictPoint(bytes: Uint8Array): boolean {
  try {
    return !Point.fromBytes(bytes, false).isSmallOrder();
  } catch {
    return false;
  }
}
