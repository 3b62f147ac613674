import { join } from 'node:path';
import type { LeakFinding } from '../../model/masked.ts';
import { ByteBuilder, MalformedBytes } from '../bytes.ts';
import { columnsHash } from '../disclosure/column-image.ts';
import type { Disclosure } from '../disclosure/disclosure.ts';
import type { Disk } from '../disk.ts';
import { isErased, parseErasure } from '../erased.ts';
import { parseExpiry } from '../expired.ts';
import { type Frame, FrameType } from '../frame.ts';
import {
  chainNextOf,
  chainStart,
  DIGEST_BYTES,
  type Digest,
  imageHashOf,
  leafInPlace,
  SALT_BYTES,
} from '../hashing.ts';
import type { TouchedTable } from '../journal-leaf.ts';
import { LeafBatch } from '../leaf-batch.ts';
import { CompactRange } from '../merkle.ts';
import { type AuditRecord, decodeRecord, encodeRecord, RecordKind } from '../record.ts';
import { RecordScan } from '../record-scan.ts';
import { checkImageBody } from '../row-image.ts';
import { indexChange, indexRecord } from '../row-index/index-entries.ts';
import { indexPayload, parseIndexPayload } from '../row-index/index-payload.ts';
import { RowIndex } from '../row-index/row-index.ts';
import { listSegments, segmentName } from '../segment.ts';
import { tableDirectory } from '../table-directory.ts';
import { disclosureOf, policyPayload, schemaPayload, tableFromPayloads } from '../table-payload.ts';
import { readTableRecords } from '../table-records.ts';
import { ErasureCheck } from './erasure-check.ts';
import { ExpiryCheck } from './expiry-check.ts';
import type { Findings } from './report.ts';
import { RowImages } from './row-images.ts';
import { sealedSince } from './sealed-since.ts';
import { readSegmentFile, type SegmentFile } from './segment-file.ts';
import type { TrustedKeys } from './trusted-keys.ts';

/** What the journal says of a table, group by group. */
export interface ExpectedGroup {
  readonly group: number;
  readonly touched: TouchedTable;
}

export interface CheckedTable {
  readonly rootAt: ReadonlyMap<number, string>;
  readonly size: number;
}

interface ImagePlace {
  readonly file: string;
  readonly offset: number;
  readonly table: string;
  readonly seq: number;
}

/** Thrown inside to stop at the first thing that does not fit; becomes a finding. */
class Broken extends Error {}

/** docs/audit-format.md §8.3: one table against what the journal says of it. */
export class TableCheck {
  readonly #disk: Disk;
  readonly #root: string;
  readonly #directory: string;
  readonly #origin: string;
  readonly #verifier: TrustedKeys;
  readonly #expected: readonly ExpectedGroup[];
  readonly #wantedSizes: ReadonlySet<number>;
  readonly #findings: Findings;
  readonly #rows: RowImages;
  readonly #erasures: ErasureCheck;
  readonly #expiries: ExpiryCheck;
  readonly #encoder = new ByteBuilder(4096);
  readonly #scan = new RecordScan();
  readonly #index = new RowIndex();
  readonly #tree = new CompactRange();
  readonly #rootAt = new Map<number, string>();
  #chain: Digest;
  readonly #leaves = new LeafBatch();
  /** What the chain should be after each record of the batch. */
  readonly #chains: Digest[] = [];
  #seq = 0;
  #schema: { seq: number; payload: string; width: number; disclosure: Disclosure } | null = null;
  #policy: { seq: number; payload: string } | null = null;
  #next = 0;
  /** Segment of rows and offset where the group before ended. */
  #rowsEnd: readonly [number, number] = [0, 0];
  #place = { file: '', offset: 0 };

  constructor(
    disk: Disk,
    root: string,
    directory: string,
    verifier: TrustedKeys,
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
      this.#erasures.finish(
        this.#erasures.unexplained
          ? await sealedSince(this.#disk, this.#root, this.#directory, this.#expected.at(-1)!)
          : () => false,
      );
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
    const { payload, type } = frame;
    for (let at = 0; at < payload.length; ) {
      const count = this.#hashBatch(payload, at);
      if (count === 0) throw new MalformedBytes('the bytes end too early');
      for (let i = 0; i < count; i++) await this.#checkRecord(payload, type, i);
      at = this.#leaves.end(count - 1) + DIGEST_BYTES;
      if (this.#wantedSizes.has(this.#seq)) this.#rootAt.set(this.#seq, this.#tree.root());
    }
  }

  /** Hashes some records into the tree and notes what their chain values should be. @returns how many */
  #hashBatch(payload: Buffer, at: number): number {
    const leaves = this.#leaves;
    const count = leaves.hash(payload, at, this.#untilWanted(), this.#seq);
    for (let i = 0; i < count; i++)
      this.#chains[i] = chainNextOf(i === 0 ? this.#chain : this.#chains[i - 1]!, this.#seq + i, leaves, i);
    leaves.appendTo(this.#tree);
    return count;
  }

  /** Records up to the next size at which the root is asked for. */
  #untilWanted(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const size of this.#wantedSizes) if (size > this.#seq) next = Math.min(next, size);
    return next - this.#seq;
  }

  /** A record of the batch in hand. */
  async #checkRecord(payload: Buffer, type: number, index: number): Promise<void> {
    const scan = this.#scan;
    const from = this.#leaves.start(index);
    const to = this.#leaves.end(index);
    const isChange = type === FrameType.records && scan.change(payload, from, to);
    const record = isChange ? null : this.#decode(payload.subarray(from, to));
    const seq = record?.seq ?? scan.seq;
    if (seq !== this.#seq) this.#stop('RS-AUD-021', `record ${seq} stands where record ${this.#seq} is due`);
    this.#chain = this.#chains[index]!;
    if (this.#chain !== payload.latin1Slice(to, to + DIGEST_BYTES))
      this.#stop('RS-AUD-020', 'the chain value of a record is wrong');
    if (record === null) {
      this.#checkVersion(scan.schema, scan.policy);
      const whole = (): AuditRecord => decodeRecord(payload.subarray(from, to));
      for (const hashAt of [scan.beforeAt, scan.afterAt]) {
        if (hashAt < 0) continue;
        if (!this.#rows.ready) await this.#rows.load(this.#seq);
        this.#checkImage(payload.latin1Slice(hashAt, hashAt + DIGEST_BYTES), whole);
      }
      indexChange(this.#index, scan, payload);
    } else await this.#checkContent(record, type === FrameType.meta, () => leafInPlace(payload, from, to));
    this.#seq++;
    this.#findings.records++;
  }

  #decode(bytes: Buffer): AuditRecord {
    const record = decodeRecord(bytes);
    this.#encoder.clear();
    encodeRecord(this.#encoder, record);
    if (!this.#encoder.view().equals(bytes)) this.#stop('RS-AUD-020', 'a record is not in canonical form');
    return record;
  }

  async #checkContent(record: AuditRecord, meta: boolean, leaf: () => Digest): Promise<void> {
    const isMeta =
      record.kind === RecordKind.genesis ||
      record.kind === RecordKind.schema ||
      record.kind === RecordKind.policy ||
      record.kind === RecordKind.erasure ||
      record.kind === RecordKind.expiry ||
      record.kind === RecordKind.finding ||
      record.kind === RecordKind.index;
    if (isMeta !== meta || (record.kind === RecordKind.genesis) !== (record.seq === 0))
      this.#stop('RS-AUD-021', 'a record stands in the wrong place');
    if (record.kind === RecordKind.index) {
      this.#checkIndex(record, leaf());
      return;
    }
    indexRecord(this.#index, record);
    switch (record.kind) {
      case RecordKind.genesis:
        this.#checkGenesis(record.payload);
        return;
      case RecordKind.schema: {
        // Canonical with any policy; the policy's own form is checked by its record.
        const table = tableFromPayloads(record.payload, policyPayload({ ...EMPTY_TABLE }));
        this.#schema = {
          seq: record.seq,
          payload: record.payload,
          width: table.columns.length,
          disclosure: disclosureOf(record.payload),
        };
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
    this.#checkVersion(record.schema, record.policy);
    for (const hash of [record.before, record.after]) {
      if (hash === null) continue;
      if (!this.#rows.ready) await this.#rows.load(this.#seq);
      this.#checkImage(hash, () => record);
    }
  }

  #checkVersion(schema: number, policy: number): void {
    if (schema !== this.#schema?.seq || policy !== this.#policy?.seq)
      this.#stop('RS-AUD-021', 'a record names a schema or policy that is not in force');
  }

  /** The next image must be the one that a record commits to, or be gone for a reason. */
  #checkImage(hash: Digest, record: () => AuditRecord): void {
    const image = this.#rows.next(this.#seq);
    const { payload, saltAt, bodyAt, end } = image;
    const place = (): ImagePlace => ({ ...this.#place, table: this.#directory, seq: this.#seq });
    if (isErased(payload, saltAt)) {
      for (let i = bodyAt; i < end; i++)
        if (payload[i] !== 0) this.#stop('RS-AUD-020', 'an erased row image is not empty');
      if (this.#expiries.covers(this.#seq)) this.#expiries.gone(place());
      else this.#erasures.gone(record(), place());
      return;
    }
    if (this.#erasures.watching) this.#erasures.kept(record(), place());
    if (this.#expiries.covers(this.#seq)) this.#expiries.kept(place());
    const { width, disclosure } = this.#schema!;
    const found =
      disclosure === 'row'
        ? imageHashOf(payload, saltAt, end)
        : columnsHash(payload.subarray(saltAt, saltAt + SALT_BYTES), payload.subarray(bodyAt, end), width);
    if (found !== hash)
      this.#stop('RS-AUD-020', `the row image in ${this.#rows.file} is not the one its record commits to`);
    if (disclosure === 'row') checkImageBody(payload, bodyAt, end, width);
  }

  /** The rows met since the last index record must be those that it says. */
  #checkIndex(record: AuditRecord, leaf: Digest): void {
    const { level } = parseIndexPayload(record.payload);
    if (indexPayload(this.#index.statement(level)) !== record.payload)
      this.#stop('RS-AUD-020', 'an index record says other things of the rows than the records before it');
    this.#index.recorded(level, record.seq, leaf);
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
    const head = { origin: this.#origin, size: this.#seq, root };
    const verdict = this.#verifier.check(String(trailer.note), head, group);
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
