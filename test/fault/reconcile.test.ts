import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBigqueryMirrorReader } from '../../connectors/sinks/bigquery/mirror-reader.ts';
import { createBigquerySink } from '../../connectors/sinks/bigquery/sink.ts';
import { createDuckdbMirrorReader } from '../../connectors/sinks/duckdb/mirror-reader.ts';
import { createParquetMirrorReader } from '../../connectors/sinks/parquet/mirror-reader.ts';
import { createPostgresMirrorReader } from '../../connectors/sinks/postgres/mirror-reader.ts';
import { eraseRow } from '../../src/audit/erase.ts';
import { expireImages } from '../../src/audit/expire-images.ts';
import { GroupReader } from '../../src/audit/group-reader.ts';
import { NodeDisk } from '../../src/audit/node-disk.ts';
import { newestGroup } from '../../src/audit/sealed-groups.ts';
import { tableDirectory } from '../../src/audit/table-directory.ts';
import { exitOf } from '../../src/audit/verify/report.ts';
import { verifyAudit } from '../../src/audit/verify/verify.ts';
import type { MirrorReader } from '../../src/deliver/mirror-reader.ts';
import { replay } from '../../src/deliver/replay.ts';
import type { Sink } from '../../src/deliver/sink.ts';
import { reconcile } from '../../src/reconcile/reconcile.ts';
import type { ReconcileReport } from '../../src/reconcile/report.ts';
import { BigqueryFake } from '../support/bigquery-fake.ts';
import { BigqueryTarget, testOptions } from '../support/bigquery-target.ts';
import { BigqueryWriteFake } from '../support/bigquery-write-fake.ts';
import { noPostgres } from '../support/needs.ts';
import { startPostgres, type TestPostgres } from '../support/postgres.ts';
import { openRandomLog, randomKey, writeRandomLog } from '../support/random-log.ts';
import { DuckdbTarget } from '../support/sink/duckdb-target.ts';
import { dumpDuckdb, dumpPostgres } from '../support/sink/dump-warehouse.ts';
import { FakeS3 } from '../support/sink/fake-s3.ts';
import { deliver } from '../support/sink/groups.ts';
import { ParquetTarget } from '../support/sink/parquet-target.ts';
import { PostgresTarget } from '../support/sink/postgres-target.ts';
import { people } from '../support/sink/random-groups.ts';
import { S3Target } from '../support/sink/s3-target.ts';
import { queryWarehouse } from '../support/warehouse.ts';

const GROUPS = 60;

let root: string;
let logs = 0;
const newLog = (): string => join(root, `log-${logs++}`);

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'rowseal-reconcile-test-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** As a pipeline does: a few groups at a time. */
async function deliverAll(directory: string, sink: Sink, to = GROUPS - 1): Promise<void> {
  let cursor = await sink.open('p', 1n);
  for await (const group of new GroupReader(new NodeDisk(), directory).read((cursor ?? -1) + 1, to))
    cursor = await deliver(sink, cursor, [group]);
  await sink.close();
}

async function replayAll(directory: string, sink: Sink, batchBytes = 2_000): Promise<number> {
  expect(await sink.open('p', 1n)).toBeNull();
  const groups = new GroupReader(new NodeDisk(), directory).read(
    0,
    (await newestGroup(new NodeDisk(), directory))!,
  );
  const { rows } = await replay({ sink, groups, batchBytes, progress: () => {} });
  await sink.close();
  return rows;
}

async function compare(directory: string, reader: MirrorReader, limit = 100): Promise<ReconcileReport> {
  const view = (await reader.open())!;
  try {
    return await reconcile({
      sink: 'w',
      view,
      groups: new GroupReader(new NodeDisk(), directory, 'tell').read(0, view.cursor!),
      sealed: (await newestGroup(new NodeDisk(), directory))!,
      workDirectory: root,
      limit,
      progress: { reading: () => {}, comparing: () => {} },
    });
  } finally {
    await view.close();
  }
}

const summary = (report: ReconcileReport): unknown =>
  report.differences.map((difference) => ({ ...difference }));

const duckdbReader = (target: DuckdbTarget): MirrorReader => createDuckdbMirrorReader(target.address);

describe('replay', () => {
  it('rebuilds a DuckDB warehouse byte for byte, erased rows and all', { timeout: 240_000 }, async () => {
    for (const seed of [1, 2, 3]) {
      const directory = newLog();
      await writeRandomLog(directory, seed, GROUPS);
      const live = new DuckdbTarget();
      const rebuilt = new DuckdbTarget();
      await deliverAll(directory, live.sink());
      await replayAll(directory, rebuilt.sink());
      const [a, b] = [await dumpDuckdb(live.path), await dumpDuckdb(rebuilt.path)];
      expect(Object.keys(a)).toContain('public.people__history');
      expect(a['_rowseal.dead_letters']!.length).toBeGreaterThan(5);
      expect(b).toEqual(a);
      await live.drop();
      await rebuilt.drop();
    }
  });

  it('leaves out what was erased, and nothing else', { timeout: 180_000 }, async () => {
    const directory = newLog();
    await writeRandomLog(directory, 4, GROUPS);
    const live = new DuckdbTarget();
    const rebuilt = new DuckdbTarget();
    await deliverAll(directory, live.sink());
    const log = await openRandomLog(directory);
    const tags = [Buffer.from('3'.padEnd(16), 'latin1').toString('hex')];
    const table = tableDirectory(people);
    await eraseRow(new NodeDisk(), directory, log, { table, tags, actor: 'a', reason: 'r' });
    await log.close();
    expect(exitOf(await verifyAudit({ directory, key: randomKey }))).toBe(0);
    await replayAll(directory, rebuilt.sink());
    // Keys that the row passed to and from: 3 and 23.
    for (const name of ['people', 'people__history'])
      await queryWarehouse(live.path, `DELETE FROM public.${name} WHERE id IN (3, 23)`);
    expect(await dumpDuckdb(rebuilt.path)).toEqual(await dumpDuckdb(live.path));
    const report = await compare(directory, duckdbReader(live));
    expect(report.equal, JSON.stringify(summary(report))).toBe(true);
    await live.drop();
    await rebuilt.drop();
  });

  it('stops where it is told: the warehouse as it was', { timeout: 180_000 }, async () => {
    const directory = newLog();
    await writeRandomLog(directory, 5, GROUPS);
    const live = new DuckdbTarget();
    const then = new DuckdbTarget();
    await deliverAll(directory, live.sink(), 40);
    const sink = then.sink();
    await sink.open('p', 1n);
    const groups = new GroupReader(new NodeDisk(), directory).read(0, 40);
    await replay({ sink, groups, batchBytes: 5_000, progress: () => {} });
    await sink.close();
    expect(await dumpDuckdb(then.path)).toEqual(await dumpDuckdb(live.path));
    await live.drop();
    await then.drop();
  });
});

describe('reconcile', () => {
  it('finds a DuckDB warehouse equal, and names every row that was touched', {
    timeout: 180_000,
  }, async () => {
    const directory = newLog();
    await writeRandomLog(directory, 6, GROUPS);
    const live = new DuckdbTarget();
    await deliverAll(directory, live.sink());
    const before = await compare(directory, duckdbReader(live));
    expect(before.equal, JSON.stringify(summary(before))).toBe(true);
    expect(before.cursor).toBe(GROUPS - 1);
    expect(before.tables.find(({ table }) => table === 'public.typed')!.deadLetters).toBeGreaterThan(0);
    const ids = (await queryWarehouse(live.path, 'SELECT id FROM public.typed ORDER BY id LIMIT 3')).map(
      ([id]) => id!,
    );
    await queryWarehouse(live.path, `UPDATE public.typed SET extra = 'Mallory' WHERE id = ${ids[0]}`);
    await queryWarehouse(live.path, `DELETE FROM public.typed WHERE id = ${ids[1]}`);
    await queryWarehouse(live.path, `UPDATE public.typed SET _rowseal_seq = 1 WHERE id = ${ids[2]}`);
    await queryWarehouse(live.path, "INSERT INTO public.people (id, b) VALUES (777, 'x')");
    await queryWarehouse(live.path, "INSERT INTO public.bag (x, y) VALUES ('x1', 'never')");
    const report = await compare(directory, duckdbReader(live));
    expect(report.equal).toBe(false);
    expect(JSON.stringify(report)).not.toContain('Mallory');
    expect(report.differences).toMatchObject(
      expect.arrayContaining([
        expect.objectContaining({
          kind: 'changed',
          key: { id: ids[0] },
          columns: [expect.objectContaining({ name: 'extra', found: '7 characters' })],
        }),
        expect.objectContaining({ kind: 'removed', key: { id: ids[1] } }),
        expect.objectContaining({ kind: 'changed', key: { id: ids[2] }, foundSeq: 1, columns: [] }),
        expect.objectContaining({ kind: 'added', table: 'public.people', key: { id: '777' } }),
        expect.objectContaining({ kind: 'added', table: 'public.bag' }),
      ]) as unknown as object[],
    );
    expect(report.differences).toHaveLength(5);
    // All are counted, however few are kept.
    const short = await compare(directory, duckdbReader(live), 1);
    expect(short.differences).toHaveLength(1);
    expect(short.tables).toEqual(report.tables);
    await queryWarehouse(live.path, 'DROP TABLE public.typed');
    await queryWarehouse(live.path, 'ALTER TABLE public.bag DROP COLUMN y');
    const gone = await compare(directory, duckdbReader(live));
    expect(
      gone.differences
        .filter(({ kind }) => kind === 'table')
        .map(({ table }) => table)
        .sort(),
    ).toEqual(['public.bag', 'public.typed']);
    await live.drop();
  });

  it('excuses a cell that is a dead letter, and no other', { timeout: 180_000 }, async () => {
    const directory = newLog();
    await writeRandomLog(directory, 7, GROUPS);
    const live = new DuckdbTarget();
    await deliverAll(directory, live.sink());
    expect((await compare(directory, duckdbReader(live))).equal).toBe(true);
    await queryWarehouse(live.path, 'DELETE FROM _rowseal.dead_letters');
    const report = await compare(directory, duckdbReader(live));
    expect(report.equal).toBe(false);
    expect(report.differences.every(({ kind }) => kind === 'changed')).toBe(true);
    await live.drop();
  });

  it('says what it cannot tell: rows whose images expired', { timeout: 180_000 }, async () => {
    const directory = newLog();
    await writeRandomLog(directory, 8, GROUPS);
    const live = new DuckdbTarget();
    await deliverAll(directory, live.sink());
    const log = await openRandomLog(directory);
    const nowUs = BigInt(Date.now()) * 1000n;
    const middle = await sealTime(directory, GROUPS / 2);
    const ageUs = nowUs - middle;
    const age = { of: () => ageUs, shortestUs: ageUs };
    await expireImages(new NodeDisk(), directory, log, age, nowUs, { actor: 'a', reason: 'r' });
    await log.close();
    const verified = await verifyAudit({ directory, key: randomKey });
    expect(exitOf(verified)).toBe(0);
    expect(verified.expired).toBeGreaterThan(50);
    const report = await compare(directory, duckdbReader(live));
    expect(report.equal, JSON.stringify(summary(report))).toBe(true);
    const [typed] = report.tables.filter(({ table }) => table === 'public.typed');
    expect(typed!.untold).toBeGreaterThan(0);
    // A row that claims a record whose image is there is found all the same.
    await queryWarehouse(live.path, 'INSERT INTO public.typed (id, _rowseal_seq) VALUES (999, 1)');
    const after = await compare(directory, duckdbReader(live));
    expect(after.differences).toMatchObject([{ kind: 'added', key: { id: '999' } }]);
    await live.drop();
  });

  it('works on Parquet files', { timeout: 240_000 }, async () => {
    for (const seed of [9, 10]) {
      const directory = newLog();
      await writeRandomLog(directory, seed, GROUPS);
      const live = new ParquetTarget();
      await replayAll(directory, live.sink(), 8_000);
      const report = await compare(directory, createParquetMirrorReader(live.address));
      expect(report.equal, JSON.stringify(summary(report))).toBe(true);
      await live.drop();
    }
  });

  it('works on Parquet files in a bucket, and leaves no copy behind', { timeout: 240_000 }, async () => {
    const s3 = new FakeS3();
    const endpoint = await s3.listen();
    try {
      const directory = newLog();
      await writeRandomLog(directory, 14, GROUPS);
      const live = new S3Target(s3, endpoint);
      await replayAll(directory, live.sink(), 20_000);
      const report = await compare(directory, createParquetMirrorReader(live.address));
      expect(report.equal, JSON.stringify(summary(report))).toBe(true);
      expect(report.tables.some(({ rows }) => rows > 0)).toBe(true);
      const { place } = live.address;
      const { workDirectory } = place as Extract<typeof place, { kind: 's3' }>;
      const left = existsSync(workDirectory) ? readdirSync(workDirectory) : [];
      expect(left.filter((name) => /copy|read/.test(name))).toEqual([]);
      await live.drop();
    } finally {
      await s3.close();
    }
  });

  it.skipIf(noPostgres(18))('and replay work on Postgres', { timeout: 240_000 }, async () => {
    let server: TestPostgres | null = null;
    let client: Client | null = null;
    try {
      server = await startPostgres(18);
      await server.createDatabase('warehouse');
      client = await server.client('warehouse');
      for (const seed of [11, 12]) {
        const directory = newLog();
        await writeRandomLog(directory, seed, GROUPS);
        const live = new PostgresTarget(client, server.url('warehouse'), server);
        const rebuilt = new PostgresTarget(client, server.url('warehouse'), server);
        await deliverAll(directory, live.sink());
        await replayAll(directory, rebuilt.sink());
        const dump = ({ address }: PostgresTarget) =>
          dumpPostgres(client!, address.stateSchema, address.schemaPrefix);
        const [a, b] = [await dump(live), await dump(rebuilt)];
        expect(Object.keys(a)).toContain('public.people__history');
        expect(b).toEqual(a);
        const reader = createPostgresMirrorReader(live.address);
        const before = await compare(directory, reader);
        expect(before.equal, JSON.stringify(summary(before))).toBe(true);
        const schema = `"${live.address.schemaPrefix}public"`;
        const found = await client.query<{ id: string }>(
          `SELECT id FROM ${schema}.typed ORDER BY id LIMIT 2`,
        );
        const [changed, removed] = found.rows.map(({ id }) => id) as [string, string];
        await client.query(`UPDATE ${schema}.typed SET extra = '{y}' WHERE id = ${changed}`);
        await client.query(`DELETE FROM ${schema}.typed WHERE id = ${removed}`);
        const report = await compare(directory, reader);
        expect(report.differences).toHaveLength(2);
        expect(report.differences).toMatchObject(
          expect.arrayContaining([
            expect.objectContaining({ kind: 'changed', key: { id: changed } }),
            expect.objectContaining({ kind: 'removed', key: { id: removed } }),
          ]) as unknown as object[],
        );
        await client.query(`DROP TABLE ${schema}.bag`);
        expect((await compare(directory, reader)).differences).toHaveLength(3);
        await live.drop();
        await rebuilt.drop();
      }
    } finally {
      await client?.end();
      await server?.stop();
    }
  });

  it('works on BigQuery, merged and streamed', { timeout: 240_000 }, async () => {
    const fake = await BigqueryFake.start();
    const write = await BigqueryWriteFake.start(fake);
    try {
      for (const [mode, kind] of [
        ['merge', 'string'],
        ['cdc', 'string'],
        ['merge', 'json'],
      ] as const) {
        const directory = newLog();
        await writeRandomLog(directory, 13, GROUPS);
        const dataset = `${mode}_${kind}`;
        fake.addDataset(dataset);
        const { project, url } = fake;
        const address = {
          project,
          dataset,
          mode,
          history: 'none',
          fake: { rest: url, grpc: write.address },
          pieceBytes: 2_000_000,
        } as const;
        const live = new BigqueryTarget(address, fake);
        const types = { json: kind, arrays: kind, unboundedNumeric: 'string' } as const;
        const settings = testOptions(address, { types });
        await replayAll(directory, createBigquerySink(settings), 20_000);
        const report = await compare(directory, createBigqueryMirrorReader(settings));
        expect(report.equal, JSON.stringify(summary(report))).toBe(true);
        expect(report.tables.every(({ rows }) => rows > 0)).toBe(true);
        await live.drop();
      }
    } finally {
      write.stop();
      await fake.stop();
    }
  });
});

async function sealTime(directory: string, group: number): Promise<bigint> {
  for await (const one of new GroupReader(new NodeDisk(), directory).read(group, group))
    return one.sealedAtUs;
  throw new Error('no such group');
}
