import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { lockDirectory } from '../../../src/audit/lock.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rowseal-lock-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const refusal = (): unknown => {
  try {
    lockDirectory(directory);
  } catch (error) {
    return error;
  }
  throw new Error('the lock was taken');
};

it('is held by one at a time, who is named', async () => {
  const release = lockDirectory(directory);
  expect(refusal()).toMatchObject({
    code: 'RS-AUD-006',
    message: expect.stringContaining(`held by process ${process.pid}`),
  });
  expect((await readFile(join(directory, 'lock.holder'), 'utf8')).trim()).toBe(String(process.pid));
  await release();
  await lockDirectory(directory)();
});

it.each<[string, () => Promise<unknown>]>([
  ['cannot be opened', () => mkdir(join(directory, 'lock'))],
  ['is no lock', () => writeFile(join(directory, 'lock'), 'x'.repeat(4096))],
  ['lies in a directory that is not there', () => rm(directory, { recursive: true })],
])('a lock that %s is not said to be held', async (_what, spoil) => {
  await writeFile(join(directory, 'lock.holder'), '4711\n');
  await spoil();
  expect(refusal()).toMatchObject({
    code: 'RS-AUD-001',
    message: expect.not.stringContaining('4711'),
  });
});

it('is given back when its holder cannot be written down', async () => {
  await mkdir(join(directory, 'lock.holder'));
  expect(refusal()).toMatchObject({ code: 'RS-AUD-001', message: expect.stringContaining('EISDIR') });
  await rm(join(directory, 'lock.holder'), { recursive: true });
  await lockDirectory(directory)();
});
