import type { Ed25519, VerifySignature } from '../ed25519/ed25519.ts';
import {
  type Note,
  type NoteSignature,
  parseSignedHead,
  type SignedHead,
  sameBytes,
  type TreeHead,
  type VerifierKey,
} from '../note.ts';

export type HeadVerdict = 'ok' | 'malformed' | 'unsigned' | 'other';

/** Verifies heads under one key, strictly (../ed25519/rule.ts). Nothing here needs Node. */
export class HeadVerifier {
  readonly name: string;
  readonly key: VerifierKey;
  readonly #ed25519: Ed25519;
  readonly #verify: VerifySignature | null;

  constructor(key: VerifierKey, ed25519: Ed25519) {
    this.key = key;
    this.name = key.name;
    this.#ed25519 = ed25519;
    this.#verify = ed25519.open(key.publicKey);
  }

  /** The same for another key. */
  withKey(key: VerifierKey): HeadVerifier {
    return new HeadVerifier(key, this.#ed25519);
  }

  /** The head when the note is well formed, names the expected tree, and the key signed exactly these bytes. */
  check(note: string, expected: Omit<TreeHead, 'root'> & { readonly root?: string }): HeadVerdict {
    const signed = parseSignedHead(note);
    if (signed === null) return 'malformed';
    return this.signedByKey(signed) ? fits(signed, expected) : 'unsigned';
  }

  /** The key signed the note, once. */
  signedByKey(note: Note): boolean {
    const ours = note.signatures.filter((signature) => this.isOurs(signature));
    return ours.length === 1 && this.verifies(note.body, ours[0]!.signature);
  }

  /** The line claims to be by this key. */
  isOurs(signature: NoteSignature): boolean {
    return signature.name === this.name && sameBytes(signature.keyId, this.key.keyId);
  }

  verifies(text: string, signature: Uint8Array): boolean {
    return this.#verify?.(new TextEncoder().encode(text), signature) === true;
  }
}

export function fits(
  { head }: SignedHead,
  expected: Omit<TreeHead, 'root'> & { readonly root?: string },
): 'ok' | 'other' {
  const same =
    head.origin === expected.origin &&
    head.size === expected.size &&
    (expected.root === undefined || head.root === expected.root);
  return same ? 'ok' : 'other';
}
