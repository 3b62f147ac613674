import { Counter, Gauge, type Registry } from '@prometheus-io/client';
import { RELOAD_OUTCOMES, type ReloadOutcome } from '../pipeline/status.ts';

/** How often the configuration was read again, and with what success. */
export class ReloadMetrics {
  readonly #total: Counter<string>;
  readonly #successful: Gauge<string>;
  readonly #at: Gauge<string>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#total = new Counter({
      name: 'rowseal_policy_reload_total',
      help: 'Times that the configuration was read again while running, by outcome.',
      labelNames: ['outcome'],
      registers,
    });
    this.#successful = new Gauge({
      name: 'rowseal_policy_last_reload_successful',
      help: '0 when what was read last is not in force; 1 when it is, or nothing was read since the start.',
      registers,
    });
    this.#at = new Gauge({
      name: 'rowseal_policy_last_reload_timestamp_seconds',
      help: 'When the configuration was last read again; 0: not since the start.',
      registers,
    });
    for (const outcome of RELOAD_OUTCOMES) this.#total.labels({ outcome }).inc(0);
    this.#successful.set(1);
    this.#at.set(0);
  }

  reloaded(outcome: ReloadOutcome): void {
    this.#total.labels({ outcome }).inc();
    this.#successful.set(outcome === 'applied' || outcome === 'unchanged' ? 1 : 0);
    this.#at.set(Date.now() / 1000);
  }
}
