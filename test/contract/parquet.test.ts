import fs, { cp, readdir, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { expect, it, vi } from 'vitest';
import { createParquetSink } from '../../connectors/sinks/parquet/sink.ts';
import { FakeS3 } from '../support/sink/fake-s3.ts';
import { deliver } from '../support/sink/groups.ts';
import { ParquetTarget } from '../support/sink/parquet-target.ts';
import { bag, peopleLater, randomGroups } from '../support/sink/random-groups.ts';
import { ReferenceWarehouse } from '../support/sink/reference-warehouse.ts';
import { S3Target } from '../support/sink/s3-target.ts';
import { describeSinkContract, expectEqual } from './sink-contract.ts';

const files = {
  kind: 'atomic',
  skip: null,
  concurrentWriters: true,
  maxColumns: 1_000,
  caseSensitiveNames: true,
  completesRows: false,
  keyMayChange: false,
  childModule: new URL('../support/sink/parquet-child.ts', import.meta.url).href,
} as const;

describeSinkContract('parquet', { ...files, make: async () => new ParquetTarget() });

let s3: FakeS3;
let endpoint: string;

describeSinkContract('parquet on s3', {
  ...files,
  setUp: async () => {
    s3 = new FakeS3();
    endpoint = await s3.listen();
  },
  tearDown: () => s3.close(),
  make: async () => new S3Target(s3, endpoint),
});

it('a store that ignores conditions is found out', async () => {
  const lax = new FakeS3();
  lax.ignoresConditions = true;
  const target = new S3Target(lax, await lax.listen());
  await expect(target.sink().open('p', 1n)).rejects.toMatchObject({ code: 'RS-PQT-002' });
  await lax.close();
  await target.drop();
});

it('many small batches become few files, and the views are right also in the moment when both are there', async () => {
  const target = new ParquetTarget();
  const { place } = target.address;
  if (place.kind !== 'directory') throw new Error('a directory');
  const groups = randomGroups(3, 60);
  const model = await new ReferenceWarehouse().apply(groups);
  const files = async (): Promise<readonly string[]> =>
    (await readdir(`${place.path}/tables`, { recursive: true })).filter((name) => name.endsWith('.parquet'));
  const write = async (from: number, to: number, epoch: bigint, compaction: boolean): Promise<void> => {
    const sink = createParquetSink({ ...target.address, ...(compaction ? {} : { compaction: null }) });
    let cursor = await sink.open('p', epoch);
    for (const group of groups.slice(from, to)) cursor = await deliver(sink, cursor, [group]);
    await sink.close();
  };
  await write(0, 50, 1n, false);
  const small = await files();
  expect(small.length).toBeGreaterThan(50);
  await cp(`${place.path}/tables`, `${place.path}-copy`, { recursive: true });
  await write(50, 60, 2n, true);
  expect((await files()).length).toBeLessThanOrEqual(6);
  for (const table of [peopleLater, bag]) await expectEqual(target, model, table);
  await cp(`${place.path}-copy`, `${place.path}/tables`, { recursive: true });
  expect((await files()).length).toBeGreaterThan(small.length);
  for (const table of [peopleLater, bag]) {
    const shown = await target.mirror(table);
    expect(shown!.length).toBe(model.mirror(table).length);
  }
  const cells = (rows: readonly { readonly cells: readonly (string | null)[] }[]): string[] =>
    rows.map((row) => JSON.stringify(row.cells)).sort();
  expect(cells((await target.mirror(bag))!)).toEqual(cells(model.mirror(bag)));
  await target.drop();
});

it('a note of a merge that a fenced writer left behind, of a file that is gone, stops nobody', async () => {
  const target = new ParquetTarget();
  const { place } = target.address;
  if (place.kind !== 'directory') throw new Error('a directory');
  const groups = randomGroups(4, 4);
  const model = await new ReferenceWarehouse().apply(groups);
  const sink = target.sink();
  let cursor = await sink.open('p', 1n);
  for (const group of groups) cursor = await deliver(sink, cursor, [group]);
  await sink.close();
  const [kept] = await readdir(`${place.path}/tables`);
  const merge = {
    into: `tables/${kept}/date=2026-01-01/gone.parquet`,
    from: [`tables/${kept}/date=2026-01-01/there.parquet`],
  };
  await writeFile(`${place.path}/_rowseal/merge.json`, JSON.stringify(merge));
  const heir = target.sink();
  expect(await heir.open('p', 2n)).toBe(3);
  await heir.close();
  expect(await readdir(`${place.path}/_rowseal`)).not.toContain('merge.json');
  for (const table of [peopleLater, bag]) await expectEqual(target, model, table);
  await target.drop();
});

it.each([
  ['before it counts', 'rename', (path: string) => path.endsWith('/merge.json')],
  ['when its sources are removed', 'rm', (path: string) => /\/tables\/.*\.parquet$/.test(path)],
  ['when its note is removed', 'rm', (path: string) => path.endsWith('/merge.json')],
] as const)(
  'a merge that fails once, %s, is reported, and merging goes on after the pause',
  async (_, call, hits) => {
    const target = new ParquetTarget();
    const { place } = target.address;
    if (place.kind !== 'directory') throw new Error('a directory');
    const groups = randomGroups(5, 24);
    const reports: string[] = [];
    const compaction = { files: 4, maxBytes: 64_000_000 };
    const sink = createParquetSink({ ...target.address, compaction }, ({ code }) => reports.push(code), {
      firstMs: 0,
      maxMs: 0,
    });
    const files = async (): Promise<number> =>
      (await readdir(`${place.path}/tables`, { recursive: true })).filter((name) => name.endsWith('.parquet'))
        .length;
    const whole = { rename: fs.rename, rm: fs.rm };
    const fail = async (path: string): Promise<void> => {
      if (reports.length > 0 || !hits(path)) return;
      throw Object.assign(new Error('the disk went away'), { code: 'EIO' });
    };
    try {
      fs.rename = async (from, to) => {
        if (call === 'rename') await fail(String(to));
        return whole.rename(from, to);
      };
      fs.rm = async (path, options) => {
        if (call === 'rm') await fail(String(path));
        return whole.rm(path, options);
      };
      syncBuiltinESMExports();
      let cursor = await sink.open('p', 1n);
      for (const group of groups) cursor = await deliver(sink, cursor, [group]);
      expect(reports).toEqual(['RS-PQT-006']);
      // Of two tables: a merged file, fewer than would be merged, and the newest one.
      expect(await files()).toBeLessThanOrEqual(10);
      expect(await readdir(`${place.path}/_rowseal`)).not.toContain('merge.json');
    } finally {
      Object.assign(fs, whole);
      syncBuiltinESMExports();
      await sink.close();
    }
    const model = await new ReferenceWarehouse().apply(groups);
    for (const table of [peopleLater, bag]) await expectEqual(target, model, table);
    await target.drop();
  },
);

it('a merge that keeps failing is tried after pauses that grow, not with every batch, and merging goes on once it can', async () => {
  const target = new ParquetTarget();
  const { place } = target.address;
  if (place.kind !== 'directory') throw new Error('a directory');
  const groups = randomGroups(5, 30);
  const reports: { readonly code: string; readonly inMs: number }[] = [];
  const sink = createParquetSink(target.address, ({ code }, inMs) => reports.push({ code, inMs }));
  const whole = { rename: fs.rename, readdir: fs.readdir };
  const now = performance.now.bind(performance);
  let aheadMs = 0;
  let failing = true;
  let walks = 0;
  const clock = vi.spyOn(performance, 'now').mockImplementation(() => now() + aheadMs);
  let cursor: number | null = null;
  const deliverTo = async (end: number): Promise<void> => {
    for (const group of groups.slice((cursor ?? -1) + 1, end)) cursor = await deliver(sink, cursor, [group]);
  };
  try {
    fs.rename = async (from, to) => {
      if (failing && String(to).endsWith('/merge.json'))
        throw Object.assign(new Error('the disk went away'), { code: 'EIO' });
      return whole.rename(from, to);
    };
    Object.assign(fs, {
      readdir: (...call: Parameters<typeof whole.readdir>) => {
        if (String(call[0]) === `${place.path}/tables`) walks++;
        return whole.readdir(...call);
      },
    });
    syncBuiltinESMExports();
    cursor = await sink.open('p', 1n);
    await deliverTo(10);
    expect(reports).toHaveLength(1);
    expect(walks).toBe(1);
    aheadMs += reports[0]!.inMs;
    await deliverTo(15);
    expect(reports).toHaveLength(2);
    expect(walks).toBe(2);
    for (let tries = 2; tries < 8; tries++) {
      aheadMs += reports.at(-1)!.inMs;
      await deliverTo(15 + tries);
      expect(reports).toHaveLength(tries + 1);
    }
    expect(new Set(reports.map(({ code }) => code))).toEqual(new Set(['RS-PQT-006']));
    expect(reports.map(({ inMs }) => inMs / 60_000)).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
    failing = false;
    aheadMs += reports.at(-1)!.inMs;
    await deliverTo(30);
    expect(reports).toHaveLength(8);
    expect(walks).toBe(9);
    const left = (await readdir(`${place.path}/tables`, { recursive: true })).filter((name) =>
      name.endsWith('.parquet'),
    );
    expect(left.length).toBeLessThanOrEqual(8);
  } finally {
    Object.assign(fs, whole);
    syncBuiltinESMExports();
    clock.mockRestore();
    await sink.close();
  }
  const model = await new ReferenceWarehouse().apply(groups);
  for (const table of [peopleLater, bag]) await expectEqual(target, model, table);
  await target.drop();
});
