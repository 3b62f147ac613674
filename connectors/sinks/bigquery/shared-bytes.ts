/** Keeps bytes in memory and can let go of them: by sending, by staging. */
export interface Holder {
  readonly heldBytes: number;
  letGo(): Promise<void>;
}

/** What the tables of a batch keep in memory together: when it becomes too much, the one that holds most lets go. */
export class SharedBytes {
  readonly #max: number;
  readonly #held = new Map<Holder, number>();
  #total = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** A holder holds more, or less, than it did. Resolves when all together hold no more than they may. */
  async changed(holder: Holder): Promise<void> {
    this.#count(holder);
    while (this.#total > this.#max) {
      const [largest, before] = this.#largest();
      await largest.letGo();
      this.#count(largest);
      // One row may be larger than all that may be held.
      if (largest.heldBytes >= before) return;
    }
  }

  forget(holder: Holder): void {
    this.#total -= this.#held.get(holder) ?? 0;
    this.#held.delete(holder);
  }

  #count(holder: Holder): void {
    const bytes = holder.heldBytes;
    this.#total += bytes - (this.#held.get(holder) ?? 0);
    this.#held.set(holder, bytes);
  }

  #largest(): readonly [Holder, number] {
    let found: readonly [Holder, number] | null = null;
    for (const entry of this.#held) if (found === null || entry[1] > found[1]) found = entry;
    return found!;
  }
}
