import { Registry } from '@prometheus-io/client';
import { expect, it } from 'vitest';
import { SpillMetrics } from '../../../src/ops/spill-metrics.ts';

it('shows what is there now, and counts what was written through connections and pipelines', async () => {
  const registry = new Registry();
  const metrics = new SpillMetrics(registry);
  const values = async (): Promise<number[]> => {
    const text = await registry.metrics();
    return ['spill_bytes', 'spill_transactions', 'spilled_bytes_total'].map((name) =>
      Number(new RegExp(`^rowseal_source_${name} (\\S+)$`, 'm').exec(text)?.[1]),
    );
  };
  metrics.mirror(null);
  expect(await values()).toEqual([0, 0, 0]);
  metrics.mirror({ bytes: 300, transactions: 2, written_bytes: 500 });
  metrics.mirror({ bytes: 300, transactions: 2, written_bytes: 500 });
  expect(await values()).toEqual([300, 2, 500]);
  // Between two connections.
  metrics.mirror(null);
  expect(await values()).toEqual([0, 0, 500]);
  metrics.mirror({ bytes: 100, transactions: 1, written_bytes: 600 });
  expect(await values()).toEqual([100, 1, 600]);
  // A pipeline that was begun anew counts from nothing.
  metrics.mirror({ bytes: 50, transactions: 1, written_bytes: 50 });
  expect(await values()).toEqual([50, 1, 600]);
});
