/** Most that the source is held up at once. */
const BURST_MS = 2_000;
/** And in the long run, as a part of the time. */
const PART = 0.05;

/**
 * How long sinks, all together, may hold up the source: for a hiccup of a sink that otherwise keeps up, so that its rows need
 * not be read again from the log. What is not used is saved up to the burst. A sink that is slower than its source uses
 * that up once, and then the source goes on at its own speed, whatever the number of groups.
 */
export class HoldBack {
  #leftMs = BURST_MS;
  #atMs: number;

  /** Times are of a clock that does not jump, in milliseconds. */
  constructor(nowMs: number) {
    this.#atMs = nowMs;
  }

  /** How long it may be held up now. */
  allowedMs(nowMs: number): number {
    this.#leftMs = Math.min(BURST_MS, this.#leftMs + (nowMs - this.#atMs) * PART);
    this.#atMs = nowMs;
    return Math.max(0, this.#leftMs);
  }

  /** It was held up since `fromMs`. */
  held(fromMs: number, nowMs: number): void {
    this.#leftMs -= nowMs - fromMs;
    this.#atMs = nowMs;
  }
}
