import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAccessLog } from '../../src/audit/access-log.ts';
import { cosign, parseWitnessKey } from '../../src/audit/cosignature.ts';
import { eraseRow } from '../../src/audit/erase.ts';
import { expireImages } from '../../src/audit/expire-images.ts';
import { generateSigningKeyFile, parseSigningKey, verifierKeyOf } from '../../src/audit/keys.ts';
import { lockDirectory } from '../../src/audit/lock.ts';
import { NodeDisk } from '../../src/audit/node-disk.ts';
import { formatVerifierKey, parseSignedHead, SignatureType, signatureLine } from '../../src/audit/note.ts';
import { openAuditLog } from '../../src/audit/open.ts';
import { packSegment } from '../../src/audit/packed-segment.ts';
import { addKey } from '../../src/audit/signers/rotation.ts';
import type { Signer } from '../../src/audit/signers/signer.ts';
import { tableDirectory } from '../../src/audit/table-directory.ts';
import { exitOf } from '../../src/audit/verify/report.ts';
import { verifyAudit } from '../../src/audit/verify/verify.ts';
import { thresholdPolicy } from '../../src/audit/witness-policy.ts';
import { seededRandom } from '../../src/cli/demo/shop.ts';
import { RowsealError } from '../../src/error/rowseal-error.ts';
import { writeGroups } from '../support/audit-log.ts';
import { verifyEd25519 } from '../support/independent-verifier/ed25519.ts';
import { verify as verifyIndependently } from '../support/independent-verifier/verify.ts';
import { at, begin, column, INT, rows, table } from '../support/masked.ts';
import { randomKey, writeRandomLog } from '../support/random-log.ts';
import {
  attacks,
  key,
  makeTamperedLog,
  segments,
  type TamperedLog,
  tableDirectory as tableOf,
} from '../support/tamper-attacks.ts';

interface Pinned {
  readonly key?: string;
  readonly head?: string;
  readonly quorum?: { readonly witnesses: readonly string[]; readonly count: number };
}

async function ours(directory: string, { quorum, ...pinned }: Pinned): Promise<number> {
  const witnesses = (quorum?.witnesses ?? []).map((text, i) => ({
    name: `w${i}`,
    key: parseWitnessKey(text)!,
  }));
  const asked = quorum === undefined ? {} : { policy: thresholdPolicy(witnesses, quorum.count) };
  try {
    return exitOf(await verifyAudit({ directory, ...pinned, ...asked }));
  } catch (error) {
    if (error instanceof RowsealError && error.code === 'RS-AUD-027') return 2;
    throw error;
  }
}

/** Both verdicts, which must be one. */
async function verdict(directory: string, pinned: Pinned): Promise<number> {
  const independent = verifyIndependently(directory, pinned);
  const exit = await ours(directory, pinned);
  expect(independent.exit, `${independent.reasons.join('; ')}; ours says ${exit}`).toBe(exit);
  return exit;
}

let root: string;
let log: TamperedLog;
let copies = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'rowseal-independent-'));
  log = await makeTamperedLog(root);
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function copyOf(directory: string): Promise<string> {
  const copy = join(root, `copy-${copies++}`);
  await cp(directory, copy, { recursive: true });
  return copy;
}

/** The same log with every segment packed that may be. */
async function packed(directory: string): Promise<string> {
  const copy = await copyOf(directory);
  for (const name of await readdir(join(copy, 'tables')))
    for (const kind of ['records', 'rows'])
      for (const file of (await segments(join(copy, 'tables', name), kind)).slice(0, -1))
        await packSegment(new NodeDisk(), file);
  return copy;
}

describe('a second verifier, from the specification alone', () => {
  it('agrees on good logs', { timeout: 240_000 }, async () => {
    expect(await verdict(log.whole, { key, head: log.lastHead })).toBe(0);
    expect(await verdict(log.whole, { key, head: log.earlierHead })).toBe(0);
    expect(await verdict(log.earlier, { key })).toBe(0);
    expect(await verdict(await packed(log.whole), { key, head: log.lastHead })).toBe(0);
    expect(await verdict(join(root, 'nothing'), { key })).toBe(2);
    for (const seed of [1, 2]) {
      const directory = join(root, `random-${seed}`);
      await writeRandomLog(directory, seed, 40);
      expect(await verdict(directory, { key: randomKey })).toBe(0);
    }
  });

  it.each(attacks)('agrees on: $name', { timeout: 180_000 }, async ({ act, exit, key: otherKey, head }) => {
    const directory = await copyOf(log.whole);
    await act(directory, log);
    const pinned = { key: otherKey ?? key, ...(head === undefined ? {} : { head: head(log) }) };
    expect(await verdict(directory, pinned)).toBe(exit);
    await rm(directory, { recursive: true, force: true });
  });

  it('agrees on erased and expired rows, access logs, and promises that are not kept', {
    timeout: 180_000,
  }, async () => {
    const { directory, key: own, before } = await makeSmallLog(join(root, `small-${copies++}`));
    expect(await verdict(directory, { key: own })).toBe(0);
    const undone = await copyOf(directory);
    for (const file of await segments(await tableOf(before, 'people'), 'rows'))
      await cp(file, join(await tableOf(undone, 'people'), file.split('/').at(-1)!));
    expect(await verdict(undone, { key: own })).toBe(1);
    const gone = await copyOf(before);
    for (const file of await segments(await tableOf(directory, 'people'), 'rows'))
      await cp(file, join(await tableOf(gone, 'people'), file.split('/').at(-1)!));
    expect(await verdict(gone, { key: own })).toBe(10);
  });

  it('agrees on bytes changed at random, whole and packed', { timeout: 300_000 }, async () => {
    const random = seededRandom(4711);
    const small = await makeSmallLog(join(root, `small-${copies++}`));
    const logs = [
      { directory: await copyOf(log.earlier), own: key },
      { directory: await packed(log.earlier), own: key },
      { directory: small.directory, own: small.key },
    ];
    let broken = 0;
    for (let n = 0; n < 90; n++) {
      const { directory, own } = logs[n % logs.length]!;
      const files = (await readdir(directory, { recursive: true })).filter((name) =>
        /\.seg$|head$|jsonl$/.test(name),
      );
      const file = join(directory, files[Math.floor(random() * files.length)]!);
      const bytes = await readFile(file);
      if (bytes.length === 0 || !(await stat(file)).isFile()) continue;
      const changed = Buffer.from(bytes);
      const offset = Math.floor(random() * bytes.length);
      changed[offset] = Math.floor(random() * 256);
      // Now and then the end is cut off instead.
      await writeFile(file, n % 5 === 0 ? bytes.subarray(0, offset) : changed);
      if ((await verdict(directory, { key: own })) !== 0) broken++;
      await writeFile(file, bytes);
    }
    expect(broken).toBeGreaterThan(70);
  });

  it('agrees on logs that witnesses have cosigned, and on what is wrong with it', {
    timeout: 180_000,
  }, async () => {
    const signers = ['a', 'b', 'c'].map(() => parseSigningKey(generateSigningKeyFile()));
    const vkeys = signers.map(({ publicKey }, i) =>
      formatVerifierKey(`w/${i}`, publicKey, SignatureType.cosignature),
    );
    const witnesses = vkeys.slice(0, 2);
    const cosigned = async (head: string, by: readonly number[], change = (line: string) => line) => {
      const { body } = parseSignedHead(head)!;
      const lines = await Promise.all(
        by.map(async (i) =>
          change(signatureLine(await cosign(body, 1_700_000_000 + i, `w/${i}`, signers[i]!))),
        ),
      );
      return head + lines.join('');
    };
    const other = (line: string): string => {
      const [name, value] = [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)];
      const bytes = Buffer.from(value, 'base64');
      bytes[20]! ^= 1;
      return `${name} ${bytes.toString('base64')}\n`;
    };
    const { lastHead, earlierHead } = log;
    const heads: [string, number, number][] = [
      [await cosigned(lastHead, [0, 1]), 2, 0],
      [await cosigned(earlierHead, [1, 0, 2]), 2, 0],
      [await cosigned(lastHead, [0, 2]), 2, 12],
      [await cosigned(lastHead, [0, 2]), 1, 0],
      [await cosigned(lastHead, [0, 0, 1]), 2, 0],
      [await cosigned(lastHead, [0, 1], other), 1, 12],
      [await cosigned(lastHead, [0]), 2, 12],
      [lastHead, 1, 12],
      ['no head', 1, 10],
    ];
    for (const [text, count, exit] of heads) {
      const directory = await copyOf(log.whole);
      await writeFile(join(directory, 'journal', 'cosigned'), text);
      const quorum = { witnesses, count };
      expect(await verdict(directory, { key, quorum })).toBe(exit);
      // Not asked for a quorum, nobody judges the lines of witnesses; what is no head stays damage.
      expect(await verdict(directory, { key })).toBe(exit === 10 ? 10 : 0);
    }
    // Of a longer log than the directory has; and of another one.
    const ahead = await copyOf(log.earlier);
    await writeFile(join(ahead, 'journal', 'cosigned'), await cosigned(lastHead, [0, 1]));
    expect(await verdict(ahead, { key, quorum: { witnesses, count: 2 } })).toBe(11);
  });

  it('agrees on logs whose keys were changed, with bytes changed at random', {
    timeout: 240_000,
  }, async () => {
    const random = seededRandom(99);
    const origin = 'rowseal/rotated';
    const newSigner = (): Signer => parseSigningKey(generateSigningKeyFile());
    const [first, second, third] = [newSigner(), newSigner(), newSigner()] as const;
    const vkeyOf = (signer: Signer): string => verifierKeyOf(signer, origin);
    const [firstKey, secondKey, thirdKey] = [vkeyOf(first), vkeyOf(second), vkeyOf(third)] as const;
    const directory = join(root, 'rotated');
    const open = async (signer: Signer) =>
      (await openAuditLog({ directory, origin, signer, headIntervalMs: 0, segmentMaxBytes: 3_000 })).log;
    const disk = new NodeDisk();
    await writeGroups({ directory, origin, signer: first, from: 0, to: 2 });
    let audit = await open(first);
    await addKey(disk, directory, origin, audit, first, second, lockDirectory);
    await audit.close();
    audit = await open(second);
    await audit.changeKeys([{ action: 'retire', key: firstKey }], null);
    await addKey(disk, directory, origin, audit, second, third, lockDirectory);
    await audit.close();
    await writeGroups({ directory, origin, signer: third, from: 5, to: 7, segmentMaxBytes: 3_000 });
    audit = await open(third);
    await audit.changeKeys([{ action: 'revoke', key: secondKey, from: 5 }], null);
    await audit.close();
    for (const own of [firstKey, secondKey, thirdKey]) expect(await verdict(directory, { key: own })).toBe(0);
    const files = (await readdir(join(directory, 'journal'))).map((name) => join(directory, 'journal', name));
    for (let n = 0; n < 40; n++) {
      const file = files[n % files.length]!;
      const bytes = await readFile(file);
      const changed = Buffer.from(bytes);
      changed[Math.floor(random() * bytes.length)]! ^= 1 << Math.floor(random() * 8);
      await writeFile(file, changed);
      expect(await verdict(directory, { key: n % 2 === 0 ? firstKey : thirdKey })).not.toBe(0);
      await writeFile(file, bytes);
    }
  });

  it('refuses what RFC 8032 leaves open: S beyond the order, small and strange points', () => {
    const signer = parseSigningKey(generateSigningKeyFile());
    const publicKey = Buffer.from(signer.publicKey);
    const body = Buffer.from('o\n1\nroot\n');
    const signature = Buffer.from(signer.sign(body));
    expect(verifyEd25519(publicKey, body, signature)).toBe(true);
    const L = 2n ** 252n + 27742317777372353535851937790883648493n;
    const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`) + L;
    const large = Buffer.concat([
      signature.subarray(0, 32),
      Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse(),
    ]);
    expect(verifyEd25519(publicKey, body, large)).toBe(false);
    const identity = Buffer.alloc(32);
    identity[0] = 1;
    expect(verifyEd25519(identity, body, signature)).toBe(false);
    expect(verifyEd25519(publicKey, body, Buffer.concat([identity, Buffer.alloc(32)]))).toBe(false);
  });
});

const people = table('people', [column('id', 1, INT), column('name', 2)]);

/** A log with everything in it that can go: erased and expired images, and requests to turn tokens back. */
async function makeSmallLog(
  directory: string,
): Promise<{ readonly directory: string; readonly key: string; readonly before: string }> {
  const origin = 'rowseal/small';
  const signer = parseSigningKey(generateSigningKeyFile());
  let nowUs = 1_700_000_000_000_000n;
  const { log: audit } = await openAuditLog({
    directory,
    origin,
    signer,
    segmentMaxBytes: 400,
    headIntervalMs: 0,
    nowUs: () => nowUs,
  });
  for (let n = 0; n < 6; n++) {
    const group = audit.begin();
    await group.append([
      begin(n),
      rows(people, 0, [
        { op: 'c', after: [String(n), `a-${n}`] },
        { op: 'u', before: [String(n), `a-${n}`], after: [String(n), `b-${n}`] },
      ]),
    ]);
    await group.seal(at(n * 10 + 5));
    nowUs += 1_000_000n;
  }
  await audit.close();
  const before = `${directory}-before`;
  const again = { directory, origin, signer, segmentMaxBytes: 400, headIntervalMs: 0, nowUs: () => nowUs };
  const disk = new NodeDisk();
  const tag = Buffer.from('4'.padEnd(16), 'latin1').toString('hex');
  const request = { table: tableDirectory(people), tags: [tag], actor: 'a', reason: 'r' };
  const opened = await openAuditLog(again);
  const age = { of: () => 3_500_000n, shortestUs: 3_500_000n };
  await cp(directory, before, { recursive: true });
  await eraseRow(disk, directory, opened.log, request);
  await expireImages(disk, directory, opened.log, age, nowUs, { actor: 'a', reason: 'r' });
  await opened.log.close();
  const access = await openAccessLog(disk, directory, origin, signer, lockDirectory);
  for (const outcome of ['granted', 'refused'] as const)
    await access.append({
      time_us: '1700000000000000',
      actor: 'x\ufffd',
      reason: 'r',
      space: 'domain:email',
      method: 'reversible',
      key_epoch: 1,
      outcome,
      tokens: ['tok_1'],
    });
  await access.close();
  return { directory, key: verifierKeyOf(signer, origin), before };
}
