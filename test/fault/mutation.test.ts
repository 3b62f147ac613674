import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAccessLog } from '../../src/audit/access-log.ts';
import { eraseRow } from '../../src/audit/erase.ts';
import { expireImages } from '../../src/audit/expire-images.ts';
import { generateSigningKeyFile, parseSigningKey, verifierKeyOf } from '../../src/audit/keys.ts';
import { lockDirectory } from '../../src/audit/lock.ts';
import { NodeDisk } from '../../src/audit/node-disk.ts';
import { openAuditLog } from '../../src/audit/open.ts';
import { packSegment } from '../../src/audit/packed-segment.ts';
import { tableDirectory } from '../../src/audit/table-directory.ts';
import { exitOf } from '../../src/audit/verify/report.ts';
import { verifyAudit } from '../../src/audit/verify/verify.ts';
import { RowsealError } from '../../src/error/rowseal-error.ts';
import { at, begin, column, INT, rows, table } from '../support/masked.ts';
import { MemoryDisk } from '../support/memory-disk.ts';
import { slow } from '../support/slow.ts';

const ORIGIN = 'rowseal/m';
const signer = parseSigningKey(generateSigningKeyFile());
const key = verifierKeyOf(signer, ORIGIN);
const people = table('p', [column('id', 1, INT), column('name', 2)]);
const folder = join('tables', tableDirectory(people));

/** What is evidence; everything else in the directory is operational (docs/audit-format.md §1). */
const EVIDENCE =
  /^(journal\/(journal-\d{8}\.seg|head)|tables\/[^/]+\/((records|rows)-\d{8}\.seg|head)|access\/(requests\.jsonl|head))$/;

let root: string;
/** One segment of each kind; and the same history in many, packed. */
let plain: string;
let packed: string;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'rowseal-mutation-'));
  plain = await makeLog('plain', 1 << 20);
  packed = await makeLog('packed', 300);
  for (const name of readdirSync(join(packed, folder)))
    if (/^(rows|records)-0000000[0-1]\.seg$/.test(name))
      await packSegment(new NodeDisk(), join(packed, folder, name));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Two rows, of which one is expired and one erased, and a request to turn a token back. */
async function makeLog(name: string, segmentMaxBytes: number): Promise<string> {
  const directory = join(root, name);
  const disk = new NodeDisk();
  let nowUs = 1_700_000_000_000_000n;
  const { log } = await openAuditLog({
    directory,
    origin: ORIGIN,
    signer,
    segmentMaxBytes,
    headIntervalMs: 0,
    nowUs: () => nowUs,
  });
  for (let n = 0; n < 2; n++) {
    const group = log.begin();
    await group.append([begin(n), rows(people, 0, [{ op: 'c', after: [String(n), `n${n}`] }])]);
    await group.seal(at(n + 1));
    nowUs += 10n;
  }
  const tags = [Buffer.from('1'.padEnd(16), 'latin1').toString('hex')];
  await eraseRow(disk, directory, log, { table: tableDirectory(people), tags, actor: 'a', reason: 'r' });
  const age = { of: () => 20n, shortestUs: 20n };
  await expireImages(disk, directory, log, age, nowUs, { actor: 'a', reason: 'r' });
  await log.close();
  const access = await openAccessLog(disk, directory, ORIGIN, signer, lockDirectory);
  await access.append({
    time_us: '1',
    actor: '\ufffd',
    reason: 'r',
    space: 'domain:d',
    method: 'reversible',
    key_epoch: 1,
    outcome: 'granted',
    tokens: ['t'],
  });
  await access.close();
  return directory;
}

async function exitWith(disk: MemoryDisk, directory: string): Promise<number> {
  try {
    return exitOf(await verifyAudit({ directory, key, disk: Object.create(disk) as MemoryDisk }));
  } catch (error) {
    if (error instanceof RowsealError) return 2;
    throw error;
  }
}

/** Changes each byte that `changes` says, one at a time. @returns those that verify does not see, and how many there were */
async function mutate(
  directory: string,
  changes: (bytes: Buffer, offset: number) => Iterable<Buffer>,
): Promise<{ readonly missed: readonly string[]; readonly tried: number }> {
  const disk = MemoryDisk.of(directory);
  expect(await exitWith(disk, directory)).toBe(0);
  const missed: string[] = [];
  let tried = 0;
  for (const [path, bytes] of disk.files) {
    const name = relative(directory, path);
    if (!EVIDENCE.test(name)) continue;
    for (let offset = 0; offset < bytes.length; offset++) {
      for (const changed of changes(bytes, offset)) {
        tried++;
        disk.files.set(path, changed);
        if ((await exitWith(disk, directory)) === 0) missed.push(`${name}:${offset}`);
      }
    }
    disk.files.set(path, bytes);
  }
  return { missed, tried };
}

function* flipped(bytes: Buffer, offset: number): Generator<Buffer> {
  for (let bit = 0; bit < 8; bit++) {
    if (!slow && bit !== offset % 8) continue;
    const changed = Buffer.from(bytes);
    changed[offset] = changed[offset]! ^ (1 << bit);
    yield changed;
  }
}

/** What somebody does who knows the format: the CRC of the frame is made good again. */
function* mended(bytes: Buffer, offset: number): Generator<Buffer> {
  if (!slow && offset % 5 !== 0) return;
  let start = 0;
  while (start + 9 + bytes.readUInt32BE(start) <= offset) start += 9 + bytes.readUInt32BE(start);
  if (offset < start + 9) return;
  const changed = Buffer.from(bytes);
  changed[offset] = changed[offset]! ^ (1 << (offset % 8));
  const end = start + 9 + bytes.readUInt32BE(start);
  changed.writeUInt32BE(
    crc32(changed.subarray(start + 9, end), crc32(changed.subarray(start + 4, start + 5))),
    start + 5,
  );
  yield changed;
}

describe('a byte that is changed is found', () => {
  const timeout = slow ? 3_600_000 : 240_000;

  it('in every file that is evidence', { timeout }, async () => {
    const { missed, tried } = await mutate(plain, flipped);
    expect(missed).toEqual([]);
    expect(tried).toBeGreaterThan(4_000);
  });

  it('in packed segments too', { timeout }, async () => {
    const small = join(root, 'packed-only');
    cpSync(packed, small, { recursive: true });
    const { missed, tried } = await mutate(small, function* (bytes, offset) {
      if (bytes[4] === 16) yield* flipped(bytes, offset);
    });
    expect(missed).toEqual([]);
    expect(tried).toBeGreaterThan(500);
  });

  it('when the checksum of its frame was made good', { timeout }, async () => {
    const { missed, tried } = await mutate(plain, function* (bytes, offset) {
      if (bytes[4] === 1 && bytes[0] === 0) yield* mended(bytes, offset);
    });
    expect(missed).toEqual([]);
    expect(tried).toBeGreaterThan(500);
  });

  it('and what is no evidence is only that: epoch, locks, what an expiry has got to', () => {
    const rest = readdirSync(plain, { recursive: true, encoding: 'utf8' }).filter(
      (name) => !EVIDENCE.test(name) && !/^(access|journal|tables|tables\/[^/]+)$/.test(name),
    );
    const operational = [
      'access/lock',
      'access/lock.holder',
      'epoch',
      'lock',
      'lock.holder',
      `${folder}/expired`,
    ];
    // The key is evidence where nobody brings another.
    expect(rest.sort()).toEqual([...operational, 'log.vkey'].sort());
  });
});
