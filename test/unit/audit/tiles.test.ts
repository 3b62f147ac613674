import { createHash } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateSigningKeyFile, parseSigningKey } from '../../../src/audit/keys.ts';
import type { LogName } from '../../../src/audit/log-entries.ts';
import { NodeDisk } from '../../../src/audit/node-disk.ts';
import { exportTiles } from '../../../src/audit/tiles/export.ts';
import { tilePath } from '../../../src/audit/tiles/layout.ts';
import { writeGroups } from '../../support/audit-log.ts';

const origin = 'rowseal/tiles';
const signer = parseSigningKey(generateSigningKeyFile());
const disk = new NodeDisk();
const journal: LogName = { kind: 'journal' };
let root: string;
let directory: string;
let table: LogName;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'rowseal-tiles-'));
  directory = join(root, 'log');
  await writeGroups({ directory, origin, signer, from: 0, to: 3, rowsPerGroup: 100 });
  table = { kind: 'table', directory: (await readdir(join(directory, 'tables')))[0]! };
});
afterAll(() => rm(root, { recursive: true, force: true }));

const sha256 = (...parts: readonly Uint8Array[]): Buffer =>
  createHash('sha256').update(Buffer.concat(parts)).digest();
const leafOf = (entry: Uint8Array): Buffer => sha256(Buffer.of(0), entry);

/** MTH of RFC 6962 §2.1, as it stands there. */
function mth(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return leaves[0]!;
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return sha256(Buffer.of(1), mth(leaves.slice(0, k)), mth(leaves.slice(k)));
}

/** A reader of C2SP tlog-tiles written from the specification, with nothing of ours: every tile and bundle that the size calls for. */
async function readTiles(
  from: string,
): Promise<{ readonly size: number; readonly entries: readonly Buffer[] }> {
  const [name, count, rootHash] = (await readFile(join(from, 'checkpoint'), 'utf8')).split('\n');
  expect(name).toMatch(/^rowseal\/tiles/);
  const size = Number(count);
  const path = (level: string, index: number, width: number): string => {
    const digits = String(index).padStart(3 * Math.ceil(String(index).length / 3), '0');
    const name = digits.replace(/(\d{3})(?=\d)/g, 'x$1/');
    return join(from, 'tile', level, width === 256 ? name : `${name}.p/${width}`);
  };
  const entries: Buffer[] = [];
  for (let n = 0; n * 256 < size; n++) {
    const width = Math.min(256, size - n * 256);
    const bundle = await readFile(path('entries', n, width));
    let at = 0;
    while (at < bundle.length) {
      const length = bundle.readUInt16BE(at);
      entries.push(bundle.subarray(at + 2, at + 2 + length));
      at += 2 + length;
    }
    expect(at).toBe(bundle.length);
    expect(entries.length).toBe(n * 256 + width);
  }
  const leaves = entries.map(leafOf);
  let level: readonly Buffer[] = leaves;
  for (let l = 0; level.length > 0; l++) {
    for (let n = 0; n * 256 < level.length; n++) {
      const hashes = level.slice(n * 256, (n + 1) * 256);
      expect(await readFile(path(String(l), n, hashes.length)), `tile ${l}/${n}`).toEqual(
        Buffer.concat(hashes),
      );
    }
    const above: Buffer[] = [];
    for (let n = 0; (n + 1) * 256 <= level.length; n++) above.push(mth(level.slice(n * 256, (n + 1) * 256)));
    level = above;
  }
  expect(mth(leaves).toString('base64')).toBe(rootHash);
  return { size, entries };
}

describe('names of tiles, by the specification', () => {
  it.each([
    [0, 1_234_067, 256, 'tile/0/x001/x234/067'],
    [1, 0, 256, 'tile/1/000'],
    ['entries', 999, 8, 'tile/entries/999.p/8'],
    [2, 1000, 255, 'tile/2/x001/000.p/255'],
  ] as const)('%s %i of width %i', (level, index, width, name) => {
    expect(tilePath(level, index, width)).toBe(name);
  });
});

describe('an export', { timeout: 180_000 }, () => {
  it('of a table and of the journal is read by a reader that knows only the specification', async () => {
    const ofTable = join(root, 'table');
    const report = await exportTiles(disk, directory, table, ofTable);
    // Genesis, schema, policy and the rows.
    expect(report).toMatchObject({
      origin: `${origin}/tables/${Object.values(table)[1]}`,
      size: 303,
      before: 0,
    });
    expect((await readTiles(ofTable)).size).toBe(303);
    const ofJournal = join(root, 'journal');
    await exportTiles(disk, directory, journal, ofJournal);
    const { entries } = await readTiles(ofJournal);
    expect(entries.map((entry) => JSON.parse(entry.toString('utf8')).group)).toEqual([0, 1, 2]);
  });

  it('again is continued: only what is new is written, and every earlier size can still be read', async () => {
    const target = join(root, 'again');
    await exportTiles(disk, directory, table, target);
    const before = await readFile(join(target, 'tile', 'entries', '000'));
    expect((await exportTiles(disk, directory, table, target)).filesWritten).toBe(1);
    let groups = 3;
    // Past 512 and 768, to a full tile's very edge (1,280 records), and on.
    for (const rowsPerGroup of [300, 677, 1]) {
      await writeGroups({ directory, origin, signer, from: groups, to: groups + 1, rowsPerGroup });
      groups++;
      const { size, before: old } = await exportTiles(disk, directory, table, target);
      expect(size - old).toBe(rowsPerGroup);
      expect((await readTiles(target)).size).toBe(size);
      const fresh = join(root, `fresh-${groups}`);
      await exportTiles(disk, directory, table, fresh);
      for (const file of await readdir(fresh, { recursive: true, withFileTypes: true })) {
        if (!file.isFile()) continue;
        const name = join(file.parentPath, file.name);
        expect(await readFile(name.replace(fresh, target))).toEqual(await readFile(name));
      }
    }
    expect(await readFile(join(target, 'tile', 'entries', '000'))).toEqual(before);
    // MUST serve: partial tiles of sizes that had a checkpoint.
    expect((await readFile(join(target, 'tile', '0', '001.p', '47'))).length).toBe(47 * 32);
  });

  it('never writes over another history, or more of this one', async () => {
    const target = join(root, 'target');
    await exportTiles(disk, directory, table, target);
    const refused = { code: 'RS-AUD-030' };
    await expect(exportTiles(disk, directory, journal, target)).rejects.toMatchObject(refused);
    const fork = join(root, 'fork');
    await writeGroups({ directory: fork, origin, signer, from: 0, to: 4, rowsPerGroup: 400, word: 'other' });
    await expect(exportTiles(disk, fork, table, target)).rejects.toMatchObject(refused);
    const short = join(root, 'short');
    await writeGroups({ directory: short, origin, signer, from: 0, to: 1, rowsPerGroup: 5 });
    await expect(exportTiles(disk, short, table, target)).rejects.toMatchObject({
      ...refused,
      detail: expect.stringMatching(/truncated or rolled back/),
    });
    // The first tile changed behind our back.
    const damaged = join(root, 'damaged');
    await cp(target, damaged, { recursive: true });
    const tile = await readFile(join(damaged, 'tile', '0', '000'));
    tile[5]! ^= 1;
    await writeFile(join(damaged, 'tile', '0', '000'), tile);
    await expect(exportTiles(disk, directory, table, damaged)).rejects.toMatchObject(refused);
    await writeFile(join(damaged, 'checkpoint'), 'nonsense');
    await expect(exportTiles(disk, directory, table, damaged)).rejects.toMatchObject(refused);
  });

  it('needs a log with something sealed', async () => {
    const none = { kind: 'table', directory: 'none' } as const;
    await expect(exportTiles(disk, directory, none, join(root, 'none'))).rejects.toMatchObject({
      code: 'RS-AUD-011',
    });
  });
});
