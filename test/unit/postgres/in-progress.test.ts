import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Announced } from '../../../connectors/sources/postgres/announced.ts';
import { type Committed, InProgress } from '../../../connectors/sources/postgres/in-progress.ts';
import { Spill } from '../../../connectors/sources/postgres/spill.ts';
import { SpillSpace } from '../../../connectors/sources/postgres/spill-space.ts';
import { RowsealError } from '../../../src/error/rowseal-error.ts';

let directory: string;
let space: SpillSpace;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'rowseal-in-progress-'));
  space = new SpillSpace(directory, async () => null);
});

afterAll(() => rmSync(directory, { recursive: true }));

const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const int64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
};
const streamStart = (xid: number, first: boolean): Buffer =>
  Buffer.concat([Buffer.from('S'), int32(xid), Buffer.from([first ? 1 : 0])]);
const streamStop = Buffer.from('E');
const streamCommit = (xid: number, lsn: bigint): Buffer =>
  Buffer.concat([Buffer.from('c'), int32(xid), Buffer.from([0]), int64(lsn), int64(lsn + 8n), int64(77n)]);
const streamAbort = (xid: number, sub: number): Buffer =>
  Buffer.concat([Buffer.from('A'), int32(xid), int32(sub)]);
/** A change in a block: type, Int32 xid, the rest. */
const change = (kind: string, xid: number, rest: string): Buffer =>
  Buffer.concat([Buffer.from(kind), int32(xid), Buffer.from(rest)]);

const take = (held: InProgress, message: Buffer) => held.take(message, 0, message.length);

async function read(committed: Committed): Promise<string[]> {
  const messages: string[] = [];
  for await (const block of committed.blocks())
    for (const [start, end] of committed.messages(block)) messages.push(block.toString('latin1', start, end));
  await committed.close();
  return messages;
}

describe('transactions that come before their end', () => {
  it('gives each at its commit, without what was rolled back, whatever they were mixed with', async () => {
    // What happens, transaction by transaction; `sub` is a part of it.
    const step = fc.record({
      transaction: fc.integer({ min: 0, max: 2 }),
      sub: fc.integer({ min: 0, max: 3 }),
      what: fc.constantFrom('change', 'change', 'change', 'relation', 'roll back', 'commit', 'abort'),
      text: fc.string({ maxLength: 40 }).map((text) => text.replaceAll('\0', '')),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 60 }),
        fc.record({
          blockBytes: fc.constantFrom(1, 64, 1 << 20),
          totalBytes: fc.constantFrom(100, 1 << 20),
        }),
        async (steps, limits) => {
          const held = new InProgress(space, limits);
          let rolledBack = new Set<number>();
          const model = new Map<number, { sub: number; message: string }[]>();
          const gone = new Map<number, Set<number>>();
          let generation = 0;
          try {
            for (const { transaction, sub, what, text } of steps) {
              const xid = 100 * (transaction + 1);
              const part = xid + sub;
              const known = model.get(xid);
              rolledBack = gone.get(xid) ?? new Set();
              if (what === 'change' || what === 'relation') {
                // Nothing more comes of a part that is rolled back.
                if (rolledBack.has(part)) continue;
                const kind = what === 'change' ? 'I' : 'R';
                expect(take(held, streamStart(xid, known === undefined))).toBe('taken');
                expect(await take(held, change(kind, part, text))).toBe('taken');
                expect(take(held, streamStop)).toBe('taken');
                expect(held.held).toBeLessThan(limits.totalBytes);
                const entry = { sub: part, message: `${kind}${Buffer.from(text).toString('latin1')}` };
                model.set(xid, [...(known ?? []), entry]);
              } else if (known === undefined) {
                // The server says so of what it never sent, for all we know.
                if (what === 'abort') expect(await take(held, streamAbort(xid, xid))).toBe('taken');
              } else if (what === 'roll back') {
                if (sub === 0) continue;
                expect(take(held, streamAbort(xid, part))).toBe('taken');
                gone.set(xid, new Set([...rolledBack, part]));
              } else if (what === 'abort') {
                expect(await take(held, streamAbort(xid, xid))).toBe('taken');
                model.delete(xid);
                gone.delete(xid);
              } else {
                generation++;
                expect(take(held, streamCommit(xid, BigInt(generation)))).toBe('committed');
                const committed = held.takeCommitted()!;
                expect(held.takeCommitted()).toBeNull();
                expect(committed.begin).toEqual(
                  Buffer.concat([Buffer.from('B'), int64(BigInt(generation)), int64(77n), int32(xid)]),
                );
                expect(committed.commit.subarray(2, 18)).toEqual(
                  Buffer.concat([int64(BigInt(generation)), int64(BigInt(generation) + 8n)]),
                );
                expect(await read(committed)).toEqual(
                  known
                    .filter(({ sub: of, message }) => message.startsWith('R') || !rolledBack.has(of))
                    .map(({ message }) => message),
                );
                model.delete(xid);
                gone.delete(xid);
              }
            }
            if (model.size === 0) expect(held.held).toBe(0);
          } finally {
            await held.close();
          }
        },
      ),
      { numRuns: 150 },
    );
    expect(readdirSync(directory)).toEqual([]);
  });

  it('leaves everything else to its reader', () => {
    const held = new InProgress(space);
    for (const kind of 'BCIUDTRYOM') expect(take(held, Buffer.from(`${kind}xxxxxxxx`))).toBe('plain');
  });

  it('answers any bytes with a step or with RS-PG-014, and never with a value in it', async () => {
    const message = fc.record({
      kind: fc.constantFrom(...'SEcAIUDTRM'),
      body: fc.uint8Array({ maxLength: 40 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(message, { maxLength: 30 }), async (messages) => {
        const held = new InProgress(space, { blockBytes: 32, totalBytes: 64 });
        try {
          for (const { kind, body } of messages) {
            await take(held, Buffer.concat([Buffer.from(kind), body]));
            const committed = held.takeCommitted();
            if (committed !== null) await read(committed);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(RowsealError);
          expect((error as RowsealError).code).toBe('RS-PG-014');
        } finally {
          await held.close();
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('refuses a stream out of order', () => {
    const refused = (...messages: Buffer[]): void => {
      const held = new InProgress(space);
      expect(() => {
        for (const message of messages) void take(held, message);
      }).toThrow(expect.objectContaining({ code: 'RS-PG-014' }));
    };
    refused(streamStart(5, false));
    refused(streamStart(5, true), streamStop, streamStart(5, true));
    refused(streamCommit(5, 1n));
    refused(streamStart(5, true), Buffer.from('I'));
  });
});

describe('what is kept on the disk', () => {
  it.skipIf(process.platform !== 'linux')('has no name, and holds nothing that can be read', async () => {
    const spill = await Spill.make(space);
    const canary = Buffer.from('CANARY-VALUE'.repeat(100));
    await spill.append(canary);
    await spill.append(Buffer.from('two'));
    expect(readdirSync(directory)).toEqual([]);
    const open = readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(directory);
      } catch {
        return false;
      }
    });
    expect(open).toHaveLength(1);
    const bytes = readFileSync(`/proc/self/fd/${open[0]}`);
    expect(bytes.length).toBeGreaterThan(canary.length);
    expect(bytes.includes('CANARY')).toBe(false);
    const blocks: string[] = [];
    for await (const block of spill.blocks()) blocks.push(block.toString());
    expect(blocks).toEqual([canary.toString(), 'two']);
    await spill.close();
  });

  it('says so when it cannot be kept', async () => {
    const nowhere = new SpillSpace(join(directory, 'missing'), async () => null);
    await expect(Spill.make(nowhere)).rejects.toMatchObject({ code: 'RS-PG-050' });
    expect(nowhere.stats.transactions).toBe(0);
  });

  it('is counted, and the room for each block is asked for before it is written', async () => {
    const asked: number[] = [];
    let against: string | null = null;
    const counted = new SpillSpace(directory, async (bytes) => {
      asked.push(bytes);
      return against;
    });
    const held = new InProgress(counted, { blockBytes: 64, totalBytes: 1 << 20 });
    const large = 'x'.repeat(100);
    for (const xid of [5, 6]) {
      take(held, streamStart(xid, true));
      await take(held, change('I', xid, large));
      take(held, streamStop);
    }
    // Record header, message without its xid, tag of the encryption.
    const block = 12 + 1 + large.length + 16;
    expect(asked).toEqual([block, block]);
    expect(counted.stats).toEqual({ bytes: 2 * block, transactions: 2, writtenBytes: 2 * block });
    await take(held, streamAbort(6, 6));
    expect(counted.stats).toEqual({ bytes: block, transactions: 1, writtenBytes: 2 * block });
    against = '7 bytes are free';
    take(held, streamStart(5, false));
    await expect(take(held, change('I', 5, large))).rejects.toMatchObject({
      code: 'RS-PG-050',
      kind: 'transient',
      detail: against,
    });
    expect(counted.stats.writtenBytes).toBe(2 * block);
    await held.close();
    expect(counted.stats).toEqual({ bytes: 0, transactions: 0, writtenBytes: 2 * block });
  });

  it('can be given up at any time: it is gone, and whoever comes back for it is told so', async () => {
    const given = { code: 'RS-PG-050', detail: 'it was given up to make room' };
    const space = new SpillSpace(directory, async () => null);
    const spill = await Spill.make(space);
    await spill.append(Buffer.from('one'));
    await spill.append(Buffer.from('two'));
    const blocks = spill.blocks();
    expect((await blocks.next()).value.toString()).toBe('one');
    // In the middle of a write, of a read, and after.
    const written = spill.append(Buffer.alloc(1 << 20));
    const read = blocks.next();
    space.giveUp();
    await expect(written).rejects.toMatchObject({ code: given.code });
    await expect(read).rejects.toMatchObject({ code: given.code });
    await expect(spill.append(Buffer.from('three'))).rejects.toMatchObject(given);
    await expect(spill.blocks().next()).rejects.toMatchObject(given);
    await spill.close();
    expect(space.stats.bytes).toBe(0);
    expect(space.stats.transactions).toBe(0);
  });
});

describe('descriptions of tables out of such transactions', () => {
  const relation = (oid: number, text: string): Buffer =>
    Buffer.concat([Buffer.from('R'), int32(oid), Buffer.from(text)]);
  const due = (announced: Announced, message: Buffer, number = 9): string[] =>
    announced.before(message, 0, message.length, number).map((kept) => kept.toString('latin1', 5));
  const row = (kind: string, oid: number): Buffer => Buffer.concat([Buffer.from(kind), int32(oid)]);

  it('are heeded before the first row they concern, the newest one, once', () => {
    const announced = new Announced();
    announced.keep(relation(1, 'old'), 1);
    announced.keep(relation(1, 'new'), 2);
    announced.keep(relation(2, 'two'), 3);
    announced.keep(relation(3, 'three'), 4);
    expect(due(announced, row('I', 9))).toEqual([]);
    expect(due(announced, row('U', 1))).toEqual(['new']);
    expect(due(announced, row('D', 1))).toEqual([]);
    // One that comes by itself replaces it.
    expect(due(announced, relation(2, 'newer'))).toEqual([]);
    const truncate = Buffer.concat([Buffer.from('T'), int32(2), Buffer.from([0]), int32(2), int32(3)]);
    expect(due(announced, truncate)).toEqual(['three']);
    expect(due(announced, truncate)).toEqual([]);
  });

  /** Messages as they come, and what is heeded of those in blocks. */
  const heeded = async (...messages: Buffer[]): Promise<string[]> => {
    const held = new InProgress(space);
    const announced = new Announced();
    const lines: string[] = [];
    const feed = (message: Buffer): void => {
      lines.push(...due(announced, message, held.relations));
      lines.push(message.toString('latin1', 0, 1) + message.toString('latin1', 5));
    };
    for (const message of messages) {
      const step = await take(held, message);
      if (step === 'plain') feed(message);
      const committed = held.takeCommitted();
      if (committed === null) continue;
      for await (const block of committed.blocks())
        for (const [start, end, relations] of committed.messages(block)) {
          const one = Buffer.from(block.subarray(start, end));
          if (one.toString('latin1', 0, 1) === 'R') announced.keep(one, relations);
          else feed(one);
        }
      await committed.close();
    }
    await held.close();
    return lines;
  };
  const inBlock = (xid: number, message: Buffer): Buffer =>
    Buffer.concat([message.subarray(0, 1), int32(xid), message.subarray(1)]);
  const insert = (oid: number, text: string): Buffer => Buffer.concat([row('I', oid), Buffer.from(text)]);

  it('do not take the place of what came later, alone or in another transaction', async () => {
    const rolledBack = [
      streamStart(5, true),
      inBlock(6, relation(1, 'old')),
      inBlock(6, insert(1, 'gone')),
      streamStop,
      streamAbort(5, 6),
    ];
    expect(
      await heeded(
        ...rolledBack,
        relation(1, 'new'),
        insert(1, 'one'),
        streamCommit(5, 1n),
        insert(1, 'two'),
      ),
    ).toEqual(['Rnew', 'Ione', 'Itwo']);
    expect(
      await heeded(
        ...rolledBack,
        streamStart(7, true),
        inBlock(7, relation(1, 'new')),
        inBlock(7, insert(1, 'one')),
        streamStop,
        streamCommit(7, 1n),
        streamCommit(5, 2n),
        insert(1, 'two'),
      ),
    ).toEqual(['new', 'Ione', 'Itwo']);
  });

  it('hold where the server counts on them, though their part was rolled back', async () => {
    expect(
      await heeded(
        streamStart(5, true),
        inBlock(6, relation(1, 'altered')),
        inBlock(6, insert(1, 'gone')),
        streamStop,
        streamAbort(5, 6),
        // The table is again what it was: the server says so.
        streamStart(5, false),
        inBlock(5, relation(1, 'as before')),
        inBlock(5, insert(1, 'one')),
        streamStop,
        streamCommit(5, 1n),
        insert(1, 'two'),
      ),
    ).toEqual(['as before', 'Ione', 'Itwo']);
    expect(
      await heeded(
        streamStart(5, true),
        inBlock(6, relation(1, 'told once')),
        inBlock(6, insert(1, 'gone')),
        streamStop,
        streamAbort(5, 6),
        streamCommit(5, 1n),
        insert(1, 'one'),
      ),
    ).toEqual(['told once', 'Ione']);
  });
});
