import { describe, expect, it } from 'vitest';
import { renewAtOpen } from '../../../src/deliver/renewed-sink.ts';
import { selectTables } from '../../../src/deliver/selected-tables.ts';
import type { Sink } from '../../../src/deliver/sink.ts';

/** A sink that tells what it is asked for. */
function telling(name: string, told: string[], more: Partial<Sink> = {}): Sink {
  return {
    name: 'warehouse',
    kind: 'atomic',
    capabilities: { partialRows: true, keylessTables: true, ddlInTransaction: true },
    preflight: async () => [],
    open: async () => {
      told.push(`${name} opens`);
      return 3;
    },
    alter: async () => {},
    write: async (batch) => batch.to,
    head: async () => `head of ${name}`,
    stats: () => ({ rows: 10, deadLetters: new Map([['public.t', 1]]) }),
    close: async () => {
      told.push(`${name} closes`);
    },
    leave: () => {
      told.push(`${name} is left`);
    },
    ...more,
  };
}

describe('a sink that gets some tables only', () => {
  it('is left to its batch when the process ends, as one that gets all', () => {
    const told: string[] = [];
    selectTables(telling('one', told), { viewOf: () => null }).leave?.();
    expect(told).toEqual(['one is left']);
    selectTables(telling('two', told, { leave: undefined } as never), { viewOf: () => null }).leave?.();
    expect(told).toEqual(['one is left']);
  });
});

describe('a sink that is renewed where it is opened', () => {
  it('is another one from the opening on, and goes on counting', async () => {
    const told: string[] = [];
    const coming: (Sink | null)[] = [null, telling('two', told), null];
    const sink = renewAtOpen(telling('one', told), async () => coming.shift()!);
    expect(sink.stats().rows).toBe(10);
    expect(await sink.open('p', 1n)).toBe(3);
    expect(await sink.head()).toBe('head of one');
    await sink.open('p', 1n);
    expect(await sink.head()).toBe('head of two');
    expect(sink.stats()).toEqual({ rows: 20, deadLetters: new Map([['public.t', 1]]) });
    await sink.open('p', 1n);
    expect(sink.stats().rows).toBe(20);
    expect(told).toEqual(['one opens', 'one closes', 'two opens', 'two opens']);
  });

  it('keeps its counts while the new one is refused, and counts none of them twice', async () => {
    const told: string[] = [];
    let refused = true;
    const open = async (): Promise<number> => {
      if (refused) throw new Error('refused');
      return 3;
    };
    const coming: (Sink | null)[] = [telling('two', told, { open }), null];
    const closes = async (): Promise<void> => Promise.reject(new Error('closed already'));
    const sink = renewAtOpen(telling('one', told, { close: closes }), async () => coming.shift()!);
    await expect(sink.open('p', 1n)).rejects.toThrow('refused');
    expect(sink.stats().rows).toBe(10);
    refused = false;
    await sink.open('p', 1n);
    expect(sink.stats().rows).toBe(20);
  });

  it('is left also where the process ended while it was made anew', async () => {
    const told: string[] = [];
    const renewed = Promise.withResolvers<Sink>();
    const sink = renewAtOpen(telling('one', told), () => renewed.promise);
    const opening = sink.open('p', 1n);
    sink.leave?.();
    renewed.resolve(telling('two', told));
    await opening;
    expect(told).toEqual(['one is left', 'one closes', 'two is left', 'two opens']);
  });
});
