import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { judgeConsistency, parseConsistency } from '../../../src/audit/consistency/document.ts';
import { proveConsistency } from '../../../src/audit/consistency/prove.ts';
import { nodeEd25519 } from '../../../src/audit/ed25519/node-ed25519.ts';
import { generateSigningKeyFile, parseSigningKey, verifierKeyOf } from '../../../src/audit/keys.ts';
import { type LogName, newestHead, readLog } from '../../../src/audit/log-entries.ts';
import { NodeDisk } from '../../../src/audit/node-disk.ts';
import { parseVerifierKey, type SignedHead } from '../../../src/audit/note.ts';
import { HeadVerifier } from '../../../src/audit/verify/signature.ts';
import { writeGroups } from '../../support/audit-log.ts';
import { rowseal } from '../../support/rowseal-process.ts';

const origin = 'rowseal/consistency';
const signer = parseSigningKey(generateSigningKeyFile());
const key = verifierKeyOf(signer, origin);
const verifier = new HeadVerifier(parseVerifierKey(key)!, nodeEd25519);
const signed = (head: SignedHead): boolean => verifier.signedByKey(head);
const disk = new NodeDisk();
const journal: LogName = { kind: 'journal' };
let root: string;
let directory: string;
let table: LogName;

/** Every signed head of a log, oldest first. */
async function headsOf(log: LogName): Promise<readonly string[]> {
  const notes: string[] = [];
  for await (const piece of readLog(disk, directory, log, 0))
    if (piece.kind === 'head') notes.push(piece.note);
  return notes;
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'rowseal-consistency-'));
  directory = join(root, 'log');
  // Several segments, of the table and of the journal.
  await writeGroups({ directory, origin, signer, from: 0, to: 90, rowsPerGroup: 12, segmentMaxBytes: 8192 });
  const [name] = await disk.list(join(directory, 'tables'));
  table = { kind: 'table', directory: name! };
  expect((await disk.list(join(directory, 'journal'))).length).toBeGreaterThan(3);
});

afterAll(() => rm(root, { recursive: true, force: true }));

describe('between any two heads', () => {
  it.each(['journal', 'table'])('of the %s', async (which) => {
    const log = which === 'journal' ? journal : table;
    const notes = await headsOf(log);
    expect(notes.length).toBe(90);
    for (const from of [0, 1, 2, 30, 31, 32, 63, 88, 89]) {
      for (const to of [from, from + 1, 64, 89]) {
        const [old, now] = [notes[from], notes[to]];
        if (old === undefined || now === undefined || to < from) continue;
        const outcome = await proveConsistency(disk, directory, log, old, now);
        if (outcome.kind !== 'proven') throw new Error(outcome.kind);
        const document = parseConsistency(outcome.document)!;
        expect(judgeConsistency(document, signed)).toBe('consistent');
        expect(document.old.head.size).toBeLessThanOrEqual(document.new.head.size);
      }
    }
    const newest = await proveConsistency(disk, directory, log, notes[3]!, null);
    expect(newest).toMatchObject({ kind: 'proven' });
    expect(await newestHead(disk, directory, log)).toBe(notes.at(-1));
  });

  it('a head of another history is no beginning; one for more is told as such', async () => {
    const other = join(root, 'other');
    await writeGroups({ directory: other, origin, signer, from: 0, to: 5, word: 'other' });
    const foreign = await readFile(join(other, 'journal', 'head'), 'utf8');
    expect(await proveConsistency(disk, directory, journal, foreign, null)).toMatchObject({ kind: 'forked' });
    const newest = (await headsOf(journal)).at(-1)!;
    expect(await proveConsistency(disk, other, journal, newest, null)).toMatchObject({
      kind: 'shorter',
      size: 5,
    });
  });
});

describe('a proof file', () => {
  it('any damage is seen, and nothing crashes', async () => {
    const notes = await headsOf(journal);
    const outcome = await proveConsistency(disk, directory, journal, notes[10]!, notes[70]!);
    if (outcome.kind !== 'proven') throw new Error(outcome.kind);
    const good = outcome.document;
    fc.assert(
      fc.property(fc.nat(good.length - 2), fc.integer({ min: 32, max: 126 }), (at, code) => {
        const damaged = good.slice(0, at) + String.fromCharCode(code) + good.slice(at + 1);
        const document = parseConsistency(damaged);
        if (damaged === good) return;
        expect(document === null || judgeConsistency(document, signed) !== 'consistent').toBe(true);
      }),
      { numRuns: 600 },
    );
    for (const nonsense of [
      '',
      '{}',
      'null',
      '[]',
      good.slice(0, -20),
      good.replace('{', '{"more":1,'),
      good.replace('"proof":[', '"proof":[[],'),
      '['.repeat(100_000),
      good + ' '.repeat(300_000),
    ])
      expect(parseConsistency(nonsense)).toBeNull();
  });
});

describe('the command', { timeout: 180_000 }, () => {
  it('proves to a file, which is verified without the log', async () => {
    const notes = await headsOf(table);
    const [old, proof] = [join(root, 'old.head'), join(root, 'proof.json')];
    await writeFile(old, notes[20]!);
    const made = await rowseal([
      'audit',
      'consistency',
      old,
      '--dir',
      directory,
      '--key',
      key,
      '--out',
      proof,
    ]);
    expect(made.stderr).toBe('');
    expect(made.code).toBe(0);
    expect(made.stdout).toMatch(/consistent: .* entries/);
    const checked = await rowseal(['audit', 'consistency', '--verify', proof, '--key', key]);
    expect(checked.code).toBe(0);
    const otherKey = verifierKeyOf(parseSigningKey(generateSigningKeyFile()), origin);
    expect((await rowseal(['audit', 'consistency', '--verify', proof, '--key', otherKey])).code).toBe(12);
    const text = await readFile(proof, 'utf8');
    const { proof: hashes } = JSON.parse(text) as { proof: string[] };
    await writeFile(proof, text.replace(hashes[0]!, hashes[1]!));
    const forked = await rowseal(['audit', 'consistency', '--verify', proof, '--key', key, '--json']);
    expect(forked.code).toBe(10);
    expect(JSON.parse(forked.stdout)).toMatchObject({ verdict: 'forked' });
  });
});
