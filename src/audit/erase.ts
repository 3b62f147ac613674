import { join } from 'node:path';
import { RowsealError } from '../error/rowseal-error.ts';
import type { Erasure, MaskedTable } from '../model/masked.ts';
import type { AuditLog } from './audit-log.ts';
import type { Disk } from './disk.ts';
import { replaceFile } from './durable.ts';
import { isErased, parseErasure } from './erased.ts';
import { encodeFrame, FrameType } from './frame.ts';
import { SALT_BYTES } from './hashing.ts';
import { type AuditRecord, RecordKind } from './record.ts';
import { listSegments } from './segment.ts';
import { tableFromPayloads } from './table-payload.ts';
import { decodeRecordsFrame } from './table-versions.ts';
import { readSegmentFile } from './verify/segment-file.ts';

export interface EraseRequest {
  /** Directory of the table under `tables/`. */
  readonly table: string;
  /** Row-key tags of the asked row, 16 bytes each in hex: one for every key epoch of the log. */
  readonly tags: readonly string[];
  readonly actor: string;
  readonly reason: string;
}

export interface EraseReport {
  /** Images that held the row, in any version. */
  readonly images: number;
  /** Records of the log that are about the row; they stay. */
  readonly records: number;
  /** Keys that the row has had. */
  readonly keys: number;
  /** False: the request named an erasure that was recorded before, and carries it out. */
  readonly recorded: boolean;
}

/**
 * Erases the images of one row, under every key it has had: first a signed erasure record, then the images. So a crash in
 * between leaves a promise that `audit verify` sees unkept and the same command keeps; never images that are gone
 * without a record. The log must be open, and nothing else be going on in it.
 *
 * @throws RowsealError RS-AUD-011 when the log knows no such row
 */
export async function eraseRow(
  disk: Disk,
  directory: string,
  log: AuditLog,
  request: EraseRequest,
): Promise<EraseReport> {
  const folder = join('tables', request.table);
  const survey = await surveyTable(disk, directory, folder, new Set(request.tags));
  if (survey.table === null || survey.records === 0 || log.last === null)
    throw new RowsealError('RS-AUD-011', { detail: `table ${request.table}` });
  if (survey.images > 0) {
    const erasure: Erasure = {
      tags: [...survey.tags].sort(),
      actor: request.actor,
      reason: request.reason,
      images: survey.images,
    };
    const group = log.begin();
    await group.append([{ kind: 'erasure', table: survey.table, erasure }]);
    await group.seal(log.last.position);
  }
  const images = await carryOut(disk, directory, folder);
  return { images, records: survey.records, keys: survey.tags.size, recorded: survey.images > 0 };
}

interface Survey {
  readonly table: MaskedTable | null;
  /** Tags of every key that the row has had: the asked ones, and those that key changes lead to and from. */
  readonly tags: ReadonlySet<string>;
  readonly records: number;
  /** Images that no erasure record names yet. */
  readonly images: number;
}

async function surveyTable(
  disk: Disk,
  directory: string,
  folder: string,
  asked: ReadonlySet<string>,
): Promise<Survey> {
  const changes: (readonly [string, string])[] = [];
  let [schema, policy] = ['', ''];
  for await (const record of records(disk, directory, folder)) {
    if (record.kind === RecordKind.schema) schema = record.payload;
    if (record.kind === RecordKind.policy) policy = record.payload;
    if (record.keyTag !== null && record.oldKeyTag !== null)
      changes.push([hex(record.oldKeyTag), hex(record.keyTag)]);
  }
  const tags = new Set(asked);
  for (let size = 0; size !== tags.size; ) {
    size = tags.size;
    for (const [from, to] of changes) {
      if (tags.has(from)) tags.add(to);
      if (tags.has(to)) tags.add(from);
    }
  }
  const erased = await erasures(disk, directory, folder);
  let [about, images] = [0, 0];
  for await (const record of records(disk, directory, folder)) {
    const named = tagsOf(record);
    if (!named.some((tag) => tags.has(tag))) continue;
    about++;
    if (!named.some((tag) => (erased.get(tag) ?? -1) > record.seq)) images += imagesOf(record);
  }
  return { table: schema === '' ? null : tableFromPayloads(schema, policy), tags, records: about, images };
}

/** Zeros the images that erasure records name. Whole segments are replaced, so a crash leaves each as it was or as it is to be. */
async function carryOut(disk: Disk, directory: string, folder: string): Promise<number> {
  const erased = await erasures(disk, directory, folder);
  const doomed: boolean[] = [];
  for await (const record of records(disk, directory, folder)) {
    const gone = tagsOf(record).some((tag) => (erased.get(tag) ?? -1) > record.seq);
    for (let i = 0; i < imagesOf(record); i++) doomed.push(gone);
  }
  let next = 0;
  let count = 0;
  for (const segment of await listSegments(disk, join(directory, folder), 'rows')) {
    const file = await readSegmentFile(disk, directory, folder, 'rows', segment);
    if (file === null) continue;
    const path = join(directory, file.name);
    const bytes = Buffer.from(await disk.read(path, 0, file.size));
    let changed = false;
    for (const frame of file.frames) {
      if (frame.type !== FrameType.images) continue;
      const payload = Buffer.from(frame.payload);
      let touched = false;
      for (let at = 0; at < payload.length; next++) {
        const end = at + SALT_BYTES + 4 + payload.readUInt32BE(at + SALT_BYTES);
        if (doomed[next] === true && !isErased(payload.subarray(at))) {
          payload.fill(0, at, at + SALT_BYTES);
          payload.fill(0, at + SALT_BYTES + 4, end);
          touched = true;
          count++;
        }
        at = end;
      }
      if (!touched) continue;
      encodeFrame(frame.type as FrameType, payload).copy(bytes, frame.offset);
      changed = true;
    }
    if (changed) await replaceFile(disk, path, bytes);
  }
  return count;
}

/** By tag: the newest erasure record that names it. */
export async function erasures(
  disk: Disk,
  directory: string,
  folder: string,
): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  for await (const record of records(disk, directory, folder, FrameType.meta)) {
    if (record.kind !== RecordKind.erasure) continue;
    for (const tag of parseErasure(record.payload).tags) found.set(tag, record.seq);
  }
  return found;
}

async function* records(
  disk: Disk,
  directory: string,
  folder: string,
  only: FrameType | null = null,
): AsyncGenerator<AuditRecord> {
  for (const segment of await listSegments(disk, join(directory, folder), 'records')) {
    const file = await readSegmentFile(disk, directory, folder, 'records', segment);
    for (const frame of file?.frames ?? []) {
      if (frame.type !== FrameType.records && frame.type !== FrameType.meta) continue;
      if (only === null || frame.type === only) yield* decodeRecordsFrame(frame.payload);
    }
  }
}

/** The keys that a record is about. */
export function tagsOf(record: AuditRecord): readonly string[] {
  return [record.keyTag, record.oldKeyTag].filter((tag) => tag !== null).map(hex);
}

function imagesOf(record: AuditRecord): number {
  return (record.before === null ? 0 : 1) + (record.after === null ? 0 : 1);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
