import { status } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BigquerySinkOptions } from '../../connectors/sinks/bigquery/options.ts';
import type { SealedGroup } from '../../src/audit/audit-log.ts';
import type { Sink } from '../../src/deliver/sink.ts';
import { isRowsealError } from '../../src/error/rowseal-error.ts';
import type { BigqueryFake, Fault } from '../support/bigquery-fake.ts';
import { BigqueryRoom } from '../support/bigquery-room.ts';
import { RestError } from '../support/bigquery-rules.ts';
import { type BigqueryTarget, testOptions } from '../support/bigquery-target.ts';
import type { AppendFault, BigqueryWriteFake } from '../support/bigquery-write-fake.ts';
import { column, INT, rows, table, UNCHANGED } from '../support/masked.ts';
import { deliver, GroupMaker } from '../support/sink/groups.ts';
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

const groups = randomGroups(5, 6);
async function expectAll(at: BigqueryTarget, delivered: readonly SealedGroup[] = groups): Promise<void> {
  const model = await new ReferenceWarehouse().apply(delivered);
  await expectEqual(at, model, peopleLater);
  await expectEqual(at, model, bag);
}

const t = table('t', [column('id', 1, INT), column('v', 2)]);
const CANARY = 'canary@example.com';
const failing = async (promise: Promise<unknown>): Promise<{ code: string; kind: string }> => {
  const error: unknown = await promise.then(
    () => expect.fail('it went well'),
    (thrown: unknown) => thrown,
  );
  if (!isRowsealError(error)) throw error;
  expect(JSON.stringify({ ...error, message: error.message })).not.toContain(CANARY);
  return { code: error.code, kind: error.kind };
};

describe.each(['merge', 'cdc'] as const)('BigQuery in %s mode: every request may go wrong', (mode) => {
  const faults: readonly (readonly [string, Fault])[] = [
    ['the connection is cut before', { kind: 'cut', when: 'before' }],
    ['the answer is lost', { kind: 'cut', when: 'after' }],
    ['503', { kind: 'status', status: 503, reason: 'backendError' }],
    ['429', { kind: 'status', status: 429, reason: 'rateLimitExceeded' }],
    ['403 for too many', { kind: 'status', status: 403, reason: 'rateLimitExceeded' }],
    ['500', { kind: 'status', status: 500, reason: 'internalError' }],
  ];
  it.each(faults)(
    '%s, at each of them: the same call goes on, and nothing is done twice',
    async (_, fault) => {
      const at = target(mode);
      const seen = new Set<string>();
      const looks = new Map<string, number>();
      // Every request fails the first time; a repetition goes through.
      fake.fault = ({ method, path, body }) => {
        const n = looks.get(path) ?? 0;
        if (method === 'GET') {
          looks.set(path, n + 1);
          if (n % 3 !== 0) return null;
        }
        const key = `${method} ${path} ${method === 'GET' ? n : (/"jobId":"[^"]+"/.exec(body)?.[0] ?? body)}`;
        if (seen.has(key)) return null;
        seen.add(key);
        return fault;
      };
      const sink = open(at);
      expect(await sink.open('p', 1n)).toBeNull();
      await deliver(sink, null, groups.slice(0, 3));
      await deliver(sink, 2, groups.slice(3));
      expect(seen.size).toBeGreaterThan(20);
      fake.fault = () => null;
      await expectAll(at);
      expect(await at.deadLetters()).toEqual([]);
    },
  );

  it('staging tables that expire before the commit are filled again', async () => {
    const at = target(mode);
    const sink = open(at);
    await sink.open('p', 1n);
    await deliver(sink, null, groups.slice(0, 2));
    // Tables that change are known first; then the warehouse does not take the batch, for longer than staging lasts.
    for (const group of groups.slice(2))
      for (const version of group.tables) await sink.alter(version, group.index);
    fake.jobFault = (id) =>
      id.includes('_commit_') ? new RestError(403, 'quotaExceeded', 'enough for today') : null;
    await expect(deliver(sink, 1, groups.slice(2))).rejects.toMatchObject({ code: 'RS-BQ-009' });
    fake.jobFault = () => null;
    const expired = await fake.expire();
    expect(expired).toBeGreaterThan(0);
    await sink.close();
    expect(await sink.open('p', 1n)).toBe(1);
    await deliver(sink, 1, groups.slice(2));
    await sink.close();
    await expectAll(at);
  });

  it('a transaction that was given up and committed after all is no newer writer', async () => {
    const at = target(mode);
    const [slow, again] = [open(at), open(at)];
    await slow.open('p', 1n);
    // The cursor was read before that transaction was through.
    await again.open('p', 1n);
    await deliver(slow, null, groups.slice(0, 3));
    const late = deliver(again, null, groups.slice(0, 2));
    await expect(late).rejects.toMatchObject({ code: 'RS-BQ-013', kind: 'transient' });
    await again.close();
    expect(await again.open('p', 1n)).toBe(2);
    await deliver(again, 2, groups.slice(3));
    await again.close();
    await expectAll(at);
  });

  it('jobs that fail for a passing reason run again under another id', async () => {
    const at = target(mode);
    const failed = new Set<string>();
    fake.jobFault = (id) => {
      if (failed.has(id.replace(/_\d$/, ''))) return null;
      failed.add(id);
      return new RestError(503, 'backendError', CANARY);
    };
    const sink = open(at);
    await sink.open('p', 1n);
    await deliver(sink, null, groups);
    await expectAll(at);
  });

  it('a network that stays away is told as transient, and the batch goes on from the cursor', async () => {
    const at = target(mode);
    const sink = open(at);
    await sink.open('p', 1n);
    await deliver(sink, null, groups.slice(0, 2));
    let left = 12;
    fake.fault = () => (left-- > 0 ? null : { kind: 'cut', when: 'after' });
    const stopped = await failing(deliver(sink, 1, groups.slice(2)));
    expect(stopped).toEqual({ code: 'RS-BQ-008', kind: 'transient' });
    fake.fault = () => null;
    await sink.close();
    const cursor = await sink.open('p', 1n);
    if (cursor! < 5) await deliver(sink, cursor, groups.slice(cursor! + 1));
    await expectAll(at);
  });

  it.each([
    [403, 'accessDenied', 'RS-BQ-003', 'auth'],
    [401, 'authError', 'RS-BQ-002', 'auth'],
    [403, 'quotaExceeded', 'RS-BQ-009', 'transient'],
    [403, 'billingNotEnabled', 'RS-BQ-014', 'config'],
    [400, 'invalid', 'RS-BQ-011', 'bug'],
  ])('%s %s has a code of its own', async (code, reason, expected, kind) => {
    const at = target(mode);
    const sink = open(at);
    await sink.open('p', 1n);
    await deliver(sink, null, groups.slice(0, 1));
    fake.fault = ({ method, path }) =>
      method === 'POST' && path.endsWith('/jobs') ? { kind: 'status', status: code, reason } : null;
    expect(await failing(deliver(sink, 0, groups.slice(1)))).toEqual({ code: expected, kind });
  });

  it('a lost race for a table is transient', async () => {
    const at = target(mode);
    const sink = open(at);
    await sink.open('p', 1n);
    await deliver(sink, null, groups.slice(0, 1));
    fake.jobFault = (id) =>
      id.includes('commit')
        ? new RestError(
            400,
            'invalidQuery',
            'Transaction is aborted due to concurrent update against table x',
          )
        : null;
    expect(await failing(deliver(sink, 0, groups.slice(1)))).toEqual({
      code: 'RS-BQ-013',
      kind: 'transient',
    });
    fake.jobFault = () => null;
    await sink.close();
    await sink.open('p', 1n);
    await deliver(sink, 0, groups.slice(1));
    await expectAll(at);
  });

  it('a column that somebody took away stops the sink instead of losing values', async () => {
    const at = target(mode);
    const maker = new GroupMaker();
    const sink = open(at);
    await sink.open('p', 1n);
    await deliver(sink, null, [maker.seal([rows(t, 0, [{ op: 'c', after: ['1', CANARY] }])])]);
    await sink.close();
    await fake.dropColumn(at.address.dataset, 't__v1', 'v');
    await sink.open('p', 2n);
    const next = maker.seal([rows(t, 0, [{ op: 'c', after: ['2', CANARY] }])]);
    expect(await failing(deliver(sink, 0, [next]))).toEqual({ code: 'RS-BQ-010', kind: 'schema' });
  });
});

describe.each(['merge', 'cdc'] as const)('BigQuery in %s mode: somebody meddles while it runs', (mode) => {
  it.each(['a column', 'a table'] as const)(
    '%s is gone: this sink stops, and the run goes on',
    async (what) => {
      const at = target(mode);
      const maker = new GroupMaker();
      const sink = open(at);
      const next = () => maker.seal([rows(t, 0, [{ op: 'c', after: [String(maker.next), CANARY] }])]);
      await sink.open('p', 1n);
      await deliver(sink, null, [next()]);
      const { dataset } = at.address;
      if (what === 'a column') await fake.dropColumn(dataset, 't__v1', 'v');
      else await fake.dropTable(dataset, 't__v1');
      // The connection of cdc mode has the old schema still, as the real one has for minutes.
      await sink.close();
      await sink.open('p', 1n);
      expect(await failing(deliver(sink, 0, [next()]))).toEqual({ code: 'RS-BQ-010', kind: 'schema' });
    },
  );

  it('a table is gone between two batches', async () => {
    const at = target(mode);
    const maker = new GroupMaker();
    const sink = open(at, { history: 'none' });
    const next = () => maker.seal([rows(t, 0, [{ op: 'c', after: [String(maker.next), CANARY] }])]);
    await sink.open('p', 1n);
    await deliver(sink, null, [next()]);
    await fake.dropTable(at.address.dataset, 't__v1');
    const { kind, code } = await failing(deliver(sink, 0, [next()]));
    // Streams say "not found" of a young table too, so cdc mode waits and looks again when it opens.
    expect([kind, code]).toEqual(mode === 'merge' ? ['schema', 'RS-BQ-010'] : ['transient', 'RS-BQ-017']);
  });
});

it('BigQuery in merge mode: a column that is gone between two batches is not taken for a bug of ours', async () => {
  const at = target('merge');
  const maker = new GroupMaker();
  const sink = open(at, { history: 'none' });
  const next = () => maker.seal([rows(t, 0, [{ op: 'c', after: [String(maker.next), CANARY] }])]);
  await sink.open('p', 1n);
  await deliver(sink, null, [next()]);
  await fake.dropColumn(at.address.dataset, 't__v1', 'v');
  expect(await failing(deliver(sink, 0, [next()]))).toEqual({ code: 'RS-BQ-010', kind: 'schema' });
});

describe('BigQuery, before it is used', () => {
  it('says that the dataset is missing, elsewhere, or may not be used', async () => {
    const at = target('merge');
    const findings = async (changes: Partial<BigquerySinkOptions>) =>
      (await open(at, changes).preflight()).filter(({ level }) => level !== 'ok');
    expect(await findings({})).toMatchObject([{ level: 'not-checked' }]);
    expect(await findings({ dataset: 'nowhere' })).toMatchObject([
      { level: 'error', code: 'RS-BQ-001', fix: expect.stringContaining('bq mk') },
    ]);
    expect(await findings({ location: 'US' })).toMatchObject([{ level: 'error', code: 'RS-BQ-004' }]);
    fake.fault = ({ path }) =>
      path.endsWith('/jobs') ? { kind: 'status', status: 403, reason: 'accessDenied' } : null;
    expect(await findings({})).toMatchObject([{ level: 'error', code: 'RS-BQ-003' }]);
    fake.fault = () => null;
    expect(await findings({ mode: 'cdc', maxStalenessMs: 60_000 })).toMatchObject([
      { level: 'not-checked' },
      { level: 'warning', code: 'RS-BQ-012' },
    ]);
    expect(
      fake.requests.some(
        ({ method, path }) => method === 'POST' && path.includes(`${at.address.dataset}/tables`),
      ),
    ).toBe(false);
    await expect(open(at, { dataset: 'nowhere' }).open('p', 1n)).rejects.toMatchObject({ code: 'RS-BQ-001' });
    await expect(open(at, { location: 'US' }).open('p', 1n)).rejects.toMatchObject({ code: 'RS-BQ-004' });
  });

  it.each([
    ['nothing', '', 'not JSON'],
    [
      'a program to run',
      '{"type":"external_account","credential_source":{"executable":{}}}',
      'service_account',
    ],
    [
      'another place for tokens',
      '{"type":"service_account","client_email":"a","private_key":"b","token_uri":"https://evil.example"}',
      'token_uri',
    ],
  ])('refuses a key file with %s, and quotes none of it', async (_, json, why) => {
    const sink = open(target('merge'), { credentials: { kind: 'key', json, file: 'key.json' } });
    const error = await sink.open('p', 1n).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'RS-BQ-016', kind: 'config' });
    expect((error as Error).message).toContain(why);
    expect((error as Error).message).not.toContain('evil');
  });
});

describe('BigQuery in cdc mode: appends', () => {
  const faults: readonly (readonly [string, AppendFault])[] = [
    ['a cut before', { kind: 'cut', when: 'before' }],
    ['a cut after the rows were appended', { kind: 'cut', when: 'after' }],
    ['INTERNAL', { kind: 'error', code: status.INTERNAL }],
    ['UNAVAILABLE', { kind: 'error', code: status.UNAVAILABLE }],
    ['ABORTED', { kind: 'error', code: status.ABORTED }],
    ['RESOURCE_EXHAUSTED', { kind: 'error', code: status.RESOURCE_EXHAUSTED }],
  ];
  it.each(faults)('%s, at every other append: rows come twice at most, and converge', async (_, fault) => {
    const at = target('cdc');
    let n = 0;
    write.fault = () => (n++ % 2 === 0 ? fault : null);
    const sink = open(at);
    await sink.open('p', 1n);
    await deliver(sink, null, groups.slice(0, 4));
    await deliver(sink, 3, groups.slice(4));
    expect(n).toBeGreaterThan(4);
    await expectAll(at);
  });

  it.each([
    [status.PERMISSION_DENIED, 'RS-BQ-003'],
    [status.UNAUTHENTICATED, 'RS-BQ-002'],
    [status.INVALID_ARGUMENT, 'RS-BQ-011'],
    [status.RESOURCE_EXHAUSTED, 'RS-BQ-009'],
    [status.UNAVAILABLE, 'RS-BQ-008'],
  ])('an error that stays (%s) is told, and the cursor does not move', async (code, expected) => {
    const at = target('cdc');
    const sink = open(at);
    await sink.open('p', 1n);
    write.fault = () => ({ kind: 'error', code });
    expect((await failing(deliver(sink, null, groups))).code).toBe(expected);
    write.fault = () => null;
    await sink.close();
    expect(await sink.open('p', 1n)).toBeNull();
    await deliver(sink, null, groups);
    await expectAll(at);
  });

  it('rows that BigQuery refuses become dead letters, and the rest of the request is written', async () => {
    const at = target('cdc');
    const sink = open(at, { history: 'none' });
    await sink.open('p', 1n);
    const group = new GroupMaker().seal([
      rows(
        t,
        0,
        ['1', '2', '3', '4'].map((id) => ({ op: 'c' as const, after: [id, CANARY] })),
      ),
    ]);
    let n = 0;
    write.fault = () => (n++ === 0 ? { kind: 'rows', indexes: [1, 3] } : null);
    await deliver(sink, null, [group]);
    expect((await at.mirror(t))!.map(({ cells }) => cells[0]).sort()).toEqual(['1', '3']);
    expect(await at.deadLetters()).toMatchObject([
      { table: 'public.t', column: '', value: null, reason: 'BigQuery refused the row' },
      { table: 'public.t', column: '', value: null, reason: 'BigQuery refused the row' },
    ]);
    expect([...sink.stats().deadLetters]).toEqual([['public.t', 2]]);
  });

  it('waits until the stream knows new columns, and says so when that takes too long', async () => {
    const at = target('cdc');
    const maker = new GroupMaker();
    const patience = (schemaMs: number) => ({ patience: { ...testOptions(at.address).patience!, schemaMs } });
    let sink = open(at, patience(60_000));
    await sink.open('p', 1n);
    await deliver(sink, null, [maker.seal([rows(t, 0, [{ op: 'c', after: ['1', 'a'] }])])]);
    const wider = table('t', [column('id', 1, INT), column('v', 2), column('w', 3)]);
    write.schemaLagMs = 300;
    await deliver(sink, 0, [maker.seal([rows(wider, 0, [{ op: 'c', after: ['2', 'b', 'c'] }])])]);
    expect((await at.mirror(wider))!.map(({ cells }) => cells).sort()).toEqual([
      ['1', 'a', null],
      ['2', 'b', 'c'],
    ]);
    const widest = table('t', [column('id', 1, INT), column('v', 2), column('w', 3), column('x', 4)]);
    write.schemaLagMs = 600_000;
    await sink.close();
    sink = open(at, patience(500));
    await sink.open('p', 1n);
    const late = deliver(sink, 1, [
      maker.seal([rows(widest, 0, [{ op: 'c', after: ['3', 'b', 'c', 'd'] }])]),
    ]);
    expect(await failing(late)).toEqual({ code: 'RS-BQ-017', kind: 'transient' });
  });

  it('does not look up what a query may show stale', async () => {
    const at = target('cdc');
    const maker = new GroupMaker();
    const sink = open(at, { maxStalenessMs: 900_000 });
    await sink.open('p', 1n);
    await deliver(sink, null, [maker.seal([rows(t, 0, [{ op: 'c', after: ['1', 'a'] }])])]);
    expect(fake.table(at.address.dataset, 't__v1')).toMatchObject({
      maxStaleness: '0-0 0 0:15:0',
      primaryKey: ['id'],
    });
    const partial = maker.seal([rows(t, 0, [{ op: 'u', after: ['1', UNCHANGED] }])]);
    expect(await failing(deliver(sink, 0, [partial]))).toEqual({ code: 'RS-BQ-012', kind: 'schema' });
  });

  it('a replay from far behind neither doubles rows nor brings deleted ones back', async () => {
    const at = target('cdc');
    const sink = open(at);
    await sink.open('p', 1n);
    await deliver(sink, null, groups);
    // As after a crash before the cursor moved: the target is set back, the rows are there.
    await sink.close();
    const cursor = `"${fake.project}.${at.address.dataset}._rowseal_cursor"`;
    await fake.peek(`UPDATE ${cursor} SET group_index = NULL`);
    expect(await sink.open('p', 2n)).toBeNull();
    for (let i = 0; i < groups.length; i++) await deliver(sink, i === 0 ? null : i - 1, [groups[i]!]);
    const model = await new ReferenceWarehouse().apply(groups);
    await expectEqual(at, model, peopleLater);
  });

  it('tables with streamed changes take no DML, so none is sent', async () => {
    const at = target('cdc');
    const sink = open(at);
    await sink.open('p', 1n);
    await deliver(sink, null, groups);
    const touched = [...fake.mutations.keys()].filter((name) =>
      name.includes(`.${at.address.dataset}.people`),
    );
    expect(touched).toEqual([]);
    await expect(
      at.query(`TRUNCATE TABLE \`${fake.project}.${at.address.dataset}.people__history__v1\``),
    ).rejects.toThrow();
  });
});

describe('BigQuery: options of tables', () => {
  it('partitions, clusters, labels and describes what it makes', async () => {
    const at = target('merge');
    const made = table('made', [
      column('id', 1, INT),
      column('at', 2, { kind: 'timestamp', withZone: true }),
      column('city', 3),
    ]);
    const sink = open(at, {
      tableName: '{schema}_{table}',
      byTable: new Map([
        [
          'public.made',
          { mode: null, partitionBy: { column: 'at', every: 'month' }, clusterBy: ['city', 'id'] },
        ],
      ]),
    });
    await sink.open('p', 1n);
    await sink.alter(made, 0);
    expect(fake.table(at.address.dataset, 'public_made__v1')).toMatchObject({
      clustering: ['city', 'id'],
      partitioning: { type: 'MONTH', field: 'at' },
      labels: { purpose: 'test', rowseal_pipeline: 'p' },
    });
    expect(fake.table(at.address.dataset, 'public_made')).toMatchObject({
      view: expect.stringContaining('public_made__v1'),
      description: 'The rows of public.made, masked by Rowseal',
    });
    const wrong = open(target('merge'), {
      byTable: new Map([
        ['public.made', { mode: null, partitionBy: { column: 'city', every: 'day' }, clusterBy: null }],
      ]),
    });
    await wrong.open('p', 1n);
    await expect(wrong.alter(made, 0)).rejects.toMatchObject({ code: 'RS-BQ-018' });
  });

  it('staging tables are gone after the batch, and expire if a crash leaves them', async () => {
    const at = target('merge');
    const sink = open(at);
    await sink.open('p', 1n);
    fake.fault = ({ method }) =>
      method === 'DELETE' ? { kind: 'status', status: 400, reason: 'invalid' } : null;
    await deliver(sink, null, groups.slice(0, 1));
    const left = [...fake.tables.values()].filter(
      ({ name }) => name.startsWith('_rowseal_rowseal') || name.startsWith('_rowseal_p'),
    );
    expect(left.length).toBeGreaterThan(0);
    for (const { expires } of left) expect(expires).toBeGreaterThan(Date.now());
    fake.fault = () => null;
    const count = fake.tables.size;
    await deliver(sink, 0, groups.slice(1, 2));
    expect(fake.tables.size).toBeLessThanOrEqual(count + 4);
  });

  it('batches are parted where a transaction would change too many tables', async () => {
    const at = target('merge');
    const maker = new GroupMaker();
    const many = Array.from({ length: 60 }, (_, i) => table(`many_${i}`, [column('id', 1, INT)]));
    const sink = open(at);
    await sink.open('p', 1n);
    const each = many.map((one, i) => maker.seal([rows(one, 0, [{ op: 'c', after: [String(i)] }])]));
    await deliver(sink, null, each);
    expect(sink.stats().rows).toBe(60);
    expect((await at.mirror(many[59]!))!.map(({ cells }) => cells)).toEqual([['59']]);
    expect(await sink.open('p', 2n)).toBe(59);
    const whole = maker.seal(many.map((one, i) => rows(one, i, [{ op: 'c', after: [String(100 + i)] }])));
    expect(await failing(deliver(sink, 59, [whole]))).toEqual({ code: 'RS-BQ-020', kind: 'schema' });
  });

  it.each(['merge', 'cdc'] as const)('a history may begin and end later, in %s mode', async (mode) => {
    const at = target(mode);
    const maker = new GroupMaker();
    const one = (id: string) => maker.seal([rows(t, 0, [{ op: 'c', after: [id, 'v'] }])]);
    for (const [i, history] of (['none', 'all', 'none', 'all'] as const).entries()) {
      const sink = open(at, { history });
      await sink.open('p', BigInt(i + 1));
      await deliver(sink, i === 0 ? null : i - 1, [one(String(i))]);
      await sink.close();
    }
    expect((await at.history(t))!.map(({ cells }) => cells[0]).sort()).toEqual(['1', '3']);
    expect((await at.mirror(t))!.map(({ cells }) => cells[0]).sort()).toEqual(['0', '1', '2', '3']);
  });

  it('a row as large as a request may be goes in one of its own', async () => {
    const at = target('cdc');
    const wide = table('wide', [column('id', 1, INT), column('a', 2), column('b', 3)]);
    const maker = new GroupMaker();
    const row = (id: number, length: number) => ({
      op: 'c' as const,
      after: [String(id), 'a'.repeat(length), 'b'.repeat(length)],
    });
    // Nearly a whole request of small rows waits when the large one comes.
    const list = Array.from({ length: 1_000 }, (_, id) => row(id, 500));
    const group = maker.seal([rows(wide, 0, [...list, row(1_000, 4_700_000), row(1_001, 500)])]);
    const sink = open(at);
    await sink.open('p', 1n);
    await deliver(sink, null, [group]);
    await sink.close();
    expect(await at.deadLetters()).toEqual([]);
    await expectEqual(at, await new ReferenceWarehouse().apply([group]), wide);
  });

  it.each(['merge', 'cdc'] as const)(
    'a transaction over many tables shares memory, in %s mode',
    async (mode) => {
      const at = target(mode);
      const tables = Array.from({ length: 40 }, (_, i) =>
        table(`many${i}`, [column('id', 1, INT), column('v', 2)]),
      );
      const maker = new GroupMaker();
      const events = Array.from({ length: 4 }, (_, round) =>
        tables.map((one) =>
          rows(
            one,
            0,
            Array.from({ length: 40 }, (_, id) => ({
              op: 'c' as const,
              after: [String(id + round * 40), 'v'.repeat(900)],
            })),
          ),
        ),
      ).flat();
      const group = maker.seal(events);
      const sink = open(at, { pieceBytes: 200_000 });
      await sink.open('p', 1n);
      const before = fake.requests.length;
      await deliver(sink, null, [group]);
      await sink.close();
      const model = await new ReferenceWarehouse().apply([group]);
      for (const one of tables) await expectEqual(at, model, one);
      if (mode === 'cdc') return;
      // 6 MB of cells for mirrors and as much for histories, 0.4 MB held at a time: each table was staged more than once.
      const loads = fake.requests.slice(before).filter(({ path }) => path.startsWith('/upload'));
      expect(loads.length).toBeGreaterThan(2 * tables.length);
    },
  );

  it('one table may be streamed while the others are merged', async () => {
    const at = target('merge');
    const sink = open(at, {
      byTable: new Map([['public.people', { mode: 'cdc', partitionBy: null, clusterBy: null }]]),
    });
    expect(sink.kind).toBe('convergent');
    await sink.open('p', 1n);
    await deliver(sink, null, groups);
    expect(fake.table(at.address.dataset, 'bag__v1')!.cdc).toBeNull();
    await expectAll(at);
  });
});
