import type { Gap } from '../model/masked.ts';
import type { DueCopy, Position } from '../model/position.ts';
import { formatLsn, parseLsn } from '../model/position.ts';
import type { SealedGroupInfo } from './audit-log.ts';
import { MalformedBytes } from './bytes.ts';
import { decodeGap, decodeNames, encodeGap, encodeNames, type GapJson, type NameJson } from './gap-json.ts';
import type { Digest } from './hashing.ts';
import { canonicalKeyChange, type KeyChange } from './key-change.ts';

/** Where bytes of a group lie: whole frames of one segment. */
export interface Extent {
  readonly segment: number;
  readonly start: number;
  readonly end: number;
}

/** What a group did to one table. */
export interface TouchedTable {
  readonly directory: string;
  /** Records in the table's log after the group, and their Merkle root and chain head. */
  readonly size: number;
  readonly root: Digest;
  readonly chain: Digest;
  readonly records: readonly Extent[];
  readonly rows: readonly Extent[];
}

/** One leaf of the journal: a sealed group (docs/audit-format.md §7). It is what makes the group exist. */
export interface JournalLeaf {
  readonly group: number;
  readonly position: Position;
  readonly sealedAtUs: bigint;
  readonly commitTimeUs: bigint | null;
  readonly transactions: number;
  readonly rows: number;
  readonly bytes: number;
  readonly gaps: readonly Gap[];
  readonly tables: readonly TouchedTable[];
  readonly keys: readonly KeyChange[];
}

const hex = (digest: Digest): string => Buffer.from(digest, 'latin1').toString('hex');

/** Canonical JSON: fixed members in fixed order, integers beyond 2^53 and digests as text. */
export function encodeLeaf(leaf: JournalLeaf): Buffer {
  return Buffer.from(
    JSON.stringify({
      v: 1,
      group: leaf.group,
      position: encodePosition(leaf.position),
      sealed_at_us: String(leaf.sealedAtUs),
      commit_time_us: leaf.commitTimeUs === null ? null : String(leaf.commitTimeUs),
      transactions: leaf.transactions,
      rows: leaf.rows,
      bytes: leaf.bytes,
      gaps: leaf.gaps.map(encodeGap),
      tables: leaf.tables.map((table) => ({
        directory: table.directory,
        size: table.size,
        root: hex(table.root),
        chain: hex(table.chain),
        records: table.records.map((extent) => [extent.segment, extent.start, extent.end]),
        rows: table.rows.map((extent) => [extent.segment, extent.start, extent.end]),
      })),
      ...(leaf.keys.length === 0 ? {} : { keys: leaf.keys.map(canonicalKeyChange) }),
    }),
    'utf8',
  );
}

/** @throws MalformedBytes unless the bytes are exactly what {@link encodeLeaf} writes */
export function decodeLeaf(bytes: Buffer): JournalLeaf {
  try {
    const json = JSON.parse(bytes.toString('utf8')) as LeafJson;
    const leaf: JournalLeaf = {
      group: json.group,
      position: decodePosition(json.position),
      sealedAtUs: BigInt(json.sealed_at_us),
      commitTimeUs: json.commit_time_us === null ? null : BigInt(json.commit_time_us),
      transactions: json.transactions,
      rows: json.rows,
      bytes: json.bytes,
      gaps: json.gaps.map(decodeGap),
      tables: json.tables.map((table) => ({
        directory: table.directory,
        size: table.size,
        root: Buffer.from(table.root, 'hex').toString('latin1'),
        chain: Buffer.from(table.chain, 'hex').toString('latin1'),
        records: table.records.map(([segment, start, end]) => ({ segment, start, end })),
        rows: table.rows.map(([segment, start, end]) => ({ segment, start, end })),
      })),
      keys: json.keys ?? [],
    };
    if (encodeLeaf(leaf).equals(bytes)) return leaf;
  } catch {
    // The parsers quote their input; the reason is given below without it.
  }
  throw new MalformedBytes('a journal leaf is not in canonical form');
}

interface LeafJson {
  readonly group: number;
  readonly position: Readonly<Record<string, unknown>>;
  readonly sealed_at_us: string;
  readonly commit_time_us: string | null;
  readonly transactions: number;
  readonly rows: number;
  readonly bytes: number;
  readonly gaps: readonly GapJson[];
  readonly tables: readonly {
    readonly directory: string;
    readonly size: number;
    readonly root: string;
    readonly chain: string;
    readonly records: readonly (readonly [number, number, number])[];
    readonly rows: readonly (readonly [number, number, number])[];
  }[];
  readonly keys?: readonly KeyChange[];
}

function encodePosition(position: Position): Record<string, unknown> {
  switch (position.kind) {
    case 'postgres':
      return {
        kind: 'postgres',
        system: position.systemId,
        timeline: position.timeline,
        slot: position.slot,
        lsn: formatLsn(position.lsn),
        phase: position.phase,
        ...encodeTables(position),
      };
    case 'mysql':
      return {
        kind: 'mysql',
        flavor: position.flavor,
        server: position.server,
        gtid_set: position.gtidSet,
        file: position.place.file,
        offset: position.place.offset,
        file_began_s: position.fileBegan,
        prepared: position.prepared.map((place) => [place.file, place.offset]),
        copied: position.copied,
        phase: position.phase,
        ...encodeTables(position),
      };
  }
}

function encodeTables({ copying = [], outside = [] }: Position): Record<string, unknown> {
  return {
    ...(copying.length === 0 ? {} : { copying: copying.map(encodeDue) }),
    ...(outside.length === 0 ? {} : { outside: encodeNames(outside) }),
  };
}

function encodeDue({ namespace, name, copied }: DueCopy): readonly string[] {
  return copied === undefined ? [namespace, name] : [namespace, name, copied];
}

function decodeTables(json: Readonly<Record<string, unknown>>): Pick<Position, 'copying' | 'outside'> {
  const copying = json['copying'] as readonly (readonly [string, string, string?])[] | undefined;
  const outside = json['outside'] as readonly NameJson[] | undefined;
  return {
    ...(copying === undefined ? {} : { copying: copying.map(decodeDue) }),
    ...(outside === undefined ? {} : { outside: decodeNames(outside) }),
  };
}

function decodeDue([namespace, name, copied]: readonly [string, string, string?]): DueCopy {
  return {
    namespace: String(namespace),
    name: String(name),
    ...(copied === undefined ? {} : { copied: String(copied) }),
  };
}

function decodePosition(json: Readonly<Record<string, unknown>>): Position {
  const phase = json['phase'] === 'snapshot' ? 'snapshot' : 'stream';
  if (json['kind'] === 'postgres') {
    const lsn = parseLsn(String(json['lsn']));
    if (lsn === null) throw new MalformedBytes('a position has no LSN');
    return {
      kind: 'postgres',
      systemId: String(json['system']),
      timeline: Number(json['timeline']),
      slot: String(json['slot']),
      lsn,
      phase,
      ...decodeTables(json),
    };
  }
  return {
    kind: 'mysql',
    flavor: json['flavor'] === 'mariadb' ? 'mariadb' : 'mysql',
    server: String(json['server']),
    gtidSet: json['gtid_set'] === null ? null : String(json['gtid_set']),
    place: { file: String(json['file']), offset: Number(json['offset']) },
    fileBegan: json['file_began_s'] === null ? null : Number(json['file_began_s']),
    prepared: (json['prepared'] as [string, number][]).map(([file, offset]) => ({ file, offset })),
    copied: json['copied'] === null ? null : String(json['copied']),
    phase,
    ...decodeTables(json),
  };
}

/** A record's position: what tells transactions of one source apart, without what the journal says for all. */
export function recordPosition(position: Position): Uint8Array {
  if (position.kind === 'mysql')
    return Buffer.from(`${position.place.file}:${position.place.offset}`, 'utf8');
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(position.lsn);
  return bytes;
}

/** The whole position of a record, given that of its group. */
export function restorePosition(group: Position, record: Uint8Array): Position {
  if (group.kind === 'mysql') {
    const match = /^(.+):(\d{1,16})$/.exec(Buffer.from(record).toString('utf8'));
    return match === null ? group : { ...group, place: { file: match[1]!, offset: Number(match[2]) } };
  }
  const view = Buffer.from(record);
  return { ...group, lsn: view.length === 8 ? view.readBigUInt64BE() : group.lsn };
}

/** What a sealed group says of itself. */
export function groupInfo(leaf: JournalLeaf): SealedGroupInfo {
  return {
    index: leaf.group,
    position: leaf.position,
    sealedAtUs: leaf.sealedAtUs,
    commitTimeUs: leaf.commitTimeUs,
    transactions: leaf.transactions,
    rows: leaf.rows,
    bytes: leaf.bytes,
  };
}
