import { join } from 'node:path';
import { MalformedBytes } from '../audit/bytes.ts';
import { ConsistencyProver } from '../audit/consistency/proof.ts';
import type { Disk } from '../audit/disk.ts';
import { replaceFile } from '../audit/durable.ts';
import type { Digest } from '../audit/hashing.ts';
import { COSIGNED_FILE } from '../audit/journal-reader.ts';
import { treeAt } from '../audit/log-entries.ts';
import { formatNote, type NoteSignature, parseSignedHead, type SignedHead } from '../audit/note.ts';
import { RowsealError } from '../error/rowseal-error.ts';
import { toRowsealError } from '../error/unexpected.ts';
import type { Submission, WitnessClient } from './client.ts';
import { JournalTail } from './journal-tail.ts';
import { readText, untilAborted } from './loop.ts';

export interface SubmitterOptions {
  readonly disk: Disk;
  /** The audit directory; only `journal/cosigned` is written. */
  readonly directory: string;
  readonly witnesses: readonly Pick<WitnessClient, 'name' | 'submit'>[];
  /** How many of them make a head count as witnessed. */
  readonly quorum: number;
  readonly intervalMs: number;
  /** Without a newly cosigned head for so long the quorum is missing. */
  readonly lateMs: number;
  readonly observer: WitnessObserver;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly nowMs?: () => number;
}

/** Told of what happens; must not throw. */
export interface WitnessObserver {
  cosigned(witness: string, groups: number, timeS: number): void;
  failed(witness: string, error: RowsealError): void;
}

export interface WitnessState {
  readonly name: string;
  /** Groups in the newest head it has cosigned; null: none since the start. */
  readonly groups: number | null;
  /** Seconds since 1970-01-01 UTC, by its own clock. */
  readonly timeS: number | null;
  readonly failures: number;
  /** Of the last attempt; null: it cosigned. */
  readonly error: RowsealError | null;
}

export interface QuorumState {
  readonly quorum: number;
  readonly met: boolean;
  /** Groups in the newest head that the quorum has cosigned since the start. */
  readonly groups: number | null;
  readonly atMs: number | null;
  readonly witnesses: readonly WitnessState[];
}

interface Party {
  readonly client: Pick<WitnessClient, 'name' | 'submit'>;
  /** From the tree that the witness has cosigned; null: we do not know, and ask. */
  prover: ConsistencyProver | null;
  groups: number | null;
  timeS: number | null;
  failures: number;
  error: RowsealError | null;
}

/**
 * Takes the newest head of the journal to every witness, time and again, and keeps what they cosign. It reads the files of
 * the log and has no part in sealing: a witness that is slow, away or wrong shows here and nowhere else.
 */
export class Submitter {
  readonly #options: SubmitterOptions;
  readonly #parties: readonly Party[];
  readonly #nowMs: () => number;
  readonly #startedMs: number;
  #tail: JournalTail | null = null;
  /** Text of the head that the lines are for. */
  #body = '';
  #lines = new Map<string, NoteSignature>();
  #quorumGroups: number | null = null;
  #quorumMs: number | null = null;

  constructor(options: SubmitterOptions) {
    this.#options = options;
    this.#nowMs = options.nowMs ?? Date.now;
    this.#startedMs = this.#nowMs();
    this.#parties = options.witnesses.map((client) => ({
      client,
      prover: null,
      groups: null,
      timeS: null,
      failures: 0,
      error: null,
    }));
  }

  state(): QuorumState {
    const { quorum, lateMs } = this.#options;
    return {
      quorum,
      met: quorum === 0 || this.#nowMs() - (this.#quorumMs ?? this.#startedMs) <= lateMs,
      groups: this.#quorumGroups,
      atMs: this.#quorumMs,
      witnesses: this.#parties.map(({ client, groups, timeS, failures, error }) => ({
        name: client.name,
        groups,
        timeS,
        failures,
        error,
      })),
    };
  }

  /** Goes on until aborted; nothing that goes wrong ends it. */
  async run(signal: AbortSignal): Promise<void> {
    await untilAborted(signal, this.#options.intervalMs, async () => {
      try {
        await this.submitNewest();
      } catch (thrown) {
        // The log itself could not be read, or the cosigned head not be kept.
        const error =
          thrown instanceof MalformedBytes
            ? new RowsealError('RS-AUD-004', { detail: `journal: ${thrown.message}` })
            : toRowsealError(thrown);
        for (const party of this.#parties) this.#failed(party, error);
      }
    });
  }

  /** One round. */
  async submitNewest(): Promise<void> {
    const { disk, directory } = this.#options;
    const note = await readText(disk, join(directory, 'journal', 'head'));
    const head = note === null ? null : parseSignedHead(note);
    if (note === null || head === null) return;
    // Cosignatures that grow old are asked for again: an idle log shows that it lives.
    const old = this.#nowMs() - (this.#quorumMs ?? 0) > this.#options.lateMs / 3;
    if (head.body !== this.#body || old) {
      this.#body = head.body;
      this.#lines = new Map();
    }
    const asked = this.#parties.filter(({ client }) => !this.#lines.has(client.name));
    if (asked.length === 0) return;
    await this.#follow(head.head.size);
    await Promise.all(asked.map((party) => this.#submit(party, note, head)));
    if (this.#lines.size >= Math.max(1, this.#options.quorum)) {
      const cosigned = formatNote(head.body, [...head.signatures, ...this.#lines.values()]);
      await replaceFile(disk, join(directory, COSIGNED_FILE), Buffer.from(cosigned, 'utf8'));
      this.#quorumGroups = head.head.size;
      this.#quorumMs = this.#nowMs();
    }
  }

  async #follow(size: number): Promise<void> {
    const { disk, directory } = this.#options;
    this.#tail ??= await JournalTail.before(disk, directory, size);
    await this.#tail.advance(size, (leaf) => {
      for (const { prover } of this.#parties) prover?.append(leaf);
    });
    if (this.#tail.tree.size !== size) throw new MalformedBytes('it ends before its head says');
  }

  async #submit(party: Party, note: string, head: SignedHead): Promise<void> {
    let answer = await this.#ask(party, note);
    if (answer.kind === 'conflict') {
      const prover =
        answer.size > head.head.size ? null : await this.#proverFrom(answer.size, head.head.size);
      if (prover === null)
        return this.#failed(
          party,
          new RowsealError('RS-WIT-004', {
            detail: `${party.client.name} has seen ${answer.size} groups, there are ${head.head.size}`,
          }),
        );
      party.prover = prover;
      answer = await this.#ask(party, note);
    }
    switch (answer.kind) {
      case 'cosigned':
        party.prover = new ConsistencyProver(this.#tail!.tree);
        party.groups = head.head.size;
        party.timeS = answer.timeS;
        party.error = null;
        this.#lines.set(party.client.name, answer.line);
        this.#options.observer.cosigned(party.client.name, head.head.size, answer.timeS);
        return;
      case 'inconsistent':
        return this.#failed(party, new RowsealError('RS-WIT-005', { detail: party.client.name }));
      case 'conflict':
        return this.#failed(party, refused(party, 'its size changes from one request to the next'));
      case 'failed':
        return this.#failed(party, refused(party, answer.why));
    }
  }

  #ask({ client, prover }: Party, note: string): Promise<Submission> {
    const proof: readonly Digest[] = prover?.proof() ?? [];
    return client.submit(prover?.oldSize ?? 0, proof, note);
  }

  /** A prover from an earlier size, caught up; null: the journal is shorter. */
  async #proverFrom(oldSize: number, size: number): Promise<ConsistencyProver | null> {
    const { disk, directory } = this.#options;
    const old = await treeAt(disk, directory, { kind: 'journal' }, oldSize);
    if (old === null) return null;
    const prover = new ConsistencyProver(old);
    const tail = await JournalTail.before(disk, directory, oldSize);
    await tail.advance(oldSize, () => {});
    await tail.advance(size, (leaf) => prover.append(leaf));
    return prover;
  }

  #failed(party: Party, error: RowsealError): void {
    party.failures++;
    party.error = error;
    this.#options.observer.failed(party.client.name, error);
  }
}

function refused({ client }: Party, why: string): RowsealError {
  return new RowsealError('RS-WIT-003', { detail: `${client.name}: ${why}` });
}
