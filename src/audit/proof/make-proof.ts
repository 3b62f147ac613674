import type { TableName } from '../../model/table.ts';
import { MalformedBytes } from '../bytes.ts';
import { openColumns } from '../disclosure/column-image.ts';
import type { Disk } from '../disk.ts';
import { isErased, parseErasure } from '../erased.ts';
import type { Digest } from '../hashing.ts';
import { proveKeyChanges, proveLeaf } from '../lookup/journal-lookup.ts';
import { sealedSize } from '../lookup/sealed-size.ts';
import { pagesAround, rangeOf } from '../lookup/sorted-entries.ts';
import { type FoundRecord, type IndexedRange, TableLookup } from '../lookup/table-lookup.ts';
import { parseSignedHead } from '../note.ts';
import { type AuditRecord, RecordKind } from '../record.ts';
import { parseIndexPayload } from '../row-index/index-payload.ts';
import { ENTRY_BYTES } from '../row-index/index-root.ts';
import { tableDirectory } from '../table-directory.ts';
import { disclosureOf, tableFromPayloads } from '../table-payload.ts';
import { canonicalRecord } from './canonical-record.ts';
import type { Proof, ProvenRecord, RowClaim, ShownImage } from './proof-file.ts';

export interface ProofRequest {
  readonly directory: string;
  readonly table: TableName;
  /** What is to be proven: all records of the row with these tags (32 hex digits), or one record alone. */
  readonly subject:
    | { readonly kind: 'row'; readonly tags: readonly string[] }
    | {
        readonly kind: 'record';
        readonly seq: number;
        /** Of the row that it must be about; null: whichever. */
        readonly tags: readonly string[] | null;
      };
  /** The moment asked about: the image in force then is shown, no other. null: all images. */
  readonly atUs: bigint | null;
  /** Names of the columns that are shown; null: whole images. */
  readonly columns: readonly string[] | null;
}

/** Why no proof can be made; not damage. */
export class NothingToProve extends Error {
  override readonly name = 'NothingToProve';
}

/**
 * Makes a proof out of a log. What it finds by look-up files is not verified here: the caller checks the proof, and asks
 * again without them (`kept` false) when it does not hold.
 *
 * @throws MalformedBytes where the log cannot be read; NothingToProve
 */
export async function makeProof(disk: Disk, request: ProofRequest, kept = true): Promise<Proof> {
  const { directory, table } = request;
  const size = await sealedSize(disk, directory, tableDirectory(table));
  const lookup = await TableLookup.open(disk, directory, tableDirectory(table), size, kept);
  const { note, index, bytes, path } = await proveLeaf(disk, directory, lookup.end.group);
  const keys = await proveKeyChanges(disk, directory, parseSignedHead(note)?.head.size ?? 0);
  return new ProofMaker(lookup, request).make({ note, index, leaf: bytes, path }, keys);
}

class ProofMaker {
  readonly #lookup: TableLookup;
  readonly #request: ProofRequest;
  readonly #records = new Map<number, FoundRecord>();

  constructor(lookup: TableLookup, request: ProofRequest) {
    this.#lookup = lookup;
    this.#request = request;
  }

  async make(journal: Proof['journal'], keys: Proof['keys']): Promise<Proof> {
    const { subject, table, atUs } = this.#request;
    const row = subject.kind === 'row' ? await this.#row(subject.tags) : null;
    if (subject.kind === 'record') await this.#alone(subject.seq, subject.tags);
    const found = [...this.#records.values()].sort((a, b) => a.record.seq - b.record.seq);
    const versions = new Map<number, ProvenRecord>();
    const payloads = new Map<number, string>();
    for (const { record } of found) {
      if (record.kind !== RecordKind.change) continue;
      for (const seq of [record.schema, record.policy]) {
        if (versions.has(seq)) continue;
        const version = await this.#lookup.record(seq);
        versions.set(seq, await this.#proven(version));
        payloads.set(seq, version.record.payload);
      }
    }
    const asked = atUs === null ? null : (lastChange(found, atUs)?.record.seq ?? -1);
    const tags = new Set(row?.tags ?? []);
    return {
      table: { namespace: table.namespace, name: table.name },
      journal,
      keys,
      versions: [...versions].sort(([a], [b]) => a - b).map(([, version]) => version),
      records: await Promise.all(
        found.map(async (one) => {
          const { record } = one;
          // A record of another row, shown because half of its tag is the same.
          const other = row !== null && !tagsOf(record).some((tag) => tags.has(tag));
          const hidden = other || (asked !== null && record.seq !== asked);
          const images = [...one.images];
          const image = (hash: Digest | null): ShownImage | null =>
            hash === null ? null : this.#shown(record, images.shift(), hidden, payloads);
          return { ...(await this.#proven(one)), before: image(record.before), after: image(record.after) };
        }),
      ),
      row,
      atUs,
    };
  }

  async #proven({ bytes, record }: FoundRecord): Promise<ProvenRecord> {
    return { bytes, path: await this.#lookup.tree.path(record.seq) };
  }

  async #alone(seq: number, asked: readonly string[] | null): Promise<void> {
    if (seq >= this.#lookup.end.size) throw new NothingToProve(`no sealed record ${seq}`);
    const found = await this.#lookup.record(seq);
    if (asked !== null && !tagsOf(found.record).some((tag) => asked.includes(tag)))
      throw new NothingToProve(`record ${seq} is not one of the row`);
    this.#records.set(seq, found);
    if (!found.images.some(({ salt }) => isErased(salt))) return;
    // What took the image away belongs to it.
    const tags = tagsOf(found.record);
    await this.#row(tags);
    for (const [other, { record }] of this.#records)
      if (other !== seq && !takesAway(record.kind)) this.#records.delete(other);
  }

  /** Collects the records of the row, under every key that key changes lead to, and what shows that these are all. */
  async #row(asked: readonly string[]): Promise<RowClaim> {
    const { ranges, tail, tree } = this.#lookup;
    const first = ranges.at(-1)?.next ?? 0;
    const tags = new Set(asked);
    const pages = new Map<IndexedRange, Map<number, RowClaim['ranges'][number]['pages'][number]>>();
    for (const range of ranges) pages.set(range, new Map());
    for (const range of ranges) {
      const { wide } = parseIndexPayload(canonicalRecord(range.record).payload);
      if (wide > 0) await this.#visit(range, Buffer.alloc(8), pages.get(range)!);
    }
    const tailRecords = tail.map(canonicalRecord);
    for (const record of tailRecords) if (concernsAll(record.kind)) await this.#take(record.seq);
    // A set hands out what is added while it is walked.
    for (const tag of tags) {
      const prefix = Buffer.from(tag, 'hex').subarray(0, 8);
      await Promise.all(ranges.map((range) => this.#visit(range, prefix, pages.get(range)!)));
      for (const record of tailRecords) if (tagsOf(record).includes(tag)) await this.#take(record.seq);
      for (const { record } of this.#records.values()) {
        if (record.kind !== RecordKind.change) continue;
        const own = tagsOf(record);
        if (own.includes(tag)) for (const other of own) tags.add(other);
      }
    }
    return {
      tags: [...tags].sort(),
      tail: { first, peaks: await tree.peaks(first), records: tail },
      ranges: [...ranges].reverse().map((range) => ({
        record: range.record,
        pages: [...pages.get(range)!.values()].sort((a, b) => a.number - b.number),
      })),
    };
  }

  async #visit(
    range: IndexedRange,
    prefix: Buffer,
    pages: Map<number, RowClaim['ranges'][number]['pages'][number]>,
  ): Promise<void> {
    const { from, to } = await rangeOf(range.entries, prefix);
    for (const page of await pagesAround(range.entries, from, to)) pages.set(page.number, page);
    if (from === to) return;
    const entries = await range.entries.read(from, to);
    for (let at = 8; at < entries.length; at += ENTRY_BYTES)
      await this.#take(range.first + entries.readUInt32BE(at));
  }

  async #take(seq: number): Promise<void> {
    if (!this.#records.has(seq)) this.#records.set(seq, await this.#lookup.record(seq));
  }

  #shown(
    record: AuditRecord,
    image: FoundRecord['images'][number] | undefined,
    hidden: boolean,
    payloads: ReadonlyMap<number, string>,
  ): ShownImage {
    if (image === undefined) throw new MalformedBytes('a row image is missing');
    if (hidden) return { kind: 'withheld' };
    const { salt, body } = image;
    if (isErased(salt)) return { kind: 'gone' };
    const { columns } = this.#request;
    if (columns === null) return { kind: 'whole', salt, body };
    const schema = payloads.get(record.schema) ?? '';
    if (disclosureOf(schema) !== 'column')
      throw new NothingToProve(
        `record ${record.seq} commits to the whole row: columns can be shown alone from where audit.disclosure is column`,
      );
    const table = tableFromPayloads(schema, payloads.get(record.policy) ?? '');
    const shown = new Set(
      columns
        .map((name) => table.columns.findIndex((column) => column.name === name))
        .filter((at) => at >= 0),
    );
    return { kind: 'columns', ...openColumns(salt, body, table.columns.length, shown) };
  }
}

function tagsOf(record: AuditRecord): readonly string[] {
  if (record.kind === RecordKind.erasure) return parseErasure(record.payload).tags;
  return [record.keyTag, record.oldKeyTag]
    .filter((tag) => tag !== null)
    .map((tag) => Buffer.from(tag).toString('hex'));
}

function concernsAll(kind: RecordKind): boolean {
  return kind === RecordKind.truncate || kind === RecordKind.snapshot || kind === RecordKind.expiry;
}

function takesAway(kind: RecordKind): boolean {
  return kind === RecordKind.erasure || kind === RecordKind.expiry;
}

/** The change that was in force at a moment. */
function lastChange(found: readonly FoundRecord[], atUs: bigint): FoundRecord | undefined {
  return found.findLast(
    ({ record }) =>
      (record.kind === RecordKind.change || record.kind === RecordKind.truncate) &&
      record.commitTimeUs <= atUs,
  );
}
