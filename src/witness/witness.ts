import { verifyConsistency } from '../audit/consistency/proof.ts';
import { cosign } from '../audit/cosignature.ts';
import { nodeEd25519 } from '../audit/ed25519/node-ed25519.ts';
import { CompactRange } from '../audit/merkle.ts';
import { formatNote, type SignedHead, signatureLine, type VerifierKey } from '../audit/note.ts';
import type { Signer } from '../audit/signers/signer.ts';
import { HeadVerifier } from '../audit/verify/signature.ts';
import { type AddCheckpoint, parseAddCheckpoint } from './request.ts';
import { originHash, type WitnessStore } from './store.ts';

export interface Answer {
  readonly status: 200 | 400 | 403 | 404 | 409 | 422;
  readonly type: string;
  readonly body: string;
}

export interface WitnessOptions {
  /** Key name in cosignatures. */
  readonly name: string;
  /** A key of its own, which signs nothing else. */
  readonly signer: Signer;
  /** Keys of the logs that are witnessed; the name of a key is the origin of its log. */
  readonly logs: readonly VerifierKey[];
  readonly store: WitnessStore;
  /** Seconds since 1970-01-01 UTC. */
  readonly nowS: () => number;
}

const PLAIN = 'text/plain; charset=utf-8';
const EMPTY_ROOT = new CompactRange().root();

/**
 * Cosigns checkpoints of logs after seeing that each grew out of the one before (C2SP tlog-witness). For every log it keeps
 * one checkpoint, compared and replaced as one step: requests of a log wait for one another.
 */
export class Witness {
  readonly #options: WitnessOptions;
  readonly #logs = new Map<string, HeadVerifier[]>();
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(options: WitnessOptions) {
    this.#options = options;
    for (const key of options.logs)
      this.#logs.set(key.name, [...(this.#logs.get(key.name) ?? []), new HeadVerifier(key, nodeEd25519)]);
  }

  get origins(): readonly string[] {
    return [...this.#logs.keys()];
  }

  /** @throws RowsealError when the checkpoint cannot be kept; nothing is signed away then */
  async addCheckpoint(body: Uint8Array): Promise<Answer> {
    const request = parseAddCheckpoint(body);
    if (request === null) return refuse(400, 'the body is not that of add-checkpoint');
    const { checkpoint, oldSize } = request;
    const { origin, size } = checkpoint.head;
    const keys = this.#logs.get(origin);
    if (keys === undefined) return refuse(404, 'this log is not witnessed here');
    if (!isSigned(checkpoint, keys)) return refuse(403, 'the checkpoint is not signed by a key of the log');
    if (oldSize > size) return refuse(400, 'the old size is larger than that of the checkpoint');
    return this.#inTurn(origin, () => this.#compareAndCosign(request));
  }

  /** `GET <origin hash>/checkpoint`. */
  async checkpoint(hash: string): Promise<Answer> {
    const origin = this.origins.find((name) => originHash(name) === hash);
    const kept = origin === undefined ? null : await this.#options.store.load(origin);
    return kept === null
      ? refuse(404, 'no checkpoint of this log')
      : { status: 200, type: PLAIN, body: kept.note };
  }

  async #compareAndCosign({ oldSize, proof, checkpoint }: AddCheckpoint): Promise<Answer> {
    const { store, name, signer, nowS } = this.#options;
    const { origin, size, root } = checkpoint.head;
    const kept = (await store.load(origin))?.head.head ?? { size: 0, root: EMPTY_ROOT };
    if (oldSize !== kept.size) return { status: 409, type: 'text/x.tlog.size', body: `${kept.size}\n` };
    if (size === 0 && root !== EMPTY_ROOT) return refuse(422, 'an empty tree has another root');
    if (!verifyConsistency(oldSize, size, kept.root, root, proof))
      return refuse(422, 'the checkpoint is not consistent with the one before');
    const cosignature = await cosign(checkpoint.body, nowS(), name, signer);
    const ours = checkpoint.signatures.filter((line) => this.#isOfLog(origin, line));
    await store.save(origin, formatNote(checkpoint.body, [...ours, cosignature]));
    return { status: 200, type: PLAIN, body: signatureLine(cosignature) };
  }

  #isOfLog(origin: string, line: SignedHead['signatures'][number]): boolean {
    return this.#logs.get(origin)?.some((key) => key.isOurs(line)) === true;
  }

  /** One after the other, per log. */
  #inTurn<T>(origin: string, act: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(origin) ?? Promise.resolve();
    const turn = before.then(act, act);
    this.#turns.set(
      origin,
      turn.catch(() => {}),
    );
    return turn;
  }
}

/** At least one key signed, and no line that claims to be by a known key is wrong. */
function isSigned(checkpoint: SignedHead, keys: readonly HeadVerifier[]): boolean {
  let signed = false;
  for (const line of checkpoint.signatures) {
    const key = keys.find((candidate) => candidate.isOurs(line));
    if (key === undefined) continue;
    if (!key.verifies(checkpoint.body, line.signature)) return false;
    signed = true;
  }
  return signed;
}

function refuse(status: Exclude<Answer['status'], 200>, why: string): Answer {
  return { status, type: PLAIN, body: `${why}\n` };
}
