import { join } from 'node:path';
import type { LeakFinding } from '../../model/masked.ts';
import { ByteBuilder, ByteReader, MalformedBytes } from '../bytes.ts';
import type { Disk } from '../disk.ts';
import { isErased, parseErasure } from '../erased.ts';
import { parseExpiry } from '../expired.ts';
import { type Frame, FrameType } from '../frame.ts';
import {
  chainNext,
  chainStart,
  DIGEST_BYTES,
  type Digest,
  imageHash,
  leafHash,
  SALT_BYTES,
} from '../hashing.ts';
import type { TouchedTable } from '../journal-leaf.ts';
import { CompactRange } from '../merkle.ts';
import { type AuditRecord, decodeRecord, encodeRecord, RecordKind } from '../record.ts';
import { decodeImageBody } from '../row-image.ts';
import { listSegments, segmentName } from '../segment.ts';
import { tableDirectory } from '../table-directory.ts';
import { policyPayload, schemaPayload, tableFromPayloads } from '../table-payload.ts';
import { readTableRecords } from '../table-records.ts';
import { ErasureCheck } from './erasure-check.ts';
import { ExpiryCheck } from './expiry-check.ts';
import type { Findings } from './report.ts';
import { readSegmentFile, type SegmentFile } from './segment-file.ts';
import type { HeadVerifier } from './signature.ts';

/** What the journal says of a table, group by group. */
export interface ExpectedGroup {
  readonly group: number;
  readonly touched: TouchedTable;
}

export interface CheckedTable {
  readonly rootAt: ReadonlyMap<number, string>;
  readonly size: number;
}

/** Thrown inside to stop at the first thing that does not fit; becomes a finding. */
class Broken extends Error {}

/** docs/audit-format.md §8.3: one table against what the journal says of it. */
export class TableCheck {
  readonly #disk: Disk;
  readonly #root: string;
  readonly #directory: string;
  readonly #origin: string;
  readonly #verifier: HeadVerifier;
  readonly #expected: readonly ExpectedGroup[];
  readonly #wantedSizes: ReadonlySet<number>;
  readonly #findings: Findings;
  readonly #rows: RowImages;
  readonly #erasures: ErasureCheck;
  readonly #expiries: ExpiryCheck;
  readonly #encoder = new ByteBuilder(4096);
  readonly #tree = new CompactRange();
  readonly #rootAt = new Map<number, string>();
  #chain: Digest;
  #seq = 0;
  #schema: { seq: number; payload: string; width: number } | null = null;
  #policy: { seq: number; payload: string } | null = null;
  #next = 0;
  /** Segment of rows and offset where the group before ended. */
  #rowsEnd: readonly [number, number] = [0, 0];
  #place: { file: string; offset: number } = { file: '', offset: 0 };

  constructor(
    disk: Disk,
    root: string,
    directory: string,
    verifier: HeadVerifier,
    expected: readonly ExpectedGroup[],
    wantedSizes: ReadonlySet<number>,
    findings: Findings,
  ) {
    this.#disk = disk;
    this.#root = root;
    this.#directory = directory;
    this.#origin = `${verifier.name}/tables/${directory}`;
    this.#verifier = verifier;
    this.#expected = expected;
    this.#wantedSizes = wantedSizes;
    this.#findings = findings;
    this.#chain = chainStart(this.#origin);
    this.#erasures = new ErasureCheck(findings);
    this.#expiries = new ExpiryCheck(findings);
    this.#rows = new RowImages(disk, root, join('tables', directory), this.#origin, findings);
  }

  async run(): Promise<CheckedTable> {
    try {
      const folder = join('tables', this.#directory);
      await this.#readAhead(folder);
      const segments = await listSegments(this.#disk, join(this.#root, folder), 'records');
      for (let i = 0; this.#next < this.#expected.length; i++) {
        this.#place = { file: join(folder, segmentName('records', i)), offset: 0 };
        const file = await readSegmentFile(this.#disk, this.#root, folder, 'records', i);
        if (file === null) {
          this.#missing(
            i < segments.length
              ? 'a segment is missing'
              : 'the log of the table ends before the journal does',
          );
          break;
        }
        this.#findings.bytes += file.size;
        this.#findings.storedBytes += file.stored;
        this.#checkHeader(file, i);
        await this.#checkFrames(file);
      }
      await this.#rows.finish(this.#expected.at(-1)?.touched ?? null);
      this.#erasures.finish();
      this.#expiries.finish();
    } catch (error) {
      if (error instanceof Broken) return this.#result();
      if (!(error instanceof MalformedBytes)) throw error;
      this.#add('RS-AUD-020', error.message);
    }
    return this.#result();
  }

  /** Which images may be gone says a record after them. */
  async #readAhead(folder: string): Promise<void> {
    const sealed = this.#expected.at(-1)?.touched.size ?? 0;
    const tags: string[] = [];
    const befores: number[] = [];
    try {
      for await (const record of readTableRecords(this.#disk, this.#root, folder, 'meta')) {
        if (record.seq >= sealed) break;
        if (record.kind === RecordKind.erasure) tags.push(...parseErasure(record.payload).tags);
        if (record.kind === RecordKind.expiry) befores.push(parseExpiry(record.payload).before);
      }
    } catch (error) {
      // The walk comes to the same bytes and says where they are.
      if (!(error instanceof MalformedBytes)) throw error;
    }
    this.#erasures.announce(tags);
    this.#expiries.announce(befores);
  }

  #result(): CheckedTable {
    return { rootAt: this.#rootAt, size: this.#seq };
  }

  #checkHeader(file: SegmentFile, segment: number): void {
    const { header } = file;
    if (header.origin !== this.#origin || header.kind !== 'records')
      this.#stop('RS-AUD-023', `the segment belongs to ${header.origin}`);
    const schemaFits =
      (header.schema?.seq ?? null) === (this.#schema?.seq ?? null) &&
      (header.schema?.payload ?? '') === (this.#schema?.payload ?? '');
    const policyFits =
      (header.policy?.seq ?? null) === (this.#policy?.seq ?? null) &&
      (header.policy?.payload ?? '') === (this.#policy?.payload ?? '');
    const continues =
      header.segment === segment &&
      header.next === this.#seq &&
      header.chain === this.#chain &&
      header.peaks.join() === this.#tree.peaks.join();
    if (!continues || !schemaFits || !policyFits)
      this.#stop('RS-AUD-021', 'the segment does not continue the one before');
  }

  async #checkFrames(file: SegmentFile): Promise<void> {
    for (const frame of file.frames) {
      this.#place = { file: file.name, offset: frame.offset };
      if (this.#next === this.#expected.length) {
        this.#findings.notes.push(`${file.name}: bytes from ${frame.offset} on belong to no sealed group`);
        return;
      }
      switch (frame.type) {
        case FrameType.records:
        case FrameType.meta:
          await this.#checkRecords(frame);
          break;
        case FrameType.trailer:
          this.#checkTrailer(frame, file);
          break;
        default:
          this.#stop('RS-AUD-020', 'a frame that does not belong into a table log');
      }
    }
    if (file.wholeUntil < file.size) {
      this.#place = { file: file.name, offset: file.wholeUntil };
      if (this.#next < this.#expected.length)
        this.#stop('RS-AUD-020', file.tornBecause ?? 'the segment is damaged');
      this.#findings.notes.push(
        `${file.name}: ${file.size - file.wholeUntil} bytes at the end belong to no sealed group`,
      );
    }
  }

  async #checkRecords(frame: Frame): Promise<void> {
    const reader = new ByteReader(frame.payload);
    while (!reader.done) {
      const bytes = reader.bytes(reader.u16());
      const chain = reader.binary(DIGEST_BYTES);
      const record = decodeRecord(bytes);
      if (record.seq !== this.#seq)
        this.#stop('RS-AUD-021', `record ${record.seq} stands where record ${this.#seq} is due`);
      this.#encoder.clear();
      encodeRecord(this.#encoder, record);
      if (!this.#encoder.view().equals(bytes)) this.#stop('RS-AUD-020', 'a record is not in canonical form');
      const leaf = leafHash(bytes);
      this.#chain = chainNext(this.#chain, this.#seq, leaf);
      if (this.#chain !== chain) this.#stop('RS-AUD-020', 'the chain value of a record is wrong');
      this.#tree.append(leaf);
      await this.#checkContent(record, frame.type === FrameType.meta);
      this.#seq++;
      this.#findings.records++;
      if (this.#wantedSizes.has(this.#seq)) this.#rootAt.set(this.#seq, this.#tree.root());
    }
  }

  async #checkContent(record: AuditRecord, meta: boolean): Promise<void> {
    const isMeta =
      record.kind === RecordKind.genesis ||
      record.kind === RecordKind.schema ||
      record.kind === RecordKind.policy ||
      record.kind === RecordKind.erasure ||
      record.kind === RecordKind.expiry ||
      record.kind === RecordKind.finding;
    if (isMeta !== meta || (record.kind === RecordKind.genesis) !== (record.seq === 0))
      this.#stop('RS-AUD-021', 'a record stands in the wrong place');
    switch (record.kind) {
      case RecordKind.genesis:
        this.#checkGenesis(record.payload);
        return;
      case RecordKind.schema: {
        // Canonical with any policy; the policy's own form is checked by its record.
        const table = tableFromPayloads(record.payload, policyPayload({ ...EMPTY_TABLE }));
        this.#schema = { seq: record.seq, payload: schemaPayload(table), width: table.columns.length };
        return;
      }
      case RecordKind.policy:
        tableFromPayloads(schemaPayload(EMPTY_TABLE), record.payload);
        this.#policy = { seq: record.seq, payload: record.payload };
        return;
      case RecordKind.erasure:
        this.#erasures.recorded(record);
        return;
      case RecordKind.expiry:
        this.#expiries.recorded(record);
        return;
      case RecordKind.finding:
        this.#checkFinding(record.payload);
        return;
      default:
        break;
    }
    if (record.schema !== this.#schema?.seq || record.policy !== this.#policy?.seq)
      this.#stop('RS-AUD-021', 'a record names a schema or policy that is not in force');
    for (const hash of [record.before, record.after]) {
      if (hash === null) continue;
      const image = this.#rows.buffered() ?? (await this.#rows.load(record.seq));
      this.#rows.met(record.seq);
      const place = { ...this.#place, table: this.#directory, seq: record.seq };
      if (isErased(image.salt)) {
        if (image.body.some((byte) => byte !== 0))
          this.#stop('RS-AUD-020', 'an erased row image is not empty');
        if (this.#expiries.covers(record.seq)) this.#expiries.gone(place);
        else this.#erasures.gone(record, place);
        continue;
      }
      this.#erasures.kept(record, place);
      this.#expiries.kept(place);
      if (imageHash(image.salt, image.body) !== hash)
        this.#stop('RS-AUD-020', `the row image in ${this.#rows.file} is not the one its record commits to`);
      decodeImageBody(image.body, this.#schema!.width, []);
    }
  }

  #checkFinding(payload: string): void {
    let canonical = '';
    try {
      const { action, columns } = JSON.parse(payload) as LeakFinding;
      canonical = JSON.stringify({
        action,
        columns: columns.map(({ column, kind, count }) => ({ column, kind, count })),
      });
    } catch {
      // Said below.
    }
    if (canonical !== payload) this.#stop('RS-AUD-020', 'a finding record is not in canonical form');
  }

  #checkGenesis(payload: string): void {
    let genesis: { origin?: unknown; namespace?: unknown; name?: unknown } = {};
    try {
      genesis = JSON.parse(payload);
    } catch {
      this.#stop('RS-AUD-020', 'the genesis record cannot be read');
    }
    const directory = tableDirectory({ namespace: String(genesis.namespace), name: String(genesis.name) });
    if (genesis.origin !== this.#origin || directory !== this.#directory)
      this.#stop('RS-AUD-023', 'the genesis record names another table');
  }

  #checkTrailer(frame: Frame, file: SegmentFile): void {
    const expected = this.#expected[this.#next]!;
    let trailer: { group?: unknown; size?: unknown; chain?: unknown; rows?: unknown; note?: unknown } = {};
    try {
      trailer = JSON.parse(frame.payload.toString('utf8'));
    } catch {
      this.#stop('RS-AUD-020', 'a trailer cannot be read');
    }
    const { group, touched } = expected;
    const canonical = JSON.stringify({
      group: trailer.group,
      size: trailer.size,
      chain: trailer.chain,
      rows: trailer.rows,
      note: trailer.note,
    });
    if (!Buffer.from(canonical, 'utf8').equals(frame.payload))
      this.#stop('RS-AUD-020', 'a trailer is not in canonical form');
    if (trailer.group !== group)
      this.#stop(
        'RS-AUD-021',
        `the trailer of group ${String(trailer.group)} stands where that of group ${group} is due`,
      );
    const root = this.#tree.root();
    const rowsFit = this.#rowsGoTo(touched, trailer.rows);
    const fits =
      touched.size === this.#seq &&
      touched.root === root &&
      touched.chain === this.#chain &&
      trailer.size === this.#seq &&
      trailer.chain === Buffer.from(this.#chain, 'latin1').toString('hex') &&
      rowsFit &&
      touched.records.at(-1)?.end === frame.offset + frame.length &&
      touched.records.at(-1)?.segment === file.header.segment;
    if (!fits) this.#stop('RS-AUD-025', `the journal says other things of group ${group}`);
    this.#findings.signatures++;
    const verdict = this.#verifier.check(String(trailer.note), {
      origin: this.#origin,
      size: this.#seq,
      root,
    });
    if (verdict === 'unsigned')
      this.#add('RS-AUD-024', `the head of group ${group} is not signed by the key`);
    else if (verdict !== 'ok')
      this.#stop('RS-AUD-020', `the head of group ${group} does not fit its records`);
    this.#next++;
  }

  /** Images end where the journal says; of a group without any, where they ended before; or a new segment was begun there. */
  #rowsGoTo(touched: TouchedTable, told: unknown): boolean {
    const last = touched.rows.at(-1);
    const [segment, offset] = last === undefined ? this.#rowsEnd : ([last.segment, last.end] as const);
    if (!Array.isArray(told) || told.length !== 2) return false;
    this.#rowsEnd = [told[0], told[1]];
    return (
      (told[0] === segment && told[1] === offset) || (offset > 0 && told[0] === segment + 1 && told[1] === 0)
    );
  }

  #missing(what: string): never {
    const group = this.#expected[this.#next]?.group ?? null;
    this.#findings.add('RS-AUD-022', what, { ...this.#place, table: this.#directory, seq: this.#seq, group });
    throw new Broken();
  }

  #add(code: 'RS-AUD-020' | 'RS-AUD-021' | 'RS-AUD-023' | 'RS-AUD-024' | 'RS-AUD-025', what: string): void {
    this.#findings.add(code, what, {
      ...this.#place,
      table: this.#directory,
      seq: this.#seq,
      group: this.#expected[this.#next]?.group ?? null,
    });
  }

  #stop(code: 'RS-AUD-020' | 'RS-AUD-021' | 'RS-AUD-023' | 'RS-AUD-025', what: string): never {
    this.#add(code, what);
    throw new Broken();
  }
}

const EMPTY_TABLE = {
  namespace: '',
  name: '',
  columns: [],
  key: [],
  policy: '',
  keyEpoch: 0,
  keyFingerprint: '',
};

/** Row images of one table in the order of the records. */
class RowImages {
  readonly #disk: Disk;
  readonly #root: string;
  readonly #folder: string;
  readonly #origin: string;
  readonly #findings: Findings;
  #segment = -1;
  #frames: Frame[] = [];
  #reader: ByteReader | null = null;
  #current: SegmentFile | null = null;
  #used = 0;
  /** Record of the newest image. */
  #lastSeq = -1;

  constructor(disk: Disk, root: string, folder: string, origin: string, findings: Findings) {
    this.#disk = disk;
    this.#root = root;
    this.#folder = folder;
    this.#origin = origin;
    this.#findings = findings;
  }

  get file(): string {
    return this.#current?.name ?? join(this.#folder, segmentName('rows', Math.max(0, this.#segment)));
  }

  buffered(): { readonly salt: Buffer; readonly body: Buffer } | null {
    const reader = this.#reader;
    if (reader === null || reader.done) return null;
    const salt = reader.bytes(SALT_BYTES);
    return { salt, body: reader.bytes(reader.u32()) };
  }

  /** The image that came last is of this record. */
  met(seq: number): void {
    this.#lastSeq = seq;
  }

  /** @param seq of the record that names the image */
  async load(seq: number): Promise<{ readonly salt: Buffer; readonly body: Buffer }> {
    while (this.#frames.length === 0) await this.#nextSegment(seq);
    const frame = this.#frames.shift()!;
    if (frame.type !== FrameType.images)
      throw new MalformedBytes(`${this.file}: a frame that does not belong among row images`);
    this.#used = frame.offset + frame.length;
    this.#reader = new ByteReader(frame.payload);
    const image = this.buffered();
    if (image === null) throw new MalformedBytes(`${this.file}: an empty frame of row images`);
    return image;
  }

  /** Nothing may be left before the end that the journal names. */
  async finish(last: TouchedTable | null): Promise<void> {
    const end = last?.rows.at(-1);
    if (this.#reader !== null && !this.#reader.done)
      throw new MalformedBytes(`${this.file}: row images without a record`);
    if (this.#current === null || end === undefined) return;
    if (this.#segment === end.segment && this.#used !== end.end)
      throw new MalformedBytes(`${this.file}: row images end at ${this.#used}, the journal says ${end.end}`);
    if (this.#used < this.#current.size)
      this.#findings.notes.push(
        `${this.file}: ${this.#current.size - this.#used} bytes at the end belong to no sealed group`,
      );
  }

  /** Its header says which record was next when it was begun: after the last image before, and not after the first in it. */
  async #nextSegment(seq: number): Promise<void> {
    this.#checkSpent();
    this.#segment++;
    const file = await readSegmentFile(this.#disk, this.#root, this.#folder, 'rows', this.#segment);
    if (file === null)
      throw new MalformedBytes(`${join(this.#folder, segmentName('rows', this.#segment))} is missing`);
    if (
      file.header.origin !== this.#origin ||
      file.header.kind !== 'rows' ||
      file.header.segment !== this.#segment
    ) {
      throw new MalformedBytes(`${file.name} belongs to another log or place`);
    }
    const { next, chain, peaks, schema, policy } = file.header;
    const bare = chain === '' && peaks.length === 0 && schema === null && policy === null;
    if (!bare || !(next > this.#lastSeq && next <= seq))
      throw new MalformedBytes(`${file.name} does not continue the one before`);
    this.#findings.bytes += file.size;
    this.#findings.storedBytes += file.stored;
    this.#current = file;
    this.#used = file.frames[0]?.offset ?? file.wholeUntil;
    this.#frames = [...file.frames];
  }

  #checkSpent(): void {
    const file = this.#current;
    if (file !== null && file.wholeUntil < file.size)
      throw new MalformedBytes(`${file.name}: ${file.tornBecause ?? 'damaged'}`);
  }
}
