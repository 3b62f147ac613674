import { CosignatureVerifier } from '../audit/cosignature.ts';
import { nodeEd25519 } from '../audit/ed25519/node-ed25519.ts';
import type { Digest } from '../audit/hashing.ts';
import {
  MAX_NOTE_LENGTH,
  type NoteSignature,
  parseDecimal,
  parseNote,
  sameBytes,
  type VerifierKey,
} from '../audit/note.ts';
import { formatAddCheckpoint } from './request.ts';

/** What a witness answers to a checkpoint. */
export type Submission =
  | { readonly kind: 'cosigned'; readonly line: NoteSignature; readonly timeS: number }
  /** It has cosigned a tree of another size than we thought. */
  | { readonly kind: 'conflict'; readonly size: number }
  /** 422: what it has cosigned is no beginning of this. */
  | { readonly kind: 'inconsistent' }
  | { readonly kind: 'failed'; readonly why: string };

/** One witness over HTTP (C2SP tlog-witness). Never throws. */
export class WitnessClient {
  readonly key: VerifierKey;
  readonly #address: string;
  readonly #timeoutMs: number;
  readonly #verifier: CosignatureVerifier;

  /** @param url submission prefix */
  constructor(url: string, key: VerifierKey, timeoutMs: number) {
    this.#address = `${url.replace(/\/+$/, '')}/add-checkpoint`;
    this.key = key;
    this.#timeoutMs = timeoutMs;
    this.#verifier = new CosignatureVerifier(key, nodeEd25519);
  }

  get name(): string {
    return this.key.name;
  }

  async submit(oldSize: number, proof: readonly Digest[], note: string): Promise<Submission> {
    try {
      const response = await fetch(this.#address, {
        method: 'POST',
        headers: { 'content-type': 'text/plain; charset=utf-8' },
        body: formatAddCheckpoint(oldSize, proof, note),
        redirect: 'error',
        signal: AbortSignal.timeout(this.#timeoutMs),
      });
      const text = await bodyOf(response);
      if (text === null) return failed('the answer is too large');
      switch (response.status) {
        case 200:
          return this.#cosigned(note, text);
        case 409: {
          const size = parseDecimal(text.replace(/\n$/, ''));
          return size === null ? failed('HTTP 409 without a size') : { kind: 'conflict', size };
        }
        case 422:
          return { kind: 'inconsistent' };
        default:
          return failed(`HTTP ${response.status}`);
      }
    } catch (error) {
      return failed(reasonOf(error));
    }
  }

  /** Lines by other keys are ignored; one by this key must verify. */
  #cosigned(note: string, lines: string): Submission {
    const cosigned = parseNote(note + lines);
    if (cosigned === null) return failed('the answer is not made of signature lines');
    const timeS = this.#verifier.timeOf(cosigned);
    if (timeS === 'invalid') return failed('the cosignature does not verify');
    const line = cosigned.signatures.findLast(
      ({ name, keyId }) => name === this.key.name && sameBytes(keyId, this.key.keyId),
    );
    return timeS === null || line === undefined
      ? failed('the answer has no cosignature by the configured key')
      : { kind: 'cosigned', line, timeS };
  }
}

async function bodyOf(response: Response): Promise<string | null> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const piece of response.body ?? []) {
    text += decoder.decode(piece, { stream: true });
    if (text.length > MAX_NOTE_LENGTH) return null;
  }
  return text + decoder.decode();
}

function failed(why: string): Submission {
  return { kind: 'failed', why };
}

/** The stable part of what fetch throws: a class or a code, never a message. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  const { cause } = error;
  if (cause instanceof Error && 'code' in cause && typeof cause.code === 'string') return cause.code;
  return error.name;
}
