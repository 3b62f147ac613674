import { BigqueryFake } from '../support/bigquery-fake.ts';
import { BigqueryTarget } from '../support/bigquery-target.ts';
import { describeSinkContract, type SinkHarness } from './sink-contract.ts';

const CHILD = new URL('../support/bigquery-child.ts', import.meta.url).href;

function onFake(mode: 'merge' | 'cdc'): SinkHarness {
  let fake: BigqueryFake;
  let datasets = 0;
  return {
    kind: mode === 'merge' ? 'atomic' : 'convergent',
    skip: null,
    concurrentWriters: true,
    maxColumns: 1_000,
    caseSensitiveNames: true,
    childModule: CHILD,
    setUp: async () => {
      fake = await BigqueryFake.start();
    },
    tearDown: () => fake.stop(),
    make: async () => {
      const dataset = `contract_${datasets++}`;
      fake.addDataset(dataset);
      const { project, url } = fake;
      const address = { project, dataset, mode, history: 'all', fake: { rest: url, grpc: '' }, pieceBytes: 2_000_000 } as const;
      return new BigqueryTarget(address, fake);
    },
  };
}

describeSinkContract('BigQuery, merge mode, on the fake', onFake('merge'));
