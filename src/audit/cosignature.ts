import type { Ed25519, VerifySignature } from './ed25519/ed25519.ts';
import {
  keyId,
  type Note,
  type NoteSignature,
  parseVerifierKey,
  SignatureType,
  sameBytes,
  type VerifierKey,
} from './note.ts';
import type { Signer } from './signers/signer.ts';

/** u64 time, Ed25519 signature (C2SP tlog-cosignature, "Format"). */
const COSIGNATURE_BYTES = 8 + 64;

/** C2SP tlog-cosignature, "Ed25519 signed message". @param timeS seconds since 1970-01-01 UTC */
export function cosignedText(body: string, timeS: number): string {
  return `cosignature/v1\ntime ${timeS}\n${body}`;
}

/** A witness says: at this time the tree of this size was the largest I had seen, and consistent with all before. */
export async function cosign(
  body: string,
  timeS: number,
  name: string,
  signer: Signer,
): Promise<NoteSignature> {
  const signature = new Uint8Array(COSIGNATURE_BYTES);
  new DataView(signature.buffer).setBigUint64(0, BigInt(timeS));
  signature.set(await signer.sign(new TextEncoder().encode(cosignedText(body, timeS))), 8);
  return { name, keyId: keyId(name, signer.publicKey, SignatureType.cosignature), signature };
}

/** The key of a witness, as a C2SP vkey of type 0x04; null: the text is none. */
export function parseWitnessKey(text: string): VerifierKey | null {
  return parseVerifierKey(text, SignatureType.cosignature);
}

export class CosignatureVerifier {
  readonly key: VerifierKey;
  readonly #verify: VerifySignature | null;

  constructor(key: VerifierKey, ed25519: Ed25519) {
    this.key = key;
    this.#verify = ed25519.open(key.publicKey);
  }

  /**
   * When the witness cosigned the note, in seconds since 1970-01-01 UTC. null: it did not. `invalid`: a line claims so and
   * is wrong, which spoils the note (C2SP signed-note, "Signatures").
   */
  timeOf(note: Note): number | null | 'invalid' {
    const lines = note.signatures.filter(
      ({ name, keyId: id }) => name === this.key.name && sameBytes(id, this.key.keyId),
    );
    let newest: number | null = null;
    for (const line of lines) {
      const time = this.#timeOf(note.body, line.signature);
      if (time === null) return 'invalid';
      newest = Math.max(newest ?? 0, time);
    }
    return newest;
  }

  #timeOf(body: string, cosignature: Uint8Array): number | null {
    if (cosignature.length !== COSIGNATURE_BYTES) return null;
    const time = new DataView(cosignature.buffer, cosignature.byteOffset).getBigUint64(0);
    // Times beyond 2^53 s are no times; the format allows 2^63 - 1.
    if (time > BigInt(Number.MAX_SAFE_INTEGER)) return null;
    const text = new TextEncoder().encode(cosignedText(body, Number(time)));
    return this.#verify?.(text, cosignature.subarray(8)) === true ? Number(time) : null;
  }
}
