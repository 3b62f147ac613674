import { describe, expect, it } from 'vitest';
import type { AuditLog } from '../../../src/audit/audit-log.ts';
import { generateSigningKeyFile, parseSigningKey, verifierKeyOf } from '../../../src/audit/keys.ts';
import { openAuditLog } from '../../../src/audit/open.ts';
import { exitOf } from '../../../src/audit/verify/report.ts';
import { verifyAudit } from '../../../src/audit/verify/verify.ts';
import { at, begin, column, INT, rows, table } from '../../support/masked.ts';
import { SimulatedDisk } from '../../support/simulated-disk.ts';

const DIRECTORY = '/audit';
const ORIGIN = 'rowseal/recovery';
const signer = parseSigningKey(generateSigningKeyFile());
const people = table('people', [column('id', 1, INT), column('name', 2)]);
const orders = table('orders', [column('id', 1, INT), column('name', 2)]);

async function open(disk: SimulatedDisk): Promise<AuditLog> {
  const { log } = await openAuditLog({
    directory: DIRECTORY,
    origin: ORIGIN,
    signer,
    disk,
    lock: () => async () => {},
    headIntervalMs: 1e9,
  });
  return log;
}

async function seal(log: AuditLog, n: number, of = people): Promise<void> {
  const group = log.begin();
  await group.append([begin(n), rows(of, 0, [{ op: 'c', after: [String(n), `name-${n}`] }])]);
  await group.seal(at(n + 1));
}

/** Groups that a start finds, and may confirm to the source at once. */
async function groupsIn(disk: SimulatedDisk): Promise<number> {
  return ((await open(disk)).last?.index ?? -1) + 1;
}

/** Two groups, of which the fault hits one; the process ends. */
async function twoGroups(disk: SimulatedDisk, fault: () => void): Promise<number> {
  let sealed = 0;
  fault();
  try {
    const log = await open(disk);
    for (; sealed < 2; sealed++) await seal(log, sealed);
    await log.close();
  } catch {
    // Killed, or ended by itself.
  }
  return sealed;
}

describe('a group whose leaf was written and not made durable', () => {
  /** Syncs of the second group: row images, records, journal. */
  const THE_LEAF = 3;

  async function failedSync(disk: SimulatedDisk): Promise<void> {
    const log = await open(disk);
    await seal(log, 0);
    disk.failSyncAfter(THE_LEAF);
    await expect(seal(log, 1)).rejects.toMatchObject({ code: 'RS-AUD-001' });
    // The disk would do as it is told now: nothing is tried.
    await expect(log.begin().seal(at(9))).rejects.toMatchObject({ code: 'RS-AUD-001' });
    await log.close();
  }

  it('is written again by the next start that can read it, before it counts', async () => {
    const disk = new SimulatedDisk(() => 0.9);
    await failedSync(disk);
    disk.restartProcess();
    expect(await groupsIn(disk)).toBe(2);
    disk.restart();
    expect(await groupsIn(disk)).toBe(2);
    const report = await verifyAudit({ directory: DIRECTORY, key: verifierKeyOf(signer, ORIGIN), disk });
    expect(exitOf(report), JSON.stringify(report.problems)).toBe(0);
  });

  it('does not exist where the kernel dropped it, and its place is used again', async () => {
    let chance = 0.9;
    const disk = new SimulatedDisk(() => chance);
    await failedSync(disk);
    chance = 0.1;
    disk.restartProcess();
    const log = await open(disk);
    expect(log.last?.index).toBe(0);
    await seal(log, 1);
    disk.restart();
    expect(await groupsIn(disk)).toBe(2);
  });

  it('counts for no start that could not make it durable either', async () => {
    const disk = new SimulatedDisk(() => 0.9);
    await failedSync(disk);
    disk.restartProcess();
    disk.failSyncAfter(1);
    await expect(open(disk)).rejects.toMatchObject({ code: 'RS-AUD-001' });
    disk.restart();
    expect(await groupsIn(disk)).toBe(1);
  });
});

it('what a recovery cut off does not come back, wherever that recovery ended', async () => {
  for (let n = 1; n <= 30; n++) {
    let chance = 0.9;
    const disk = new SimulatedDisk(() => chance);
    const first = await open(disk);
    await seal(first, 0);
    disk.failSyncAfter(3);
    await expect(seal(first, 1)).rejects.toMatchObject({ code: 'RS-AUD-001' });
    await first.close();
    // The leaf is gone, the group's trailer in the table is not.
    chance = 0.1;
    disk.restartProcess();
    disk.cutAfter(n);
    await open(disk).catch(() => {});
    disk.restartProcess();
    // Another group by this number, of another table.
    const log = await open(disk);
    expect(log.last?.index).toBe(0);
    await seal(log, 1, orders);
    disk.restart();
    expect(await groupsIn(disk), `${n}`).toBe(2);
    const report = await verifyAudit({ directory: DIRECTORY, key: verifierKeyOf(signer, ORIGIN), disk });
    expect(exitOf(report), JSON.stringify(report.problems)).toBe(0);
  }
});

describe('what a start finds is there after a power cut', () => {
  const faults = [
    ['the process was killed at change', (disk: SimulatedDisk, n: number) => disk.cutAfter(n)],
    ['the process ended at failed sync', (disk: SimulatedDisk, n: number) => disk.failSyncAfter(n)],
  ] as const;
  it.each(faults)('when %s 1, 2, 3 …', async (_name, fault) => {
    const found = new Set<number>();
    for (const chance of [0.1, 0.9]) {
      for (let n = 1; n <= 60; n++) {
        const disk = new SimulatedDisk(() => chance);
        const sealed = await twoGroups(disk, () => fault(disk, n));
        disk.restartProcess();
        const groups = await groupsIn(disk);
        expect(groups).toBeGreaterThanOrEqual(sealed);
        disk.restart();
        expect(await groupsIn(disk), `${n}`).toBe(groups);
        found.add(groups);
      }
    }
    expect([...found].sort()).toEqual([0, 1, 2]);
  });
});
