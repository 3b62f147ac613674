import type { GroupIndex } from '../audit/audit-log.ts';
import type { Sink, SinkStats } from './sink.ts';
import { SinkInFront } from './sink-in-front.ts';

/**
 * A sink that is made anew where it is opened, when what it is made of has changed: a password that was rotated serves from the
 * next login on.
 *
 * @param renew the sink to be opened from now on; null: as before
 */
export function renewAtOpen(first: Sink, renew: () => Promise<Sink | null>): Sink {
  return new RenewedSink(first, renew);
}

class RenewedSink extends SinkInFront {
  readonly #renew: () => Promise<Sink | null>;
  #now: Sink;
  /** The last one that was open: one that never was counts nothing yet. */
  #counting: Sink;
  /** Of those before it. */
  #rows = 0;
  #left = false;

  constructor(first: Sink, renew: () => Promise<Sink | null>) {
    super();
    this.#now = first;
    this.#counting = first;
    this.#renew = renew;
  }

  protected get behind(): Sink {
    return this.#now;
  }

  override async open(pipeline: string, epoch: bigint): Promise<GroupIndex | null> {
    const renewed = await this.#renew();
    if (renewed !== null) {
      // As a rule it is closed already; what is wrong with it does not matter any more.
      await this.#now.close().catch(() => {});
      this.#now = renewed;
      if (this.#left) renewed.leave?.();
    }
    const cursor = await this.#now.open(pipeline, epoch);
    if (this.#counting !== this.#now) {
      this.#rows += this.#counting.stats().rows;
      this.#counting = this.#now;
    }
    return cursor;
  }

  override stats(): SinkStats {
    const { rows, deadLetters } = this.#counting.stats();
    return { rows: this.#rows + rows, deadLetters };
  }

  override leave(): void {
    this.#left = true;
    super.leave();
  }
}
