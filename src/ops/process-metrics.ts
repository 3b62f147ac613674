import { collectDefaultMetrics, Registry } from '@prometheus-io/client';

/** Figures of the process that several pipelines share, as the text of a scrape. */
export function processMetrics(): () => Promise<string> {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return () => registry.metrics();
}
