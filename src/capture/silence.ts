/**
 * Says when a server that has been silent for too long counts as gone. Twice in a row it must be found so: after a pause of this
 * process its words have come, but nobody has looked at them yet.
 */
export class Silence {
  readonly #limitMs: number;
  #found = false;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** @param silentMs since the server was heard, at this look */
  isDeath(silentMs: number): boolean {
    const before = this.#found;
    this.#found = silentMs > this.#limitMs;
    return before && this.#found;
  }
}
