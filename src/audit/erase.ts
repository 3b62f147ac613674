import { join } from 'node:path';
import { RowsealError } from '../error/rowseal-error.ts';
import { Op } from '../model/change.ts';
import type { MaskedTable } from '../model/masked.ts';
import type { AuditLog, GroupIndex, NeedFrom } from './audit-log.ts';
import { MalformedBytes } from './bytes.ts';
import type { Disk } from './disk.ts';
import { isErased, parseErasure } from './erased.ts';
import { parseExpiry } from './expired.ts';
import { encodeFrame, FrameType, type ReadAt } from './frame.ts';
import { SALT_BYTES } from './hashing.ts';
import { readFrames, readLeaves } from './journal-reader.ts';
import { rewriteSegment } from './packed-segment.ts';
import { type AuditRecord, RecordKind } from './record.ts';
import { listSegments, segmentName } from './segment.ts';
import { segmentBytes } from './segment-bytes.ts';
import { undelivered } from './sink-need.ts';
import { tableFromPayloads } from './table-payload.ts';
import { readTableRecords, tagsOf } from './table-records.ts';

/** What is needed to tag a key as the log has tagged it. */
export interface KeySpaces {
  /** The newest version: names and order of the key columns. */
  readonly table: MaskedTable;
  /** Every mask key that the log was written under: epoch and fingerprint. */
  readonly keys: readonly { readonly epoch: number; readonly fingerprint: string }[];
}

export interface EraseRequest {
  /** Directory of the table under `tables/`. */
  readonly table: string;
  /** Row-key tags of the asked row, 16 bytes each in hex: one for every key epoch of the log. */
  readonly tags: readonly string[];
  readonly actor: string;
  readonly reason: string;
}

/** What the log holds of a row. */
export interface ErasePlan {
  /** Images that no erasure record names yet. */
  readonly images: number;
  /** Records of the log that are about the row; they stay. */
  readonly records: number;
  /** Keys that the row has had, each under its epoch: the asked ones, and those that key changes lead to and from. */
  readonly keys: number;
  /** Of the images, those that a sink has not had. */
  readonly undelivered: number;
  /** As far as the log knows the source still has the row, so its next change brings new images. */
  readonly alive: boolean;
}

export interface EraseReport extends ErasePlan {
  /** Images that were taken away now, those of earlier records that had not been carried out among them. */
  readonly erased: number;
  /** False: all images were named by earlier erasure records; none was written. */
  readonly recorded: boolean;
}

/** @throws RowsealError RS-AUD-011 when the log knows no such table, RS-AUD-004 */
export async function keySpacesOf(disk: Disk, directory: string, table: string): Promise<KeySpaces> {
  const versions = await versionsOf(disk, directory, table);
  const keys = new Map(
    versions.map(({ keyEpoch: epoch, keyFingerprint: fingerprint }) => [
      `${epoch}/${fingerprint}`,
      { epoch, fingerprint },
    ]),
  );
  return { table: versions.at(-1)!, keys: [...keys.values()] };
}

/**
 * Every version that the log of a table was written under, oldest first; at least one.
 *
 * @throws RowsealError RS-AUD-011 when the log knows no such table, RS-AUD-004
 */
export async function versionsOf(
  disk: Disk,
  directory: string,
  table: string,
): Promise<readonly MaskedTable[]> {
  const versions: MaskedTable[] = [];
  let [schema, policy] = ['', ''];
  await damageIsSaid(async () => {
    for await (const record of readTableRecords(disk, directory, join('tables', table), 'meta')) {
      if (record.kind === RecordKind.schema) schema = record.payload;
      else if (record.kind === RecordKind.policy) policy = record.payload;
      else continue;
      if (schema !== '' && policy !== '') versions.push(tableFromPayloads(schema, policy));
    }
  });
  if (versions.length === 0) throw new RowsealError('RS-AUD-011', { detail: `no table ${table}` });
  return versions;
}

/**
 * What erasing would do; changes nothing.
 *
 * @param need what sinks lack
 * @throws RowsealError RS-AUD-011 when the log knows no such row, RS-AUD-004
 */
export async function planErasure(
  disk: Disk,
  directory: string,
  request: Pick<EraseRequest, 'table' | 'tags'>,
  need: NeedFrom | null = null,
): Promise<ErasePlan> {
  const { tags, ...plan } = await survey(disk, directory, request, need);
  return { ...plan, keys: tags.length };
}

/**
 * Erases the images of one row, under every key it has had: first a signed erasure record, then the images. So a crash in
 * between leaves a promise that `audit verify` sees unkept and the same command keeps; never images that are gone
 * without a record. The log must be open, and nothing else be going on in it.
 *
 * @param need what sinks lack
 * @throws RowsealError RS-AUD-011 when the log knows no such row, RS-AUD-004; RS-AUD-034 when a sink lacks one of the images,
 *   and nothing was changed
 */
export async function eraseRow(
  disk: Disk,
  directory: string,
  log: AuditLog,
  request: EraseRequest,
  need: NeedFrom | null = null,
): Promise<EraseReport> {
  const { tags, ...plan } = await survey(disk, directory, request, need);
  const { images } = plan;
  if (plan.undelivered > 0 && need !== null) throw undelivered(need);
  if (images > 0) {
    const { table } = await keySpacesOf(disk, directory, request.table);
    const { actor, reason } = request;
    const group = log.begin();
    await group.append([{ kind: 'erasure', table, erasure: { tags, actor, reason, images } }]);
    // Nothing came from the source: its position is where it was.
    await group.seal(log.last!.position);
  }
  const erased = await damageIsSaid(() => carryOut(disk, directory, join('tables', request.table)));
  return { ...plan, keys: tags.length, erased, recorded: images > 0 };
}

interface Survey {
  readonly tags: readonly string[];
  readonly records: number;
  readonly images: number;
  readonly undelivered: number;
  readonly alive: boolean;
}

async function survey(
  disk: Disk,
  directory: string,
  request: Pick<EraseRequest, 'table' | 'tags'>,
  need: NeedFrom | null,
): Promise<Survey> {
  const folder = join('tables', request.table);
  const found = await damageIsSaid(async () => {
    const tags = await everyKey(disk, directory, folder, request.tags);
    const erased = await erasures(disk, directory, folder);
    const expired = await expiredBefore(disk, directory, folder);
    const delivered = await recordsBefore(disk, directory, request.table, need?.group ?? null);
    let [records, images, undelivered, alive] = [0, 0, 0, false];
    for await (const record of readTableRecords(disk, directory, folder)) {
      if (record.kind === RecordKind.truncate) alive = false;
      if (!tagsOf(record).some((tag) => tags.has(tag))) continue;
      records++;
      alive = record.op !== Op.delete;
      if (record.seq < expired || isNamed(record, erased)) continue;
      images += imagesOf(record);
      if (record.seq >= delivered) undelivered += imagesOf(record);
    }
    return { tags: [...tags].sort(), records, images, undelivered, alive };
  });
  if (found.records === 0) throw new RowsealError('RS-AUD-011', { detail: `table ${request.table}` });
  return found;
}

/** Records of a table in groups before this one; null: all that there are. */
async function recordsBefore(
  disk: Disk,
  directory: string,
  table: string,
  group: GroupIndex | null,
): Promise<number> {
  if (group === null) return Number.POSITIVE_INFINITY;
  let size = 0;
  for await (const { leaf } of readLeaves(disk, directory, 0, group)) {
    if (leaf.group === group) break;
    size = leaf.tables.find((touched) => touched.directory === table)?.size ?? size;
  }
  return size;
}

/** The tags of all keys that key changes tie to the given ones, in either direction of time. */
async function everyKey(
  disk: Disk,
  directory: string,
  folder: string,
  asked: readonly string[],
): Promise<ReadonlySet<string>> {
  const ties = new Map<string, string[]>();
  const tie = (from: string, to: string): void => {
    ties.set(from, [...(ties.get(from) ?? []), to]);
  };
  for await (const record of readTableRecords(disk, directory, folder)) {
    if (record.oldKeyTag === null) continue;
    const [now, before] = tagsOf(record) as [string, string];
    tie(now, before);
    tie(before, now);
  }
  const tags = new Set(asked);
  // A set hands out what is added while it is walked.
  for (const tag of tags) for (const next of ties.get(tag) ?? []) tags.add(next);
  return tags;
}

/** Zeros the images that erasure records name. Whole segments are replaced, so a crash leaves each as it was or as it is to be; a block of one is in memory at a time. */
async function carryOut(disk: Disk, directory: string, folder: string): Promise<number> {
  const erased = await erasures(disk, directory, folder);
  /** Places among all images of the table, ascending. */
  const doomed: number[] = [];
  let images = 0;
  for await (const record of readTableRecords(disk, directory, folder)) {
    const gone = isNamed(record, erased);
    for (let i = imagesOf(record); i > 0; i--, images++) if (gone) doomed.push(images);
  }
  let [next, at, count] = [0, 0, 0];
  const segments = segmentBytes(disk);
  for (const segment of await listSegments(disk, join(directory, folder), 'rows')) {
    const path = join(directory, folder, segmentName('rows', segment));
    const size = await segments.size(path);
    if (size === null) continue;
    /** By frame: where images begin that go now. */
    const going = new Map<number, readonly number[]>();
    for await (const { type, payload, offset: frame } of readFrames(disk, path, 0, size)) {
      if (type !== FrameType.images) continue;
      const images: number[] = [];
      for (let offset = 0; offset < payload.length; at++, offset = imageEnd(payload, offset)) {
        if (doomed[next] !== at) continue;
        next++;
        if (!isErased(payload.subarray(offset))) images.push(offset);
      }
      if (images.length > 0) going.set(frame, images);
      count += images.length;
    }
    if (going.size === 0) continue;
    const read: ReadAt = (offset, length) => segments.read(path, offset, length);
    await rewriteSegment(disk, path, size, read, ({ payload, offset: frame }) => {
      const images = going.get(frame);
      if (images === undefined) return null;
      for (const offset of images)
        payload
          .fill(0, offset, offset + SALT_BYTES)
          .fill(0, offset + SALT_BYTES + 4, imageEnd(payload, offset));
      return encodeFrame(FrameType.images, payload);
    });
    segments.forget(path);
  }
  return count;
}

/** @throws MalformedBytes */
function imageEnd(payload: Buffer, offset: number): number {
  const body = offset + SALT_BYTES + 4;
  if (body > payload.length) throw new MalformedBytes('a frame of row images is cut short');
  return body + payload.readUInt32BE(body - 4);
}

/** By tag: the newest erasure record that names it. */
async function erasures(disk: Disk, directory: string, folder: string): Promise<ReadonlyMap<string, number>> {
  const found = new Map<string, number>();
  for await (const record of readTableRecords(disk, directory, folder, 'meta')) {
    if (record.kind !== RecordKind.erasure) continue;
    for (const tag of parseErasure(record.payload).tags) found.set(tag, record.seq);
  }
  return found;
}

/** Images of records before this one are gone by age. */
async function expiredBefore(disk: Disk, directory: string, folder: string): Promise<number> {
  let before = 0;
  for await (const record of readTableRecords(disk, directory, folder, 'meta'))
    if (record.kind === RecordKind.expiry) before = Math.max(before, parseExpiry(record.payload).before);
  return before;
}

/** An erasure record after this one names its row. */
function isNamed(record: AuditRecord, erased: ReadonlyMap<string, number>): boolean {
  return erased.size > 0 && tagsOf(record).some((tag) => (erased.get(tag) ?? -1) > record.seq);
}

function imagesOf(record: AuditRecord): number {
  return (record.before === null ? 0 : 1) + (record.after === null ? 0 : 1);
}

async function damageIsSaid<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error;
    throw new RowsealError('RS-AUD-004', { detail: error.message });
  }
}
