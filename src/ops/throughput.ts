/** What the charts show: one reading every {@link SAMPLE_MS}. */
export interface History {
  readonly interval_ms: number;
  /** Oldest first. */
  readonly points: readonly Point[];
}

export interface Point {
  /** Unix milliseconds. */
  readonly at: number;
  readonly sealed_rows_per_s: number;
  readonly delivered_rows_per_s: number;
  /** For how long the oldest sealed group has been waiting for the slowest sink; null: not known. */
  readonly lag_ms: number | null;
}

/** Counters and the lag of this moment. */
export interface Reading {
  readonly sealedRows: number;
  readonly deliveredRows: number;
  readonly lagMs: number | null;
}

const SAMPLE_MS = 2_000;
/** Five minutes. */
const POINTS = 150;

/** Samples counters into rates and keeps the last minutes of them, so that a page has its charts when it is opened. */
export class Throughput {
  readonly #read: () => Reading;
  readonly #points: Point[] = [];
  readonly #timer: NodeJS.Timeout;
  #last: { readonly reading: Reading; readonly atMs: number };

  constructor(read: () => Reading) {
    this.#read = read;
    this.#last = { reading: read(), atMs: performance.now() };
    this.#timer = setInterval(() => this.sample(), SAMPLE_MS);
    this.#timer.unref();
  }

  sample(): void {
    const reading = this.#read();
    const atMs = performance.now();
    const seconds = Math.max(0.001, (atMs - this.#last.atMs) / 1000);
    const rate = (now: number, before: number): number => Math.round(Math.max(0, now - before) / seconds);
    this.#points.push({
      at: Date.now(),
      sealed_rows_per_s: rate(reading.sealedRows, this.#last.reading.sealedRows),
      delivered_rows_per_s: rate(reading.deliveredRows, this.#last.reading.deliveredRows),
      lag_ms: reading.lagMs,
    });
    if (this.#points.length > POINTS) this.#points.shift();
    this.#last = { reading, atMs };
  }

  history(): History {
    return { interval_ms: SAMPLE_MS, points: this.#points };
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
