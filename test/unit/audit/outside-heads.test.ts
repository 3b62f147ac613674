import { cp, mkdtemp, readdir, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { generateSigningKeyFile, parseSigningKey, verifierKeyOf } from '../../../src/audit/keys.ts';
import { exitOf, type VerifyReport } from '../../../src/audit/verify/report.ts';
import { verifyAudit } from '../../../src/audit/verify/verify.ts';
import { writeGroups } from '../../support/audit-log.ts';

const origin = 'rowseal/heads';
const signer = parseSigningKey(generateSigningKeyFile());
const key = verifierKeyOf(signer, origin);
let root: string;
let log: string;
let fork: string;
/** As the log was after seven groups. */
let older: string;
const heads = new Map<number, string>();
const tableHeads = new Map<number, string>();

async function tableOf(directory: string): Promise<string> {
  return join(directory, 'tables', (await readdir(join(directory, 'tables')))[0]!);
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'rowseal-heads-'));
  log = join(root, 'log');
  fork = join(root, 'fork');
  older = join(root, 'older');
  for (const to of [4, 7, 10]) {
    await writeGroups({ directory: log, origin, signer, from: to === 4 ? 0 : to - 3, to });
    heads.set(to, await readFile(join(log, 'journal', 'head'), 'utf8'));
    tableHeads.set(to, await readFile(join(await tableOf(log), 'head'), 'utf8'));
    if (to !== 7) continue;
    await cp(log, older, { recursive: true });
    await cp(log, fork, { recursive: true });
  }
  // The copy of group 7 goes on, too: two histories by one key.
  await writeGroups({ directory: fork, origin, signer, from: 7, to: 12, word: 'other' });
});

afterAll(() => rm(root, { recursive: true, force: true }));

const verify = (directory: string, head: readonly string[], more = {}): Promise<VerifyReport> =>
  verifyAudit({ directory, key, head, ...more });
const named = (report: VerifyReport): string => report.problems.map(({ what }) => what).join('\n');

it('heads of any age fit the log they are of', async () => {
  const report = await verify(log, [...heads.values(), ...tableHeads.values()]);
  expect(report.problems).toEqual([]);
  expect(report.heads.map(({ fit }) => fit)).toEqual(Array.from({ length: 6 }, () => 'fits'));
});

it('a table that no group names is refused, not found to be good', async () => {
  expect(await verify(log, [], { table: 'public.people' })).toMatchObject({ tables: 1, problems: [] });
  await expect(verify(log, [], { table: 'public.poeple' })).rejects.toMatchObject({ code: 'RS-AUD-011' });
  // Unless something says that it was there.
  const lost = await verify(older, [heads.get(10)!], { table: 'public.poeple' });
  expect(exitOf(lost)).toBe(11);
});

it('an older state of everything is called rolled back', async () => {
  const report = await verify(older, [heads.get(10)!, heads.get(4)!]);
  expect(exitOf(report)).toBe(11);
  expect(named(report)).toMatch(/^rolled back: a head for size 10 .* as it was at size 7/);
  expect(report.heads.map(({ fit }) => fit)).toEqual(['rolled back', 'fits']);
});

it('an end that was cut off is called truncated', async () => {
  const copy = join(root, 'cut');
  await cp(log, copy, { recursive: true });
  const file = join(copy, 'journal', 'journal-00000000.seg');
  const bytes = await readFile(file);
  let end = 0;
  const ends: number[] = [];
  while (end < bytes.length) {
    end += 9 + bytes.readUInt32BE(end);
    ends.push(end);
  }
  await truncate(file, ends.at(-3)!);
  const report = await verify(copy, [heads.get(10)!]);
  expect(exitOf(report)).toBe(11);
  expect(named(report)).toMatch(/truncated: a head for size 10 .* followed to 8, and the kept head says 10/);
  expect(report.heads[0]?.fit).toBe('truncated');
});

it('another history is called forked, and where the two part is told', async () => {
  const report = await verify(fork, [heads.get(4)!, heads.get(7)!, heads.get(10)!]);
  expect(exitOf(report)).toBe(10);
  expect(named(report)).toMatch(/^forked: a head for size 10 .* part after size 7/);
  expect(report.heads.map(({ fit }) => fit)).toEqual(['fits', 'fits', 'forked']);
  const ofTable = await verify(fork, [tableHeads.get(10)!]);
  expect(exitOf(ofTable)).toBe(10);
  expect(named(ofTable)).toMatch(/^forked/);
});

it('a head of another log, and what is no signed head', async () => {
  const otherTable = tableHeads.get(4)!.replace('people', 'pets');
  expect((await verify(log, [otherTable])).heads[0]?.fit).toBe('unsigned');
  const elsewhere = join(root, 'elsewhere');
  await writeGroups({ directory: elsewhere, origin: 'rowseal/elsewhere', signer, from: 0, to: 2 });
  const foreign = await verify(log, [await readFile(join(elsewhere, 'journal', 'head'), 'utf8')]);
  expect(foreign.heads[0]?.fit).toBe('unsigned');
  expect(exitOf(foreign)).toBe(12);
  const nonsense = await verify(log, ['', 'x', heads.get(4)!.replace(/— .*\n$/, '')]);
  expect(exitOf(nonsense)).toBe(12);
  expect(nonsense.heads.map(({ fit }) => fit)).toEqual(['unsigned', 'unsigned', 'unsigned']);
});
