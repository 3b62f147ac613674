import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAccessLog } from '../../src/audit/access-log.ts';
import type { AuditLog } from '../../src/audit/audit-log.ts';
import type { Disk } from '../../src/audit/disk.ts';
import { eraseRow } from '../../src/audit/erase.ts';
import { expireImages } from '../../src/audit/expire-images.ts';
import { generateSigningKeyFile, parseSigningKey, verifierKeyOf } from '../../src/audit/keys.ts';
import { NodeDisk } from '../../src/audit/node-disk.ts';
import { openAuditLog } from '../../src/audit/open.ts';
import { tableDirectory } from '../../src/audit/table-directory.ts';
import { exitOf, type VerifyReport } from '../../src/audit/verify/report.ts';
import { verifyAudit } from '../../src/audit/verify/verify.ts';
import { at, begin, column, INT, rows, table } from '../support/masked.ts';

const ORIGIN = 'rowseal/beside';
const signer = parseSigningKey(generateSigningKeyFile());
const key = verifierKeyOf(signer, ORIGIN);
const people = table('people', [column('id', 1, INT), column('name', 2)]);
const folder = join('tables', tableDirectory(people));
const NOW_US = 1_700_000_000_000_000n;

let root: string;
let logs = 0;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'rowseal-beside-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

async function seal(log: AuditLog, n: number): Promise<void> {
  const group = log.begin();
  await group.append([begin(n), rows(people, 0, [{ op: 'c', after: [String(n), `name-${n}`] }])]);
  await group.seal(at(n * 10 + 5));
}

async function openWith(groups: number): Promise<{ readonly log: AuditLog; readonly directory: string }> {
  const directory = join(root, `log-${logs++}`);
  const { log } = await openAuditLog({
    directory,
    origin: ORIGIN,
    signer,
    segmentMaxBytes: 600,
    headIntervalMs: 0,
    nowUs: () => NOW_US,
  });
  for (let n = 0; n < groups; n++) await seal(log, n);
  return { log, directory };
}

/** The writer does something just before a reading of a file that `when` picks. */
function interrupted(when: (path: string, reading: number) => boolean, act: () => Promise<unknown>): Disk {
  const disk = new NodeDisk();
  let due = true;
  let reading = 0;
  return Object.assign(Object.create(disk), {
    read: async (path: string, offset: number, length: number) => {
      if (due && when(path, ++reading)) {
        due = false;
        await act();
      }
      return disk.read(path, offset, length);
    },
  });
}

/** At the first reading of a file. */
const at1st =
  (file: string) =>
  (path: string): boolean =>
    path.endsWith(file);

const verify = (directory: string, disk: Disk = new NodeDisk()): Promise<VerifyReport> =>
  verifyAudit({ directory, key, disk });

function expectGood(report: VerifyReport): void {
  expect(report.problems).toEqual([]);
}

describe('a verifier beside a writer', () => {
  it('takes no group that is sealed meanwhile for one that was cut off', async () => {
    // So many that in one of them the size in the head gets another digit.
    for (let groups = 1; groups < 9; groups++) {
      const { log, directory } = await openWith(groups);
      const disk = interrupted(at1st(join(folder, 'head')), () => seal(log, groups));
      expectGood(await verify(directory, disk));
      await log.close();
    }
  });

  it('at whichever moment', async () => {
    for (let moment = 1, more = true; more; moment++) {
      more = false;
      const { log, directory } = await openWith(2);
      const disk = interrupted(
        (_, reading) => reading === moment,
        () => {
          more = true;
          return seal(log, 2);
        },
      );
      expectGood(await verify(directory, disk));
      await log.close();
      expect(more || moment > 15, `${moment} readings`).toBe(true);
    }
  });

  it('nor a request to turn tokens back that comes meanwhile', async () => {
    const { log, directory } = await openWith(2);
    const access = await openAccessLog(new NodeDisk(), directory, ORIGIN, signer, () => async () => {});
    const entry = {
      time_us: String(NOW_US),
      actor: 'a',
      reason: 'r',
      space: 'domain:email',
      method: 'token',
      key_epoch: 1,
      outcome: 'granted',
      tokens: ['tok_1'],
    } as const;
    await access.append(entry);
    expectGood(
      await verify(
        directory,
        interrupted(at1st(join('access', 'head')), () => access.append(entry)),
      ),
    );
    await access.close();
    await log.close();
  });

  it('does not call images tampered with that go meanwhile: it says to look again, and then all is good', async () => {
    const age = { of: () => 0n, shortestUs: 0n };
    const by = { actor: 'a', reason: 'r' };
    const tags = [Buffer.from('1'.padEnd(16), 'latin1').toString('hex')];
    const takings: readonly ((directory: string, log: AuditLog) => Promise<unknown>)[] = [
      (directory, log) => expireImages(new NodeDisk(), directory, log, age, NOW_US, by),
      (directory, log) =>
        eraseRow(new NodeDisk(), directory, log, { table: tableDirectory(people), tags, ...by }),
    ];
    for (const take of takings) {
      const { log, directory } = await openWith(6);
      const disk = interrupted(at1st(join(folder, 'rows-00000000.seg')), () => take(directory, log));
      const report = await verify(directory, disk);
      expect(report.problems).toMatchObject([{ code: 'RS-AUD-036' }]);
      expect(exitOf(report)).toBe(1);
      expectGood(await verify(directory));
      await log.close();
    }
  });
});
