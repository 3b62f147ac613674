import { cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitOf, type VerifyReport } from '../../src/audit/verify/report.ts';
import { verifyAudit } from '../../src/audit/verify/verify.ts';
import { seededRandom } from '../../src/cli/demo/shop.ts';
import {
  attacks,
  key,
  makeTamperedLog,
  segments,
  type TamperedLog,
  tableDirectory,
} from '../support/tamper-attacks.ts';

let root: string;
let log: TamperedLog;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'rowseal-tamper-'));
  log = await makeTamperedLog(root);
});

afterAll(() => rm(root, { recursive: true, force: true }));

let copies = 0;
async function attacked(
  attack: (directory: string) => Promise<void>,
  options: { key?: string | null; head?: string } = {},
): Promise<VerifyReport> {
  const directory = join(root, `copy-${copies++}`);
  await cp(log.whole, directory, { recursive: true });
  await attack(directory);
  const pinned = options.key === null ? {} : { key: options.key ?? key };
  try {
    return await verifyAudit({
      directory,
      ...pinned,
      ...(options.head === undefined ? {} : { head: options.head }),
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

describe('an untouched log', () => {
  it('verifies, with every record and signature counted', async () => {
    const report = await attacked(async () => {}, { head: log.lastHead });
    expect(report.problems).toEqual([]);
    expect(exitOf(report)).toBe(0);
    expect(report).toMatchObject({ groups: 20, tables: 2, keyPinned: true });
    expect((await segments(await tableDirectory(log.whole, 'people'), 'records')).length).toBeGreaterThan(1);
  });

  it('fits an earlier head, and says what it could not check', async () => {
    expect(exitOf(await attacked(async () => {}, { head: log.earlierHead }))).toBe(0);
    const alone = await attacked(async () => {}, { key: null });
    expect(alone.keyPinned).toBe(false);
    expect(alone.notes.join('\n')).toMatch(/key was not pinned/);
    expect(alone.notes.join('\n')).toMatch(/truncation was not checked/);
  });

  it('ignores and names an unsealed tail that a crash left', async () => {
    const report = await attacked(async (directory) => {
      const file = (await segments(join(directory, 'journal'), 'journal')).at(-1)!;
      await writeFile(file, Buffer.concat([await readFile(file), Buffer.from([0, 0, 1, 0, 5, 1, 2])]));
    });
    expect(exitOf(report)).toBe(0);
    expect(report.notes.join('\n')).toMatch(/not part of the log/);
  });

  it('is not held up by what lies beside its tables, and names it', async () => {
    const strangers = ['.DS_Store', 'folder', 'huge'];
    const report = await attacked(async (directory) => {
      const tables = join(directory, 'tables');
      await writeFile(join(tables, '.DS_Store'), 'x');
      await mkdir(join(tables, 'folder', 'head'), { recursive: true });
      await mkdir(join(tables, 'huge'));
      await writeFile(join(tables, 'huge', 'head'), '');
      await truncate(join(tables, 'huge', 'head'), 2 ** 33);
    });
    expect(report.problems).toEqual([]);
    expect(exitOf(report)).toBe(0);
    for (const name of strangers)
      expect(report.notes).toContain(`tables/${name} is named by no sealed group`);
  });

  it('is not judged where the head of a table cannot be read', async () => {
    const verifying = attacked(async (directory) => {
      const head = join(await tableDirectory(directory, 'people'), 'head');
      await rm(head);
      await mkdir(head);
    });
    await expect(verifying).rejects.toMatchObject({ code: 'RS-AUD-001' });
  });
});

describe('every edited byte is found', () => {
  it('at 400 random places in all files of the log', { timeout: 180_000 }, async () => {
    const random = seededRandom(20_260);
    const files: string[] = [];
    for (const folder of [
      'journal',
      ...(await readdir(join(log.whole, 'tables'))).map((name) => join('tables', name)),
    ]) {
      for (const name of await readdir(join(log.whole, folder))) files.push(join(folder, name));
    }
    files.push('log.vkey');
    const missed: string[] = [];
    for (let n = 0; n < 400; n++) {
      // Each file in turn, so that small ones get their share.
      const name = files[n % files.length]!;
      const bytes = await readFile(join(log.whole, name));
      const offset = Math.floor(random() * bytes.length);
      const bit = 1 << Math.floor(random() * 8);
      const file = join(log.whole, name);
      const changed = Buffer.from(bytes);
      changed[offset] = changed[offset]! ^ bit;
      await writeFile(file, changed);
      try {
        const report = await verifyAudit({ directory: log.whole, ...(name === 'log.vkey' ? {} : { key }) });
        if (exitOf(report) === 0) missed.push(`${name}:${offset}`);
      } catch (error) {
        // A key file that is no key any more is refused outright.
        expect(error).toMatchObject({ code: 'RS-AUD-027' });
      } finally {
        await writeFile(file, bytes);
      }
    }
    expect(missed).toEqual([]);
  });
});

describe('attacks on the structure', () => {
  it.each(attacks)('$name → exit $exit', async ({ exit, act, key: otherKey, head }) => {
    const report = await attacked((directory) => act(directory, log), {
      ...(otherKey === undefined ? {} : { key: otherKey }),
      ...(head === undefined ? {} : { head: head(log) }),
    });
    expect(exitOf(report), JSON.stringify(report.problems)).toBe(exit);
  });
});
