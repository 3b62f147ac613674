import { expect, it } from 'vitest';
import { Metrics } from '../../../src/ops/metrics.ts';
import type { PipelineStatus } from '../../../src/pipeline/status.ts';
import { opsRoom } from '../../support/ops-room.ts';

it('go on counting retries when a pipeline is begun again in the same process', async () => {
  const metrics = new Metrics('shop', '0.1.0', ['warehouse'], false);
  const status: PipelineStatus = opsRoom().status();
  const scrape = (retries: number): Promise<string> =>
    metrics.text(
      { ...status, sinks: status.sinks.map((sink) => ({ ...sink, retries })) },
      { tables: [], volume: null, minFreeBytes: 0 },
    );
  expect(await scrape(3)).toMatch(/^rowseal_delivery_retries_total\{.*\} 3$/m);
  expect(await scrape(0)).toMatch(/^rowseal_delivery_retries_total\{.*\} 3$/m);
  expect(await scrape(2)).toMatch(/^rowseal_delivery_retries_total\{.*\} 5$/m);
});
