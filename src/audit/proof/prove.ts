import { join } from 'node:path';
import type { TableName } from '../../model/table.ts';
import { MalformedBytes } from '../bytes.ts';
import type { Disk } from '../disk.ts';
import { isErased } from '../erased.ts';
import { LogWalk } from '../lookup/log-walk.ts';
import { BEGINNING } from '../lookup/place.ts';
import { sealedSize } from '../lookup/sealed-size.ts';
import { TableLookup, type Versions } from '../lookup/table-lookup.ts';
import { decodeRecord, RecordKind } from '../record.ts';
import { decodeImageBody } from '../row-image.ts';
import { tableDirectory } from '../table-directory.ts';
import { tableFromPayloads } from '../table-payload.ts';
import { checkProof } from './check-proof.ts';
import type { TrustedSigner } from './key-chain.ts';
import { makeProof, type ProofRequest } from './make-proof.ts';
import { encodeProof } from './proof-file.ts';
import type { ProofReport } from './report.ts';

/** A proof and what the check of it says. */
export interface CheckedProof {
  readonly text: string;
  readonly report: ProofReport;
}

/**
 * Makes a proof and checks it before it is handed out: with look-up files, and where it does not hold from the log alone.
 *
 * @throws MalformedBytes where the log cannot be read; NothingToProve
 */
export async function prove(
  disk: Disk,
  request: ProofRequest,
  signers: readonly TrustedSigner[],
): Promise<CheckedProof> {
  try {
    const checked = await attempt(disk, request, signers, true);
    if (checked.report.problems.length === 0) return checked;
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error;
  }
  return attempt(disk, request, signers, false);
}

async function attempt(
  disk: Disk,
  request: ProofRequest,
  signers: readonly TrustedSigner[],
  kept: boolean,
): Promise<CheckedProof> {
  const text = encodeProof(await makeProof(disk, request, kept));
  return { text, report: checkProof(text, signers) };
}

/** The schemas and policies that a table's log has been written under. @throws MalformedBytes */
export async function tableVersions(disk: Disk, directory: string, table: TableName): Promise<Versions> {
  const own = tableDirectory(table);
  return (await TableLookup.open(disk, directory, own, await sealedSize(disk, directory, own))).versions;
}

/**
 * The tags of the rows that ever had this masked key: found by reading every row image.
 *
 * @throws MalformedBytes
 */
export async function tagsOfMaskedKey(
  disk: Disk,
  directory: string,
  table: TableName,
  key: readonly string[],
): Promise<readonly string[]> {
  const own = tableDirectory(table);
  const size = await sealedSize(disk, directory, own);
  const walk = new LogWalk(disk, join(directory, 'tables', own), BEGINNING);
  const tags = new Set<string>();
  let [schema, policy] = ['', ''];
  for (let seq = 0; seq < size; seq++) {
    const walked = await walk.next();
    if (walked === null) break;
    const record = decodeRecord(walked.payload.subarray(walked.from, walked.to));
    if (record.kind === RecordKind.schema) schema = record.payload;
    if (record.kind === RecordKind.policy) policy = record.payload;
    if (record.kind !== RecordKind.change) continue;
    const { columns, key: places } = tableFromPayloads(schema, policy);
    const images = await walk.images();
    images.forEach(({ salt, body }, i) => {
      if (isErased(salt)) return;
      const cells: Parameters<typeof decodeImageBody>[2] = [];
      decodeImageBody(body, columns.length, cells);
      if (places.length !== key.length || !places.every((column, n) => cells[column] === key[n])) return;
      const tag = images.length === 2 && i === 0 ? (record.oldKeyTag ?? record.keyTag) : record.keyTag;
      if (tag !== null) tags.add(Buffer.from(tag).toString('hex'));
    });
  }
  return [...tags];
}
