/** The first pause; each that follows is twice as long, up to a limit. */
export interface MergeRetry {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** An attempt looks through the whole directory, and the batch waits for it: what keeps failing must not cost that each time. */
export const mergeRetry: MergeRetry = { firstMs: 60_000, maxMs: 3_600_000 };

/** How long nothing is merged after a merge failed. */
export class MergePause {
  readonly #retry: MergeRetry;
  /** Since all that was due could be merged. */
  #failures = 0;
  #untilMs = 0;

  constructor(retry: MergeRetry) {
    this.#retry = retry;
  }

  lasts(): boolean {
    return this.#failures > 0 && performance.now() < this.#untilMs;
  }

  /** @returns milliseconds that the pause lasts */
  failed(): number {
    const { firstMs, maxMs } = this.#retry;
    const ms = Math.min(maxMs, firstMs * 2 ** this.#failures++);
    this.#untilMs = performance.now() + ms;
    return ms;
  }

  caughtUp(): void {
    this.#failures = 0;
  }
}
