import type { RowsealConfig } from '../config/load.ts';
import type { Logger } from '../ops/log.ts';
import type { Otlp } from '../ops/otlp.ts';
import type { Family } from '../ops/otlp-metrics.ts';
import { packageVersion } from './context.ts';

/** Telemetry of a run, to a collector where the configuration names one. */
export interface Telemetry extends Otlp {
  /** From now on this is what is measured. */
  measure(families: () => Promise<readonly Family[]>): void;
}

/** null: nobody asked for it, and nothing of OpenTelemetry was loaded. */
export async function startTelemetry(config: RowsealConfig, logger: Logger): Promise<Telemetry | null> {
  const { otlp } = config.telemetry;
  if (otlp === undefined) return null;
  const { startOtlp } = await import('../ops/otlp.ts');
  let families: (() => Promise<readonly Family[]>) | null = null;
  const started = await startOtlp({
    endpoint: otlp.endpoint,
    headers: otlp.headers,
    metrics: otlp.metrics,
    traces: otlp.traces,
    intervalMs: otlp.interval_ms,
    pipeline: config.pipeline,
    origin: config.audit.origin,
    version: packageVersion(),
    families: async () => (families === null ? null : families()),
    failed: () =>
      logger.log('warn', {
        message: 'telemetry could not be exported',
        address: otlp.endpoint,
        fix: 'look at the collector, or remove telemetry.otlp; the pipeline is not affected',
      }),
  });
  return {
    ...started,
    measure: (read) => {
      families = read;
    },
  };
}
