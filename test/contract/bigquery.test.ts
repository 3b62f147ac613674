import { BigqueryFake } from '../support/bigquery-fake.ts';
import { BigqueryTarget } from '../support/bigquery-target.ts';
import { BigqueryWriteFake } from '../support/bigquery-write-fake.ts';
import { describeSinkContract, type SinkHarness } from './sink-contract.ts';

const CHILD = new URL('../support/bigquery-child.ts', import.meta.url).href;

function onFake(mode: 'merge' | 'cdc'): SinkHarness {
  let fake: BigqueryFake;
  let write: BigqueryWriteFake;
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
      write = await BigqueryWriteFake.start(fake);
    },
    tearDown: async () => {
      write.stop();
      await fake.stop();
    },
    make: async () => {
      const dataset = `contract_${datasets++}`;
      fake.addDataset(dataset);
      const { project, url } = fake;
      const address = {
        project,
        dataset,
        mode,
        history: 'all',
        fake: { rest: url, grpc: write.address },
        pieceBytes: 2_000_000,
      } as const;
      return new BigqueryTarget(address, fake);
    },
  };
}

describeSinkContract('bigquery merge', onFake('merge'));
describeSinkContract('bigquery cdc', onFake('cdc'));
