import { RowsealError } from '../../error/rowseal-error.ts';
import { nodeEd25519 } from '../ed25519/node-ed25519.ts';
import { SIGNATURE_BYTES } from '../ed25519/rule.ts';
import type { Signer } from './signer.ts';

/** Runs the program: message in, output out. Rejects with the reason as its message, without what the program printed. */
export type SigningCommand = (message: Uint8Array) => Promise<Uint8Array>;

const ATTEMPTS = 8;
const FIRST_PAUSE_MS = 100;
/** Heads of one group are asked for together; more at once would be a burden on a KMS with a quota. */
const AT_ONCE = 8;

/**
 * A key that never enters this process: a program takes the message on stdin and prints the signature (64 raw bytes, or
 * the same in base64 or hex). What it prints is verified before it is used.
 */
export class CommandSigner implements Signer {
  readonly publicKey: Uint8Array;
  readonly #run: SigningCommand;
  readonly #pauseMs: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  /** @param pauseMs after the first failure; doubled after each further one */
  constructor(publicKey: Uint8Array, run: SigningCommand, pauseMs = FIRST_PAUSE_MS) {
    this.publicKey = publicKey;
    this.#run = run;
    this.#pauseMs = pauseMs;
  }

  async sign(message: Uint8Array): Promise<Uint8Array> {
    const verify = nodeEd25519.open(this.publicKey);
    if (verify === null) throw new RowsealError('RS-AUD-008', { detail: 'the public key is not a safe one' });
    let why = '';
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (attempt > 0) await pause(this.#pauseMs * 2 ** (attempt - 1));
      try {
        const signature = parseSignature(await this.#inTurn(message));
        if (signature !== null && verify(message, signature)) return signature;
        why = signature === null ? 'its output is no signature' : 'its signature is not by the public key';
      } catch (error) {
        why = error instanceof Error ? error.message : 'unknown';
      }
    }
    throw new RowsealError('RS-AUD-013', { detail: `${ATTEMPTS} attempts; the last: ${why}` });
  }

  async #inTurn(message: Uint8Array): Promise<Uint8Array> {
    if (this.#running >= AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#running++;
    try {
      return await this.#run(message);
    } finally {
      this.#running--;
      this.#waiting.shift()?.();
    }
  }
}

function parseSignature(output: Uint8Array): Uint8Array | null {
  if (output.length === SIGNATURE_BYTES) return output;
  const text = Buffer.from(output).toString('latin1').trim();
  if (/^[0-9a-f]{128}$/i.test(text)) return Buffer.from(text, 'hex');
  return /^[A-Za-z0-9+/]{86}==$/.test(text) ? Buffer.from(text, 'base64') : null;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
