import { DuckdbTarget } from '../support/sink/duckdb-target.ts';
import { describeSinkContract } from './sink-contract.ts';

describeSinkContract('duckdb', {
  kind: 'atomic',
  skip: null,
  concurrentWriters: false,
  maxColumns: 1_000,
  caseSensitiveNames: false,
  completesRows: true,
  keyMayChange: true,
  childModule: new URL('../support/sink/duckdb-child.ts', import.meta.url).href,
  make: async () => new DuckdbTarget('all'),
});
