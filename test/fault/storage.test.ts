import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditLog, NeedFrom, SealedEvent, SinkNeed } from '../../src/audit/audit-log.ts';
import type { Disk } from '../../src/audit/disk.ts';
import { eraseRow, planErasure } from '../../src/audit/erase.ts';
import { ExpiryScan, type ImageAge } from '../../src/audit/expire.ts';
import { type ExpiryReport, expireImages } from '../../src/audit/expire-images.ts';
import { encodeFrame, FrameType } from '../../src/audit/frame.ts';
import { GroupReader } from '../../src/audit/group-reader.ts';
import { generateSigningKeyFile, parseSigningKey, verifierKeyOf } from '../../src/audit/keys.ts';
import { NodeDisk } from '../../src/audit/node-disk.ts';
import { openAuditLog } from '../../src/audit/open.ts';
import { isPacked, packSegment, rewriteSegment } from '../../src/audit/packed-segment.ts';
import { listSegments, type SegmentKind, segmentName } from '../../src/audit/segment.ts';
import { SegmentBytes } from '../../src/audit/segment-bytes.ts';
import { tableDirectory } from '../../src/audit/table-directory.ts';
import { exitOf, type VerifyReport } from '../../src/audit/verify/report.ts';
import { verifyAudit } from '../../src/audit/verify/verify.ts';
import { seededRandom } from '../../src/cli/demo/shop.ts';
import { at, begin, column, INT, rows, table } from '../support/masked.ts';
import { PowerCut, SimulatedDisk } from '../support/simulated-disk.ts';

const ORIGIN = 'rowseal/storage';
const signer = parseSigningKey(generateSigningKeyFile());
const key = verifierKeyOf(signer, ORIGIN);
const people = table('people', [column('id', 1, INT), column('name', 2)]);
const folder = tableDirectory(people);
const DAY_US = 86_400_000_000n;
const START_US = 1_700_000_000_000_000n;
const forDays = (days: bigint): ImageAge => ({ of: () => days * DAY_US, shortestUs: days * DAY_US });

interface Opening {
  readonly directory: string;
  readonly nowUs: bigint;
  readonly disk?: Disk;
  readonly pack?: boolean;
  readonly age?: ImageAge;
  readonly failures?: unknown[];
  readonly need?: () => SinkNeed;
  readonly held?: NeedFrom[];
}

async function open({
  directory,
  nowUs,
  disk,
  pack,
  age,
  failures,
  need,
  held,
}: Opening): Promise<AuditLog & { idle(): Promise<void> }> {
  const { log, settled } = await openAuditLog({
    directory,
    origin: ORIGIN,
    signer,
    segmentMaxBytes: 1_500,
    headIntervalMs: 0,
    nowUs: () => nowUs,
    storage: {
      pack: pack ?? false,
      imageAge: age ?? null,
      ...(need === undefined ? {} : { sinkNeed: need }),
      onHeld: (by) => held?.push(by),
      onFailure: (error) => failures?.push(error),
    },
    ...(disk === undefined ? {} : { disk, lock: () => async () => {} }),
  });
  return Object.assign(log, { idle: settled });
}

async function seal(log: AuditLog, n: number): Promise<void> {
  const group = log.begin();
  const name = `name-${n}-${'x'.repeat(40)}`;
  await group.append([
    begin(n),
    rows(people, 0, [
      { op: 'c', after: [String(n), name] },
      { op: 'c', after: [String(1000 + n), `other-${n}-${'x'.repeat(40)}`] },
      { op: 'u', before: [String(n), name], after: [String(n), `later-${n}`] },
    ]),
  ]);
  await group.seal(at(n * 10 + 5));
}

/** One group a day, from day 0 on. */
async function fill(directory: string, days: number, disk?: Disk): Promise<void> {
  for (let day = 0; day < days; day++) {
    const log = await open({
      directory,
      nowUs: START_US + BigInt(day) * DAY_US,
      ...(disk === undefined ? {} : { disk }),
    });
    await seal(log, day);
    await log.close();
  }
}

const verify = (directory: string, disk: Disk = new NodeDisk()): Promise<VerifyReport> =>
  verifyAudit({ directory, key, disk });

async function eventsOf(directory: string, disk: Disk = new NodeDisk()): Promise<SealedEvent[]> {
  const events: SealedEvent[] = [];
  for await (const group of new GroupReader(disk, directory).read(0, Number.MAX_SAFE_INTEGER))
    for await (const chunk of group.chunks()) events.push(...chunk);
  return events;
}

async function packAll(directory: string, kind: SegmentKind): Promise<number> {
  const disk = new NodeDisk();
  const path = join(directory, 'tables', folder);
  const full = (await listSegments(disk, path, kind)).slice(0, -1);
  for (const segment of full) await packSegment(disk, join(path, segmentName(kind, segment)));
  return full.length;
}

async function packedCount(directory: string, disk: Disk = new NodeDisk()): Promise<number> {
  let count = 0;
  const path = join(directory, 'tables', folder);
  for (const kind of ['records', 'rows'] as const)
    for (const segment of await listSegments(disk, path, kind))
      if (isPacked(await disk.read(join(path, segmentName(kind, segment)), 0, 9))) count++;
  return count;
}

/** As an expiry does it: another packing, of other lengths. */
async function emptyImages(disk: Disk, path: string, size: number): Promise<void> {
  const segments = new SegmentBytes(disk);
  await rewriteSegment(
    disk,
    path,
    size,
    (offset, length) => segments.read(path, offset, length),
    ({ type, payload }) =>
      type === FrameType.images ? encodeFrame(FrameType.images, payload.fill(0)) : null,
  );
}

let root: string;
let whole: string;
let copies = 0;
const copyOfWhole = (): string => {
  const copy = join(root, `copy-${copies++}`);
  cpSync(whole, copy, { recursive: true });
  return copy;
};

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'rowseal-storage-'));
  whole = join(root, 'whole');
  await fill(whole, 24);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('packed segments', () => {
  it('hold the same bytes, for every reader and every range', async () => {
    const directory = copyOfWhole();
    const disk = new NodeDisk();
    const path = join(directory, 'tables', folder, segmentName('rows', 0));
    const plain = await disk.read(path, 0, 1e6);
    expect(await packAll(directory, 'rows')).toBeGreaterThan(2);
    expect(await packAll(directory, 'records')).toBeGreaterThan(2);
    const segments = new SegmentBytes(disk);
    expect(await segments.size(path)).toBe(plain.length);
    const random = seededRandom(7);
    for (let n = 0; n < 200; n++) {
      const offset = Math.floor(random() * (plain.length + 10));
      const length = Math.floor(random() * 700);
      expect(await segments.read(path, offset, length)).toEqual(plain.subarray(offset, offset + length));
    }
    expect(await eventsOf(directory)).toEqual(await eventsOf(whole));
    const report = await verify(directory);
    expect(exitOf(report), JSON.stringify(report.problems)).toBe(0);
    expect({ ...report, storedBytes: 0 }).toEqual({ ...(await verify(whole)), storedBytes: 0 });
    expect(report.storedBytes).toBeLessThan(report.bytes);
  });

  it('are made in the background, behind the newest sealed group, and the log goes on over them', async () => {
    const directory = join(root, `packing-${copies++}`);
    const failures: unknown[] = [];
    for (let life = 0; life < 3; life++) {
      const log = await open({ directory, nowUs: START_US, pack: true, failures });
      for (let n = 0; n < 10; n++) await seal(log, life * 10 + n);
      const read: number[] = [];
      for await (const group of log.read(0)) read.push(group.index);
      expect(read.length).toBe((life + 1) * 10);
      await log.idle();
      await log.close();
    }
    expect(failures).toEqual([]);
    expect(await packedCount(directory)).toBeGreaterThan(4);
    expect(exitOf(await verify(directory))).toBe(0);
  });

  it('may be packed while they are read', async () => {
    const directory = copyOfWhole();
    const disk = new NodeDisk();
    const path = join(directory, 'tables', folder, segmentName('rows', 1));
    const plain = await disk.read(path, 0, 1e6);
    let reads = 0;
    const between: Disk = Object.assign(Object.create(disk), {
      read: async (name: string, offset: number, length: number) => {
        if (++reads === 2) await packSegment(disk, path);
        return disk.read(name, offset, length);
      },
    });
    expect(await new SegmentBytes(between).read(path, 100, 300)).toEqual(plain.subarray(100, 400));
    expect(isPacked(await disk.read(path, 0, 9))).toBe(true);
  });

  it('may be replaced at any moment while they are read', async () => {
    for (let moment = 1; moment < 12; moment++) {
      const directory = copyOfWhole();
      await packAll(directory, 'rows');
      const disk = new NodeDisk();
      const path = join(directory, 'tables', folder, segmentName('rows', 1));
      const plain = await new SegmentBytes(disk).read(path, 0, 1e6);
      let reads = 0;
      const between: Disk = Object.assign(Object.create(disk), {
        read: async (name: string, offset: number, length: number) => {
          if (++reads === moment) await emptyImages(disk, path, plain.length);
          return disk.read(name, offset, length);
        },
      });
      const segments = new SegmentBytes(between);
      expect(await segments.size(path)).toBe(plain.length);
      await segments.checkEnd(path);
      // The header's frame, which no replacement changes.
      expect(await segments.read(path, 0, 40)).toEqual(plain.subarray(0, 40));
    }
  });

  it('that are torn or damaged are left as they are', async () => {
    const directory = copyOfWhole();
    const disk = new NodeDisk();
    const path = join(directory, 'tables', folder, segmentName('rows', 0));
    const file = await disk.open(path);
    await file.write([Buffer.from([0xff])], 700);
    await file.close();
    expect(await packSegment(disk, path)).toBe(0);
    expect(isPacked(await disk.read(path, 0, 9))).toBe(false);
  });

  it('are erased in place', async () => {
    const directory = copyOfWhole();
    await packAll(directory, 'rows');
    await packAll(directory, 'records');
    const before = await packedCount(directory);
    const log = await open({ directory, nowUs: START_US });
    const tag = Buffer.from('3'.padEnd(16), 'latin1').toString('hex');
    const request = { table: folder, tags: [tag], actor: 'a', reason: 'r' };
    const report = await eraseRow(new NodeDisk(), directory, log, request);
    await log.close();
    expect(report).toMatchObject({ images: 3, erased: 3, recorded: true });
    expect(await packedCount(directory)).toBe(before);
    const verified = await verify(directory);
    expect(exitOf(verified), JSON.stringify(verified.problems)).toBe(0);
    expect(verified.erased).toBe(3);
    expect(inspect(await eventsOf(directory), { depth: 9, maxArrayLength: 1000 })).not.toMatch(
      /name-3-|later-3'/,
    );
  });

  it('claim nothing that makes a reader allocate', async () => {
    const directory = copyOfWhole();
    await packAll(directory, 'rows');
    const disk = new NodeDisk();
    const path = join(directory, 'tables', folder, segmentName('rows', 0));
    const bytes = await disk.read(path, 0, 1e6);
    const index = Buffer.alloc(17);
    index[0] = 1;
    index.writeBigUInt64BE(0x3fff_ffffn, 1);
    index.writeUInt32BE(0x3fff_ffff, 9);
    index.writeUInt32BE(bytes.readUInt32BE(9 + 1 + 8 + 4), 13);
    const forged = Buffer.concat([
      encodeFrame(FrameType.packed, index),
      bytes.subarray(9 + bytes.readUInt32BE(0)),
    ]);
    const file = await disk.open(path);
    await file.write([forged], 0);
    await file.close();
    const heap = process.memoryUsage().arrayBuffers;
    expect(exitOf(await verify(directory))).toBe(10);
    expect(process.memoryUsage().arrayBuffers - heap).toBeLessThan(64e6);
  });
});

describe('expiry', () => {
  const now = START_US + 23n * DAY_US;
  async function expire(
    directory: string,
    days: bigint,
    by: { actor: string; reason: string } | null = { actor: 'a', reason: 'r' },
    disk?: Disk,
  ): Promise<ExpiryReport> {
    const log = await open({ directory, nowUs: now, ...(disk === undefined ? {} : { disk }) });
    try {
      return await expireImages(disk ?? new NodeDisk(), directory, log, forDays(days), now, by);
    } finally {
      await log.close();
    }
  }

  it('takes old images away and leaves every record and proof', async () => {
    const directory = copyOfWhole();
    await packAll(directory, 'rows');
    expect(await expire(directory, 10n, null)).toMatchObject({ gone: 0 });
    expect((await verify(directory)).expiries).toBe(0);
    // Days 0 to 13 are at least ten days old: 14 groups of four images.
    const report = await expire(directory, 10n);
    expect(report.gone).toBe(14 * 4);
    const verified = await verify(directory);
    expect(exitOf(verified), JSON.stringify(verified.problems)).toBe(0);
    expect(verified).toMatchObject({
      expired: 14 * 4,
      expiries: 1,
      records: (await verify(whole)).records + 1,
    });
    const text = inspect(await eventsOf(directory), { depth: 9, maxArrayLength: 1000 });
    expect(text).not.toContain("'later-13'");
    expect(text).toContain("'later-14'");
    // Again: nothing is due, nothing is recorded.
    expect(await expire(directory, 10n)).toMatchObject({ gone: 0, tables: [] });
    expect(await expire(directory, 8n)).toMatchObject({ gone: 2 * 4 });
    expect(exitOf(await verify(directory))).toBe(0);
    // The log goes on.
    const log = await open({ directory, nowUs: now });
    await seal(log, 99);
    await log.close();
    expect(exitOf(await verify(directory))).toBe(0);
  });

  it('counts none of it as erasable', async () => {
    const directory = copyOfWhole();
    await expire(directory, 10n);
    const tag = Buffer.from('3'.padEnd(16), 'latin1').toString('hex');
    const plan = await planErasure(new NodeDisk(), directory, { table: folder, tags: [tag] });
    expect(plan).toMatchObject({ images: 0, records: 2 });
  });

  it('of images without a record is tampering, and a record whose images came back is a promise not kept', async () => {
    const directory = copyOfWhole();
    const path = join(directory, 'tables', folder);
    await expire(directory, 10n);
    const gone = join(root, `gone-${copies++}`);
    cpSync(path, gone, { recursive: true });
    for (const segment of await listSegments(new NodeDisk(), join(whole, 'tables', folder), 'rows')) {
      const name = segmentName('rows', segment);
      if (segment < 4) cpSync(join(whole, 'tables', folder, name), join(path, name));
    }
    const undone = await verify(directory);
    expect(exitOf(undone)).toBe(1);
    expect(undone.problems).toMatchObject([{ code: 'RS-AUD-029' }]);
    const without = copyOfWhole();
    for (const segment of [0, 1, 2, 3])
      cpSync(
        join(gone, segmentName('rows', segment)),
        join(without, 'tables', folder, segmentName('rows', segment)),
      );
    expect(exitOf(await verify(without))).toBe(10);
  });

  it('happens once a day while the pipeline runs, and survives its end at any moment', async () => {
    const directory = copyOfWhole();
    const failures: unknown[] = [];
    for (let day = 24; day < 30; day++) {
      const nowUs = START_US + BigInt(day) * DAY_US;
      const log = await open({ directory, nowUs, pack: true, age: forDays(10n), failures });
      await seal(log, 2 * day);
      await log.idle();
      await seal(log, 2 * day + 1);
      await log.idle();
      await log.close();
      const report = await verify(directory);
      expect(exitOf(report), JSON.stringify(report.problems)).toBe(0);
      expect(report.expired).toBe((day - 10 + 1) * 4);
    }
    expect(failures).toEqual([]);
    expect(await packedCount(directory)).toBeGreaterThan(4);
  });

  it('takes nothing that a sink has not had, says so, and goes on when it had', async () => {
    const directory = copyOfWhole();
    const held: NeedFrom[] = [];
    const sealTwice = async (day: number, need: () => SinkNeed): Promise<number> => {
      const nowUs = START_US + BigInt(day) * DAY_US;
      const log = await open({ directory, nowUs, age: forDays(10n), need, held });
      for (let n = 0; n < 2; n++) {
        await seal(log, 2 * day + n);
        await log.idle();
      }
      await log.close();
      const report = await verify(directory);
      expect(exitOf(report), JSON.stringify(report.problems)).toBe(0);
      return report.expired;
    };
    const behind = { kind: 'from', group: 5, sink: 'slow' } as const;
    expect(await sealTwice(24, () => behind)).toBe(5 * 4);
    expect(held).toEqual([behind]);
    // One that has all that is old enough holds up nothing.
    expect(await sealTwice(25, () => ({ kind: 'from', group: 16, sink: 'slow' }))).toBe(16 * 4);
    expect(held).toHaveLength(1);
    expect(await sealTwice(26, () => ({ kind: 'nothing' }))).toBe(17 * 4);
  });

  it('is looked for again with the next group while a sink has not said what it has', async () => {
    const directory = copyOfWhole();
    let known = false;
    const log = await open({
      directory,
      nowUs: START_US + 24n * DAY_US,
      age: forDays(10n),
      need: () => (known ? { kind: 'nothing' } : { kind: 'unknown' }),
    });
    for (let n = 0; n < 2; n++) {
      await seal(log, 50 + n);
      await log.idle();
    }
    expect((await verify(directory)).expired).toBe(0);
    known = true;
    for (let n = 0; n < 2; n++) {
      await seal(log, 60 + n);
      await log.idle();
    }
    await log.close();
    expect((await verify(directory)).expired).toBe(15 * 4);
  });

  it('by hand is refused while a sink has not had it', async () => {
    const directory = copyOfWhole();
    const log = await open({ directory, nowUs: now });
    const by = { actor: 'a', reason: 'r' };
    const need = { kind: 'from', group: 5, sink: 'slow' } as const;
    const expired = expireImages(new NodeDisk(), directory, log, forDays(10n), now, by, need);
    await expect(expired).rejects.toMatchObject({
      code: 'RS-AUD-034',
      detail: 'sink slow has groups up to 4',
    });
    const plan = await expireImages(new NodeDisk(), directory, log, forDays(10n), now, null, need);
    expect(plan).toMatchObject({ gone: 0, held: true });
    await log.close();
    expect(await verify(directory)).toMatchObject({ expired: 0, expiries: 0 });
  });

  it('is left between two segments when the log is closed, and goes on there', async () => {
    const directory = copyOfWhole();
    const real = new NodeDisk();
    let renames = 0;
    let release: () => void = () => {};
    let reached: () => void = () => {};
    const atSecond = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const disk: Disk = Object.assign(Object.create(real), {
      rename: async (from: string, to: string) => {
        if (/rows-\d+\.seg$/.test(to) && ++renames === 2) {
          reached();
          await released;
        }
        await real.rename(from, to);
      },
    });
    const failures: unknown[] = [];
    const log = await open({ directory, nowUs: now, disk, age: forDays(10n), failures });
    await seal(log, 50);
    await log.idle();
    await seal(log, 51);
    await atSecond;
    const closed = log.close();
    await new Promise(setImmediate);
    release();
    await closed;
    expect(renames).toBe(2);
    const state = readFileSync(join(directory, 'tables', folder, 'expired'), 'utf8');
    expect(JSON.parse(state)).toMatchObject({ done: false, from: 2 });
    expect((await verify(directory)).problems).toMatchObject([{ code: 'RS-AUD-029' }]);

    const again = await open({ directory, nowUs: now, disk, age: forDays(10n), failures });
    await seal(again, 52);
    await again.idle();
    await again.close();
    expect(failures).toEqual([]);
    // What it had done it does not do again.
    expect(renames).toBe(3);
    const report = await verify(directory);
    expect(exitOf(report), JSON.stringify(report.problems)).toBe(0);
    expect(report).toMatchObject({ expired: 14 * 4, expiries: 1 });
  });

  it('looks no further through the journal when the log is closed', async () => {
    const directory = copyOfWhole();
    let ended = false;
    const scan = new ExpiryScan(new NodeDisk(), directory, forDays(1n), () => ended);
    ended = true;
    expect(await scan.due(now, 20, null)).toEqual({ record: [], carryOut: [], held: false });
    ended = false;
    expect((await scan.due(now, 20, null)).record).toHaveLength(1);
  });

  it('and packing survive a power cut at any moment', { timeout: 240_000 }, async () => {
    let cuts = 0;
    for (let seed = 0; seed < 120; seed++) {
      const disk = new SimulatedDisk(seededRandom(seed));
      const directory = '/audit';
      await fill(directory, 14, disk);
      const nowUs = START_US + 23n * DAY_US;
      disk.cutAfter(1 + seed);
      let cut = false;
      try {
        const log = await open({ directory, nowUs, disk, pack: true, age: forDays(15n) });
        await seal(log, 50);
        await log.idle();
        await seal(log, 51);
        await log.idle();
        await log.close();
      } catch (error) {
        if (!(error instanceof PowerCut)) throw error;
        cut = true;
        cuts++;
      }
      disk.restart();
      if (cut) {
        await (await open({ directory, nowUs, disk })).close();
        const report = await verify(directory, disk);
        // Good, or a promise that the next run keeps.
        expect([0, 1], JSON.stringify(report.problems)).toContain(exitOf(report));
      }
      const log = await open({ directory, nowUs: nowUs + DAY_US, disk, pack: true, age: forDays(15n) });
      await seal(log, 60);
      await log.idle();
      await seal(log, 61);
      await log.idle();
      await log.close();
      const report = await verify(directory, disk);
      expect(exitOf(report), JSON.stringify(report.problems)).toBe(0);
      expect(report.expired).toBeGreaterThanOrEqual(9 * 4);
    }
    expect(cuts).toBeGreaterThan(30);
  });
});
