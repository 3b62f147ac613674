import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BigquerySinkOptions } from '../../connectors/sinks/bigquery/options.ts';
import type { Sink } from '../../src/deliver/sink.ts';
import type { BigqueryFake } from '../support/bigquery-fake.ts';
import { BigqueryRoom } from '../support/bigquery-room.ts';
import type { BigqueryTarget } from '../support/bigquery-target.ts';
import { FakeTokens } from '../support/bigquery-tokens.ts';
import type { BigqueryWriteFake } from '../support/bigquery-write-fake.ts';
import { deliver } from '../support/sink/groups.ts';
import { bag, peopleLater, randomGroups } from '../support/sink/random-groups.ts';
import { ReferenceWarehouse } from '../support/sink/reference-warehouse.ts';
import { expectEqual } from './sink-contract.ts';

let room: BigqueryRoom;
let fake: BigqueryFake;
let write: BigqueryWriteFake;

beforeAll(async () => {
  room = await BigqueryRoom.start();
  ({ fake, write } = room);
});
afterEach(() => room.tidy());
afterAll(() => room.stop());

const target = (mode: 'merge' | 'cdc'): BigqueryTarget => room.target(mode);
const open = (at: BigqueryTarget, changes: Partial<BigquerySinkOptions> = {}): Sink => room.open(at, changes);

const groups = randomGroups(8, 6);
/** In the id of the transaction that moves the cursor from group 1 to 3. */
const SECOND = '_1_3_commit_';
async function expectAll(at: BigqueryTarget): Promise<void> {
  fake.tokens = null;
  const model = await new ReferenceWarehouse().apply(groups);
  await expectEqual(at, model, peopleLater);
  await expectEqual(at, model, bag);
  expect(await at.deadLetters()).toEqual([]);
}

describe.each(['merge', 'cdc'] as const)(
  'BigQuery in %s mode: tokens that are not taken any more',
  (mode) => {
    it('each is renewed once, and the same call goes on', async () => {
      const at = target(mode);
      const tokens = new FakeTokens();
      fake.tokens = tokens;
      // More than are under way at a time: nobody is refused twice in a row.
      tokens.takesEach = 8;
      const sink = open(at, { credentials: { kind: 'client', client: tokens.client() } });
      await sink.open('p', 1n);
      await deliver(sink, null, groups.slice(0, 3));
      await deliver(sink, 2, groups.slice(3));
      expect(tokens.issued).toBeGreaterThan(5);
      await sink.close();
      await expectAll(at);
    });

    it('a fresh one that is not taken either is told, and the cursor does not move', async () => {
      const at = target(mode);
      const tokens = new FakeTokens();
      fake.tokens = tokens;
      const sink = open(at, { credentials: { kind: 'client', client: tokens.client() } });
      await sink.open('p', 1n);
      await deliver(sink, null, groups.slice(0, 3));
      const issued = tokens.issued;
      tokens.refuse = true;
      await expect(deliver(sink, 2, groups.slice(3))).rejects.toMatchObject({
        code: 'RS-BQ-002',
        kind: 'auth',
      });
      expect(tokens.issued).toBe(issued + 1);
      tokens.refuse = false;
      await sink.close();
      expect(await sink.open('p', 1n)).toBe(2);
      await deliver(sink, 2, groups.slice(3));
      await sink.close();
      await expectAll(at);
    });
  },
);

it('BigQuery in cdc mode: a stream outlives its token, and what it had sent comes again over a new connection', async () => {
  const at = target('cdc');
  const tokens = new FakeTokens();
  fake.tokens = tokens;
  const sink = open(at, { credentials: { kind: 'client', client: tokens.client() } });
  await sink.open('p', 1n);
  await deliver(sink, null, groups.slice(0, 2));
  // Only streams meet it: REST requests come with a new token from the first refusal on.
  let appends = 0;
  write.fault = () => {
    if (++appends % 2 === 1) tokens.revoke();
    return null;
  };
  const before = tokens.issued;
  for (let i = 2; i < groups.length; i++) await deliver(sink, i - 1, [groups[i]!]);
  expect(appends).toBeGreaterThan(4);
  expect(tokens.issued).toBeGreaterThan(before + 1);
  await sink.close();
  await expectAll(at);
});

describe.each(['merge', 'cdc'] as const)('BigQuery in %s mode: the process ends while a job runs', (mode) => {
  const nextStart = async (at: BigqueryTarget, expected: number): Promise<void> => {
    const heir = open(at);
    const cursor = await heir.open('p', 2n);
    expect(cursor).toBe(expected);
    await deliver(heir, cursor, groups.slice(cursor! + 1));
    await heir.close();
  };
  /** Leaves while the commit of the second batch is at BigQuery. @returns lets that job go on */
  const leaveAt = async (at: BigqueryTarget, where: 'running' | 'pending'): Promise<() => void> => {
    const sink = open(at);
    await sink.open('p', 1n);
    await deliver(sink, null, groups.slice(0, 2));
    const { promise, resolve } = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    fake.jobWait = (id) => {
      if (!id.includes(SECOND)) return null;
      begun.resolve();
      fake.jobWait = () => null;
      return { where, until: promise };
    };
    const delivered = deliver(sink, 1, groups.slice(2, 4));
    await begun.promise;
    sink.leave!();
    await expect(delivered).rejects.toMatchObject({ code: 'RS-RUN-004', kind: 'shutdown' });
    await sink.close();
    const asked = fake.requests.length;
    await expect(sink.open('p', 1n)).rejects.toMatchObject({ code: 'RS-RUN-004' });
    expect(fake.requests.length).toBeLessThanOrEqual(asked + 1);
    return resolve;
  };

  it('it is done before the next start: its batch is not repeated', async () => {
    const at = target(mode);
    const goOn = await leaveAt(at, 'running');
    goOn();
    await fake.peek('SELECT 1');
    await nextStart(at, 3);
    await expectAll(at);
  });

  it('it runs still: the next start waits for it', async () => {
    const at = target(mode);
    const goOn = await leaveAt(at, 'running');
    const started = nextStart(at, 3);
    // The next writer's own statement is queued behind it.
    const before = fake.requests.length;
    const asks = (): boolean =>
      fake.requests.slice(before).some(({ method, path }) => method === 'POST' && path.endsWith('/jobs'));
    await expect.poll(asks, { timeout: 60_000 }).toBe(true);
    goOn();
    await started;
    await expectAll(at);
  });

  it('it has not begun, and comes behind the next start: it changes nothing any more', async () => {
    const at = target(mode);
    const goOn = await leaveAt(at, 'pending');
    await nextStart(at, 1);
    goOn();
    await fake.peek('SELECT 1');
    await expectAll(at);
  });

  it('it never was: the next start does it', async () => {
    const at = target(mode);
    const sink = open(at);
    await sink.open('p', 1n);
    await deliver(sink, null, groups.slice(0, 2));
    fake.fault = ({ body }) => {
      if (!body.includes(SECOND)) return null;
      sink.leave!();
      return { kind: 'cut', when: 'before' };
    };
    await expect(deliver(sink, 1, groups.slice(2, 4))).rejects.toMatchObject({ code: 'RS-RUN-004' });
    fake.fault = () => null;
    await sink.close();
    await nextStart(at, 1);
    await expectAll(at);
  });
});
