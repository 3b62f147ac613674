import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DuckDBConnection } from '@duckdb/node-api';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { MirrorView } from '../../src/deliver/mirror-reader.ts';
import type { Sink } from '../../src/deliver/sink.ts';
import { column, INT, rows, table } from '../support/masked.ts';
import { deliver, GroupMaker } from '../support/sink/groups.ts';
import { ParquetTarget } from '../support/sink/parquet-target.ts';

const t = table('t', [column('id', 1, INT)]);
const ids = Array.from({ length: 10 }, (_, id) => [String(id)]);
let target: ParquetTarget;
let sink: Sink;
let maker: GroupMaker;
let view: MirrorView;

beforeEach(async () => {
  target = new ParquetTarget();
  maker = new GroupMaker();
  sink = target.sink();
  await sink.open('p', 1n);
  await deliver(sink, null, [
    maker.seal([
      rows(
        t,
        0,
        ids.map((after) => ({ op: 'c', after })),
      ),
    ]),
  ]);
  view = (await target.reader().open())!;
});
afterEach(async () => {
  vi.restoreAllMocks();
  await Promise.all([view.close(), sink.close()]);
  await target.drop();
});

/** The rows are read, and this happens after they were counted. */
async function readWith(action: () => Promise<void>): Promise<number> {
  const { stream } = DuckDBConnection.prototype;
  vi.spyOn(DuckDBConnection.prototype, 'stream').mockImplementationOnce(async function (
    this: DuckDBConnection,
    ...call
  ) {
    await action();
    return stream.apply(this, call);
  });
  let read = 0;
  for await (const piece of view.rows(view.tables[0]!)) read += piece.length;
  return read;
}

async function removeFiles(): Promise<void> {
  const { place } = target.address;
  if (place.kind !== 'directory') throw new Error('a directory');
  const tables = join(place.path, 'tables');
  for (const name of await readdir(tables, { recursive: true }))
    if (name.endsWith('.parquet')) await rm(join(tables, name));
}

const removed = () =>
  deliver(sink, 0, [
    maker.seal([
      rows(
        t,
        0,
        ids.map((before) => ({ op: 'd', before })),
      ),
    ]),
  ]);

it('a batch that takes rows away while they are read is told as what it is', async () => {
  await expect(readWith(async () => void (await removed()))).rejects.toMatchObject({
    code: 'RS-REC-002',
    kind: 'transient',
    detail: 'sink w',
  });
});

it('so is a file that is gone since a batch came', async () => {
  const read = readWith(async () => {
    await removed();
    await removeFiles();
  });
  await expect(read).rejects.toMatchObject({ code: 'RS-REC-002' });
});

it('a batch that brings rows is found when all is read', async () => {
  const more = maker.seal([rows(t, 0, [{ op: 'c', after: ['10'] }])]);
  expect(await readWith(async () => void (await deliver(sink, 0, [more])))).toBe(11);
  expect(await view.moved()).toBe(true);
});

it('files that fail by themselves are no batch', async () => {
  await expect(readWith(removeFiles)).rejects.toMatchObject({ code: 'RS-PQT-006' });
});
