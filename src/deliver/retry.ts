/** Exponential backoff with full jitter: many pipelines restarted at once must not knock together. */
export interface RetryPolicy {
  readonly firstMs: number;
  readonly maxMs: number;
}

export const defaultRetry: RetryPolicy = { firstMs: 250, maxMs: 30_000 };

/**
 * @param attempt failures so far in a row, from 1
 * @param random uniform in [0, 1)
 * @returns milliseconds to wait, between half the step and the whole step
 */
export function backoffMs(policy: RetryPolicy, attempt: number, random: number): number {
  const step = Math.min(policy.maxMs, policy.firstMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(step / 2 + (step / 2) * random);
}

/** Resolves after `ms`, or at once when the signal is or gets aborted. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
