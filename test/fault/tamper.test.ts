import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateSigningKeyFile, parseSigningKey, verifierKeyOf } from '../../src/audit/keys.ts';
import { openAuditLog } from '../../src/audit/open.ts';
import type { Signer } from '../../src/audit/signers/signer.ts';
import { exitOf, type VerifyReport } from '../../src/audit/verify/report.ts';
import { verifyAudit } from '../../src/audit/verify/verify.ts';
import { seededRandom } from '../../src/cli/demo/shop.ts';
import { at, begin, column, INT, type Row, rows, table, UNCHANGED } from '../support/masked.ts';

const ORIGIN = 'rowseal/tamper';
const signer = parseSigningKey(generateSigningKeyFile());
const key = verifierKeyOf(signer, ORIGIN);
const people = table('people', [column('id', 1, INT), column('email', 2)]);
const wider = table('people', [column('id', 1, INT), column('email', 2), column('city', 3)]);
const orders = table('orders', [column('id', 1, INT), column('note', 2)]);

let root: string;
/** A log of many groups over two tables, several segments, a schema change and an idle group. */
let whole: string;
/** The same log some groups earlier, and its head. */
let earlier: string;
let earlierHead: string;
let lastHead: string;

async function write(directory: string, from: number, to: number, by: Signer = signer): Promise<void> {
  const { log } = await openAuditLog({
    directory,
    origin: ORIGIN,
    signer: by,
    segmentMaxBytes: 8192,
    headIntervalMs: 0,
  });
  for (let n = from; n < to; n++) {
    const group = log.begin();
    if (n !== 5) {
      const people_ = n < 8 ? people : wider;
      const cells = (i: number): string[] => [
        String(n * 100 + i),
        `tok_${n}_${i}_${'x'.repeat(20)}`,
        ...(n < 8 ? [] : ['Cork']),
      ];
      await group.append([
        begin(n * 10),
        rows(
          people_,
          0,
          Array.from({ length: 30 }, (_, i) => ({ op: 'c' as const, after: cells(i) })),
        ),
        rows(orders, 30, [
          { op: 'c', after: [String(n), 'new'] },
          { op: 'u', after: [String(n), UNCHANGED] },
          ...(n % 3 === 0 ? [{ op: 'd', before: [String(n), UNCHANGED] } satisfies Row] : []),
        ]),
      ]);
    }
    await group.seal(at(n * 10 + 5));
  }
  await log.close();
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'rowseal-tamper-'));
  whole = join(root, 'whole');
  earlier = join(root, 'earlier');
  await write(whole, 0, 12);
  await cp(whole, earlier, { recursive: true });
  earlierHead = await readFile(join(whole, 'journal', 'head'), 'utf8');
  await write(whole, 12, 20);
  lastHead = await readFile(join(whole, 'journal', 'head'), 'utf8');
});

afterAll(() => rm(root, { recursive: true, force: true }));

let copies = 0;
async function attacked(
  attack: (directory: string) => Promise<void>,
  options: { key?: string | null; head?: string } = {},
): Promise<VerifyReport> {
  const directory = join(root, `copy-${copies++}`);
  await cp(whole, directory, { recursive: true });
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

const tableDirectory = async (directory: string, name: string): Promise<string> =>
  join(
    directory,
    'tables',
    (await readdir(join(directory, 'tables'))).find((entry) => entry.startsWith(`public.${name}`))!,
  );
const segments = async (directory: string, kind: string): Promise<string[]> =>
  (await readdir(directory))
    .filter((name) => name.startsWith(kind))
    .sort()
    .map((name) => join(directory, name));

/** Frames of a segment file: u32 length, type, crc, payload. */
function frames(bytes: Buffer): Buffer[] {
  const list: Buffer[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const length = 9 + bytes.readUInt32BE(offset);
    list.push(bytes.subarray(offset, offset + length));
    offset += length;
  }
  return list;
}

async function editFrames(file: string, edit: (list: Buffer[]) => Buffer[]): Promise<void> {
  await writeFile(file, Buffer.concat(edit(frames(await readFile(file)))));
}

describe('an untouched log', () => {
  it('verifies, with every record and signature counted', async () => {
    const report = await attacked(async () => {}, { head: lastHead });
    expect(report.problems).toEqual([]);
    expect(exitOf(report)).toBe(0);
    expect(report).toMatchObject({ groups: 20, tables: 2, keyPinned: true });
    expect((await segments(await tableDirectory(whole, 'people'), 'records')).length).toBeGreaterThan(1);
  });

  it('fits an earlier head, and says what it could not check', async () => {
    expect(exitOf(await attacked(async () => {}, { head: earlierHead }))).toBe(0);
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
});

describe('every edited byte is found', () => {
  it('at 400 random places in all files of the log', { timeout: 180_000 }, async () => {
    const random = seededRandom(20_260);
    const files: string[] = [];
    for (const folder of [
      'journal',
      ...(await readdir(join(whole, 'tables'))).map((name) => join('tables', name)),
    ]) {
      for (const name of await readdir(join(whole, folder))) files.push(join(folder, name));
    }
    files.push('log.vkey');
    const missed: string[] = [];
    for (let n = 0; n < 400; n++) {
      // Each file in turn, so that small ones get their share.
      const name = files[n % files.length]!;
      const bytes = await readFile(join(whole, name));
      const offset = Math.floor(random() * bytes.length);
      const bit = 1 << Math.floor(random() * 8);
      const file = join(whole, name);
      const changed = Buffer.from(bytes);
      changed[offset] = changed[offset]! ^ bit;
      await writeFile(file, changed);
      try {
        const report = await verifyAudit({ directory: whole, ...(name === 'log.vkey' ? {} : { key }) });
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
  const attack = (
    name: string,
    exit: number,
    act: (directory: string) => Promise<void>,
    options: { key?: string; head?: () => string } = {},
  ): void => {
    it(`${name} → exit ${exit}`, async () => {
      const report = await attacked(act, {
        ...(options.key === undefined ? {} : { key: options.key }),
        ...(options.head === undefined ? {} : { head: options.head() }),
      });
      expect(exitOf(report), JSON.stringify(report.problems)).toBe(exit);
    });
  };
  const peopleRecords = async (directory: string, index = 0): Promise<string> =>
    (await segments(await tableDirectory(directory, 'people'), 'records')).at(index)!;

  attack('a frame of records removed', 10, async (d) =>
    editFrames(await peopleRecords(d), (list) => [...list.slice(0, 3), ...list.slice(4)]),
  );
  attack('a frame of records repeated', 10, async (d) =>
    editFrames(await peopleRecords(d), (list) => [...list.slice(0, 4), ...list.slice(3)]),
  );
  attack('two frames of records exchanged', 10, async (d) =>
    editFrames(await peopleRecords(d), (list) => [...list.slice(0, 2), list[3]!, list[2]!, ...list.slice(4)]),
  );
  attack('a journal leaf removed', 10, async (d) =>
    editFrames((await segments(join(d, 'journal'), 'journal'))[0]!, (list) => [
      ...list.slice(0, 2),
      ...list.slice(3),
    ]),
  );
  attack('two journal leaves exchanged', 10, async (d) =>
    editFrames((await segments(join(d, 'journal'), 'journal'))[0]!, (list) => [
      list[0]!,
      list[2]!,
      list[1]!,
      ...list.slice(3),
    ]),
  );
  attack("a table's segment replayed as another's", 10, async (d) =>
    cp(await peopleRecords(d), join(await tableDirectory(d, 'orders'), 'records-00000000.seg')),
  );
  attack('the directories of two tables exchanged', 10, async (d) => {
    const a = await tableDirectory(d, 'people');
    const b = await tableDirectory(d, 'orders');
    await cp(a, `${a}.tmp`, { recursive: true });
    await rm(a, { recursive: true });
    await cp(b, a, { recursive: true });
    await rm(b, { recursive: true });
    await cp(`${a}.tmp`, b, { recursive: true });
    await rm(`${a}.tmp`, { recursive: true });
  });
  attack('row images of another segment', 10, async (d) => {
    const list = await segments(await tableDirectory(d, 'people'), 'rows');
    await cp(list[1]!, list[0]!);
  });
  attack('a segment in the middle deleted', 11, async (d) => rm(await peopleRecords(d, 1)));
  attack('the end of a table cut off', 11, async (d) => rm(await peopleRecords(d, -1)));
  attack('a table deleted', 11, async (d) => rm(await tableDirectory(d, 'orders'), { recursive: true }));
  attack('the last journal leaf cut off, head left', 11, async (d) => {
    const file = (await segments(join(d, 'journal'), 'journal')).at(-1)!;
    const list = frames(await readFile(file));
    await truncate(
      file,
      list.slice(0, -1).reduce((sum, frame) => sum + frame.length, 0),
    );
  });
  attack(
    'everything rolled back to an older copy, with a newer head from outside',
    11,
    async (d) => {
      await rm(d, { recursive: true });
      await cp(earlier, d, { recursive: true });
    },
    { head: () => lastHead },
  );
  attack('signatures by another key of the same name', 12, async (d) => {
    await rm(d, { recursive: true });
    await write(d, 0, 12, parseSigningKey(generateSigningKeyFile()));
  });
  attack('signatures by another key, and no head file to give it away', 12, async (d) => {
    await rm(d, { recursive: true });
    await write(d, 0, 12, parseSigningKey(generateSigningKeyFile()));
    for (const folder of [
      'journal',
      ...(await readdir(join(d, 'tables'))).map((name) => join('tables', name)),
    ])
      await rm(join(d, folder, 'head'));
  });
  attack('verified under a key that is not its own', 12, async () => {}, {
    key: verifierKeyOf(parseSigningKey(generateSigningKeyFile()), ORIGIN),
  });
  attack('a head file without a signature', 12, async (d) => {
    const file = join(d, 'journal', 'head');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace(/— .*\n$/, '— somebody.example AAAAAAAAAAAA\n'));
  });
  attack(
    'a forked history: an earlier head of another log under the same key',
    10,
    async (d) => {
      await rm(d, { recursive: true });
      await write(d, 0, 20);
    },
    { head: () => (earlierHead.replace(/\n\n[\s\S]*$/, '') === '' ? '' : earlierHead) },
  );
});
