import type { ErrorKind } from '../error/kind.ts';
import type { RowsealError } from '../error/rowseal-error.ts';
import { backoffMs, type RetryPolicy } from './retry.ts';

/** `closed`: the sink is fed. `open`: it is halted. `half-open`: it is halted, and one batch is tried. */
export type BreakerState = 'closed' | 'open' | 'half-open';

export const BREAKER_STATES: readonly BreakerState[] = ['closed', 'open', 'half-open'];

/** Pauses of a halted sink: what halted it takes a person, so there is no hurry. */
export const defaultPauses: RetryPolicy = { firstMs: 15_000, maxMs: 900_000 };

/** What to do after a failure. */
export type Verdict =
  /** Waiting mends it: the sink is not halted. */
  | { readonly kind: 'retry'; readonly inMs: number }
  /** The sink is halted; null: for good, until a person changes something and restarts. */
  | { readonly kind: 'halt'; readonly retryInMs: number | null };

/**
 * Decides what a sink's failures mean for it, and for it alone. What passes by itself (network, quota) is tried again after
 * a short wait. All else halts the sink; where somebody may mend it outside (credentials, a table, dead letters), it is
 * tried again after a pause that grows. Of the configuration only secrets are read again, so what else in it broke
 * a sink is not tried again.
 */
export class CircuitBreaker {
  readonly #retry: RetryPolicy;
  readonly #pauses: RetryPolicy;
  #state: BreakerState = 'closed';
  #failures = 0;
  #halts = 0;

  constructor(retry: RetryPolicy, pauses: RetryPolicy) {
    this.#retry = retry;
    this.#pauses = pauses;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** @param random uniform in [0, 1) */
  failed(error: RowsealError, random: number): Verdict {
    if (error.kind === 'transient') {
      this.#failures++;
      return { kind: 'retry', inMs: backoffMs(this.#retry, this.#failures, random) };
    }
    this.#state = 'open';
    this.#halts++;
    return {
      kind: 'halt',
      retryInMs: mendedOutside(error.kind) ? backoffMs(this.#pauses, this.#halts, random) : null,
    };
  }

  /** The pause is over. */
  tries(): void {
    if (this.#state === 'open') this.#state = 'half-open';
  }

  /** A batch is durable, or there is nothing to deliver. */
  worked(): void {
    this.#state = 'closed';
    this.#failures = 0;
    this.#halts = 0;
  }
}

function mendedOutside(kind: ErrorKind): boolean {
  return kind === 'auth' || kind === 'schema' || kind === 'data' || kind === 'bug';
}
