import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAccessLog } from '../../src/audit/access-log.ts';
import type { AuditLog } from '../../src/audit/audit-log.ts';
import { eraseRow, keySpacesOf, planErasure } from '../../src/audit/erase.ts';
import { FRAME_HEADER_BYTES, FrameType } from '../../src/audit/frame.ts';
import { generateSigningKeyFile, parseSigningKey, verifierKeyOf } from '../../src/audit/keys.ts';
import { lockDirectory } from '../../src/audit/lock.ts';
import { NodeDisk } from '../../src/audit/node-disk.ts';
import { openAuditLog } from '../../src/audit/open.ts';
import type { Signer } from '../../src/audit/signers/signer.ts';
import { tableDirectory } from '../../src/audit/table-directory.ts';
import { exitOf, type VerifyReport } from '../../src/audit/verify/report.ts';
import { verifyAudit } from '../../src/audit/verify/verify.ts';
import { seededRandom } from '../../src/cli/demo/shop.ts';
import { isRowsealError } from '../../src/error/rowseal-error.ts';
import { at, begin, column, INT, rows, table } from '../support/masked.ts';
import { PowerCut, SimulatedDisk } from '../support/simulated-disk.ts';
import { editFrames } from '../support/tamper-attacks.ts';

const ORIGIN = 'rowseal/erasure';
const signer = parseSigningKey(generateSigningKeyFile());
const key = verifierKeyOf(signer, ORIGIN);
const people = table('people', [column('id', 1, INT), column('name', 2)]);
const directoryOfPeople = tableDirectory(people);
const tag = (id: number): string => Buffer.from(String(id).padEnd(16).slice(0, 16), 'latin1').toString('hex');

/** Row 7 is written, changed, becomes row 70 and is changed again; the others stand beside it. */
async function fill(log: AuditLog): Promise<void> {
  for (let n = 0; n < 6; n++) {
    const group = log.begin();
    await group.append([
      begin(n),
      rows(people, 0, [
        { op: 'c', after: [String(100 + n), `other-${n}`] },
        ...(n === 0 ? [{ op: 'c' as const, after: ['7', 'canary-a'] }] : []),
        ...(n === 2 ? [{ op: 'u' as const, before: ['7', 'canary-a'], after: ['7', 'canary-b'] }] : []),
        ...(n === 4 ? [{ op: 'u' as const, before: ['7', 'canary-b'], after: ['70', 'canary-c'] }] : []),
      ]),
    ]);
    await group.seal(at(n * 10 + 5));
  }
}

const request = { table: directoryOfPeople, tags: [tag(7)], actor: 'dpo@example.com', reason: 'request 17' };

let root: string;
let whole: string;
let copies = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'rowseal-erasure-'));
  whole = join(root, 'whole');
  const { log } = await openAuditLog({
    directory: whole,
    origin: ORIGIN,
    signer,
    segmentMaxBytes: 300,
    headIntervalMs: 0,
  });
  await fill(log);
  await log.close();
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function copyOfWhole(): Promise<string> {
  const copy = join(root, `copy-${copies++}`);
  await cp(whole, copy, { recursive: true });
  return copy;
}

async function erase(directory: string, what = request): ReturnType<typeof eraseRow> {
  const { log } = await openAuditLog({
    directory,
    origin: ORIGIN,
    signer,
    segmentMaxBytes: 300,
    headIntervalMs: 0,
  });
  try {
    return await eraseRow(new NodeDisk(), directory, log, what);
  } finally {
    await log.close();
  }
}

const verify = (directory: string): Promise<VerifyReport> => verifyAudit({ directory, key });

async function textOfRows(directory: string): Promise<string> {
  const disk = new NodeDisk();
  const folder = join(directory, 'tables', directoryOfPeople);
  const texts = (await disk.list(folder))
    .filter((name) => name.startsWith('rows-'))
    .map((name) => readFile(join(folder, name), 'latin1'));
  return (await Promise.all(texts)).join('');
}

describe('erasure', () => {
  it('takes every image of the row, under every key it had, and keeps every proof', async () => {
    const copy = await copyOfWhole();
    expect(await textOfRows(copy)).toContain('canary-c');
    expect(await erase(copy)).toEqual({
      images: 5,
      records: 3,
      keys: 2,
      undelivered: 0,
      alive: true,
      erased: 5,
      recorded: true,
    });
    expect(await textOfRows(copy)).not.toContain('canary');
    expect(await textOfRows(copy)).toContain('other-5');
    const report = await verify(copy);
    expect(report.problems).toEqual([]);
    expect([report.erased, report.erasures]).toEqual([5, 1]);
  });

  it('leaves the rest readable, and is not replayed', async () => {
    const copy = await copyOfWhole();
    await erase(copy);
    const { log } = await openAuditLog({ directory: copy, origin: ORIGIN, signer });
    const cells: unknown[] = [];
    for await (const group of log.read(0))
      for await (const events of group.chunks())
        for (const event of events) if (event.kind === 'rows') cells.push(...event.run.cells);
    await log.close();
    expect(cells).toEqual([0, 1, 2, 3, 4, 5].flatMap((n) => [String(100 + n), `other-${n}`]));
  });

  it('refuses where a frame of records in an older segment is damaged, and touches no image', async () => {
    const copy = await copyOfWhole();
    const file = join(copy, 'tables', directoryOfPeople, 'records-00000001.seg');
    const bytes = await readFile(file);
    let at = 0;
    while (bytes[at + 4] !== FrameType.records) at += FRAME_HEADER_BYTES + bytes.readUInt32BE(at);
    bytes[at + FRAME_HEADER_BYTES + 20]! ^= 1;
    await writeFile(file, bytes);
    const before = await textOfRows(copy);
    await expect(erase(copy)).rejects.toThrow(expect.objectContaining({ code: 'RS-AUD-004' }));
    expect(await textOfRows(copy)).toBe(before);
  });

  it('refuses where a frame of records is missing, and touches no image', async () => {
    const copy = await copyOfWhole();
    const file = join(copy, 'tables', directoryOfPeople, 'records-00000001.seg');
    await editFrames(file, (list) => list.filter((frame) => frame[4] !== FrameType.records));
    const before = await textOfRows(copy);
    await expect(erase(copy)).rejects.toThrow(expect.objectContaining({ code: 'RS-AUD-004' }));
    expect(await textOfRows(copy)).toBe(before);
  });

  it('again changes nothing; of a row that is not there it says so', async () => {
    const copy = await copyOfWhole();
    await erase(copy);
    expect(await erase(copy)).toEqual({
      images: 0,
      records: 3,
      keys: 2,
      undelivered: 0,
      alive: true,
      erased: 0,
      recorded: false,
    });
    await expect(erase(copy, { ...request, tags: [tag(8)] })).rejects.toThrow(
      expect.objectContaining({ code: 'RS-AUD-011' }),
    );
    expect((await verify(copy)).erasures).toBe(1);
  });

  it('of images without a record is tampering', async () => {
    const [copy, other] = [await copyOfWhole(), await copyOfWhole()];
    await erase(other);
    for (const name of await new NodeDisk().list(join(other, 'tables', directoryOfPeople)))
      if (name.startsWith('rows-'))
        await cp(
          join(other, 'tables', directoryOfPeople, name),
          join(copy, 'tables', directoryOfPeople, name),
        );
    const report = await verify(copy);
    expect(exitOf(report)).toBe(10);
    expect(report.problems[0]?.what).toContain('no erasure record says so');
  });

  it('is not excused by a record that no group seals', async () => {
    const [copy, other] = [await copyOfWhole(), await copyOfWhole()];
    await erase(other);
    const tables = (directory: string) => join(directory, 'tables', directoryOfPeople);
    const disk = new NodeDisk();
    // Blanked images, the signed record itself, its segment: everything but the journal leaf.
    for (const name of await disk.list(tables(other)))
      if (name !== 'head') await cp(join(tables(other), name), join(tables(copy), name));
    const report = await verify(copy);
    expect(exitOf(report)).toBe(10);
    expect(report.problems.some(({ what }) => what.includes('no erasure record says so'))).toBe(true);
    expect(report.erased).toBe(0);
  });

  it('whose record was taken away is found', async () => {
    const copy = await copyOfWhole();
    await erase(copy);
    // Records and journal as they were before the erasure; the images stay blank.
    for (const folder of ['journal', join('tables', directoryOfPeople)])
      for (const name of await new NodeDisk().list(join(copy, folder)))
        if (!name.startsWith('rows-')) await rm(join(copy, folder, name));
    for (const folder of ['journal', join('tables', directoryOfPeople)])
      for (const name of await new NodeDisk().list(join(whole, folder)))
        if (!name.startsWith('rows-')) await cp(join(whole, folder, name), join(copy, folder, name));
    expect(exitOf(await verify(copy))).toBe(10);
  });

  it('leaves salts and bodies empty: a salt that was kept would still prove a guess', async () => {
    const copy = await copyOfWhole();
    await erase(copy);
    const segment = join(copy, 'tables', directoryOfPeople, 'rows-00000000.seg');
    const [before, after] = [
      await readFile(join(whole, 'tables', directoryOfPeople, 'rows-00000000.seg')),
      await readFile(segment),
    ];
    expect(after.length).toBe(before.length);
    // salt[16] ‖ u32 length ‖ state, length, '7', state, length, 'canary-a'
    const body = before.indexOf('canary-a') - 5;
    const [salt, rest] = [after.subarray(body - 20, body - 4), after.subarray(body, body + 13)];
    expect([salt, rest]).toEqual([Buffer.alloc(16), Buffer.alloc(13)]);
    expect(after.readUInt32BE(body - 4)).toBe(13);
  });

  it('of a row that comes back later takes only what was there', async () => {
    const copy = await copyOfWhole();
    await erase(copy);
    const { log } = await openAuditLog({ directory: copy, origin: ORIGIN, signer, headIntervalMs: 0 });
    const group = log.begin();
    await group.append([begin(90), rows(people, 0, [{ op: 'c', after: ['7', 'canary-new'] }])]);
    await group.seal(at(100));
    await log.close();
    const report = await verify(copy);
    expect([report.problems, report.erased]).toEqual([[], 5]);
    expect(await textOfRows(copy)).toContain('canary-new');
    expect(await erase(copy)).toMatchObject({ erased: 1, recorded: true });
    expect(await verify(copy)).toMatchObject({ problems: [], erased: 6, erasures: 2 });
    expect(await textOfRows(copy)).not.toContain('canary');
  });

  it('plans without changing, and knows whether the source still has the row', async () => {
    const copy = await copyOfWhole();
    const plan = await planErasure(new NodeDisk(), copy, request);
    expect(plan).toEqual({ images: 5, records: 3, keys: 2, undelivered: 0, alive: true });
    expect(await textOfRows(copy)).toContain('canary-c');
    const { log } = await openAuditLog({ directory: copy, origin: ORIGIN, signer });
    const group = log.begin();
    await group.append([begin(90), rows(people, 0, [{ op: 'd', before: ['70', 'canary-c'] }])]);
    await group.seal(at(100));
    await log.close();
    expect(await planErasure(new NodeDisk(), copy, request)).toMatchObject({ images: 6, alive: false });
    expect(await keySpacesOf(new NodeDisk(), copy, directoryOfPeople)).toMatchObject({
      keys: [{ epoch: 1, fingerprint: '0123456789abcdef' }],
    });
  });

  it('that was recorded and undone from a copy is found, and can be done again', async () => {
    const copy = await copyOfWhole();
    await erase(copy);
    const kept = await new NodeDisk().list(join(whole, 'tables', directoryOfPeople));
    for (const name of kept.filter((file) => file.startsWith('rows-')))
      await cp(join(whole, 'tables', directoryOfPeople, name), join(copy, 'tables', directoryOfPeople, name));
    const report = await verify(copy);
    expect(new Set(report.problems.map(({ code }) => code))).toEqual(new Set(['RS-AUD-028']));
    expect(exitOf(report)).toBe(1);
    expect((await erase(copy)).erased).toBe(5);
    expect((await verify(copy)).problems).toEqual([]);
  });

  it('survives a power cut at any moment: before, after, or a promise that the next run keeps', async () => {
    const outcomes = new Map<string, number>();
    for (let seed = 1; seed <= 300; seed++) {
      const disk = new SimulatedDisk(seededRandom(seed), {});
      const open = () =>
        openAuditLog({
          directory: '/audit',
          origin: ORIGIN,
          signer,
          segmentMaxBytes: 300,
          headIntervalMs: 0,
          disk,
          lock: () => async () => {},
        });
      const first = await open();
      await fill(first.log);
      await first.log.close();
      disk.cutAfter(1 + (seed % 120));
      try {
        const second = await open();
        await eraseRow(disk, '/audit', second.log, request);
        await second.log.close();
        disk.cutAfter(1);
        await disk.open('/audit/x').then((file) => file.sync());
      } catch (error) {
        if (!(error instanceof PowerCut)) throw error;
      }
      disk.restart();
      const third = await open();
      await third.log.close();
      const report = await verifyAudit({ directory: '/audit', key, disk });
      const codes = [...new Set(report.problems.map(({ code }) => code))];
      expect(codes.filter((code) => code !== 'RS-AUD-028')).toEqual([]);
      const outcome = codes.length > 0 ? 'promised' : report.erasures > 0 ? 'done' : 'before';
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      const fourth = await open();
      await eraseRow(disk, '/audit', fourth.log, request);
      await fourth.log.close();
      const after = await verifyAudit({ directory: '/audit', key, disk });
      expect([after.problems, after.erased, after.erasures]).toEqual([[], 5, 1]);
    }
    expect([...outcomes.keys()].sort()).toEqual(['before', 'done', 'promised']);
  }, 120_000);
});

describe('access log', () => {
  const entry = (n: number) => ({
    time_us: String(n),
    actor: 'ann@example.com',
    reason: `ticket ${n}`,
    space: 'domain:email',
    method: 'reversible',
    key_epoch: 1,
    outcome: 'granted' as const,
    tokens: [`t1.1.token${n}`],
  });
  const file = (directory: string): string => join(directory, 'access', 'requests.jsonl');

  async function withRequests(count: number): Promise<string> {
    const copy = await copyOfWhole();
    for (let n = 0; n < count; n++) {
      const log = await openAccessLog(new NodeDisk(), copy, ORIGIN, signer, lockDirectory);
      await log.append(entry(n));
      await log.close();
    }
    return copy;
  }

  it('is checked with the rest', async () => {
    const report = await verify(await withRequests(3));
    expect([report.problems, report.accesses]).toEqual([[], 3]);
  });

  it.each([
    ['a changed reason', (text: string) => text.replace('ticket 1', 'ticket 9'), 10],
    [
      'a removed request',
      (text: string) =>
        text
          .split('\n')
          .filter((_, i) => i !== 1)
          .join('\n'),
      10,
    ],
    ['a cut-off end', (text: string) => `${text.split('\n').slice(0, 2).join('\n')}\n`, 11],
    ['an emptied log', () => '', 11],
    ['a forged request', (text: string) => `${text}${text.split('\n')[2]}\n`, 10],
    ['a line that is none', (text: string) => text.replace('\n', '\n{}\n'), 10],
    ['a torn line that a head covers', (text: string) => `${text.slice(0, -9)}\n`, 10],
  ])('%s is found', async (_what, attack, exit) => {
    const copy = await withRequests(3);
    await writeFile(file(copy), attack(await readFile(file(copy), 'utf8')));
    expect(exitOf(await verify(copy))).toBe(exit);
    await expect(openAccessLog(new NodeDisk(), copy, ORIGIN, signer, lockDirectory)).rejects.toThrow(
      expect.objectContaining({ code: 'RS-AUD-012' }),
    );
  });

  /** Says that it is the log's key, and signs with another. */
  function liar(): Signer {
    const other = parseSigningKey(generateSigningKeyFile());
    return { publicKey: signer.publicKey, sign: (message) => other.sign(message) };
  }

  it('is not begun with a key that is none of the log', async () => {
    const copy = await copyOfWhole();
    const other = parseSigningKey(generateSigningKeyFile());
    await expect(openAccessLog(new NodeDisk(), copy, ORIGIN, other, lockDirectory)).rejects.toThrow(
      expect.objectContaining({ code: 'RS-AUD-007' }),
    );
    // And the lock was given back.
    await (await openAccessLog(new NodeDisk(), copy, ORIGIN, signer, lockDirectory)).close();
  });

  it('signed by another key is found', async () => {
    const copy = await copyOfWhole();
    const log = await openAccessLog(new NodeDisk(), copy, ORIGIN, liar(), lockDirectory);
    await log.append(entry(0));
    await log.close();
    expect(exitOf(await verify(copy))).toBe(12);
  });

  it('moves an unfinished line aside and goes on', async () => {
    const copy = await withRequests(1);
    await writeFile(file(copy), `${await readFile(file(copy), 'utf8')}{"entry":`);
    const log = await openAccessLog(new NodeDisk(), copy, ORIGIN, signer, lockDirectory);
    await log.append(entry(1));
    await log.close();
    const report = await verify(copy);
    expect([report.problems, report.accesses]).toEqual([[], 2]);
  });

  it('fits a head of it from outside, and is not rolled back under it', async () => {
    const copy = await withRequests(3);
    const head = await readFile(join(copy, 'access', 'head'), 'utf8');
    expect(exitOf(await verifyAudit({ directory: copy, key, head }))).toBe(0);
    await rm(join(copy, 'access'), { recursive: true });
    expect(exitOf(await verify(copy))).toBe(0);
    expect(exitOf(await verifyAudit({ directory: copy, key, head }))).toBe(11);
  });

  it('is not continued over the heads of another key', async () => {
    const copy = await copyOfWhole();
    const log = await openAccessLog(new NodeDisk(), copy, ORIGIN, liar(), lockDirectory);
    await log.append(entry(0));
    await log.close();
    await expect(openAccessLog(new NodeDisk(), copy, ORIGIN, signer, lockDirectory)).rejects.toThrow(
      expect.objectContaining({ code: 'RS-AUD-012' }),
    );
  });

  it('is written while the pipeline holds the log, and by one request at a time', async () => {
    const copy = await copyOfWhole();
    const running = await openAuditLog({ directory: copy, origin: ORIGIN, signer });
    const log = await openAccessLog(new NodeDisk(), copy, ORIGIN, signer, lockDirectory);
    await log.append(entry(0));
    await expect(openAccessLog(new NodeDisk(), copy, ORIGIN, signer, lockDirectory)).rejects.toThrow(
      expect.objectContaining({ code: 'RS-AUD-006' }),
    );
    await log.close();
    await running.log.close();
    expect((await verify(copy)).accesses).toBe(1);
  });

  it('keeps every answered request through power cuts and failed syncs, and goes on', async () => {
    for (let seed = 1; seed <= 300; seed++) {
      const disk = new SimulatedDisk(seededRandom(seed), {});
      const lock = () => async (): Promise<void> => {};
      const main = await openAuditLog({ directory: '/audit', origin: ORIGIN, signer, disk, lock });
      await fill(main.log);
      await main.log.close();
      let answered = 0;
      for (let life = 0; life < 3; life++) {
        if (seed % 2 === 0) disk.cutAfter(1 + ((seed * 7 + life * 13) % 40));
        else disk.failSyncAfter(1 + ((seed * 7 + life * 13) % 9));
        try {
          while (true) {
            const log = await openAccessLog(disk, '/audit', ORIGIN, signer, lock);
            await log.append(entry(answered));
            answered++;
            await log.close();
          }
        } catch (error) {
          if (!(error instanceof PowerCut) && !(isRowsealError(error) && error.code === 'RS-AUD-001'))
            throw error;
        }
        // Only the process ends, and the next one reads what the kernel kept: whether or not it is on the disk.
        if (life === 0 && seed % 3 > 0) {
          disk.restartProcess();
          continue;
        }
        disk.restart();
        const report = await verifyAudit({ directory: '/audit', key, disk });
        expect(report.problems).toEqual([]);
        // The last one may be written down and not answered; the other way round never.
        expect(report.accesses).toBeGreaterThanOrEqual(answered);
        expect(report.accesses).toBeLessThanOrEqual(answered + life + 1);
      }
    }
  }, 180_000);
});

it('every edited byte of a log with erasures and requests is found', async () => {
  const copy = await copyOfWhole();
  await erase(copy);
  for (let n = 0; n < 2; n++) {
    const log = await openAccessLog(new NodeDisk(), copy, ORIGIN, signer, lockDirectory);
    await log.append({
      time_us: String(n),
      actor: 'ann@example.com',
      reason: 'ticket',
      space: 'domain:email',
      method: 'reversible',
      key_epoch: 1,
      outcome: 'granted',
      tokens: ['t1.1.a'],
    });
    await log.close();
  }
  expect((await verify(copy)).problems).toEqual([]);
  const disk = new NodeDisk();
  const files = ['access/requests.jsonl', 'access/head'];
  for (const folder of ['journal', join('tables', directoryOfPeople)])
    files.push(...(await disk.list(join(copy, folder))).map((name) => join(folder, name)));
  const random = seededRandom(20_261);
  const missed: string[] = [];
  for (let n = 0; n < 300; n++) {
    const name = files[n % files.length]!;
    const bytes = await readFile(join(copy, name));
    const place = Math.floor(random() * bytes.length);
    const changed = Buffer.from(bytes);
    changed[place] = changed[place]! ^ (1 << Math.floor(random() * 8));
    await writeFile(join(copy, name), changed);
    if (exitOf(await verify(copy)) === 0) missed.push(`${name}:${place}`);
    await writeFile(join(copy, name), bytes);
  }
  expect(missed).toEqual([]);
}, 180_000);
