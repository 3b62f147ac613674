import { expect, it } from 'vitest';
import { FakeS3 } from '../support/sink/fake-s3.ts';
import { ParquetTarget } from '../support/sink/parquet-target.ts';
import { S3Target } from '../support/sink/s3-target.ts';
import { describeSinkContract } from './sink-contract.ts';

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
