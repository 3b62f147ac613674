import type { Client } from 'pg';
import { expect, it, vi } from 'vitest';
import { SlotWatch } from '../../../connectors/sources/postgres/slot-watch.ts';
import { postgresOptions } from '../../support/postgres-source.ts';

it('has looked once when it has started: nothing that changes afterwards is taken for the beginning', async () => {
  const answer = Promise.withResolvers<{ readonly rows: readonly unknown[] }>();
  const failures: string[] = [];
  const watch = new SlotWatch(
    async () => ({ query: () => answer.promise, end: async () => {} }) as unknown as Client,
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

it('looks through another connection when one is lost', async () => {
  const failures: string[] = [];
  const ended: number[] = [];
  let made = 0;
  const connect = async (): Promise<Client> => {
    const number = ++made;
    return {
      // There is no slot, which only the second one is asked.
      query: async () => {
        if (number === 1) throw new Error('Connection terminated unexpectedly');
        return { rows: [] };
      },
      end: async () => ended.push(number),
    } as unknown as Client;
  };
  const watch = new SlotWatch(
    connect,
    postgresOptions({ url: () => 'postgres://postgres@127.0.0.1/shop' }, ['t'], { idleIntervalMs: 1 }),
    { fail: ({ code }) => failures.push(code), inDanger: () => {}, retyped: () => {} },
  );
  // It has not looked, so nobody must go on as if it had.
  await expect(watch.start()).rejects.toMatchObject({ code: 'RS-PG-016' });
  expect(ended).toEqual([1]);
  await vi.waitFor(() => expect(failures[0]).toBe('RS-PG-008'));
  await watch.stop();
  expect(ended).toEqual([1, 2]);
});
