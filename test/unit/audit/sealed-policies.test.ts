import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { generateSigningKeyFile, parseSigningKey } from '../../../src/audit/keys.ts';
import { NodeDisk } from '../../../src/audit/node-disk.ts';
import { openAuditLog } from '../../../src/audit/open.ts';
import { copyBegan, sealedPolicies } from '../../../src/audit/sealed-policies.ts';
import { tableDirectory } from '../../../src/audit/table-directory.ts';
import { lastOther } from '../../../src/cli/changed-since-copy.ts';
import type { MaskedEvent, MaskedTable } from '../../../src/model/masked.ts';
import { at, begin, column, INT, rows, table } from '../../support/masked.ts';

const people = table('people', [column('id', 1, INT), column('v', 2)]);
const under = (method: string): MaskedTable => ({
  ...people,
  policy: JSON.stringify([
    ['id', { method: 'keep' }],
    ['v', { method }],
  ]),
});
const [keep, redact, token] = [under('keep'), under('redact'), under('token')];
const disk = new NodeDisk();
const folder = join('tables', tableDirectory(people));
let directory: string;

const copy = (of: MaskedTable): readonly MaskedEvent[] => [
  { kind: 'snapshot', table: of, phase: 'begin' },
  { kind: 'snapshot', table: of, phase: 'end' },
];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'rowseal-policies-'));
  const { log } = await openAuditLog({
    directory,
    origin: 'rowseal/test',
    signer: parseSigningKey(generateSigningKeyFile(), 'rowseal/test'),
    // Several segments for each policy.
    segmentMaxBytes: 8_192,
  });
  let next = 1;
  const seal = async (events: readonly MaskedEvent[]): Promise<void> => {
    const group = log.begin();
    await group.append([begin(next), ...events]);
    await group.seal(at(next++));
  };
  const change = async (of: MaskedTable, groups: number): Promise<void> => {
    for (let i = 0; i < groups; i++)
      await seal([
        rows(
          of,
          0,
          Array.from({ length: 50 }, (_, n) => ({ op: 'c' as const, after: [String(next * 100 + n), 'x'] })),
        ),
      ]);
  };
  await seal(copy(keep));
  await change(keep, 12);
  await change(redact, 12);
  await seal(copy(redact));
  await change(redact, 4);
  await change(token, 12);
  await log.close();
});

afterAll(() => rm(directory, { recursive: true, force: true }));

it('of a table are found in whatever segment they are, oldest first', async () => {
  const found = await sealedPolicies(disk, directory, folder);
  expect(found.map(({ policy }) => policy)).toEqual([keep, redact, token].map(({ policy }) => policy));
  expect(found.map(({ seq }) => seq)).toEqual(found.map(({ seq }) => seq).toSorted((a, b) => a - b));
});

it('tell with which record the last one that masks otherwise ceased to hold', async () => {
  const found = await sealedPolicies(disk, directory, folder);
  expect(lastOther(found, token)).toBe(found[2]!.seq);
  expect(lastOther(found, under('partial'))).toBe('now');
  expect(lastOther(found.slice(0, 2), redact)).toBe(found[1]!.seq);
  expect(lastOther(found.slice(0, 1), keep)).toBe('never');
  // A column that came later makes no other rule of the ones before.
  expect(lastOther([{ seq: 2, policy: '[["id",{"method":"keep"}]]' }], keep)).toBe('never');
});

it('are followed by a copy, or not', async () => {
  const found = await sealedPolicies(disk, directory, folder);
  expect(await copyBegan(disk, directory, folder, found[0]!.seq)).toBe(true);
  expect(await copyBegan(disk, directory, folder, found[1]!.seq)).toBe(true);
  expect(await copyBegan(disk, directory, folder, found[2]!.seq)).toBe(false);
});
