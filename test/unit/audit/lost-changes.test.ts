import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { SealedEvent, SealedGroup } from '../../../src/audit/audit-log.ts';
import type { Disk } from '../../../src/audit/disk.ts';
import { expireImages } from '../../../src/audit/expire-images.ts';
import { GroupReader } from '../../../src/audit/group-reader.ts';
import type { JournalLeaf } from '../../../src/audit/journal-leaf.ts';
import { readLeaves } from '../../../src/audit/journal-reader.ts';
import { generateSigningKeyFile, parseSigningKey } from '../../../src/audit/keys.ts';
import { LostChanges } from '../../../src/audit/lost-changes.ts';
import { NodeDisk } from '../../../src/audit/node-disk.ts';
import { openAuditLog } from '../../../src/audit/open.ts';
import { at, begin, column, INT, rows, table } from '../../support/masked.ts';

const people = table('people', [column('id', 1, INT), column('name', 2)]);
const signer = parseSigningKey(generateSigningKeyFile());
const EXPIRED = 6;
const COPY = 20;
const LAST = 30;

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'rowseal-lost-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Groups of as many changes each: the first expired; a later one copies the table again. */
async function logWith(changes: number, segmentMaxBytes: number): Promise<string> {
  const directory = mkdtempSync(join(root, 'log-'));
  const { log } = await openAuditLog({ directory, origin: 'rowseal/lost', signer, segmentMaxBytes });
  for (let n = 0; n <= LAST; n++) {
    if (n === EXPIRED) {
      const age = { of: () => 0n, shortestUs: 0n };
      const nowUs = BigInt(Date.now() + 1_000) * 1_000n;
      await expireImages(new NodeDisk(), directory, log, age, nowUs, { actor: 'a', reason: 'r' });
      continue;
    }
    const group = log.begin();
    await group.append([begin(n)]);
    if (n === COPY) await group.append([{ kind: 'snapshot', table: people, phase: 'begin' }]);
    const change = (i: number) => ({ op: 'c' as const, after: [String(n * 1000 + i), 'x'] });
    await group.append([
      rows(
        people,
        n === COPY ? 1 : 0,
        Array.from({ length: changes }, (_, i) => change(i)),
      ),
    ]);
    await group.seal(at(n * 10 + 5));
  }
  await log.close();
  return directory;
}

/** Counts readings of records and of the journal. */
class CountingDisk extends NodeDisk {
  reads = 0;

  override read(path: string, offset: number, length: number): Promise<Buffer> {
    if (!path.includes('rows-')) this.reads++;
    return super.read(path, offset, length);
  }
}

async function leavesOf(disk: Disk, directory: string): Promise<readonly JournalLeaf[]> {
  const leaves: JournalLeaf[] = [];
  for await (const { leaf } of readLeaves(disk, directory, 0, LAST)) leaves.push(leaf);
  return leaves;
}

type Gone = Extract<SealedEvent, { kind: 'gone' }>;

async function* goneIn(groups: AsyncIterable<SealedGroup>): AsyncGenerator<Gone> {
  for await (const group of groups)
    for await (const events of group.chunks())
      for (const event of events) if (event.kind === 'gone') yield event;
}

it('are told to two sinks that look differently far without reading the log for each record', async () => {
  const readsFor = async (changes: number): Promise<number> => {
    const disk = new CountingDisk();
    const reader = new GroupReader(disk, await logWith(changes, 1_000_000), 'tell');
    const sinks = [goneIn(reader.read(0, LAST - 1)), goneIn(reader.read(0, LAST))];
    const counts = [0, 0];
    for (let open = true; open; ) {
      open = false;
      for (const [i, sink] of sinks.entries()) {
        const { value, done } = await sink.next();
        if (done === true) continue;
        open = true;
        counts[i]!++;
        expect(await value.isLost()).toBe(false);
      }
    }
    expect(counts).toEqual([EXPIRED * changes, EXPIRED * changes]);
    return disk.reads;
  };
  expect(await readsFor(40)).toBe(await readsFor(4));
});

it('are looked for in what came since, and in what is older, each group once', async () => {
  const disk = new CountingDisk();
  const directory = await logWith(4, 1_000);
  const touched = (await leavesOf(disk, directory)).map(({ tables }) => tables[0]!);
  const lost = new LostChanges(disk, directory);
  const readsOf = async (look: () => Promise<void>): Promise<number> => {
    const before = disk.reads;
    await look();
    return disk.reads - before;
  };
  const isLost = (group: number, last: number): Promise<boolean> =>
    lost.includes(touched[group]!.size - 1, touched[group]!, group, last);
  const growing: number[] = [];
  for (let last = EXPIRED; last <= LAST; last++)
    growing.push(await readsOf(async () => expect(await isLost(3, last)).toBe(last < COPY)));
  expect(Math.max(...growing.slice(1))).toBeLessThanOrEqual(growing[0]!);
  // Who looks less far is told what was found further on, at no cost; and nothing is asked twice at once.
  expect(await readsOf(async () => expect(await isLost(4, EXPIRED)).toBe(false))).toBe(0);
  const both = await readsOf(async () => {
    expect(await Promise.all([isLost(0, LAST), isLost(0, LAST)])).toEqual([false, false]);
  });
  const fresh = new LostChanges(disk, directory);
  const alone = await readsOf(async () => {
    await fresh.includes(0, touched[0]!, 0, 2);
  });
  expect(both).toBeLessThanOrEqual(alone);
});
