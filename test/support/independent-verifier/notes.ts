/** Signed heads (docs/audit-format.md §7; C2SP signed-note, tlog-checkpoint, tlog-cosignature), and what they are made of. */
import { createHash } from 'node:crypto';
import { verifyEd25519 } from './ed25519.ts';

export interface Vkey {
  readonly text: string;
  readonly name: string;
  readonly id: Buffer;
  readonly key: Buffer;
}

export interface Head {
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
  readonly body: string;
  readonly signatures: readonly { name: string; id: Buffer; signature: Buffer }[];
}

export function sha256(...pieces: readonly Uint8Array[]): Buffer {
  return createHash('sha256').update(Buffer.concat(pieces)).digest();
}

/** @param type 1: a log's key, 4: a witness's */
export function parseVkey(text: string, type = 1): Vkey | null {
  const trimmed = text.trim();
  const parts = trimmed.split('+');
  const [name = '', id = ''] = parts;
  const key = base64(parts.slice(2).join('+'));
  if (name === '' || /\s/.test(trimmed) || key?.length !== 33 || key[0] !== type) return null;
  const own = sha256(Buffer.from(`${name}\n`), key).subarray(0, 4);
  return own.toString('hex') === id ? { text: trimmed, name, id: own, key: key.subarray(1) } : null;
}

export function parseNote(text: string): Head | null {
  const blank = text.indexOf('\n\n');
  if (blank < 0 || !text.endsWith('\n')) return null;
  const body = text.slice(0, blank + 1);
  const [origin, size, root64, ...more] = body.slice(0, -1).split('\n');
  const root = base64(root64 ?? '');
  if (!origin || !/^(0|[1-9]\d{0,15})$/.test(size ?? '') || root?.length !== 32 || more.length > 0)
    return null;
  const signatures = [];
  for (const line of text.slice(blank + 2, -1).split('\n')) {
    const [dash, name, value, ...rest] = line.split(' ');
    const bytes = base64(value ?? '');
    if (dash !== '—' || !name || /[\s+]/.test(name) || bytes === null || bytes.length < 5 || rest.length > 0)
      return null;
    signatures.push({ name, id: bytes.subarray(0, 4), signature: bytes.subarray(4) });
  }
  return { origin, size: Number(size), root, body, signatures };
}

/** Lines that claim to be by the key: none, one good one, or anything else, which spoils the note. */
export function linesOf({ body, signatures }: Head, { name, id, key }: Vkey): 'none' | 'good' | 'spoilt' {
  const ours = signatures.filter((one) => one.name === name && one.id.equals(id));
  if (ours.length === 0) return 'none';
  const good = ours.length === 1 && verifyEd25519(key, Buffer.from(body, 'utf8'), ours[0]!.signature);
  return good ? 'good' : 'spoilt';
}

/** The same of a witness, who may stand there more than once: each line must hold. */
export function cosignaturesOf(
  { body, signatures }: Head,
  { name, id, key }: Vkey,
): 'none' | 'good' | 'spoilt' {
  const ours = signatures.filter((one) => one.name === name && one.id.equals(id));
  const holds = ours.every(({ signature }) => {
    if (signature.length !== 72) return false;
    const text = `cosignature/v1\ntime ${signature.readBigUInt64BE()}\n${body}`;
    return verifyEd25519(key, Buffer.from(text, 'utf8'), signature.subarray(8));
  });
  return ours.length === 0 ? 'none' : holds ? 'good' : 'spoilt';
}

export function base64(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : null;
}

export function utf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
