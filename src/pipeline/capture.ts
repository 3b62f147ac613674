import type { AuditLog, GroupWriter, SealedGroup } from '../audit/audit-log.ts';
import type { Source } from '../capture/source.ts';
import { TransactionBoundary } from '../capture/transaction-boundary.ts';
import type { ChangeBatch, ChangeEvent } from '../model/change.ts';
import type { MaskedEvent } from '../model/masked.ts';
import type { Position } from '../model/position.ts';
import { decideGrouping, type GroupingLimits } from './grouping.ts';
import type { MaskStage } from './mask-stage.ts';
import type { PolicySwitch } from './policy-switch.ts';

export interface CaptureOptions {
  readonly source: Source;
  readonly log: AuditLog;
  readonly stage: MaskStage;
  readonly policies: PolicySwitch;
  readonly limits: GroupingLimits;
  /** Position of the newest sealed group; null: nothing is sealed yet. */
  readonly after: Position | null;
  /** Resolves when so many bytes may be written to the log. */
  readonly room: (bytes: number) => Promise<void>;
  readonly onMasked: (events: readonly MaskedEvent[]) => void;
  /** The group is durable: confirm it, hand it to the sinks; resolves when there is room for more. */
  readonly onSealed: (group: SealedGroup, durationMs: number) => Promise<void>;
}

/**
 * Reads one source connection until it ends: batch → mask → open group → seal. While one group is being synced the
 * next one is filled, so the disk and the decoder work at the same time. Throws what the source or the log throws.
 */
export class Capture {
  readonly #options: CaptureOptions;
  readonly #boundary = new TransactionBoundary();
  #group: GroupWriter;
  #groupStartedMs = 0;
  /** Resume point after the whole transactions in the open group; null: it holds none. */
  #position: Position | null = null;
  /** The open group ends inside a transaction. */
  #midTransaction = false;
  /** Start of a transaction whose end has not been read; kept out of the group so that what is whole can be sealed. */
  #carry: readonly ChangeEvent[] = [];
  #sealing: Promise<void> | null = null;
  #sealFailure: { readonly error: unknown } | null = null;
  #previousBytes = 0;

  constructor(options: CaptureOptions) {
    this.#options = options;
    this.#group = options.log.begin();
  }

  async run(signal: AbortSignal): Promise<void> {
    const ending = new AbortController();
    const batches = this.#options.source
      .open(this.#options.after, AbortSignal.any([signal, ending.signal]))
      [Symbol.asyncIterator]();
    let next: Promise<IteratorResult<ChangeBatch>> | null = null;
    try {
      while (true) {
        this.#throwSealFailure();
        if (this.#options.policies.pending && !this.#midTransaction) await this.#changePolicy();
        next ??= batches.next();
        const outcome = await this.#nextStep(next);
        if (outcome === 'seal') {
          await this.#options.room(this.#group.bytes);
          this.#seal();
        } else if (outcome !== 'again') {
          next = null;
          if (outcome.done === true) break;
          await this.#options.room(outcome.value.bytes);
          await this.#take(outcome.value);
        }
      }
      await this.#finish();
    } catch (thrown) {
      // What the source waits for will not come: a confirm of what could not be sealed, for instance.
      ending.abort();
      next?.catch(() => {});
      await this.#sealing;
      await this.#group.abandon();
      await this.#sealHaltFindings();
      throw thrown;
    } finally {
      await batches.return?.(undefined);
    }
  }

  /** Waits for whichever comes first: a batch, a reason to seal, or the end of a seal. */
  async #nextStep(
    next: Promise<IteratorResult<ChangeBatch>>,
  ): Promise<IteratorResult<ChangeBatch> | 'seal' | 'again'> {
    const ready = await settledSoon(next);
    if (this.#sealFailure !== null) return 'again';
    const decision = this.#decide(ready === null);
    if (decision === 'seal') return 'seal';
    if (decision === 'wait-for-seal') {
      await this.#sealing;
      return 'again';
    }
    if (ready !== null) return ready;
    const waits: Promise<IteratorResult<ChangeBatch> | 'again'>[] = [next];
    if (this.#sealing !== null) waits.push(this.#sealing.then(() => 'again' as const));
    if (!this.#options.policies.pending)
      waits.push(new Promise((resolve) => this.#options.policies.whenAsked(() => resolve('again'))));
    let timer: NodeJS.Timeout | undefined;
    if (this.#position !== null && this.#sealing === null) {
      const leftMs = Math.max(1, this.#options.limits.maxAgeMs - (performance.now() - this.#groupStartedMs));
      waits.push(
        new Promise((resolve) => {
          timer = setTimeout(() => resolve('again'), leftMs);
        }),
      );
    }
    const step = await Promise.race(waits);
    clearTimeout(timer);
    return step;
  }

  #decide(sourceIdle: boolean): 'seal' | 'wait-for-seal' | 'collect' {
    return decideGrouping(this.#options.limits, {
      // An idle group has no bytes but a position worth sealing.
      bytes: this.#position === null ? 0 : Math.max(1, this.#group.bytes),
      ageMs: performance.now() - this.#groupStartedMs,
      midTransaction: this.#midTransaction,
      sealing: this.#sealing !== null,
      sourceIdle,
      previousBytes: this.#previousBytes,
    });
  }

  async #take(batch: ChangeBatch): Promise<void> {
    const cut = this.#boundary.cut(batch.events);
    if (cut.position === null) {
      // A transaction longer than a batch. What was whole before it goes first, so that it does not wait for the end.
      if (this.#position !== null && !this.#midTransaction) {
        await this.#sealing;
        this.#throwSealFailure();
        this.#seal();
      }
      await this.#append(this.#carry);
      await this.#append(cut.rest);
      this.#carry = [];
      this.#midTransaction = true;
      return;
    }
    await this.#append(this.#carry);
    await this.#append(cut.whole);
    this.#carry = cut.rest;
    this.#position = cut.position;
    this.#midTransaction = false;
  }

  async #append(events: readonly ChangeEvent[]): Promise<void> {
    if (events.length === 0) return;
    if (this.#position === null && !this.#midTransaction) this.#groupStartedMs = performance.now();
    const masked = this.#options.stage.mask(events);
    if (masked.length === 0) return;
    this.#options.onMasked(masked);
    await this.#group.append(masked);
  }

  /** Starts the seal of the open group and opens the next one at once. */
  #seal(): void {
    const group = this.#group;
    const position = this.#position!;
    this.#previousBytes = group.bytes;
    this.#position = null;
    const startedMs = performance.now();
    this.#sealing = group
      .seal(position)
      .then((sealed) => this.#options.onSealed(sealed, performance.now() - startedMs))
      .catch((error: unknown) => {
        this.#sealFailure = { error };
      })
      .finally(() => {
        this.#sealing = null;
      });
    this.#group = this.#options.log.begin();
  }

  /** What is whole is sealed as the old rules made it; the change then has a group of its own, where the source stands. */
  async #changePolicy(): Promise<void> {
    const { log, policies, stage } = this.#options;
    if (this.#position !== null) this.#seal();
    await this.#sealing;
    this.#throwSealFailure();
    await policies.make(async (tables) => {
      stage.renew();
      if (log.last === null || tables.length === 0) return;
      for (const table of tables) await this.#group.declare(table);
      this.#position = log.last.position;
      this.#seal();
      await this.#sealing;
      this.#throwSealFailure();
    });
  }

  /** The source ended (a stop): seals what is whole; the start of an unfinished transaction is given up and read again. */
  async #finish(): Promise<void> {
    await this.#sealing;
    this.#throwSealFailure();
    if (this.#position !== null && !this.#midTransaction) {
      this.#seal();
      await this.#sealing;
      this.#throwSealFailure();
    }
    await this.#group.abandon();
  }

  /** The rows are not sealed, that they were met is: in a group of its own at the position of the one before. */
  async #sealHaltFindings(): Promise<void> {
    const findings = this.#options.stage.takeHaltFindings();
    const { last } = this.#options.log;
    if (findings.length === 0 || last === null || this.#sealFailure !== null) return;
    const startedMs = performance.now();
    const group = this.#options.log.begin();
    await group.append(findings);
    await this.#options.onSealed(await group.seal(last.position), performance.now() - startedMs);
  }

  #throwSealFailure(): void {
    if (this.#sealFailure !== null) throw this.#sealFailure.error;
  }
}

/** The value if the promise settles within this turn of the event loop, else null: has the source more to give now? */
function settledSoon<T>(promise: Promise<T>): Promise<T | null> {
  return Promise.race([promise, new Promise<null>((resolve) => setImmediate(resolve, null))]);
}
