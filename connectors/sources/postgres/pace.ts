/** Most that a pause makes up for, in milliseconds: a copy that was held up does not rush afterwards. */
const BURST_MS = 100;

export interface PaceLimits {
  /** null: as fast as it goes. */
  readonly rowsPerSecond: number | null;
  readonly bytesPerSecond: number | null;
}

/** Keeps the copies of all tables together under a rate, by waiting before the next chunk. */
export class Pace {
  readonly #limits: PaceLimits;
  readonly #now: () => number;
  /** When the next chunk may be read, in milliseconds of `now`. */
  #freeAt = 0;

  constructor(limits: PaceLimits, now: () => number = () => performance.now()) {
    this.#limits = limits;
    this.#now = now;
  }

  /** A chunk was read. */
  spend(rows: number, bytes: number): void {
    const { rowsPerSecond, bytesPerSecond } = this.#limits;
    const costMs = Math.max(
      rowsPerSecond === null ? 0 : (rows / rowsPerSecond) * 1_000,
      bytesPerSecond === null ? 0 : (bytes / bytesPerSecond) * 1_000,
    );
    this.#freeAt = Math.max(this.#freeAt, this.#now() - BURST_MS) + costMs;
  }

  /** Milliseconds until the next chunk may be read. */
  get waitMs(): number {
    return Math.max(0, this.#freeAt - this.#now());
  }
}
