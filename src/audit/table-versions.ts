import { join } from 'node:path';
import type { MaskedTable } from '../model/masked.ts';
import { ByteReader, MalformedBytes } from './bytes.ts';
import type { Disk } from './disk.ts';
import { FRAME_HEADER_BYTES, FrameType, readFrame } from './frame.ts';
import { DIGEST_BYTES } from './hashing.ts';
import type { TouchedTable } from './journal-leaf.ts';
import { readSegmentHeader } from './journal-reader.ts';
import { type AuditRecord, decodeRecord, RecordKind } from './record.ts';
import { segmentName } from './segment.ts';
import { segmentBytes } from './segment-bytes.ts';
import { tableFromPayloads } from './table-payload.ts';

interface FoundMeta {
  /** Of its frame. */
  readonly offset: number;
  readonly record: AuditRecord;
}

/** The table versions of one table's log, found by walking frame headers and reading only meta frames. */
export class TableVersions {
  readonly #disk: Disk;
  readonly #path: string;
  /** Payloads of schema and policy records by seq. */
  readonly #payloads = new Map<number, string>();
  readonly #tables = new Map<string, MaskedTable>();
  /** Per segment: schema and policy records by seq, as far as it was walked. */
  readonly #meta = new Map<number, Map<number, FoundMeta>>();
  readonly #walked = new Map<number, number>();
  /** Per segment: the last walk that was asked for. */
  readonly #walks = new Map<number, Promise<void>>();

  constructor(disk: Disk, path: string) {
    this.#disk = disk;
    this.#path = path;
  }

  /** The version a record belongs to; the record must lie before what `inGroup` or `walk` was given. */
  of(record: AuditRecord): MaskedTable {
    const key = `${record.schema}/${record.policy}`;
    let table = this.#tables.get(key);
    if (table === undefined) {
      const schema = this.#payloads.get(record.schema);
      const policy = this.#payloads.get(record.policy);
      if (schema === undefined || policy === undefined)
        throw new MalformedBytes('a record names a schema or policy that is not there');
      table = tableFromPayloads(schema, policy);
      this.#tables.set(key, table);
    }
    return table;
  }

  /** Versions in force in the group's extents: the one before it, if rows may use it, and those it introduces. */
  async inGroup(touched: TouchedTable): Promise<readonly MaskedTable[]> {
    const tables: MaskedTable[] = [];
    for (const extent of touched.records) {
      const state = await this.#walk(extent.segment, extent.start);
      if (tables.length === 0 && state !== null) tables.push(this.#version(state));
      let current = state;
      for (const next of await this.#metaIn(extent.segment, extent.start, extent.end)) {
        current =
          next.kind === RecordKind.schema
            ? { schema: next.seq, policy: current?.policy ?? -1 }
            : { schema: current?.schema ?? -1, policy: next.seq };
        if (current.schema >= 0 && current.policy >= 0) {
          const version = this.#tryVersion(current);
          if (version !== null && !tables.includes(version)) tables.push(version);
        }
      }
    }
    return tables;
  }

  /** Versions in force at `to`, learnt from the segment's header and the meta frames before. */
  async #walk(
    segment: number,
    to: number,
  ): Promise<{ readonly schema: number; readonly policy: number } | null> {
    const path = join(this.#path, segmentName('records', segment));
    const { header, length } = await readSegmentHeader(this.#disk, path);
    if (header.schema !== null) this.#payloads.set(header.schema.seq, header.schema.payload);
    if (header.policy !== null) this.#payloads.set(header.policy.seq, header.policy.payload);
    let schema = header.schema?.seq ?? -1;
    let policy = header.policy?.seq ?? -1;
    for (const record of await this.#metaIn(segment, length, to)) {
      if (record.kind === RecordKind.schema) schema = record.seq;
      else policy = record.seq;
    }
    return schema < 0 || policy < 0 ? null : { schema, policy };
  }

  #version(state: { readonly schema: number; readonly policy: number }): MaskedTable {
    const table = this.#tryVersion(state);
    if (table === null) throw new MalformedBytes('a schema or policy record is missing');
    return table;
  }

  #tryVersion(state: { readonly schema: number; readonly policy: number }): MaskedTable | null {
    if (!this.#payloads.has(state.schema) || !this.#payloads.has(state.policy)) return null;
    return this.of({ schema: state.schema, policy: state.policy } as AuditRecord);
  }

  /** Schema and policy records in a stretch of whole frames, in order. Each stretch of a segment is walked once. */
  async #metaIn(segment: number, from: number, to: number): Promise<readonly AuditRecord[]> {
    if ((this.#walked.get(segment) ?? 0) < to) {
      // One after the other: sinks share a reader, and two walks at once would meet the same frames.
      const walk = (this.#walks.get(segment) ?? Promise.resolve()).then(() => this.#walkOn(segment, to));
      this.#walks.set(
        segment,
        walk.catch(() => {}),
      );
      await walk;
    }
    return [...this.#metaOf(segment).values()]
      .filter(({ offset }) => offset >= from && offset < to)
      .map(({ record }) => record)
      .sort((a, b) => a.seq - b.seq);
  }

  /** Goes on where the segment was left. */
  async #walkOn(segment: number, to: number): Promise<void> {
    const path = join(this.#path, segmentName('records', segment));
    const segments = segmentBytes(this.#disk);
    const known = this.#metaOf(segment);
    let at = this.#walked.get(segment) ?? 0;
    while (at < to) {
      const head = await segments.read(path, at, FRAME_HEADER_BYTES);
      if (head.length < FRAME_HEADER_BYTES) throw new MalformedBytes('a segment ends before its extent');
      const length = FRAME_HEADER_BYTES + head.readUInt32BE(0);
      if (head[4] === FrameType.meta) {
        const frame = await readFrame((offset, bytes) => segments.read(path, offset, bytes), at);
        for (const record of decodeRecordsFrame(frame!.payload)) {
          if (record.kind !== RecordKind.schema && record.kind !== RecordKind.policy) continue;
          this.#payloads.set(record.seq, record.payload);
          known.set(record.seq, { offset: at, record });
        }
      }
      at += length;
      this.#walked.set(segment, at);
    }
  }

  #metaOf(segment: number): Map<number, FoundMeta> {
    let known = this.#meta.get(segment);
    if (known === undefined) {
      known = new Map();
      this.#meta.set(segment, known);
    }
    return known;
  }
}

/** Records of a frame; chain values are skipped (the verifier checks them). @throws MalformedBytes */
export function decodeRecordsFrame(payload: Buffer): readonly AuditRecord[] {
  const reader = new ByteReader(payload);
  const records: AuditRecord[] = [];
  while (!reader.done) {
    records.push(decodeRecord(reader.bytes(reader.u16())));
    reader.bytes(DIGEST_BYTES);
  }
  return records;
}
