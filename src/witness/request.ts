import { fromBase64, toBase64 } from '../audit/base64.ts';
import { MAX_PROOF_HASHES } from '../audit/consistency/proof.ts';
import type { Digest } from '../audit/hashing.ts';
import {
  digestBytes,
  digestOf,
  MAX_NOTE_LENGTH,
  parseCheckpoint,
  parseDecimal,
  type SignedHead,
} from '../audit/note.ts';

/** A note and 63 hashes; nothing that is honest is larger. */
export const MAX_REQUEST_BYTES = MAX_NOTE_LENGTH + 4096;

/** Body of `add-checkpoint` (C2SP tlog-witness). */
export interface AddCheckpoint {
  readonly oldSize: number;
  readonly proof: readonly Digest[];
  readonly checkpoint: SignedHead;
}

export function formatAddCheckpoint(oldSize: number, proof: readonly Digest[], note: string): string {
  return `old ${oldSize}\n${proof.map((hash) => `${toBase64(digestBytes(hash))}\n`).join('')}\n${note}`;
}

/** Strict; null: it is none. */
export function parseAddCheckpoint(body: Uint8Array): AddCheckpoint | null {
  const text = textOf(body);
  // The first empty line ends the proof; the checkpoint has one of its own.
  const end = text?.indexOf('\n\n') ?? -1;
  if (text === null || end < 0) return null;
  const [first, ...lines] = text.slice(0, end).split('\n');
  const oldSize = first?.startsWith('old ') === true ? parseDecimal(first.slice(4)) : null;
  if (oldSize === null || lines.length > MAX_PROOF_HASHES) return null;
  const proof: Digest[] = [];
  for (const line of lines) {
    const hash = fromBase64(line);
    if (hash?.length !== 32) return null;
    proof.push(digestOf(hash));
  }
  const checkpoint = parseCheckpoint(text.slice(end + 2));
  return checkpoint === null ? null : { oldSize, proof, checkpoint };
}

function textOf(body: Uint8Array): string | null {
  if (body.length > MAX_REQUEST_BYTES) return null;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    return null;
  }
}
