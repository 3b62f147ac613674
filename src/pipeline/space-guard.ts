/** The volume is asked again after so long, or when so much was written since. */
const LOOK_MS = 1_000;
const LARGE_BYTES = 8 << 20;

/**
 * Keeps a floor of free space on the volume of the log: nothing is sealed below it, so that the volume is never filled to
 * the last byte by what could have waited at the source. What cannot be asked is taken for room enough.
 */
export class SpaceGuard {
  readonly floorBytes: number;
  readonly #ask: () => Promise<number | null>;
  #free: number | null = null;
  #askedMs = Number.NEGATIVE_INFINITY;
  /** Granted since the volume was asked. */
  #granted = 0;

  /** @param ask bytes that may still be written to the volume */
  constructor(ask: () => Promise<number | null>, floorBytes: number) {
    this.#ask = ask;
    this.floorBytes = floorBytes;
  }

  /** As the volume said it last. */
  get freeBytes(): number | null {
    return this.#free;
  }

  /** Whether so many bytes may be written. @param nowMs of a clock that does not jump */
  async allows(bytes: number, nowMs: number): Promise<boolean> {
    if (nowMs - this.#askedMs >= LOOK_MS || this.#granted + bytes > LARGE_BYTES) {
      this.#free = await this.#ask();
      this.#askedMs = nowMs;
      this.#granted = 0;
    }
    if (this.#free !== null && this.#free - this.#granted - bytes < this.floorBytes) {
      // Not before the next look, but then at once.
      this.#askedMs = Number.NEGATIVE_INFINITY;
      return false;
    }
    this.#granted += bytes;
    return true;
  }
}
