import type { Client } from 'pg';
import { expect, it } from 'vitest';
import { SlotWatch } from '../../../connectors/sources/postgres/slot-watch.ts';
import { postgresOptions } from '../../support/postgres-source.ts';

it('has looked once when it has started: nothing that changes afterwards is taken for the beginning', async () => {
  const answer = Promise.withResolvers<{ readonly rows: readonly unknown[] }>();
  const failures: string[] = [];
  const watch = new SlotWatch(
    { query: () => answer.promise, end: async () => {} } as unknown as Client,
    postgresOptions({ url: () => 'postgres://postgres@127.0.0.1/shop' }, ['t']),
    { fail: ({ code }) => failures.push(code), inDanger: () => {}, retyped: () => {} },
  );
  let started = false;
  const start = watch.start().then(() => {
    started = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(started).toBe(false);
  // There is no slot.
  answer.resolve({ rows: [] });
  await start;
  expect(failures).toEqual(['RS-PG-008']);
  await watch.stop();
});
