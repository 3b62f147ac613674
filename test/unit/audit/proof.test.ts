import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NodeDisk } from '../../../src/audit/node-disk.ts';
import { checkProof } from '../../../src/audit/proof/check-proof.ts';
import { makeProof, type ProofRequest } from '../../../src/audit/proof/make-proof.ts';
import { encodeProof } from '../../../src/audit/proof/proof-file.ts';
import type { ProofReport } from '../../../src/audit/proof/report.ts';
import { RecordKind } from '../../../src/audit/record.ts';
import { tableDirectory } from '../../../src/audit/table-directory.ts';
import { readTableRecords, tagsOf } from '../../../src/audit/table-records.ts';
import { exitOf } from '../../../src/audit/verify/report.ts';
import { verifyAudit } from '../../../src/audit/verify/verify.ts';
import { checkProof as checkIndependently } from '../../support/independent-verifier/proof.ts';
import {
  orders,
  PROOF_KEY,
  people,
  proofVerifier,
  tagOf,
  withDirectory,
  writeProofLog,
} from '../../support/proof-log.ts';

const disk = new NodeDisk();

async function prove(
  directory: string,
  request: Omit<ProofRequest, 'directory'>,
  kept = true,
): Promise<ProofReport> {
  const text = encodeProof(await makeProof(disk, { directory, ...request }, kept));
  const report = checkProof(text, [proofVerifier()]);
  const independent = checkIndependently(text, [PROOF_KEY]);
  expect(independent.exit, independent.reason).toBe(exitOf(report));
  return report;
}

/** By reading the whole log: the records of the rows with these tags, and of those that key changes tie to them. */
async function naive(directory: string, asked: string): Promise<readonly number[]> {
  const tags = new Set([asked]);
  const folder = join('tables', tableDirectory(people));
  for (let before = 0; before !== tags.size; ) {
    before = tags.size;
    for await (const record of readTableRecords(disk, directory, folder)) {
      const own = tagsOf(record);
      if (own.some((tag) => tags.has(tag))) for (const tag of own) tags.add(tag);
    }
  }
  const seqs: number[] = [];
  for await (const record of readTableRecords(disk, directory, folder)) {
    const wide = record.kind === RecordKind.truncate || record.kind === RecordKind.snapshot;
    const erasure =
      record.kind === RecordKind.erasure && [...tags].some((tag) => record.payload.includes(tag));
    if (wide || erasure || tagsOf(record).some((tag) => tags.has(tag))) seqs.push(record.seq);
  }
  return seqs;
}

describe('a proof of a row', () => {
  it.each([
    { seed: 1, disclosure: 'row' as const },
    { seed: 2, disclosure: 'column' as const },
    { seed: 3, disclosure: 'row' as const, indexSpacing: [1, 1] as const },
    { seed: 4, disclosure: 'row' as const, indexSpacing: [1e9, 1e9] as const },
    { seed: 5, disclosure: 'column' as const, indexSpacing: [300, 300] as const, erase: [3] },
    { seed: 6, disclosure: 'row' as const, erase: [7, 3] },
  ])('shows all its records and no others, by scan, by look-up and by none ($seed)', async (options) => {
    await withDirectory(async (directory) => {
      await writeProofLog(directory, { groups: 50, ...options });
      const report = await verifyAudit({ directory, key: PROOF_KEY });
      expect(report.problems).toEqual([]);
      for (const id of [3, 7, 99]) {
        for (const kept of [true, true]) {
          const proven = await prove(
            directory,
            { table: people, subject: { kind: 'row', tags: [tagOf(id)] }, atUs: null, columns: null },
            kept,
          );
          expect(proven.problems, `${id}`).toEqual([]);
          expect(proven.complete).toBe(true);
          expect(proven.versions.map(({ seq }) => seq)).toEqual(await naive(directory, tagOf(id)));
          if (id === 99) expect(proven.versions.every(({ kind }) => kind !== 'change')).toBe(true);
        }
      }
    });
  });

  it('is made beside look-up files that were damaged or taken away', async () => {
    await withDirectory(async (directory) => {
      await writeProofLog(directory, { seed: 8, groups: 60 });
      const request = {
        table: people,
        subject: { kind: 'row' as const, tags: [tagOf(3)] },
        atUs: null,
        columns: null,
      };
      const first = await prove(directory, request);
      const files = await disk.list(join(directory, 'lookup', tableDirectory(people)));
      expect(files.length).toBeGreaterThan(1);
      await rm(join(directory, 'lookup', tableDirectory(people), files[0]!));
      expect(await prove(directory, request)).toEqual(first);
      expect((await verifyAudit({ directory, key: PROOF_KEY })).problems).toEqual([]);
    });
  });

  it('of a moment shows the image in force, and no other', async () => {
    await withDirectory(async (directory) => {
      await writeProofLog(directory, { seed: 9, groups: 60 });
      const whole = await prove(directory, {
        table: people,
        subject: { kind: 'row', tags: [tagOf(3)] },
        atUs: null,
        columns: null,
      });
      const changes = whole.versions.filter(({ kind }) => kind === 'change');
      const i = changes.findIndex((change, n) => n > 1 && change.commitTimeUs < changes[n + 1]!.commitTimeUs);
      const proven = await prove(directory, {
        table: people,
        subject: { kind: 'row', tags: [tagOf(3)] },
        atUs: changes[i + 1]!.commitTimeUs - 1n,
        columns: null,
      });
      expect(proven.problems).toEqual([]);
      expect(proven.at?.seq).toBe(changes[i]!.seq);
      const shown = proven.versions.filter(
        ({ before, after }) => before.kind === 'cells' || after.kind === 'cells',
      );
      expect(shown.map(({ seq }) => seq)).toEqual([proven.at!.seq]);
    });
  });

  it('of a record alone says that it claims no more', async () => {
    await withDirectory(async (directory) => {
      await writeProofLog(directory, { seed: 10, groups: 30 });
      const proven = await prove(directory, {
        table: orders,
        subject: { kind: 'record', seq: 5, tags: null },
        atUs: null,
        columns: null,
      });
      expect(proven.problems).toEqual([]);
      expect(proven.complete).toBe(false);
      expect(proven.notes.join()).toMatch(/not claimed/);
      expect(exitOf(proven)).toBe(0);
    });
  });

  it('shows single columns where images commit to them, and hides the others', async () => {
    await withDirectory(async (directory) => {
      await writeProofLog(directory, { seed: 11, groups: 30, disclosure: 'column' });
      const request = { table: people, subject: { kind: 'row' as const, tags: [tagOf(3)] }, atUs: null };
      const proof = await makeProof(disk, { directory, ...request, columns: ['city'] });
      const text = encodeProof(proof);
      const proven = checkProof(text, [proofVerifier()]);
      expect(proven.problems).toEqual([]);
      const cells = proven.versions.flatMap(({ after }) => (after.kind === 'cells' ? [after.cells] : []));
      expect(cells.length).toBeGreaterThan(2);
      for (const [id, email, city] of cells) {
        expect(id).toEqual({ hidden: true });
        expect(email).toEqual({ hidden: true });
        expect(city).toMatch(/Cork|Galway|Žilina/);
      }
      // What is hidden is not in the file in any form: every record shows its own salt only.
      expect(Buffer.from(text, 'utf8').includes(Buffer.from('tok_').toString('base64').slice(0, 5))).toBe(
        false,
      );
    });
  });
});
