import { type Op, opLetter } from '../../model/change.ts';
import type { MaskedTable } from '../../model/masked.ts';
import { describePosition } from '../../model/position.ts';
import { MalformedBytes } from '../bytes.ts';
import { cosignersOf } from '../cosigners.ts';
import type { Ed25519 } from '../ed25519/ed25519.ts';
import { parseErasure } from '../erased.ts';
import { parseExpiry } from '../expired.ts';
import { leafHash } from '../hashing.ts';
import { verifyInclusion } from '../inclusion-proof.ts';
import { decodeLeaf, type JournalLeaf, restorePosition, type TouchedTable } from '../journal-leaf.ts';
import { parseSignedHead, type SignedHead } from '../note.ts';
import { type AuditRecord, RecordKind } from '../record.ts';
import { tableDirectory } from '../table-directory.ts';
import { disclosureOf, tableFromPayloads } from '../table-payload.ts';
import type { ProblemCode } from '../verify/report.ts';
import type { WitnessPolicy } from '../witness-policy.ts';
import { canonicalRecord } from './canonical-record.ts';
import { recordsOfRow } from './completeness-check.ts';
import { BrokenChain, KeyChain, type TrustedSigner } from './key-chain.ts';
import { CutShort, type Proof, parseProof } from './proof-file.ts';
import type { ProofProblem, ProofReach, ProofReport, ProvenEvent, ShownCells } from './report.ts';
import { shownCells } from './shown-image.ts';

/** Witnesses that must have cosigned the head of the proof. */
export interface AskedWitnesses {
  readonly policy: WitnessPolicy;
  readonly ed25519: Ed25519;
}

/**
 * Checks a proof against the key alone: no log, no network, no clock. Runs in Node and in a browser.
 *
 * @param signers of one name; a head by one of them will do, or by a key that follows from one (docs/audit-format.md §13.4)
 */
export function checkProof(
  text: string,
  signers: readonly TrustedSigner[],
  witnesses: AskedWitnesses | null = null,
): ProofReport {
  return new ProofCheck(signers, witnesses).run(text);
}

/** Hex digits of a tag that an index holds. */
const HALF_TAG = 16;

/** Stops the check; the problem is on the list. */
class Refused extends Error {}

interface Version {
  readonly table: MaskedTable;
  readonly columnar: boolean;
}

class ProofCheck {
  readonly #signers: readonly TrustedSigner[];
  readonly #witnesses: AskedWitnesses | null;
  readonly #problems: ProofProblem[] = [];
  readonly #notes: string[] = [];
  #versions: ProvenEvent[] = [];
  #reach: ProofReach | null = null;
  #complete = false;
  #cosigners: readonly string[] = [];
  #seq: number | null = null;
  readonly #payloads = new Map<number, AuditRecord>();
  readonly #tables = new Map<string, Version>();

  constructor(signers: readonly TrustedSigner[], witnesses: AskedWitnesses | null) {
    this.#signers = signers;
    this.#witnesses = witnesses;
  }

  run(text: string): ProofReport {
    let proof: Proof | null = null;
    try {
      proof = parseProof(text);
      this.#check(proof);
    } catch (error) {
      if (error instanceof CutShort) this.#add('RS-AUD-022', error.message);
      else if (error instanceof MalformedBytes) this.#add('RS-AUD-020', error.message);
      else if (!(error instanceof Refused)) throw error;
    }
    const bad = this.#problems.length > 0;
    return {
      origin: this.#signers[0]?.name ?? '',
      table: proof?.table ?? { namespace: '', name: '' },
      problems: this.#problems,
      notes: this.#notes,
      upTo: this.#reach,
      complete: this.#complete && !bad,
      tags: proof?.row?.tags ?? [],
      versions: this.#versions,
      at:
        proof === null || proof.atUs === null
          ? null
          : { timeUs: proof.atUs, seq: versionAt(this.#versions, proof.atUs) },
      cosigners: this.#cosigners,
    };
  }

  #check(proof: Proof): void {
    const { leaf, touched } = this.#checkJournal(proof);
    this.#reach = {
      group: leaf.group,
      records: touched.size,
      sealedAtUs: leaf.sealedAtUs,
      position: describePosition(leaf.position),
    };
    for (const { bytes, path } of proof.versions) {
      const record = this.#included(bytes, path, touched);
      if (record.kind !== RecordKind.schema && record.kind !== RecordKind.policy)
        this.#refuse('RS-AUD-020', 'a version is neither a schema nor a policy');
      this.#payloads.set(record.seq, record);
    }
    const records = proof.records.map(({ bytes, path }) => this.#included(bytes, path, touched));
    records.forEach((record, i) => {
      if (i > 0 && records[i - 1]!.seq >= record.seq)
        this.#refuse('RS-AUD-021', 'the records are out of order');
    });
    const mine = this.#checkRow(proof, records, touched);
    for (const [i, record] of records.entries()) {
      this.#seq = record.seq;
      const { before, after } = proof.records[i]!;
      const event = this.#event(record, proof, leaf);
      const images = {
        before: this.#image(record, record.before, before, records),
        after: this.#image(record, record.after, after, records),
      };
      if (mine === null || mine.has(record.seq)) this.#versions.push({ ...event, ...images });
    }
    this.#seq = null;
  }

  /** The head is signed, the leaf is in its tree, and names the table. */
  #checkJournal({ journal, keys, table }: Proof): {
    readonly leaf: JournalLeaf;
    readonly touched: TouchedTable;
  } {
    const signed = parseSignedHead(journal.note);
    if (signed === null) this.#refuse('RS-AUD-020', 'the head of the journal cannot be read');
    const origin = this.#signers[0]?.name ?? '';
    if (signed.head.origin !== origin)
      this.#refuse('RS-AUD-023', `the proof is of the log ${signed.head.origin}, the key of ${origin}`);
    this.#checkKeys(keys, signed);
    this.#cosigners = signed.signatures.map(({ name }) => name).filter((name) => name !== origin);
    if (this.#witnesses !== null) this.#checkWitnesses(this.#witnesses, signed);
    const { size, root } = signed.head;
    if (!verifyInclusion(leafHash(journal.leaf), journal.index, size, journal.path, root))
      this.#refuse('RS-AUD-020', 'the group is not in the journal that the head signs');
    const leaf = decodeLeaf(journal.leaf);
    if (leaf.group !== journal.index) this.#refuse('RS-AUD-021', 'the group stands in the wrong place');
    if (leaf.group < size - 1)
      this.#notes.push(`the head signs ${size - 1 - leaf.group} later groups, which the proof does not show`);
    const directory = tableDirectory(table);
    const touched = leaf.tables.find((one) => one.directory === directory);
    if (touched === undefined) this.#refuse('RS-AUD-023', 'the group did not touch the table');
    return { leaf, touched };
  }

  #checkKeys(keys: Proof['keys'], signed: SignedHead): void {
    const chain = new KeyChain(this.#signers);
    try {
      chain.follow(keys, signed);
    } catch (error) {
      if (error instanceof BrokenChain) this.#refuse(error.code, error.message);
      throw error;
    }
    if (!chain.signs(signed))
      this.#refuse(
        'RS-AUD-024',
        'the head of the journal is not signed by the key, nor by one that it leads to',
      );
    this.#notes.push(...chain.notes);
  }

  #checkWitnesses({ policy, ed25519 }: AskedWitnesses, signed: SignedHead): void {
    const times = cosignersOf(policy, signed, ed25519);
    if (times === null) this.#refuse('RS-AUD-032', 'a cosignature on the head does not verify');
    const names = Object.keys(times);
    if (!policy.satisfied(new Set(names)))
      this.#refuse(
        'RS-AUD-032',
        `asked for is ${policy.rule}; the head is cosigned by ${names.length} of them`,
      );
    for (const [name, timeS] of Object.entries(times))
      this.#notes.push(`cosigned by ${name} at ${new Date(timeS * 1000).toISOString()}`);
    // Those are checked now; the others stay what they claim to be.
    const checked = new Set(policy.witnesses.map(({ key }) => key.name));
    this.#cosigners = this.#cosigners.filter((name) => !checked.has(name));
  }

  #included(bytes: Buffer, path: Proof['journal']['path'], { size, root }: TouchedTable): AuditRecord {
    const record = canonicalRecord(bytes);
    this.#seq = record.seq;
    if (!verifyInclusion(leafHash(bytes), record.seq, size, path, root))
      this.#refuse('RS-AUD-020', 'a record is not in the log of the table');
    this.#seq = null;
    return record;
  }

  /** @returns seqs of the row's records; null: no row is claimed */
  #checkRow(
    { row }: Proof,
    records: readonly AuditRecord[],
    { size, root }: TouchedTable,
  ): ReadonlySet<number> | null {
    if (row === null) {
      this.#notes.push('the records are in the log; that there are no others of this row is not claimed');
      return null;
    }
    const due = recordsOfRow(row, size, root);
    const shown = new Map(records.map((record) => [record.seq, record]));
    for (const seq of due)
      if (!shown.has(seq)) this.#refuse('RS-AUD-021', `record ${seq} is of the row and is not shown`);
    const tags = new Set(row.tags);
    const mine = new Set<number>();
    const borne = new Set<string>();
    const others: string[] = [];
    for (const record of records) {
      if (!due.has(record.seq))
        this.#refuse('RS-AUD-021', `record ${record.seq} is shown and is not one of the row`);
      const own = tagsOf(record);
      // The index holds half of a tag: a record of another row may have the same half.
      if (own !== null && !own.some((tag) => tags.has(tag))) {
        others.push(...own);
        continue;
      }
      mine.add(record.seq);
      for (const tag of own ?? []) borne.add(tag);
      if (record.kind !== RecordKind.erasure && own?.some((tag) => !tags.has(tag)))
        this.#refuse('RS-AUD-021', `record ${record.seq} ties the row to a key that is not followed`);
    }
    // That a row has nothing but records of its neighbour is said by somebody who edited its tag.
    for (const tag of row.tags)
      if (!borne.has(tag) && others.some((other) => other.slice(0, HALF_TAG) === tag.slice(0, HALF_TAG)))
        this.#refuse('RS-AUD-021', 'a tag of the row is borne by no record, half of it by another row');
    this.#complete = true;
    return mine;
  }

  #event(record: AuditRecord, proof: Proof, leaf: JournalLeaf): Omit<ProvenEvent, 'before' | 'after'> {
    const version = record.kind === RecordKind.change ? this.#version(record, proof) : null;
    return {
      seq: record.seq,
      kind: kindOf(record),
      op: record.kind === RecordKind.change ? opLetter[record.op as Op] : null,
      transaction: record.transaction,
      commitTimeUs: record.commitTimeUs,
      position:
        record.position.length === 0 ? '' : describePosition(restorePosition(leaf.position, record.position)),
      keyEpoch: version?.table.keyEpoch ?? null,
      keyChanged: record.oldKeyTag !== null,
      columns: version?.table.columns.map(({ name, method }) => ({ name, method })) ?? [],
      said: saidOf(record),
    };
  }

  /** The schema and policy that the record names, which must be shown. */
  #version(record: AuditRecord, proof: Proof): Version {
    const key = `${record.schema}/${record.policy}`;
    const known = this.#tables.get(key);
    if (known !== undefined) return known;
    const schema = this.#payloads.get(record.schema);
    const policy = this.#payloads.get(record.policy);
    if (schema?.kind !== RecordKind.schema || policy?.kind !== RecordKind.policy)
      this.#refuse('RS-AUD-021', 'the schema or policy of a record is not shown');
    const table = tableFromPayloads(schema.payload, policy.payload);
    if (table.namespace !== proof.table.namespace || table.name !== proof.table.name)
      this.#refuse('RS-AUD-023', 'the schema is of another table');
    const version = { table, columnar: disclosureOf(schema.payload) === 'column' };
    this.#tables.set(key, version);
    return version;
  }

  #image(
    record: AuditRecord,
    hash: string | null,
    shown: Proof['records'][number]['before'],
    records: readonly AuditRecord[],
  ): ShownCells {
    if ((hash === null) !== (shown === null))
      this.#refuse('RS-AUD-020', 'an image is shown that the record does not name, or the other way round');
    if (hash === null || shown === null) return { kind: 'none' };
    const gone = records.some((other) => takesAway(other, record));
    switch (shown.kind) {
      case 'withheld':
        return shown;
      case 'gone':
        if (!gone) this.#refuse('RS-AUD-020', 'a row image is gone, and no record that is shown says so');
        return shown;
      default: {
        const version = this.#tables.get(`${record.schema}/${record.policy}`);
        if (version === undefined) this.#refuse('RS-AUD-021', 'an image without a schema');
        const { table, columnar } = version;
        const cells = shownCells(shown, hash, table.columns.length, columnar);
        if (cells === null) this.#refuse('RS-AUD-020', 'a row image is not the one its record commits to');
        if (gone)
          this.#add('RS-AUD-028', 'an erasure or expiry was recorded, and the row image is still there');
        return { kind: 'cells', cells };
      }
    }
  }

  #add(code: ProblemCode, what: string): void {
    this.#problems.push({ code, what, seq: this.#seq });
  }

  #refuse(code: ProblemCode, what: string): never {
    this.#add(code, what);
    throw new Refused();
  }
}

/** Tags in hex that a record is about; null: it is about every row. */
function tagsOf(record: AuditRecord): readonly string[] | null {
  switch (record.kind) {
    case RecordKind.truncate:
    case RecordKind.snapshot:
    case RecordKind.expiry:
      return null;
    case RecordKind.erasure:
      return parseErasure(record.payload).tags;
    default:
      return [record.keyTag, record.oldKeyTag]
        .filter((tag) => tag !== null)
        .map((tag) => Buffer.from(tag).toString('hex'));
  }
}

function takesAway(by: AuditRecord, record: AuditRecord): boolean {
  if (by.seq <= record.seq) return false;
  if (by.kind === RecordKind.expiry) return parseExpiry(by.payload).before > record.seq;
  if (by.kind !== RecordKind.erasure) return false;
  const { tags } = parseErasure(by.payload);
  return (tagsOf(record) ?? []).some((tag) => tags.includes(tag));
}

function kindOf(record: AuditRecord): ProvenEvent['kind'] {
  switch (record.kind) {
    case RecordKind.change:
      return 'change';
    case RecordKind.truncate:
      return 'truncate';
    case RecordKind.snapshot:
      return record.payload === '{"phase":"begin"}' ? 'copy begins' : 'copy ends';
    case RecordKind.erasure:
      return 'erasure';
    case RecordKind.expiry:
      return 'expiry';
    default:
      return 'other';
  }
}

function saidOf(record: AuditRecord): string | null {
  if (record.kind === RecordKind.erasure) {
    const { actor, reason } = parseErasure(record.payload);
    return `${actor}: ${reason}`;
  }
  if (record.kind !== RecordKind.expiry) return null;
  const { actor, reason, before } = parseExpiry(record.payload);
  return `${actor}: ${reason} (records before ${before})`;
}

/** The last change or truncate that was committed by then. */
function versionAt(events: readonly ProvenEvent[], timeUs: bigint): number | null {
  return (
    events.findLast(
      ({ kind, commitTimeUs }) => (kind === 'change' || kind === 'truncate') && commitTimeUs <= timeUs,
    )?.seq ?? null
  );
}
