import { join } from 'node:path';
import type { Disk } from '../audit/disk.ts';
import { COSIGNED_FILE } from '../audit/journal-reader.ts';
import { parseSignedHead } from '../audit/note.ts';
import { isRowsealError, RowsealError } from '../error/rowseal-error.ts';
import { type Anchor, sameHead } from './anchor.ts';
import { readText, untilAborted } from './loop.ts';

export interface AnchoringOptions {
  readonly disk: Disk;
  /** The audit directory; only read. */
  readonly directory: string;
  readonly anchors: readonly Anchor[];
  readonly intervalMs: number;
  /** For one anchor and one head. */
  readonly timeoutMs: number;
  readonly observer: AnchorObserver;
  /** Milliseconds since 1970-01-01 UTC. */
  readonly nowMs?: () => number;
}

/** Told of what happens; must not throw. */
export interface AnchorObserver {
  kept(anchor: string, groups: number): void;
  failed(anchor: string, error: RowsealError): void;
}

export interface AnchorState {
  readonly name: string;
  readonly place: string;
  /** Groups in the newest head kept since the start. */
  readonly groups: number | null;
  readonly atMs: number | null;
  readonly failures: number;
  /** Of the last attempt. */
  readonly error: RowsealError | null;
}

/** Takes the newest head of the journal to every anchor, time and again. Like the submitter it only reads the log. */
export class Anchoring {
  readonly #options: AnchoringOptions;
  readonly #states: Map<Anchor, AnchorState>;

  constructor(options: AnchoringOptions) {
    this.#options = options;
    this.#states = new Map(
      options.anchors.map((anchor) => [
        anchor,
        { name: anchor.name, place: anchor.place, groups: null, atMs: null, failures: 0, error: null },
      ]),
    );
  }

  state(): readonly AnchorState[] {
    return [...this.#states.values()];
  }

  /** Goes on until aborted; nothing that goes wrong ends it. */
  async run(signal: AbortSignal): Promise<void> {
    await untilAborted(signal, this.#options.intervalMs, () => this.keepNewest());
    for (const anchor of this.#options.anchors) anchor.close();
  }

  /** One round. */
  async keepNewest(): Promise<void> {
    const { anchors } = this.#options;
    try {
      const newest = await this.#newest();
      if (newest !== null)
        await Promise.all(anchors.map((anchor) => this.#keep(anchor, newest.size, newest.note)));
    } catch (thrown) {
      for (const anchor of anchors) this.#failed(anchor, failure(anchor, thrown));
    }
  }

  async #newest(): Promise<{ readonly size: number; readonly note: string } | null> {
    const { disk, directory } = this.#options;
    const note = await readText(disk, join(directory, 'journal', 'head'));
    const head = note === null ? null : parseSignedHead(note);
    if (note === null || head === null) return null;
    const cosigned = await readText(disk, join(directory, COSIGNED_FILE));
    return { size: head.head.size, note: cosigned !== null && sameHead(cosigned, note) ? cosigned : note };
  }

  async #keep(anchor: Anchor, size: number, note: string): Promise<void> {
    const { timeoutMs, observer, nowMs = Date.now } = this.#options;
    const state = this.#states.get(anchor)!;
    if (state.groups === size && state.error === null) return;
    try {
      const outcome = await withinTime(timeoutMs, (signal) => anchor.keep(size, note, signal));
      if (outcome === 'other')
        return this.#failed(
          anchor,
          new RowsealError('RS-WIT-005', { detail: `${anchor.place} holds another head of size ${size}` }),
        );
      this.#states.set(anchor, { ...state, groups: size, atMs: nowMs(), error: null });
      observer.kept(anchor.name, size);
    } catch (thrown) {
      this.#failed(anchor, failure(anchor, thrown));
    }
  }

  #failed(anchor: Anchor, error: RowsealError): void {
    const state = this.#states.get(anchor)!;
    this.#states.set(anchor, { ...state, failures: state.failures + 1, error });
    this.#options.observer.failed(anchor.name, error);
  }
}

/** An anchor that ignores its signal is left behind: the next round must not wait for it. */
function withinTime<T>(timeoutMs: number, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = AbortSignal.timeout(timeoutMs);
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
    act(signal).then(resolve, reject);
  });
}

/** Stable words only: messages of clients quote addresses and credentials. */
function failure(anchor: Anchor, thrown: unknown): RowsealError {
  if (isRowsealError(thrown)) return thrown;
  let why = 'unknown';
  if (thrown instanceof Error) {
    const { cause } = thrown;
    const code =
      'code' in thrown ? thrown.code : cause instanceof Error && 'code' in cause ? cause.code : null;
    why = typeof code === 'string' && /^[A-Z0-9_]{2,40}$/.test(code) ? code : thrown.name;
  }
  return new RowsealError('RS-WIT-007', { detail: `${anchor.name} (${why})` });
}
