import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import type { Digest } from './hashing.ts';

/** C2SP signed-note: signature type of plain Ed25519. */
const ED25519 = 0x01;
const KEY_ID_BYTES = 4;

/** A signed tree head: C2SP tlog-checkpoint (origin, size, root) in a C2SP signed note. */
export interface TreeHead {
  readonly origin: string;
  readonly size: number;
  readonly root: Digest;
}

export interface NoteSignature {
  readonly name: string;
  readonly keyId: Buffer;
  readonly signature: Buffer;
}

export interface SignedHead {
  readonly head: TreeHead;
  /** The signed bytes: all lines up to the blank one. */
  readonly body: string;
  readonly signatures: readonly NoteSignature[];
}

export interface VerifierKey {
  readonly name: string;
  readonly keyId: Buffer;
  /** 32 bytes. */
  readonly publicKey: Buffer;
}

export function headBody(head: TreeHead): string {
  return `${head.origin}\n${head.size}\n${Buffer.from(head.root, 'latin1').toString('base64')}\n`;
}

/** SHA-256(name ‖ 0x0A ‖ type ‖ public key), first four bytes (C2SP signed-note, "Key IDs"). */
export function keyId(name: string, publicKey: Uint8Array): Buffer {
  return createHash('sha256')
    .update(name)
    .update('\n')
    .update(Buffer.from([ED25519]))
    .update(publicKey)
    .digest()
    .subarray(0, KEY_ID_BYTES);
}

/** `name+hex(key id)+base64(type ‖ public key)` (C2SP signed-note, "vkey"). */
export function formatVerifierKey(name: string, publicKey: Uint8Array): string {
  const key = Buffer.concat([Buffer.from([ED25519]), publicKey]).toString('base64');
  return `${name}+${keyId(name, publicKey).toString('hex')}+${key}`;
}

/** Strict inverse of {@link formatVerifierKey}; null when the text is not a key or contradicts its own id. */
export function parseVerifierKey(text: string): VerifierKey | null {
  const match = /^([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})$/.exec(text.trim());
  if (match === null) return null;
  const [, name, id, key] = match as unknown as [string, string, string, string];
  const bytes = Buffer.from(key, 'base64');
  if (bytes.length !== 33 || bytes[0] !== ED25519 || bytes.toString('base64') !== key) return null;
  const publicKey = bytes.subarray(1);
  const expected = keyId(name, publicKey);
  return expected.toString('hex') === id ? { name, keyId: expected, publicKey } : null;
}

/** Signs heads under one key. The name in the note is the log's own origin, as C2SP checkpoints want it. */
export class HeadSigner {
  readonly publicKey: Buffer;
  readonly #key: KeyObject;

  /** @param key an Ed25519 private key */
  constructor(key: KeyObject) {
    this.#key = key;
    this.publicKey = rawPublicKey(createPublicKey(key));
  }

  static fromPem(pem: string): HeadSigner {
    return new HeadSigner(createPrivateKey(pem));
  }

  /** The whole note: body, blank line, one signature line by `name`. */
  sign(head: TreeHead, name: string): string {
    const body = headBody(head);
    const signature = sign(null, Buffer.from(body, 'utf8'), this.#key);
    const line = Buffer.concat([keyId(name, this.publicKey), signature]).toString('base64');
    return `${body}\n— ${name} ${line}\n`;
  }
}

/** The 32 bytes at the end of an Ed25519 SubjectPublicKeyInfo (RFC 8410 §4). */
export function rawPublicKey(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' }).subarray(-32);
}

/** Strict: the text must be exactly what a signer writes, or null. Unknown signature lines are kept, not judged. */
export function parseSignedHead(note: string): SignedHead | null {
  const split = note.indexOf('\n\n');
  if (split < 0 || !note.endsWith('\n')) return null;
  const body = note.slice(0, split + 1);
  const lines = body.split('\n');
  if (lines.length !== 4) return null;
  const [origin, size, root] = lines as [string, string, string, string];
  const rootBytes = Buffer.from(root, 'base64');
  if (
    origin === '' ||
    !/^(0|[1-9]\d{0,15})$/.test(size) ||
    rootBytes.length !== 32 ||
    rootBytes.toString('base64') !== root
  )
    return null;
  const signatures: NoteSignature[] = [];
  for (const line of note.slice(split + 2, -1).split('\n')) {
    const match = /^— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/.exec(line);
    if (match === null) return null;
    const bytes = Buffer.from(match[2]!, 'base64');
    if (bytes.length <= KEY_ID_BYTES || bytes.toString('base64') !== match[2]) return null;
    signatures.push({
      name: match[1]!,
      keyId: bytes.subarray(0, KEY_ID_BYTES),
      signature: bytes.subarray(KEY_ID_BYTES),
    });
  }
  return { head: { origin, size: Number(size), root: rootBytes.toString('latin1') }, body, signatures };
}
