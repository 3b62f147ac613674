import { join } from 'node:path';
import { RowsealError } from '../error/rowseal-error.ts';
import type { MaskedCell } from '../model/cell.ts';
import { type Op, opLetter } from '../model/change.ts';
import type { TableName } from '../model/table.ts';
import { ByteReader } from './bytes.ts';
import type { Disk } from './disk.ts';
import { nodeEd25519 } from './ed25519/node-ed25519.ts';
import { isErased } from './erased.ts';
import { FrameType } from './frame.ts';
import { DIGEST_BYTES, type Digest, leafHash, SALT_BYTES } from './hashing.ts';
import { inclusionProof, verifyInclusion } from './inclusion-proof.ts';
import { NodeDisk } from './node-disk.ts';
import { parseSignedHead, parseVerifierKey } from './note.ts';
import { type AuditRecord, decodeRecord, RecordKind } from './record.ts';
import { decodeImageBody } from './row-image.ts';
import { listSegments } from './segment.ts';
import { tableDirectory } from './table-directory.ts';
import { tableFromPayloads } from './table-payload.ts';
import { readSegmentFile } from './verify/segment-file.ts';
import { HeadVerifier } from './verify/signature.ts';

/** One version of a row, with what proves that it stands in the log. */
export interface RowVersion {
  readonly seq: number;
  readonly op: 'c' | 'u' | 'd' | 'r' | 't';
  readonly transaction: string;
  readonly commitTimeUs: bigint;
  /** Masked cells by column name; the after image, or the before image of a delete. */
  readonly cells: ReadonlyMap<string, MaskedCell>;
  readonly leaf: Digest;
  readonly proof: readonly Digest[];
  /** The proof leads from the leaf to the root of the signed head. */
  readonly proven: boolean;
}

export interface RowHistory {
  readonly versions: readonly RowVersion[];
  /** Size of the tree the proofs are against; its head is signed by the key. */
  readonly treeSize: number;
  readonly headSigned: boolean;
}

/**
 * Every sealed version of the row with this (masked) key, each with a Merkle proof against the table's newest signed head.
 * Reads the table's log once; memory is 32 bytes a record.
 */
export async function rowHistory(
  directory: string,
  table: TableName,
  key: readonly string[],
  verifierKey: string,
  disk: Disk = new NodeDisk(),
): Promise<RowHistory> {
  const parsed = parseVerifierKey(verifierKey);
  if (parsed === null) throw new RowsealError('RS-AUD-027', { detail: 'the verifier key cannot be read' });
  const folder = join('tables', tableDirectory(table));
  const leaves: Digest[] = [];
  const found: Omit<RowVersion, 'proof' | 'proven'>[] = [];
  const images = imageStream(disk, directory, folder);
  let schema = '';
  let policy = '';
  let sealed = 0;
  let note = '';
  for (const segment of await listSegments(disk, join(directory, folder), 'records')) {
    const file = await readSegmentFile(disk, directory, folder, 'records', segment);
    for (const frame of file?.frames ?? []) {
      if (frame.type === FrameType.trailer) {
        const trailer = JSON.parse(frame.payload.toString('utf8')) as {
          readonly size: number;
          readonly note: string;
        };
        sealed = trailer.size;
        note = trailer.note;
        continue;
      }
      const reader = new ByteReader(frame.payload);
      while (!reader.done) {
        const bytes = reader.bytes(reader.u16());
        reader.bytes(DIGEST_BYTES);
        const record = decodeRecord(bytes);
        const leaf = leafHash(bytes);
        leaves.push(leaf);
        if (record.kind === RecordKind.schema) schema = record.payload;
        if (record.kind === RecordKind.policy) policy = record.payload;
        const version = await versionOf(record, schema, policy, images, key);
        if (version !== null) found.push({ ...version, leaf });
      }
    }
  }
  const tree = leaves.slice(0, sealed);
  const head = parseSignedHead(note);
  const verifier = new HeadVerifier(parsed, nodeEd25519);
  const headSigned = head !== null && head.head.size === sealed && verifier.signedByKey(head);
  const versions = found
    .filter((version) => version.seq < sealed)
    .map((version) => {
      const proof = inclusionProof(tree, version.seq);
      const proven = headSigned && verifyInclusion(version.leaf, version.seq, sealed, proof, head.head.root);
      return { ...version, proof, proven };
    });
  return { versions, treeSize: sealed, headSigned };
}

async function versionOf(
  record: AuditRecord,
  schema: string,
  policy: string,
  images: AsyncGenerator<Buffer | null>,
  key: readonly string[],
): Promise<Omit<RowVersion, 'proof' | 'proven' | 'leaf'> | null> {
  if (record.kind !== RecordKind.change) return null;
  const table = tableFromPayloads(schema, policy);
  let matches = false;
  let cells: MaskedCell[] = [];
  for (const hash of [record.before, record.after]) {
    if (hash === null) continue;
    const next = await images.next();
    if (next.done === true) return null;
    cells = [];
    // Erased: the record stands, what it said of the row is gone.
    if (next.value === null) continue;
    decodeImageBody(next.value, table.columns.length, cells);
    matches ||= table.key.length === key.length && table.key.every((column, i) => cells[column] === key[i]);
  }
  if (!matches) return null;
  return {
    seq: record.seq,
    op: opLetter[record.op as Op],
    transaction: record.transaction,
    commitTimeUs: record.commitTimeUs,
    cells: new Map(table.columns.map((column, i) => [column.name, cells[i]!])),
  };
}

async function* imageStream(disk: Disk, directory: string, folder: string): AsyncGenerator<Buffer | null> {
  for (const segment of await listSegments(disk, join(directory, folder), 'rows')) {
    const file = await readSegmentFile(disk, directory, folder, 'rows', segment);
    for (const frame of file?.frames ?? []) {
      const reader = new ByteReader(frame.payload);
      while (!reader.done) {
        const erased = isErased(reader.bytes(SALT_BYTES));
        const body = reader.bytes(reader.u32());
        yield erased ? null : body;
      }
    }
  }
}
