import { randomUUID } from 'node:crypto';
import { BigqueryClient } from '../../connectors/sinks/bigquery/client.ts';
import { BigqueryRoom } from '../support/bigquery-room.ts';
import { type BigqueryAddress, BigqueryTarget, testOptions } from '../support/bigquery-target.ts';
import { describeSinkContract, type SinkHarness } from './sink-contract.ts';

const any = {
  concurrentWriters: true,
  maxColumns: 1_000,
  caseSensitiveNames: true,
  completesRows: true,
  keyMayChange: true,
  childModule: new URL('../support/bigquery-child.ts', import.meta.url).href,
} as const;

const kindOf = (mode: 'merge' | 'cdc') => (mode === 'merge' ? 'atomic' : 'convergent');

function onFake(mode: 'merge' | 'cdc'): SinkHarness {
  let room: BigqueryRoom;
  return {
    ...any,
    kind: kindOf(mode),
    skip: null,
    setUp: async () => {
      room = await BigqueryRoom.start();
    },
    tearDown: () => room.stop(),
    make: async () => room.target(mode),
  };
}

/** `ROWSEAL_TEST_BIGQUERY=project.dataset`: datasets are made beside that one, in its location, and dropped. */
const real = process.env['ROWSEAL_TEST_BIGQUERY'];

function onProject(mode: 'merge' | 'cdc'): SinkHarness {
  const [project = '', dataset = ''] = (real ?? '').split('.');
  return {
    ...any,
    kind: kindOf(mode),
    skip: real === undefined ? 'ROWSEAL_TEST_BIGQUERY is not set' : null,
    make: async () => {
      const address: BigqueryAddress = {
        project,
        dataset: `${dataset}_${randomUUID().replaceAll('-', '')}`,
        mode,
        history: 'all',
        fake: null,
        pieceBytes: 16_000_000,
      };
      const client = await BigqueryClient.connect(testOptions(address));
      const { location } = await client.send({ method: 'GET', path: `/datasets/${dataset}` });
      const datasetReference = { projectId: project, datasetId: address.dataset };
      await client.send({ method: 'POST', path: '/datasets', body: { datasetReference, location } });
      return new BigqueryTarget(address, null);
    },
  };
}

for (const mode of ['merge', 'cdc'] as const) {
  describeSinkContract(`bigquery ${mode}`, onFake(mode));
  describeSinkContract(`bigquery ${mode}, real`, onProject(mode));
}
