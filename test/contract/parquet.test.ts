import { ParquetTarget } from '../support/sink/parquet-target.ts';
import { describeSinkContract } from './sink-contract.ts';

describeSinkContract('parquet', {
  kind: 'atomic',
  skip: null,
  concurrentWriters: true,
  maxColumns: 1_000,
  caseSensitiveNames: true,
  completesRows: false,
  keyMayChange: false,
  childModule: new URL('../support/sink/parquet-child.ts', import.meta.url).href,
  make: async () => new ParquetTarget(),
});
