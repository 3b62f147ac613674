import { Gauge, Histogram, type Registry } from '@prometheus-io/client';

/** From half a millisecond (an fsync on a good disk) to what nobody waits for. */
const STEP_BUCKETS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 1, 5];
const WAY_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800];

/**
 * How long the way of a change takes, and the two steps in it that a disk or a key service decides. Times from the commit on
 * hold the difference between the clocks of the two machines, and are not below zero.
 */
export class LatencyMetrics {
  readonly #fsync: Histogram<string>;
  readonly #sign: Histogram<string>;
  readonly #seal: Histogram<string>;
  readonly #delivery: Histogram<string>;
  readonly #sourceLag: Gauge<string>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#fsync = new Histogram({
      name: 'rowseal_audit_fsync_duration_seconds',
      help: 'Time of one fsync of a file of the audit log.',
      buckets: STEP_BUCKETS,
      registers,
    });
    this.#sign = new Histogram({
      name: 'rowseal_audit_sign_duration_seconds',
      help: 'Time of one signature under a head.',
      buckets: [0.00005, 0.0001, 0.0002, 0.0005, ...STEP_BUCKETS.slice(1)],
      registers,
    });
    this.#seal = new Histogram({
      name: 'rowseal_commit_to_seal_seconds',
      help: 'From the commit in the source until its group was sealed, for the newest transaction of every group.',
      buckets: WAY_BUCKETS,
      registers,
    });
    this.#delivery = new Histogram({
      name: 'rowseal_commit_to_delivery_seconds',
      help: 'From the commit in the source until it was durable in the sink, for the newest transaction of every group.',
      labelNames: ['sink'],
      buckets: WAY_BUCKETS,
      registers,
    });
    this.#sourceLag = new Gauge({
      name: 'rowseal_source_lag_seconds',
      help: 'From the commit of the newest sealed transaction until it was sealed.',
      registers,
    });
  }

  fsynced(seconds: number): void {
    this.#fsync.observe(seconds);
  }

  signed(seconds: number): void {
    this.#sign.observe(seconds);
  }

  sealed(seconds: number): void {
    this.#seal.observe(Math.max(0, seconds));
    this.#sourceLag.set(Math.max(0, seconds));
  }

  delivered(sink: string, seconds: number): void {
    this.#delivery.labels({ sink }).observe(Math.max(0, seconds));
  }
}
