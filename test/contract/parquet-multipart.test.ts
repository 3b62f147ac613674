import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { S3_LIMITS } from '../../connectors/sinks/parquet/s3-multipart.ts';
import { S3Store } from '../../connectors/sinks/parquet/s3-store.ts';
import { FakeS3 } from '../support/sink/fake-s3.ts';

const MIB = 1024 ** 2;
/** As Amazon's, but that what is too large for one copy is small enough for a test. */
const limits = { ...S3_LIMITS, partBytes: 5 * MIB, copyBytes: 6 * MIB };

let s3: FakeS3;
let endpoint: string;
let directory: string;
const stores: S3Store[] = [];

beforeAll(async () => {
  s3 = new FakeS3();
  endpoint = await s3.listen();
  s3.maxBytes = limits.copyBytes;
});
afterAll(() => s3.close());
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rowseal-multipart-'));
});
afterEach(async () => {
  s3.uploadFault = () => null;
  s3.objects.clear();
  for (const store of stores.splice(0)) store.close();
  await rm(directory, { recursive: true });
});

function open(changes: Partial<typeof limits> = {}): S3Store {
  const store = new S3Store(
    {
      bucket: 'bucket',
      prefix: 'lake',
      region: 'us-east-1',
      endpoint,
      credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
      workDirectory: join(directory, 'work'),
    },
    { ...limits, ...changes },
  );
  stores.push(store);
  return store;
}

async function file(bytes: Buffer): Promise<string> {
  const path = join(directory, 'made.parquet');
  await writeFile(path, bytes);
  return path;
}

it.each([
  ['one part and a byte', 5 * MIB + 1],
  ['whole parts', 10 * MIB],
  ['parts and a rest', 13 * MIB + 17],
])('a file of %s goes up in parts, and is the same', async (_, length) => {
  const bytes = randomBytes(length);
  const path = await file(bytes);
  await open().put(path, 'tables/a.parquet');
  expect(s3.objects.get('bucket/lake/tables/a.parquet')?.equals(bytes)).toBe(true);
  expect(s3.uploads.open).toEqual([]);
  await expect(readFile(path)).rejects.toMatchObject({ code: 'ENOENT' });
});

it.each(['create', 'part', 'complete'] as const)(
  'a lost request or answer of %s is sent again, and the file is there once and whole',
  async (which) => {
    const bytes = randomBytes(11 * MIB);
    const faults: ('before' | 'after')[] = ['before', 'after'];
    s3.uploadFault = (step) => (step === which ? (faults.pop() ?? null) : null);
    const store = open();
    await store.put(await file(bytes), '_rowseal/staging/a.parquet');
    expect(faults).toEqual([]);
    expect(s3.objects.get('bucket/lake/_rowseal/staging/a.parquet')?.equals(bytes)).toBe(true);
    // An upload whose id was never heard of is found by the next opening.
    await store.removeAll('_rowseal/staging');
    expect(s3.uploads.open).toEqual([]);
    expect([...s3.objects.keys()]).toEqual([]);
  },
);

it('an upload that fails for good is aborted: nothing appears, and nothing is left to pay for', async () => {
  let parts = 0;
  s3.uploadFault = (step) => (step === 'part' && ++parts > 1 ? 'before' : null);
  const path = await file(randomBytes(11 * MIB));
  await expect(open().put(path, 'tables/a.parquet')).rejects.toThrow();
  expect([...s3.objects.keys()]).toEqual([]);
  expect(s3.uploads.open).toEqual([]);
  expect((await readFile(path)).length).toBe(11 * MIB);
});

it('what crashes left behind in a folder is removed with it, and nothing elsewhere', async () => {
  for (let n = 0; n < 5; n++) s3.uploads.create(`bucket/lake/_rowseal/staging/e1/${n % 2}.parquet`);
  s3.uploads.create('bucket/lake/tables/others.parquet');
  s3.uploads.create('bucket/other/_rowseal/staging/e1/0.parquet');
  await open().removeAll('_rowseal/staging');
  expect([...s3.uploads.open].sort()).toEqual([
    'bucket/lake/tables/others.parquet',
    'bucket/other/_rowseal/staging/e1/0.parquet',
  ]);
});

it('a file too large for one copy is moved in parts, also when a crash left one half done', async () => {
  const bytes = randomBytes(13 * MIB + 5);
  const store = open();
  await store.put(await file(bytes), '_rowseal/staging/a.parquet');
  s3.uploads.create('bucket/lake/tables/a.parquet');
  await store.move('_rowseal/staging/a.parquet', 'tables/a.parquet');
  expect([...s3.objects.keys()]).toEqual(['bucket/lake/tables/a.parquet']);
  expect(s3.objects.get('bucket/lake/tables/a.parquet')?.equals(bytes)).toBe(true);
  expect(s3.uploads.open.filter((key) => key.endsWith('tables/a.parquet'))).toEqual([]);
  // Moved already, before a crash.
  await store.move('_rowseal/staging/a.parquet', 'tables/a.parquet');
  const fetched = await store.fetch('tables/a.parquet');
  expect((await readFile(fetched)).equals(bytes)).toBe(true);
});

it('parts grow where there would be too many of them, and an object that no parts can hold is refused', async () => {
  const bytes = randomBytes(21 * MIB);
  await open({ parts: 3 }).put(await file(bytes), 'tables/a.parquet');
  expect(s3.objects.get('bucket/lake/tables/a.parquet')?.equals(bytes)).toBe(true);
  await expect(
    open({ objectBytes: 20 * MIB }).put(await file(bytes), 'tables/b.parquet'),
  ).rejects.toMatchObject({
    code: 'RS-PQT-010',
  });
});
