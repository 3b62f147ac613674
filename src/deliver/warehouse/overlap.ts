/**
 * While the warehouse works on one piece, the next one is made ready. At most one is worked on at a time, in order; what
 * fails is thrown by the call after it, so a batch ends with `settled`.
 */
export class Overlap {
  #running: Promise<void> = Promise.resolve();

  /** Resolves when the work has begun: all before it is done. */
  async start(work: () => Promise<void>): Promise<void> {
    await this.#running;
    this.#running = work();
    // Thrown to whoever asks next, and by no means nowhere.
    this.#running.catch(() => {});
  }

  async settled(): Promise<void> {
    await this.#running;
  }

  /** Nothing is worked on any more; how it went does not matter. */
  async ended(): Promise<void> {
    await this.#running.catch(() => {});
  }
}
