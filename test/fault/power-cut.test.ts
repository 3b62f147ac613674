import { describe, expect, it } from 'vitest';
import type { AuditLog } from '../../src/audit/audit-log.ts';
import { generateSigningKeyFile, parseSigningKey, verifierKeyOf } from '../../src/audit/keys.ts';
import { parseSignedHead } from '../../src/audit/note.ts';
import { openAuditLog } from '../../src/audit/open.ts';
import { exitOf } from '../../src/audit/verify/report.ts';
import { verifyAudit } from '../../src/audit/verify/verify.ts';
import { seededRandom } from '../../src/cli/demo/shop.ts';
import { isRowsealError } from '../../src/error/rowseal-error.ts';
import type { MaskedEvent } from '../../src/model/masked.ts';
import { at, begin, column, INT, rows, table } from '../support/masked.ts';
import { type Lies, PowerCut, SimulatedDisk } from '../support/simulated-disk.ts';
import { slow } from '../support/slow.ts';

const SEEDS = slow ? 10_000 : 5_000;
const DIRECTORY = '/audit';
const ORIGIN = 'rowseal/power';
const signer = parseSigningKey(generateSigningKeyFile());
const tables = ['a', 'b', 'c'].map((name) => table(name, [column('id', 1, INT), column('v', 2)]));

/** What a group was made of, to compare with what is read back. */
type Content = readonly string[];

/**
 * One life of a log after the other on one disk, each ended by a power cut, a killed process or a sync that fails, which a
 * power cut follows or does not; throws when a promise was broken.
 */
async function simulate(seed: number, lies: Lies = {}, verify = false): Promise<void> {
  const random = seededRandom(seed);
  const int = (below: number): number => Math.floor(random() * below);
  const recovery = { running: false };
  const told = (lie: ((path: string) => boolean) | undefined) => (path: string) =>
    lie?.(recovery.running ? `recovery:${path}` : path) === true;
  const disk = new SimulatedDisk(random, { skipSync: told(lies.skipSync), skipWrite: told(lies.skipWrite) });
  /** Contents by group; sealed ones first, then possibly one whose seal was cut. */
  let promised: Content[] = [];
  let doubtful: Content | null = null;
  let publishedSize = 0;
  const lives = 2 + int(2);
  for (let life = 0; life < lives; life++) {
    const last = life === lives - 1;
    const fault = int(2);
    if (!last && fault === 0) disk.cutAfter(3 + int(life === 0 ? 120 : 60));
    if (!last && fault === 1) disk.failSyncAfter(1 + int(life === 0 ? 30 : 20));
    let log: AuditLog | null = null;
    try {
      recovery.running = true;
      log = await open(disk, seed);
      recovery.running = false;
      ({ promised, doubtful } = await compare(log, promised, doubtful, seed));
      const groups = 1 + int(4);
      for (let n = 0; n < groups; n++) {
        const { events, content } = makeGroup(int, promised.length);
        const group = log.begin();
        for (const chunk of events) await group.append(chunk);
        if (int(8) === 0) {
          await group.abandon();
          continue;
        }
        doubtful = content;
        await group.seal(at(1000 + promised.length));
        promised = [...promised, content];
        doubtful = null;
        publishedSize = Math.max(publishedSize, headSize(disk));
      }
      await log.close();
    } catch (error) {
      if (!(error instanceof PowerCut) && !isPowerCut(error) && !isFailedSync(error)) throw error;
      publishedSize = Math.max(publishedSize, headSize(disk));
      await log?.close().catch(() => {});
    }
    recovery.running = false;
    if (!last && int(2) === 0) disk.restartProcess();
    else disk.restart();
  }
  // The power stays on now: everything promised must be there, twice.
  const first = await open(disk, seed);
  ({ promised, doubtful } = await compare(first, promised, doubtful, seed));
  if (publishedSize > promised.length)
    throw new Error(
      `seed ${seed}: a head of ${publishedSize} was published, ${promised.length} groups are left`,
    );
  await first.close();
  const second = await open(disk, seed);
  await compare(second, promised, null, seed);
  await second.close();
  if (verify && promised.length > 0) {
    const report = await verifyAudit({ directory: DIRECTORY, key: verifierKeyOf(signer, ORIGIN), disk });
    if (exitOf(report) !== 0) throw new Error(`seed ${seed}: ${JSON.stringify(report.problems[0])}`);
  }
}

async function open(disk: SimulatedDisk, seed: number): Promise<AuditLog> {
  const { log } = await openAuditLog({
    directory: DIRECTORY,
    origin: ORIGIN,
    signer,
    disk,
    lock: () => async () => {},
    // Some lives roll a segment with every group, others never.
    segmentMaxBytes: seed % 4 === 0 ? 700 : 5_000 * (seed % 4),
    spillBytes: seed % 3 === 0 ? 1 : 600,
    residentGroupBytes: seed % 2 === 0 ? 0 : 1 << 20,
    headIntervalMs: seed % 5 === 0 ? 1e9 : 0,
    indexSpacing: seed % 2 === 0 ? [2, 7] : [1e9, 1e9],
    nowUs: () => 0n,
  });
  return log;
}

function isPowerCut(error: unknown): boolean {
  return error instanceof Error && error.message === '' && error.constructor.name === 'PowerCut';
}

function isFailedSync(error: unknown): boolean {
  return isRowsealError(error) && error.code === 'RS-AUD-001';
}

function makeGroup(
  int: (below: number) => number,
  number: number,
): { events: MaskedEvent[][]; content: Content } {
  const events: MaskedEvent[][] = [];
  const content: string[] = [];
  const transactions = int(6) === 0 ? 0 : 1 + int(2);
  for (let t = 0; t < transactions; t++) {
    const chunk: MaskedEvent[] = [begin(number * 10 + t)];
    let ordinal = 0;
    for (const of of tables) {
      if (int(2) === 0) continue;
      const list = Array.from({ length: 1 + int(4) }, (_, i) => ({
        op: 'c' as const,
        after: [String(ordinal + i), 'x'.repeat(int(60))],
      }));
      chunk.push(rows(of, ordinal, list));
      content.push(...list.map((row) => `${number}.${t} ${of.name} ${row.after.join('|')}`));
      ordinal += list.length;
    }
    events.push(chunk);
  }
  return { events, content };
}

/** C1: every promised group whole and in order; the one whose seal was cut whole or absent. */
async function compare(
  log: AuditLog,
  promised: Content[],
  doubtful: Content | null,
  seed: number,
): Promise<{ promised: Content[]; doubtful: null }> {
  const size = (log.last?.index ?? -1) + 1;
  const allowed = doubtful === null ? [promised.length] : [promised.length, promised.length + 1];
  if (!allowed.includes(size))
    throw new Error(`seed ${seed}: ${promised.length} groups were promised, ${size} are there`);
  const expected = size > promised.length ? [...promised, doubtful!] : promised;
  let index = 0;
  for await (const group of log.read(0)) {
    const content: string[] = [];
    let transaction = '';
    for await (const events of group.chunks()) {
      for (const event of events) {
        if (event.kind === 'begin') transaction = event.transaction.id;
        if (event.kind !== 'rows') continue;
        const { run } = event;
        for (let row = 0; row < run.count; row++) {
          content.push(
            `${Math.floor(Number(transaction) / 10)}.${Number(transaction) % 10} ${run.table.name} ${run.cells.slice(row * 2, row * 2 + 2).join('|')}`,
          );
        }
      }
    }
    if (JSON.stringify(content) !== JSON.stringify(expected[index]))
      throw new Error(`seed ${seed}: group ${index} is not what was sealed`);
    index++;
  }
  if (index !== size) throw new Error(`seed ${seed}: ${index} of ${size} groups can be read`);
  return { promised: [...expected], doubtful: null };
}

function headSize(disk: SimulatedDisk): number {
  const bytes = disk.peek(`${DIRECTORY}/journal/head`);
  return bytes === null ? 0 : (parseSignedHead(bytes.toString('utf8'))?.head.size ?? 0);
}

describe('a disk that keeps only what was synced', () => {
  it(`keeps every promise over ${SEEDS} seeds`, { timeout: 600_000 }, async () => {
    for (let seed = 1; seed <= SEEDS; seed++) await simulate(seed, {}, seed % 100 === 0);
  });

  const isTable = (path: string): boolean => path.startsWith(`${DIRECTORY}/tables/`) && path.endsWith('.seg');
  const planted: readonly [string, Lies][] = [
    ['the journal is durable before the tables are', { skipSync: isTable }],
    [
      'a seal is confirmed before the journal is durable',
      { skipSync: (path) => path.startsWith(`${DIRECTORY}/journal/`) && path.endsWith('.seg') },
    ],
    [
      'recovery does not sync its cut',
      { skipSync: (path) => path.startsWith('recovery:') && path.endsWith('.seg') },
    ],
    [
      'recovery syncs a leaf that an earlier sync did not get to the disk, and does not write it again',
      { skipWrite: (path) => path.startsWith(`recovery:${DIRECTORY}/journal/`) && path.endsWith('.seg') },
    ],
  ];
  it.each(planted)('would notice that %s', { timeout: 240_000 }, async (_name, lies) => {
    let caught: unknown = null;
    for (let seed = 1; seed <= 5_000 && caught === null; seed++)
      await simulate(seed, lies, true).catch((error: unknown) => {
        caught = error;
      });
    expect(caught).not.toBeNull();
  });
});
