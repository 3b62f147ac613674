const DAY_MS = 86_400_000;
/** More than clocks are slewed by in a day, less than what makes a day of difference to an age. */
const SET_MS = 3_600_000;

/**
 * When to look for row images that are old enough to go: at the start, then once a day. Ages are reckoned by the wall clock,
 * and what goes does not come back: where the clock did not run evenly since the look before, somebody set it, and it is
 * believed a day later, if it still says the same then.
 */
export class ExpiryClock {
  #lookedMs = Number.NEGATIVE_INFINITY;
  #offsetMs: number | null = null;

  /**
   * @param wallUs microseconds since 1970-01-01 UTC
   * @param steadyMs milliseconds of a clock that does not jump
   */
  isTime(wallUs: bigint, steadyMs: number): boolean {
    if (steadyMs - this.#lookedMs < DAY_MS) return false;
    const offsetMs = Number(wallUs / 1000n) - steadyMs;
    const even = this.#offsetMs === null || Math.abs(offsetMs - this.#offsetMs) < SET_MS;
    this.#lookedMs = steadyMs;
    this.#offsetMs = offsetMs;
    return even;
  }
}
