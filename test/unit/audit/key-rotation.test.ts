import { appendFile, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAccessLog } from '../../../src/audit/access-log.ts';
import type { KeyChange } from '../../../src/audit/key-change.ts';
import { generateSigningKeyFile, parseSigningKey, verifierKeyOf } from '../../../src/audit/keys.ts';
import { lockDirectory } from '../../../src/audit/lock.ts';
import { NodeDisk } from '../../../src/audit/node-disk.ts';
import { parseSignedHead } from '../../../src/audit/note.ts';
import { openAuditLog } from '../../../src/audit/open.ts';
import { addKey, type KeyRemoval, removeKey } from '../../../src/audit/signers/rotation.ts';
import { type Signer, signHead } from '../../../src/audit/signers/signer.ts';
import { exitOf, type VerifyReport } from '../../../src/audit/verify/report.ts';
import { verifyAudit } from '../../../src/audit/verify/verify.ts';
import { writeGroups } from '../../support/audit-log.ts';
import { verify as verifyIndependently } from '../../support/independent-verifier/verify.ts';

const origin = 'rowseal/rotation';
const disk = new NodeDisk();
const newSigner = (): Signer => parseSigningKey(generateSigningKeyFile());
const [first, second, third] = [newSigner(), newSigner(), newSigner()] as const;
const keys = [first, second, third].map((signer) => verifierKeyOf(signer, origin));
let root: string;
let rotated: string;
let headOfFirst: string;
let headOfSecond: string;

const open = async (directory: string, signer: Signer) =>
  (await openAuditLog({ directory, origin, signer, headIntervalMs: 0 })).log;

async function add(directory: string, present: Signer, next: Signer): Promise<number | null> {
  const log = await open(directory, present);
  try {
    return await addKey(disk, directory, origin, log, present, next, lockDirectory);
  } finally {
    await log.close();
  }
}

/** As the command does it. */
async function remove(directory: string, signer: Signer, by: KeyRemoval): Promise<number> {
  const log = await open(directory, signer);
  try {
    return await removeKey(disk, directory, origin, log, by, signer, lockDirectory);
  } finally {
    await log.close();
  }
}

/** The leaf alone. */
async function change(directory: string, signer: Signer, by: KeyChange): Promise<void> {
  const log = await open(directory, signer);
  try {
    await log.changeKeys([by], null);
  } finally {
    await log.close();
  }
}

async function request(directory: string, signer: Signer): Promise<void> {
  const access = await openAccessLog(disk, directory, origin, signer, lockDirectory);
  await access.append({
    time_us: String(BigInt(Date.now()) * 1000n),
    actor: 'ann',
    reason: 'test',
    space: 'domain:email',
    method: 'reversible',
    key_epoch: 1,
    outcome: 'granted',
    tokens: ['t'],
  });
  await access.close();
}

/** Ours; the one that was written from the specification must come to the same verdict. */
async function verify(
  directory: string,
  key: readonly string[] | string,
  head: readonly string[] = [],
): Promise<VerifyReport> {
  const report = await verifyAudit({ directory, key, head });
  const independent = verifyIndependently(directory, { key, head });
  expect(independent.exit, independent.reasons.join('; ')).toBe(exitOf(report));
  return report;
}

async function copyOf(name: string): Promise<string> {
  const copy = join(root, name);
  await cp(rotated, copy, { recursive: true });
  return copy;
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'rowseal-rotation-'));
  rotated = join(root, 'rotated');
  // Groups 0-4 by the first key, 5 adds the second, 6 retires the first, 7-11 by the second.
  await writeGroups({ directory: rotated, origin, signer: first, from: 0, to: 5, segmentMaxBytes: 65_536 });
  await request(rotated, first);
  headOfFirst = await readFile(join(rotated, 'journal', 'head'), 'utf8');
  expect(await add(rotated, first, second)).toBe(5);
  await change(rotated, second, { action: 'retire', key: keys[0]! });
  await writeGroups({ directory: rotated, origin, signer: second, from: 7, to: 12 });
  headOfSecond = await readFile(join(rotated, 'journal', 'head'), 'utf8');
  await request(rotated, second);
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe('a log whose key was changed', () => {
  it.each([
    ['the first key', () => [keys[0]!]],
    ['the second', () => [keys[1]!]],
    ['both', () => keys.slice(0, 2)],
  ])('verifies under %s, heads from before and after fit', async (_what, pinned) => {
    const report = await verify(rotated, pinned(), [headOfFirst, headOfSecond]);
    expect(report.problems).toEqual([]);
    expect(report).toMatchObject({ groups: 12, accesses: 2 });
    expect(report.heads.map(({ fit }) => fit)).toEqual(['fits', 'fits']);
  });

  it('verifies with the key beside it, which stays the first', async () => {
    expect((await readFile(join(rotated, 'log.vkey'), 'utf8')).trim()).toBe(keys[0]);
    expect((await verifyAudit({ directory: rotated })).problems).toEqual([]);
  });

  it('fails under a key that it never had', async () => {
    expect(exitOf(await verify(rotated, keys[2]!))).toBe(12);
  });

  it('is not opened any more by the retired key', async () => {
    await expect(open(rotated, first)).rejects.toMatchObject({ code: 'RS-AUD-007' });
    await expect(open(rotated, third)).rejects.toMatchObject({ code: 'RS-AUD-007' });
  });

  it('carries its keys from segment to segment, so that a start reads the last one only', async () => {
    const copy = await copyOf('segments');
    await writeGroups({ directory: copy, origin, signer: second, from: 12, to: 60, segmentMaxBytes: 8192 });
    expect((await verify(copy, keys[0]!)).problems).toEqual([]);
    await expect(open(copy, first)).rejects.toMatchObject({ code: 'RS-AUD-007' });
    await (await open(copy, second)).close();
  });
});

describe('the access log of a log whose keys change', () => {
  /** Three groups and a request by the first key. */
  async function begun(name: string): Promise<string> {
    const directory = join(root, name);
    await writeGroups({ directory, origin, signer: first, from: 0, to: 3 });
    await request(directory, first);
    return directory;
  }

  const expectGood = async (directory: string, accesses: number): Promise<void> => {
    for (const pinned of [keys[0]!, keys[1]!]) {
      const report = await verify(directory, pinned);
      expect(report.problems).toEqual([]);
      expect(report.accesses).toBe(accesses);
    }
  };

  const refused = async (directory: string, signer: Signer, code: string): Promise<void> => {
    await expect(request(directory, signer)).rejects.toMatchObject({ code });
  };

  it('survives two changes without a request between', async () => {
    const directory = await begun('twice');
    await add(directory, first, second);
    await change(directory, second, { action: 'retire', key: keys[0]! });
    await add(directory, second, third);
    await expectGood(directory, 1);
    await change(directory, third, { action: 'retire', key: keys[1]! });
    await expectGood(directory, 1);
    await request(directory, third);
    await expectGood(directory, 2);
  });

  it('is not changed under a request: then nothing is sealed, and the same works later', async () => {
    const directory = await begun('meanwhile');
    const access = await openAccessLog(disk, directory, origin, first, lockDirectory);
    await expect(add(directory, first, second)).rejects.toMatchObject({ code: 'RS-AUD-006' });
    const log = await open(directory, first);
    expect([log.keys, log.last?.index]).toEqual([[keys[0]], 2]);
    await log.close();
    await access.close();
    expect(await add(directory, first, second)).toBe(3);
    await expectGood(directory, 1);
    // Nor is a key taken away whose request is under way.
    const retire = { action: 'retire', key: keys[0]! } as const;
    const under = await openAccessLog(disk, directory, origin, first, lockDirectory);
    await expect(remove(directory, second, retire)).rejects.toMatchObject({ code: 'RS-AUD-006' });
    await under.close();
    expect(await remove(directory, second, retire)).toBe(4);
  });

  it('goes on after a key that signed the newest request was revoked', async () => {
    const directory = await begun('revoked-after-request');
    await add(directory, first, second);
    await request(directory, first);
    await remove(directory, second, { action: 'revoke', key: keys[0]!, from: 4 });
    await request(directory, second);
    const report = await verify(directory, keys[1]!);
    expect([report.problems, report.accesses]).toEqual([[], 3]);
  });

  it('may be damaged when a key is revoked, and stays so', async () => {
    const directory = await begun('damaged');
    await appendFile(join(directory, 'access', 'requests.jsonl'), '{}\n{}\n');
    expect(await add(directory, first, second)).toBe(3);
    expect(await remove(directory, second, { action: 'revoke', key: keys[0]!, from: 4 })).toBe(4);
    await refused(directory, second, 'RS-AUD-012');
    expect(exitOf(await verify(directory, keys[1]!))).toBe(10);
  });

  it('goes on after a change that ended in the middle, and the same again completes it', async () => {
    const directory = await begun('half');
    const log = await open(directory, first);
    await log.changeKeys([{ action: 'add', key: keys[1]!, by: keys[0]! }], second);
    await log.close();
    expect(await add(directory, first, second)).toBeNull();
    expect(
      parseSignedHead(await readFile(join(directory, 'access', 'head'), 'utf8'))?.signatures,
    ).toHaveLength(2);
    await change(directory, second, { action: 'retire', key: keys[0]! });
    await request(directory, second);
    await expectGood(directory, 2);
  });

  it.each(['add', 'retire'])(
    'goes on under a key that has not signed its newest head (%s)',
    async (until) => {
      const directory = await begun(`head-by-first-${until}`);
      const log = await open(directory, first);
      await log.changeKeys([{ action: 'add', key: keys[1]!, by: keys[0]! }], second);
      await log.close();
      await request(directory, first);
      if (until === 'retire') await change(directory, second, { action: 'retire', key: keys[0]! });
      await request(directory, second);
      await expectGood(directory, 3);
    },
  );

  it('takes no request by a retired key, or by one that it never had', async () => {
    const copy = await copyOf('retired-request');
    await refused(copy, first, 'RS-AUD-007');
    await refused(copy, third, 'RS-AUD-007');
    await expectGood(copy, 2);
    const fresh = join(root, 'fresh');
    await writeGroups({ directory: fresh, origin, signer: first, from: 0, to: 1 });
    await refused(fresh, second, 'RS-AUD-007');
    await request(fresh, first);
    expect((await verify(fresh, keys[0]!)).problems).toEqual([]);
  });

  it('is read for its keys in the newest segment only, and however that ends', async () => {
    const copy = await copyOf('many-segments');
    await writeGroups({ directory: copy, origin, signer: second, from: 12, to: 60, segmentMaxBytes: 8192 });
    await refused(copy, first, 'RS-AUD-007');
    const journal = (await disk.list(join(copy, 'journal'))).filter((name) => name.endsWith('.seg'));
    expect(journal.length).toBeGreaterThan(2);
    await appendFile(join(copy, 'journal', journal.at(-1)!), Buffer.from([0, 0, 1, 0, 5, 1]));
    await refused(copy, first, 'RS-AUD-007');
    await request(copy, second);
  });

  it('has its head by a key of the log', async () => {
    const copy = await copyOf('strange-head');
    const file = join(copy, 'access', 'head');
    const { head } = parseSignedHead(await readFile(file, 'utf8'))!;
    await writeFile(file, await signHead(head, origin, [third]));
    expect(exitOf(await verify(copy, keys[0]!))).toBe(12);
  });
});

describe('changes that make no sense', () => {
  it('the configured key taken away by itself', async () => {
    const copy = await copyOf('own-key-away');
    await add(copy, second, third);
    const removals: KeyRemoval[] = [
      { action: 'retire', key: keys[1]! },
      { action: 'revoke', key: keys[1]!, from: 12 },
    ];
    for (const by of removals)
      await expect(remove(copy, second, by)).rejects.toMatchObject({ code: 'RS-AUD-015' });
    expect((await verify(copy, keys[0]!)).problems).toEqual([]);
  });

  it('the present key as the new one', async () => {
    const copy = await copyOf('same-key');
    await expect(add(copy, second, second)).rejects.toMatchObject({ code: 'RS-AUD-015' });
    expect((await verify(copy, keys[0]!)).problems).toEqual([]);
  });

  it.each<[string, (log: Signer) => KeyChange]>([
    ['a key added twice', () => ({ action: 'add', key: keys[1]!, by: keys[1]! })],
    ['by a key that does not sign', () => ({ action: 'add', key: keys[2]!, by: keys[0]! })],
    ['the last key retired', () => ({ action: 'retire', key: keys[1]! })],
    ['a key retired that does not sign', () => ({ action: 'retire', key: keys[2]! })],
    ['revoked from the future', () => ({ action: 'revoke', key: keys[0]!, from: 100 })],
    ['no key', () => ({ action: 'retire', key: 'x' })],
    ['a key of another log', () => ({ action: 'add', key: verifierKeyOf(third, 'other'), by: keys[1]! })],
  ])('%s', async (_what, by) => {
    const copy = await copyOf(`nonsense-${Math.random()}`);
    await expect(change(copy, second, by(second))).rejects.toMatchObject({ code: 'RS-AUD-015' });
    expect((await verify(copy, keys[0]!)).problems).toEqual([]);
  });
});

describe('a key that was stolen', () => {
  it('revoked from the next group on: what it signed before stands', async () => {
    const copy = await copyOf('revoked');
    await add(copy, second, third);
    await change(copy, third, { action: 'revoke', key: keys[1]!, from: 12 });
    await writeGroups({ directory: copy, origin, signer: third, from: 14, to: 16 });
    expect((await verify(copy, keys[0]!, [headOfSecond])).problems).toEqual([]);
    await expect(open(copy, second)).rejects.toMatchObject({ code: 'RS-AUD-007' });
  });

  it('revoked from an earlier group: those that it alone signed are refused by name', async () => {
    const copy = await copyOf('revoked-earlier');
    await add(copy, second, third);
    await change(copy, third, { action: 'revoke', key: keys[1]!, from: 9 });
    for (const pinned of [keys[0]!, keys[2]!]) {
      const report = await verify(copy, pinned);
      expect(exitOf(report)).toBe(12);
      const said = report.problems.map(({ what }) => what).join('\n');
      expect(said).toMatch(/groups 9 to 11 are signed only by a key that was revoked/);
    }
  });
});

describe('forgery', () => {
  /** Another history, made by whoever has only these keys. */
  async function forged(name: string, make: (directory: string) => Promise<void>): Promise<VerifyReport> {
    const directory = join(root, name);
    await make(directory);
    return verify(directory, keys[0]!);
  }

  it('a key that only signs for itself is not followed', async () => {
    const report = await forged('own-key', (directory) =>
      writeGroups({ directory, origin, signer: third, from: 0, to: 3 }),
    );
    expect(exitOf(report)).toBe(12);
  });

  it('a key added without the signature of the present one', async () => {
    const copy = join(root, 'half-signed');
    await writeGroups({ directory: copy, origin, signer: first, from: 0, to: 2 });
    // The writer is told that both sign, and signs twice with the new key.
    const log = await open(copy, first);
    const liar: Signer = { publicKey: first.publicKey, sign: (message) => third.sign(message) };
    await log.close();
    const lying = await open(copy, liar);
    await lying.changeKeys([{ action: 'add', key: keys[2]!, by: keys[0]! }], third);
    await lying.close();
    expect(exitOf(await verify(copy, keys[0]!))).toBe(12);
  });

  it('a key added without a signature of its own', async () => {
    const copy = join(root, 'not-there');
    await writeGroups({ directory: copy, origin, signer: first, from: 0, to: 2 });
    const log = await open(copy, first);
    await log.changeKeys([{ action: 'add', key: keys[2]!, by: keys[0]! }], null);
    await log.close();
    expect(exitOf(await verify(copy, keys[0]!))).toBe(12);
  });

  it('the first key goes on signing after it was retired', async () => {
    const copy = await copyOf('retired');
    // What is on disk says that it may not: the thief must change the header's keys, or sign in the second's name.
    const liar: Signer = { publicKey: second.publicKey, sign: (message) => first.sign(message) };
    await writeGroups({ directory: copy, origin, signer: liar, from: 12, to: 14 });
    expect(exitOf(await verify(copy, keys[0]!))).toBe(12);
  });
});
