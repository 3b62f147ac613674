import { cp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { generateSigningKeyFile, parseSigningKey, verifierKeyOf } from '../../src/audit/keys.ts';
import { openAuditLog } from '../../src/audit/open.ts';
import type { Signer } from '../../src/audit/signers/signer.ts';
import { at, begin, column, INT, type Row, rows, table, UNCHANGED } from './masked.ts';

/** A log of many groups over two tables, several segments, a schema change and an idle group; and what can be done to it. */

const ORIGIN = 'rowseal/tamper';
const signer = parseSigningKey(generateSigningKeyFile());
export const key = verifierKeyOf(signer, ORIGIN);
const people = table('people', [column('id', 1, INT), column('email', 2)]);
const wider = table('people', [column('id', 1, INT), column('email', 2), column('city', 3)]);
const orders = table('orders', [column('id', 1, INT), column('note', 2)]);

/** Groups `from` to `to` of the log; a second call goes on where the first ended. */
export async function write(directory: string, from: number, to: number, by: Signer = signer): Promise<void> {
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

export interface TamperedLog {
  /** The whole log. */
  readonly whole: string;
  /** The same log some groups earlier, and the heads of both. */
  readonly earlier: string;
  readonly earlierHead: string;
  readonly lastHead: string;
}

export async function makeTamperedLog(root: string): Promise<TamperedLog> {
  const whole = join(root, 'whole');
  const earlier = join(root, 'earlier');
  await write(whole, 0, 12);
  await cp(whole, earlier, { recursive: true });
  const earlierHead = await readFile(join(whole, 'journal', 'head'), 'utf8');
  await write(whole, 12, 20);
  return { whole, earlier, earlierHead, lastHead: await readFile(join(whole, 'journal', 'head'), 'utf8') };
}

export const tableDirectory = async (directory: string, name: string): Promise<string> =>
  join(
    directory,
    'tables',
    (await readdir(join(directory, 'tables'))).find((entry) => entry.startsWith(`public.${name}`))!,
  );
export const segments = async (directory: string, kind: string): Promise<string[]> =>
  (await readdir(directory))
    .filter((name) => name.startsWith(kind))
    .sort()
    .map((name) => join(directory, name));

/** Frames of a segment file: u32 length, type, crc, payload. */
export function frames(bytes: Buffer): Buffer[] {
  const list: Buffer[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const length = 9 + bytes.readUInt32BE(offset);
    list.push(bytes.subarray(offset, offset + length));
    offset += length;
  }
  return list;
}

export async function editFrames(file: string, edit: (list: Buffer[]) => Buffer[]): Promise<void> {
  await writeFile(file, Buffer.concat(edit(frames(await readFile(file)))));
}

export interface Attack {
  readonly name: string;
  /** Exit code that a verifier must give. */
  readonly exit: 10 | 11 | 12;
  readonly act: (directory: string, log: TamperedLog) => Promise<void>;
  /** By default the key of the log, and no head. */
  readonly key?: string;
  readonly head?: (log: TamperedLog) => string;
}

const peopleRecords = async (directory: string, index = 0): Promise<string> =>
  (await segments(await tableDirectory(directory, 'people'), 'records')).at(index)!;

export const attacks: readonly Attack[] = [
  {
    name: 'a frame of records removed',
    exit: 10,
    act: async (d) => editFrames(await peopleRecords(d), (list) => [...list.slice(0, 3), ...list.slice(4)]),
  },
  {
    name: 'a frame of records repeated',
    exit: 10,
    act: async (d) => editFrames(await peopleRecords(d), (list) => [...list.slice(0, 4), ...list.slice(3)]),
  },
  {
    name: 'two frames of records exchanged',
    exit: 10,
    act: async (d) =>
      editFrames(await peopleRecords(d), (list) => [
        ...list.slice(0, 2),
        list[3]!,
        list[2]!,
        ...list.slice(4),
      ]),
  },
  {
    name: 'a journal leaf removed',
    exit: 10,
    act: async (d) =>
      editFrames((await segments(join(d, 'journal'), 'journal'))[0]!, (list) => [
        ...list.slice(0, 2),
        ...list.slice(3),
      ]),
  },
  {
    name: 'two journal leaves exchanged',
    exit: 10,
    act: async (d) =>
      editFrames((await segments(join(d, 'journal'), 'journal'))[0]!, (list) => [
        list[0]!,
        list[2]!,
        list[1]!,
        ...list.slice(3),
      ]),
  },
  {
    name: "a table's segment replayed as another's",
    exit: 10,
    act: async (d) =>
      cp(await peopleRecords(d), join(await tableDirectory(d, 'orders'), 'records-00000000.seg')),
  },
  {
    name: 'the directories of two tables exchanged',
    exit: 10,
    act: async (d) => {
      const a = await tableDirectory(d, 'people');
      const b = await tableDirectory(d, 'orders');
      await cp(a, `${a}.tmp`, { recursive: true });
      await rm(a, { recursive: true });
      await cp(b, a, { recursive: true });
      await rm(b, { recursive: true });
      await cp(`${a}.tmp`, b, { recursive: true });
      await rm(`${a}.tmp`, { recursive: true });
    },
  },
  {
    name: 'row images of another segment',
    exit: 10,
    act: async (d) => {
      const list = await segments(await tableDirectory(d, 'people'), 'rows');
      await cp(list[1]!, list[0]!);
    },
  },
  { name: 'a segment in the middle deleted', exit: 11, act: async (d) => rm(await peopleRecords(d, 1)) },
  { name: 'the end of a table cut off', exit: 11, act: async (d) => rm(await peopleRecords(d, -1)) },
  {
    name: 'a table deleted',
    exit: 11,
    act: async (d) => rm(await tableDirectory(d, 'orders'), { recursive: true }),
  },
  {
    name: 'the last journal leaf cut off, head left',
    exit: 11,
    act: async (d) => {
      const file = (await segments(join(d, 'journal'), 'journal')).at(-1)!;
      const list = frames(await readFile(file));
      await truncate(
        file,
        list.slice(0, -1).reduce((sum, frame) => sum + frame.length, 0),
      );
    },
  },
  {
    name: 'everything rolled back to an older copy, with a newer head from outside',
    exit: 11,
    act: async (d, log) => {
      await rm(d, { recursive: true });
      await cp(log.earlier, d, { recursive: true });
    },
    head: ({ lastHead }) => lastHead,
  },
  {
    name: 'signatures by another key of the same name',
    exit: 12,
    act: async (d) => {
      await rm(d, { recursive: true });
      await write(d, 0, 12, parseSigningKey(generateSigningKeyFile()));
    },
  },
  {
    name: 'signatures by another key, and no head file to give it away',
    exit: 12,
    act: async (d) => {
      await rm(d, { recursive: true });
      await write(d, 0, 12, parseSigningKey(generateSigningKeyFile()));
      for (const folder of [
        'journal',
        ...(await readdir(join(d, 'tables'))).map((name) => join('tables', name)),
      ])
        await rm(join(d, folder, 'head'));
    },
  },
  {
    name: 'verified under a key that is not its own',
    exit: 12,
    act: async () => {},
    key: verifierKeyOf(parseSigningKey(generateSigningKeyFile()), ORIGIN),
  },
  {
    name: 'a head file without a signature',
    exit: 12,
    act: async (d) => {
      const file = join(d, 'journal', 'head');
      const text = await readFile(file, 'utf8');
      await writeFile(file, text.replace(/— .*\n$/, '— somebody.example AAAAAAAAAAAA\n'));
    },
  },
  {
    name: 'a forked history: an earlier head of another log under the same key',
    exit: 10,
    act: async (d) => {
      await rm(d, { recursive: true });
      await write(d, 0, 20);
    },
    head: ({ earlierHead }) => earlierHead,
  },
];
