import type { Client } from 'pg';
import type { PostgresSinkOptions } from '../../connectors/sinks/postgres/options.ts';
import { noPostgres } from '../support/needs.ts';
import { type PostgresMajor, startPostgres, type TestPostgres } from '../support/postgres.ts';
import { PostgresTarget } from '../support/sink/postgres-target.ts';
import { slow } from '../support/slow.ts';
import { describeSinkContract } from './sink-contract.ts';

const majors: readonly PostgresMajor[] = slow ? [16, 17, 18] : [18];

for (const major of majors) {
  let server: TestPostgres;
  let client: Client;
  const database = {
    kind: 'atomic',
    skip: noPostgres(major) ? `no PostgreSQL ${major} here` : null,
    concurrentWriters: true,
    // A row has to fit a page of 8 KB, and a table has 1,600 columns at most.
    maxColumns: 1_000,
    caseSensitiveNames: true,
    completesRows: true,
    keyMayChange: true,
    childModule: new URL('../support/sink/postgres-child.ts', import.meta.url).href,
    setUp: async () => {
      server = await startPostgres(major);
      await server.createDatabase('warehouse');
      client = await server.client('warehouse');
      await client.query("SET datestyle = 'ISO'; SET TimeZone = 'UTC'; SET intervalstyle = 'postgres'");
    },
    tearDown: async () => {
      await client?.end();
      await server?.stop();
    },
  } as const;
  const target = (changes: Partial<PostgresSinkOptions> = {}): PostgresTarget =>
    new PostgresTarget(client, server.url('warehouse'), server, changes);
  describeSinkContract(`postgres ${major}`, { ...database, make: async () => target() });
  if (slow && major === 18)
    describeSinkContract(`postgres ${major}, bare mirrors`, {
      ...database,
      make: async () => target({ history: 'none', proof: false }),
    });
}
