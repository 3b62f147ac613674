import { fromBase64, toBase64 } from './base64.ts';
import { type Digest, sha256 } from './hashing.ts';

/** C2SP signed-note, "Signature types". */
export const SignatureType = { ed25519: 0x01, cosignature: 0x04 } as const;
export type SignatureType = (typeof SignatureType)[keyof typeof SignatureType];

const KEY_ID_BYTES = 4;
const ED25519_KEY_BYTES = 32;

/** More than any note that people make: 16 signatures must be accepted, and one of ML-DSA-44 has 2,420 bytes. */
export const MAX_NOTE_LENGTH = 65_536;
const MAX_SIGNATURES = 100;

/** A signed tree head: C2SP tlog-checkpoint (origin, size, root) in a C2SP signed note. */
export interface TreeHead {
  readonly origin: string;
  readonly size: number;
  readonly root: Digest;
}

export interface NoteSignature {
  readonly name: string;
  readonly keyId: Uint8Array;
  readonly signature: Uint8Array;
}

/** A text and who signed it. Nothing is verified yet. */
export interface Note {
  /** The signed text: all lines up to the blank one, its last line end included. */
  readonly body: string;
  readonly signatures: readonly NoteSignature[];
}

export interface SignedHead extends Note {
  readonly head: TreeHead;
}

export interface VerifierKey {
  readonly name: string;
  readonly type: SignatureType;
  readonly keyId: Uint8Array;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
}

export function headBody(head: TreeHead): string {
  return `${head.origin}\n${head.size}\n${toBase64(digestBytes(head.root))}\n`;
}

/** SHA-256(name ‖ 0x0A ‖ type ‖ public key), first four bytes (C2SP signed-note, "Signatures"). */
export function keyId(
  name: string,
  publicKey: Uint8Array,
  type: SignatureType = SignatureType.ed25519,
): Uint8Array {
  const prefix = new TextEncoder().encode(`${name}\n`);
  return digestBytes(sha256(Uint8Array.from([...prefix, type, ...publicKey]))).subarray(0, KEY_ID_BYTES);
}

/** `name+hex(key id)+base64(type ‖ public key)` (C2SP signed-note, "Verifier keys"). */
export function formatVerifierKey(
  name: string,
  publicKey: Uint8Array,
  type: SignatureType = SignatureType.ed25519,
): string {
  return `${name}+${toHex(keyId(name, publicKey, type))}+${toBase64(Uint8Array.from([type, ...publicKey]))}`;
}

/**
 * Strict inverse of {@link formatVerifierKey}; null when the text is not a key, contradicts its own id, or is one of another
 * type (a log's by default; a witness has a key for cosignatures).
 */
export function parseVerifierKey(
  text: string,
  type: SignatureType = SignatureType.ed25519,
): VerifierKey | null {
  const match = /^([^+\p{White_Space}]+)\+([0-9a-f]{8})\+(.+)$/u.exec(text.trim());
  if (match === null) return null;
  const [, name, id, key] = match as unknown as [string, string, string, string];
  const bytes = fromBase64(key);
  if (bytes === null || bytes.length !== 1 + ED25519_KEY_BYTES || bytes[0] !== type) return null;
  const publicKey = bytes.subarray(1);
  const expected = keyId(name, publicKey, type);
  return toHex(expected) === id ? { name, type, keyId: expected, publicKey } : null;
}

/** `— name base64(key id ‖ signature)`, with its line end. */
export function signatureLine({ name, keyId: id, signature }: NoteSignature): string {
  return `— ${name} ${toBase64(Uint8Array.from([...id, ...signature]))}\n`;
}

/** The whole note: body, blank line, signature lines. */
export function formatNote(body: string, signatures: readonly NoteSignature[]): string {
  return `${body}\n${signatures.map(signatureLine).join('')}`;
}

/** Strict (C2SP signed-note, "Format"); null otherwise. Signatures by unknown keys are kept, not judged. */
export function parseNote(note: string): Note | null {
  if (note.length > MAX_NOTE_LENGTH || !note.endsWith('\n') || /[\0-\x09\x0b-\x1f]/.test(note)) return null;
  if (!note.isWellFormed()) return null;
  const split = note.lastIndexOf('\n\n');
  if (split < 0) return null;
  const lines = note.slice(split + 2, -1).split('\n');
  if (lines.length > MAX_SIGNATURES) return null;
  const signatures: NoteSignature[] = [];
  for (const line of lines) {
    const match = /^— ([^+\p{White_Space}]+) (\S+)$/u.exec(line);
    const bytes = match === null ? null : fromBase64(match[2]!);
    if (match === null || bytes === null || bytes.length <= KEY_ID_BYTES) return null;
    signatures.push({
      name: match[1]!,
      keyId: bytes.subarray(0, KEY_ID_BYTES),
      signature: bytes.subarray(KEY_ID_BYTES),
    });
  }
  return { body: note.slice(0, split + 1), signatures };
}

/** A head as Rowseal writes it: no extension lines; null otherwise. */
export function parseSignedHead(note: string): SignedHead | null {
  const signed = parseCheckpoint(note);
  return signed === null || signed.body.split('\n').length !== 4 ? null : signed;
}

/** A checkpoint of any log (C2SP tlog-checkpoint): extension lines are allowed, and signed like the rest. */
export function parseCheckpoint(note: string): SignedHead | null {
  const parsed = parseNote(note);
  if (parsed === null) return null;
  const lines = parsed.body.slice(0, -1).split('\n');
  const [origin, size, root] = lines as [string, string | undefined, string | undefined];
  if (size === undefined || root === undefined || lines.includes('')) return null;
  const rootBytes = fromBase64(root);
  const count = parseDecimal(size);
  if (count === null || rootBytes?.length !== 32) return null;
  return { head: { origin, size: count, root: digestOf(rootBytes) }, ...parsed };
}

/** ASCII decimal without leading zeros, up to 2^53 - 1; null otherwise. */
export function parseDecimal(text: string): number | null {
  if (!/^(0|[1-9]\d{0,15})$/.test(text)) return null;
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : null;
}

export function digestBytes(digest: Digest): Uint8Array {
  return Uint8Array.from(digest, (character) => character.charCodeAt(0));
}

export function digestOf(bytes: Uint8Array): Digest {
  return String.fromCharCode(...bytes);
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
