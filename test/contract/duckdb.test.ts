import { DuckdbTarget } from '../support/sink/duckdb-target.ts';
import { slow } from '../support/slow.ts';
import { describeSinkContract } from './sink-contract.ts';

const file = {
  kind: 'atomic',
  skip: null,
  concurrentWriters: false,
  maxColumns: 1_000,
  caseSensitiveNames: false,
  completesRows: true,
  keyMayChange: true,
  childModule: new URL('../support/sink/duckdb-child.ts', import.meta.url).href,
} as const;

describeSinkContract('duckdb', { ...file, make: async () => new DuckdbTarget() });

if (slow)
  describeSinkContract('duckdb, bare mirrors', {
    ...file,
    make: async () => new DuckdbTarget({ history: 'none', proof: false }),
  });
