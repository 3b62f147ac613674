import { Counter, Gauge, type Registry } from '@prometheus-io/client';
import type { PipelineStatus } from '../pipeline/status.ts';

/** What a source keeps on our disk until its transactions end. */
export class SpillMetrics {
  readonly #bytes: Gauge<string>;
  readonly #transactions: Gauge<string>;
  readonly #written: Counter<string>;
  /** As the status said it last. */
  #seen = 0;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#bytes = new Gauge({
      name: 'rowseal_source_spill_bytes',
      help: 'Raw changes on our disk, encrypted, of transactions that have not ended yet (Postgres: source.streaming).',
      registers,
    });
    this.#transactions = new Gauge({
      name: 'rowseal_source_spill_transactions',
      help: 'Transactions of which something is there.',
      registers,
    });
    this.#written = new Counter({
      name: 'rowseal_source_spilled_bytes_total',
      help: 'Bytes ever written there.',
      registers,
    });
  }

  /** Between two connections nobody says what there is: nothing then. */
  mirror(spill: PipelineStatus['source']['spill']): void {
    this.#bytes.set(spill?.bytes ?? 0);
    this.#transactions.set(spill?.transactions ?? 0);
    if (spill === null) return;
    this.#written.inc(Math.max(0, spill.written_bytes - this.#seen));
    this.#seen = spill.written_bytes;
  }
}
