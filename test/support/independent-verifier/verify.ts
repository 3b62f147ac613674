/**
 * A second verifier, written from docs/audit-format.md alone and in another style: whole files in memory, trees as arrays,
 * roots by recursion, no import from src/. Small and slow on purpose. It must come to the same verdict as ours on
 * every log, good or broken.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32, zstdDecompressSync } from 'node:zlib';
import { canonicalKeyChange, firstKey, type KeyChange, Keyring, keysAfter } from './keyring.ts';
import { cosignaturesOf, type Head, parseNote, parseVkey, sha256, utf8, type Vkey } from './notes.ts';
import { columnarHash, SlowIndex } from './row-index.ts';

export interface Verdict {
  /** 0 good, 1 a promise not kept, 2 nothing to verify, 10 tampered, 11 truncated, 12 signature. */
  readonly exit: 0 | 1 | 2 | 10 | 11 | 12;
  readonly reasons: readonly string[];
}

type Kind = 10 | 11 | 12 | 1;

/** Ends the check of one file run; the kind says how grave it is. */
export class Bad extends Error {
  readonly kind: Kind;
  constructor(kind: Kind, reason: string) {
    super(reason);
    this.kind = kind;
  }
}

/** So many of these witnesses. */
export interface Quorum {
  readonly witnesses: readonly string[];
  readonly count: number;
}

export function verify(
  directory: string,
  options: {
    readonly key?: string | readonly string[];
    readonly head?: string | readonly string[];
    readonly quorum?: Quorum;
  } = {},
): Verdict {
  const found: { kind: Kind; reason: string }[] = [];
  const note = (kind: Kind, reason: string): void => void found.push({ kind, reason });

  const texts =
    options.key === undefined ? [textOf(join(directory, 'log.vkey')) ?? ''] : [options.key].flat();
  const pinned = texts.map((text) => parseVkey(text)).filter((key) => key !== null);
  const origin = pinned[0]?.name ?? '';
  if (
    pinned.length < texts.length ||
    texts.length === 0 ||
    pinned.some(({ name }) => name !== origin) ||
    list(join(directory, 'journal')).length === 0
  )
    return { exit: 2, reasons: ['no log, or no key'] };

  // §8.2
  const leaves: Buffer[] = [];
  const groups: Leaf[] = [];
  const keys = keyringOf(directory, pinned);
  part(note, () => readJournal(directory, origin, keys, leaves, groups, note));
  for (const complaint of keys.complaints()) note(12, complaint);

  // §8.4: heads from the directory and from outside. Of a table's head its group says who might sign.
  const groupOf = (head: Head): number | null =>
    head.origin === origin
      ? Math.max(0, head.size - 1)
      : (groups.find(({ tables }) =>
          tables.some((one) => `${origin}/tables/${one.directory}` === head.origin && one.size === head.size),
        )?.group ?? null);
  const headFile = (path: string): Head | null => {
    const text = textOf(join(directory, path));
    if (text === null) return null;
    const head = parseNote(text);
    if (head === null) note(10, `${path} is no signed head`);
    else if (!keys.signs(head, groupOf(head))) note(12, `${path} is not signed by the key`);
    else return head;
    return null;
  };
  const outside: Head[] = [];
  for (const text of [options.head ?? []].flat()) {
    const head = parseNote(text);
    if (head !== null && keys.signs(head, groupOf(head))) outside.push(head);
    else note(12, 'the head from outside is not signed by the key');
  }
  /** @returns those that fit */
  const reach = (heads: readonly (Head | null)[], of: string, leaves: readonly Buffer[]): Head[] =>
    heads.filter((head): head is Head => {
      if (head === null || head.origin !== of) return false;
      if (head.size > leaves.length) note(11, `${of} has a head of ${head.size}, there are ${leaves.length}`);
      else if (treeHash(leaves.slice(0, head.size)).equals(head.root)) return true;
      else note(10, `${of} has another root at ${head.size}`);
      return false;
    });
  const cosigned = headFile('journal/cosigned');
  const fitting = reach([headFile('journal/head'), cosigned, ...outside], origin, leaves);

  // §15
  if (options.quorum !== undefined) {
    const { witnesses, count } = options.quorum;
    const reached = fitting.filter((head) => {
      const lines = witnesses.map((text) => cosignaturesOf(head, parseVkey(text, 4)!));
      if (lines.includes('spoilt')) note(12, `a cosignature on the head of ${head.size} does not verify`);
      return !lines.includes('spoilt') && lines.filter((line) => line === 'good').length >= count;
    });
    if (reached.length === 0) note(12, 'no head has the cosignatures that are asked for');
  }

  // §8.3
  const tables = new Map<string, { group: number; touched: Touched }[]>();
  for (const leaf of groups)
    for (const touched of leaf.tables)
      tables.set(touched.directory, [
        ...(tables.get(touched.directory) ?? []),
        { group: leaf.group, touched },
      ]);
  for (const [name, expected] of tables) {
    const own = `${origin}/tables/${name}`;
    const head = headFile(`tables/${name}/head`);
    if (head !== null && head.origin !== own) note(10, `the head of ${name} belongs to ${head.origin}`);
    const records: Buffer[] = [];
    part(note, () => readTable(directory, name, own, keys, expected, records, note));
    reach([head, ...outside], own, records);
  }
  const known = [origin, `${origin}/access`, ...[...tables.keys()].map((name) => `${origin}/tables/${name}`)];
  for (const head of outside)
    if (!known.includes(head.origin))
      note(
        head.origin.startsWith(`${origin}/tables/`) ? 11 : 10,
        `a head from outside of ${head.origin}, which no group names`,
      );

  // §9
  part(note, () => readAccessLog(directory, `${origin}/access`, keys, groups, outside, note));

  const kinds = new Set(found.map(({ kind }) => kind));
  const exit = ([10, 11, 12, 1] as const).find((kind) => kinds.has(kind)) ?? 0;
  return { exit, reasons: found.map(({ kind, reason }) => `${kind}: ${reason}`) };
}

// ---- §8.2 the journal

interface Touched {
  readonly directory: string;
  readonly size: number;
  readonly root: string;
  readonly chain: string;
  readonly records: readonly (readonly [number, number, number])[];
  readonly rows: readonly (readonly [number, number, number])[];
}

/** A position of either kind; which members there are is for `kind` to say. */
interface Position {
  readonly kind: string;
  readonly phase: string;
  readonly system: string;
  readonly timeline: number;
  readonly slot: string;
  readonly lsn: string;
  readonly flavor: string;
  readonly server: string;
  readonly gtid_set: string | null;
  readonly file: string;
  readonly offset: number;
  readonly file_began_s: number | null;
  readonly prepared: readonly (readonly [string, number])[];
  readonly copied: string | null;
  readonly copying?: readonly (Name | readonly [namespace: string, name: string, copied: string])[];
  readonly outside?: readonly Name[];
}

interface LeafJson extends Leaf {
  readonly commit_time_us: string | null;
  readonly transactions: number;
  readonly rows: number;
  readonly bytes: number;
}

type Name = readonly [namespace: string, name: string];

interface Gap {
  readonly cause: string;
  readonly from: string;
  readonly to: string;
  readonly tables: readonly Name[];
  readonly copied: boolean;
  readonly actor: string;
  readonly reason: string;
}

interface Leaf {
  readonly group: number;
  readonly position: Position;
  readonly sealed_at_us: string;
  readonly gaps: readonly Gap[];
  readonly tables: readonly Touched[];
  readonly keys?: readonly KeyChange[];
}

/** §14: the first leaf, and all that change keys, say from which key the log sets out. */
function keyringOf(directory: string, pinned: readonly Vkey[]): Keyring {
  let first: Head | null = null;
  const changes: KeyChange[] = [];
  try {
    for (const number of segmentNumbers(join(directory, 'journal'), 'journal'))
      for (const { payload } of readSegment(join(directory, 'journal'), 'journal', number, false).frames) {
        const { leaf, note } = leafFrame(payload);
        if (leaf.group === 0) first = parseNote(note);
        changes.push(...(leaf.keys ?? []));
      }
  } catch (error) {
    // The check of the journal comes to the same place.
    if (!(error instanceof Bad)) throw error;
  }
  return new Keyring(pinned, firstKey(pinned, first, changes));
}

function leafFrame(payload: Buffer): { leaf: Leaf; bytes: Buffer; value: Buffer; note: string } {
  if (payload.length < 36) throw new Bad(10, 'a frame that is no leaf');
  const length = payload.readUInt32BE(0);
  const bytes = payload.subarray(4, 4 + length);
  const value = payload.subarray(4 + length, 36 + length);
  const note = utf8(payload.subarray(36 + length));
  if (bytes.length !== length || value.length !== 32 || note === null) throw new Bad(10, 'a leaf is cut');
  return { leaf: canonicalLeaf(bytes), bytes, value, note };
}

function readJournal(
  directory: string,
  origin: string,
  keyring: Keyring,
  leaves: Buffer[],
  groups: Leaf[],
  note: (kind: Kind, reason: string) => void,
): void {
  let chain = genesis(origin);
  let keys: readonly string[] | null = null;
  const numbers = segmentNumbers(join(directory, 'journal'), 'journal');
  for (const [i, number] of numbers.entries()) {
    if (number !== i) throw new Bad(10, `journal segment ${i} is missing`);
    const last = i === numbers.length - 1;
    const { frames, torn, header } = readSegment(join(directory, 'journal'), 'journal', i, last);
    if (header === null) return;
    checkHeader(header, {
      kind: 'journal',
      origin,
      segment: i,
      next: leaves.length,
      chain,
      peaks: peaks(leaves),
      ...(keys === null ? {} : { keys }),
    });
    for (const frame of frames) {
      if (frame.type !== 5) throw new Bad(10, 'a frame that is no leaf');
      const { leaf, bytes, value, note: text } = leafFrame(frame.payload);
      const hash = sha256(Buffer.from([0]), bytes);
      const next = chainValue(chain, leaves.length, hash);
      if (leaf.group !== leaves.length || !next.equals(value))
        throw new Bad(10, `leaf ${leaves.length} does not follow`);
      chain = next;
      leaves.push(hash);
      const changed = keysAfter(keys, leaf.keys ?? [], origin, leaf.group);
      if (changed === false)
        throw new Bad(10, `leaf ${leaf.group} changes keys in a way that makes no sense`);
      keys = changed;
      const signed = keyring.leaf(parseNote(text), leaf.keys ?? []);
      part(note, () => checkNote(text, () => signed, origin, leaves));
      const before = groups.at(-1);
      if (leaf.gaps.length > 0 ? !gapFits(before, leaf) : goesBack(before, leaf))
        note(10, `the position of group ${leaf.group} does not follow`);
      groups.push(leaf);
    }
    if (torn !== null && !(last && torn === 'short')) note(10, `journal segment ${i} is damaged`);
  }
}

export function canonicalLeaf(bytes: Buffer): Leaf {
  const json = parseJson<LeafJson>(bytes);
  try {
    const again = {
      v: 1,
      group: json.group,
      position: canonicalPosition(json.position),
      sealed_at_us: String(BigInt(json.sealed_at_us)),
      commit_time_us: json.commit_time_us === null ? null : String(BigInt(json.commit_time_us)),
      transactions: json.transactions,
      rows: json.rows,
      bytes: json.bytes,
      gaps: json.gaps.map((gap) => ({
        cause: String(gap.cause),
        from: String(gap.from),
        to: String(gap.to),
        tables: names(gap.tables),
        copied: gap.copied === true,
        actor: String(gap.actor),
        reason: String(gap.reason),
      })),
      tables: json.tables.map((table) => ({
        directory: table.directory,
        size: table.size,
        root: hex(table.root),
        chain: hex(table.chain),
        records: table.records.map(([segment, start, end]) => [segment, start, end]),
        rows: table.rows.map(([segment, start, end]) => [segment, start, end]),
      })),
      ...(json.keys === undefined || json.keys.length === 0
        ? {}
        : { keys: json.keys.map(canonicalKeyChange) }),
    };
    if (JSON.stringify(again) === bytes.toString('utf8')) return again as unknown as Leaf;
  } catch {
    // Not what it should be; said below.
  }
  throw new Bad(10, 'a leaf is not canonical');
}

function names(list_: readonly Name[]): Name[] {
  return list_.map(([namespace, name]) => [String(namespace), String(name)]);
}

function canonicalPosition(position: Position): Record<string, unknown> {
  const phase = position.phase === 'snapshot' ? 'snapshot' : 'stream';
  const named = (member: 'copying' | 'outside'): Record<string, unknown> =>
    (position[member] ?? []).length === 0
      ? {}
      : { [member]: position[member]!.map((one) => entry(one, member)) };
  /** Of a Postgres table on its way it also says how far its copy has come. */
  const entry = (one: readonly string[], member: string): string[] =>
    one.slice(0, member === 'copying' && position.kind === 'postgres' && one.length > 2 ? 3 : 2).map(String);
  const tables = { ...named('copying'), ...named('outside') };
  if (position.kind === 'postgres') {
    const [high, low] = String(position.lsn).split('/') as [string, string];
    const part_ = (text: string): string => BigInt(`0x${text}`).toString(16).toUpperCase();
    return {
      kind: 'postgres',
      system: String(position.system),
      timeline: Number(position.timeline),
      slot: String(position.slot),
      lsn: `${part_(high)}/${part_(low)}`,
      phase,
      ...tables,
    };
  }
  return {
    kind: 'mysql',
    flavor: position.flavor === 'mariadb' ? 'mariadb' : 'mysql',
    server: String(position.server),
    gtid_set: position.gtid_set === null ? null : String(position.gtid_set),
    file: String(position.file),
    offset: Number(position.offset),
    file_began_s: position.file_began_s === null ? null : Number(position.file_began_s),
    prepared: position.prepared.map(([file, offset]) => [file, offset]),
    copied: position.copied === null ? null : String(position.copied),
    phase,
    ...tables,
  };
}

/** §7: a gap stands alone, is not the first leaf, and spans from the position before to its own. */
function gapFits(before: Leaf | undefined, { gaps, tables, position }: Leaf): boolean {
  const place = (of: Position): string =>
    of.kind === 'postgres'
      ? of.lsn
      : `${of.file}:${of.offset}${of.gtid_set === null || of.gtid_set === '' ? '' : ` ${of.gtid_set}`}`;
  const [gap, ...more] = gaps;
  return (
    before !== undefined &&
    more.length === 0 &&
    tables.length === 0 &&
    gap!.from === place(before.position) &&
    gap!.to === place(position)
  );
}

/** §8.2: positions of one source never go back, and another source needs a gap. */
function goesBack(before: Leaf | undefined, { position: b }: Leaf): boolean {
  if (before === undefined) return false;
  const a = before.position;
  if (a.kind !== b.kind) return true;
  if (a.phase === 'stream' && b.phase === 'snapshot') return true;
  if (a.kind === 'postgres') {
    if (a.system !== b.system || a.slot !== b.slot || b.timeline < a.timeline) return true;
    const lsn = (text: string): bigint => {
      const [high, low] = text.split('/') as [string, string];
      return (BigInt(`0x${high}`) << 32n) + BigInt(`0x${low}`);
    };
    return lsn(b.lsn) < lsn(a.lsn);
  }
  if (a.flavor !== b.flavor) return true;
  if (a.gtid_set !== null && b.gtid_set !== null) {
    if (!gtidsReach(a.flavor, a.gtid_set, b.gtid_set)) return true;
  } else if (a.server !== b.server) return true;
  if (a.server !== b.server) return false;
  if (a.file === b.file) return b.offset < a.offset;
  const number = (file: string): number => Number(file.slice(file.lastIndexOf('.') + 1));
  return number(b.file) < number(a.file);
}

/** Everything in the first is in the second. */
function gtidsReach(flavor: string, first: string, second: string): boolean {
  const ranges = (text: string): Map<string, [bigint, bigint][]> => {
    const sets = new Map<string, [bigint, bigint][]>();
    for (const one of text
      .replaceAll(/\s/g, '')
      .split(',')
      .filter((part_) => part_ !== '')) {
      if (flavor === 'mariadb') {
        const [domain, , seq] = one.split('-') as [string, string, string];
        sets.set(domain, [[1n, BigInt(seq)]]);
        continue;
      }
      const pieces = one.split(':');
      const id = [pieces[0], ...pieces.slice(1).filter((piece) => !/^[\d-]+$/.test(piece))].join(':');
      const intervals = pieces.slice(1).filter((piece) => /^[\d-]+$/.test(piece));
      for (const interval of intervals) {
        const [from, to] = interval.split('-') as [string, string?];
        sets.set(id, [...(sets.get(id) ?? []), [BigInt(from), BigInt(to ?? from)]]);
      }
    }
    return sets;
  };
  const outer = ranges(second);
  for (const [id, intervals] of ranges(first))
    for (const [from, to] of intervals)
      if (!(outer.get(id) ?? []).some(([low, high]) => low <= from && to <= high)) return false;
  return true;
}

// ---- §8.3 a table

function readTable(
  directory: string,
  name: string,
  origin: string,
  keys: Keyring,
  expected: readonly { group: number; touched: Touched }[],
  leaves: Buffer[],
  note: (kind: Kind, reason: string) => void,
): void {
  const folder = join(directory, 'tables', name);
  let chain = genesis(origin);
  let schema: { seq: number; payload: string } | null = null;
  let policy: { seq: number; payload: string } | null = null;
  let width = 0;
  let next = 0;
  let rowsEnd = [0, 0];
  /** Images that were met, and the records about rows to be gone. */
  const images: { seq: number; tags: string[]; gone: boolean }[] = [];
  const erasures: { seq: number; tags: string[] }[] = [];
  const expiries: { seq: number; before: number }[] = [];
  const rows = rowImages(folder, origin);
  const index = new SlowIndex();
  let columnar = false;
  for (let segment = 0; next < expected.length; segment++) {
    if (!existsSync(join(folder, segmentFile('records', segment))))
      throw new Bad(11, `${name}: records end too early`);
    const { frames, torn, header } = readSegment(folder, 'records', segment, false);
    checkHeader(header!, {
      kind: 'records',
      origin,
      segment,
      next: leaves.length,
      chain,
      peaks: peaks(leaves),
      schema,
      policy,
    });
    for (const frame of frames) {
      if (next === expected.length) break;
      const want = expected[next]!;
      if (frame.type === 4) {
        rowsEnd = checkTrailer(frame, want, { segment, chain, leaves, origin, keys, rowsEnd }, note);
        next++;
        continue;
      }
      if (frame.type !== 2 && frame.type !== 6) throw new Bad(10, `${name}: a strange frame`);
      for (let at = 0; at < frame.payload.length; ) {
        const length = frame.payload.length - at < 2 ? 0 : frame.payload.readUInt16BE(at);
        const bytes = frame.payload.subarray(at + 2, at + 2 + length);
        const value = frame.payload.subarray(at + 2 + length, at + 34 + length);
        at += 34 + length;
        if (bytes.length !== length || value.length !== 32) throw new Bad(10, `${name}: a record is cut`);
        const record = parseRecord(bytes);
        const seq = leaves.length;
        if (record.seq !== seq) throw new Bad(10, `${name}: record ${record.seq} in the place of ${seq}`);
        const hash = sha256(Buffer.from([0]), bytes);
        chain = chainValue(chain, seq, hash);
        if (!chain.equals(value)) throw new Bad(10, `${name}: chain value of record ${seq}`);
        leaves.push(hash);
        const meta = [1, 5, 6, 9, 10, 11, 12].includes(record.kind);
        if (meta !== (frame.type === 6) || (record.kind === 1) !== (seq === 0))
          throw new Bad(10, `${name}: record ${seq} stands in the wrong frame`);
        if (record.kind === 11) {
          const { level } = parseJson<{ level: number }>(record.payload);
          if ((level !== 0 && level !== 1) || index.payload(level) !== record.payload)
            throw new Bad(10, `${name}: index record ${seq} says other things than the records before it`);
          index.recorded(seq, level, hash);
          continue;
        }
        const tags = record.kind === 9 ? parseJson<{ tags: string[] }>(record.payload).tags : record.tags;
        index.add(seq, record.kind, Array.isArray(tags) ? tags : []);
        if (record.kind === 1) checkGenesis(record.payload, origin, name);
        else if (record.kind === 5) {
          width = checkSchema(record.payload);
          columnar = record.payload.endsWith('],"disclosure":"column"}');
          schema = { seq, payload: record.payload };
        } else if (record.kind === 6) {
          const {
            policy: rules,
            key_epoch,
            key_fingerprint,
          } = parseJson<{ policy: string; key_epoch: number; key_fingerprint: string }>(record.payload);
          mustBe(record.payload, { policy: rules, key_epoch, key_fingerprint });
          policy = { seq, payload: record.payload };
        } else if (record.kind === 9) {
          const {
            tags,
            actor,
            reason,
            images: count,
          } = parseJson<{ tags: string[]; actor: string; reason: string; images: number }>(record.payload);
          mustBe(record.payload, { tags, actor, reason, images: count });
          const sorted =
            Array.isArray(tags) &&
            tags.every((tag, i) => /^[0-9a-f]{32}$/.test(tag) && (i === 0 || tags[i - 1]! < tag));
          if (
            !sorted ||
            typeof actor !== 'string' ||
            typeof reason !== 'string' ||
            !Number.isSafeInteger(count)
          )
            throw new Bad(10, `${name}: erasure record ${seq}`);
          erasures.push({ seq, tags });
        } else if (record.kind === 12) {
          const { before, actor, reason } = parseJson<{ before: number; actor: string; reason: string }>(
            record.payload,
          );
          mustBe(record.payload, { before, actor, reason });
          if (
            !Number.isSafeInteger(before) ||
            before < 0 ||
            before > seq ||
            typeof actor !== 'string' ||
            typeof reason !== 'string'
          )
            throw new Bad(10, `${name}: expiry record ${seq}`);
          expiries.push({ seq, before });
        } else if (record.kind === 10) {
          const { action, columns } = parseJson<{
            action: string;
            columns: { column: string; kind: string; count: number }[];
          }>(record.payload);
          if (!Array.isArray(columns)) throw new Bad(10, `${name}: finding record ${seq}`);
          mustBe(record.payload, {
            action,
            columns: columns.map(({ column, kind, count }) => ({ column, kind, count })),
          });
        } else {
          if (record.schema !== schema?.seq || record.policy !== policy?.seq)
            throw new Bad(10, `${name}: record ${seq} names a schema or policy not in force`);
          for (const want_ of [record.before, record.after]) {
            if (want_ === null) continue;
            const { salt, body } = rows.next(seq);
            const gone = salt.every((byte) => byte === 0);
            images.push({ seq, tags: record.tags, gone });
            if (gone) {
              if (body.some((byte) => byte !== 0))
                throw new Bad(10, `${name}: an erased image of record ${seq} is not empty`);
              continue;
            }
            const long = Buffer.alloc(4);
            long.writeUInt32BE(body.length);
            const cells = cellsOf(body, width);
            const found = columnar
              ? columnarHash(salt, cells)
              : sha256(Buffer.from('rowseal/v1/image\0'), salt, long, body);
            if (!found.equals(want_)) throw new Bad(10, `${name}: image of record ${seq}`);
          }
        }
      }
    }
    if (torn !== null && next < expected.length)
      throw new Bad(10, `${name}: records segment ${segment} is damaged`);
  }
  rows.end(expected.at(-1)!.touched.rows.at(-1) ?? null);
  for (const { seq, tags, gone } of images) {
    const named =
      erasures.some((erasure) => erasure.seq > seq && erasure.tags.some((tag) => tags.includes(tag))) ||
      expiries.some(({ before }) => seq < before);
    if (gone && !named) note(10, `${name}: an image of record ${seq} is gone, and nothing says so`);
    if (!gone && named) note(1, `${name}: an image of record ${seq} should be gone`);
  }
}

/** @returns where the images ended */
function checkTrailer(
  frame: Frame,
  { group, touched }: { group: number; touched: Touched },
  state: {
    segment: number;
    chain: Buffer;
    leaves: readonly Buffer[];
    origin: string;
    keys: Keyring;
    rowsEnd: number[];
  },
  note: (kind: Kind, reason: string) => void,
): number[] {
  const trailer = parseJson<{ group: number; size: number; chain: string; rows: number[]; note: string }>(
    frame.payload,
  );
  const { group: number, size, chain, rows, note: text } = trailer;
  mustBe(utf8(frame.payload) ?? '', { group: number, size, chain, rows, note: text });
  if (number !== group) throw new Bad(10, `the trailer of group ${number} in the place of ${group}`);
  const root = treeHash(state.leaves).toString('hex');
  const end = touched.records.at(-1);
  const last = touched.rows.at(-1);
  const [at, offset] = (last === undefined ? state.rowsEnd : [last[0], last[2]]) as [number, number];
  const told = JSON.stringify(rows);
  const rowsFit = told === `[${at},${offset}]` || (offset > 0 && told === `[${at + 1},0]`);
  const fits =
    touched.size === state.leaves.length &&
    size === touched.size &&
    touched.root === root &&
    touched.chain === state.chain.toString('hex') &&
    chain === touched.chain &&
    end?.[0] === state.segment &&
    end[2] === frame.end &&
    rowsFit;
  if (!fits) throw new Bad(10, `journal and table disagree on group ${group}`);
  const head = parseNote(String(text));
  if (head === null) throw new Bad(10, `the head of group ${group} is no signed head`);
  if (!state.keys.signs(head, group)) note(12, `the head of group ${group} is not signed by the key`);
  else if (head.origin !== state.origin || head.size !== size || head.root.toString('hex') !== root)
    throw new Bad(10, `the head of group ${group} does not fit`);
  return rows;
}

/** One image after the other, over all segments of rows. */
function rowImages(
  folder: string,
  origin: string,
): {
  next(seq: number): { salt: Buffer; body: Buffer };
  end(last: readonly [number, number, number] | null): void;
} {
  let segment = -1;
  let frames: Frame[] = [];
  let torn: Torn = null;
  let used = 0;
  let frame: Frame | null = null;
  let at = 0;
  let lastSeq = -1;
  return {
    next(seq) {
      while (frame === null || at === frame.payload.length) {
        if (frame !== null && frame.payload.length === 0) throw new Bad(10, 'an empty frame of images');
        const following = frames.shift();
        if (following !== undefined) {
          if (following.type !== 3 || following.payload.length === 0)
            throw new Bad(10, 'a strange frame among images');
          [frame, at, used] = [following, 0, following.end];
          continue;
        }
        if (torn !== null) throw new Bad(10, `rows segment ${segment} is damaged`);
        segment++;
        if (!existsSync(join(folder, segmentFile('rows', segment))))
          throw new Bad(10, `rows segment ${segment} is missing`);
        const read = readSegment(folder, 'rows', segment, false);
        [frames, torn, frame] = [read.frames, read.torn, null];
        const header = read.header!;
        used = read.headerEnd;
        const bare =
          header.chain === '' &&
          header.peaks.length === 0 &&
          header.schema === null &&
          header.policy === null;
        const placed = header.origin === origin && header.kind === 'rows' && header.segment === segment;
        if (!bare || !placed || !(header.next > lastSeq && header.next <= seq))
          throw new Bad(10, `header of rows segment ${segment}`);
      }
      const { payload } = frame;
      if (payload.length - at < 20) throw new Bad(10, 'an image is cut');
      const salt = payload.subarray(at, at + 16);
      const length = payload.readUInt32BE(at + 16);
      const body = payload.subarray(at + 20, at + 20 + length);
      if (body.length !== length) throw new Bad(10, 'an image is cut');
      at += 20 + length;
      lastSeq = seq;
      return { salt, body };
    },
    end(last) {
      if (frame !== null && at < frame.payload.length) throw new Bad(10, 'images without a record');
      if (segment >= 0 && last !== null && segment === last[0] && used !== last[2])
        throw new Bad(10, 'images do not end where the journal says');
    },
  };
}

/** §5: for each column a state, and for a value its length and UTF-8. */
export function cellsOf(body: Buffer, width: number): Buffer[] {
  const cells: Buffer[] = [];
  let at = 0;
  for (let column = 0; column < width; column++) {
    const start = at;
    const state = body[at++];
    if (state === undefined || state > 3) throw new Bad(10, 'a cell has no state');
    if (state === 1) {
      const [length, end] = varint(body, at);
      at = end + length;
      if (at > body.length) throw new Bad(10, 'a cell is cut');
    }
    cells.push(body.subarray(start, at));
  }
  if (at !== body.length) throw new Bad(10, 'an image is longer than its table is wide');
  return cells;
}

function checkGenesis(payload: string, origin: string, directory: string): void {
  const genesis_ = parseJson<{ origin: string; namespace: string; name: string }>(payload);
  const { namespace, name } = genesis_;
  if (genesis_.origin !== origin || directoryOf(String(namespace), String(name)) !== directory)
    throw new Bad(10, 'the genesis record names another table');
}

interface TypeJson {
  readonly kind: string;
  readonly element?: TypeJson;
  readonly [member: string]: unknown;
}

interface SchemaJson {
  readonly namespace: string;
  readonly name: string;
  readonly key: readonly number[];
  readonly disclosure?: string;
  readonly columns: readonly {
    name: string;
    id: string | null;
    type: TypeJson;
    source_type: string;
    method: string;
  }[];
}

/** @returns columns */
export function checkSchema(payload: string): number {
  const schema = parseJson<SchemaJson>(payload);
  const type = (of: TypeJson): object => {
    const { kind } = of;
    const members: Record<string, readonly string[]> = {
      int: ['bits', 'unsigned'],
      decimal: ['precision', 'scale'],
      float: ['bits'],
      text: ['maxLength', 'padded'],
      time: ['withZone'],
      timestamp: ['withZone'],
      enum: ['labels'],
    };
    if (kind === 'array') return { kind, element: type(of.element!) };
    return Object.fromEntries([
      ['kind', kind],
      ...(members[kind] ?? []).map((member) => [member, of[member]]),
    ]);
  };
  try {
    const again = {
      namespace: schema.namespace,
      name: schema.name,
      key: schema.key,
      columns: schema.columns.map((column) => ({
        name: column.name,
        id: column.id,
        type: type(column.type),
        source_type: column.source_type,
        method: column.method,
      })),
      ...(schema.disclosure === undefined ? {} : { disclosure: schema.disclosure }),
    };
    if (![undefined, 'column'].includes(schema.disclosure)) throw new Bad(10, 'a schema record');
    mustBe(payload, again);
    return again.columns.length;
  } catch {
    throw new Bad(10, 'a schema record is not canonical');
  }
}

// ---- §9 the access log

function readAccessLog(
  directory: string,
  origin: string,
  keys: Keyring,
  groups: readonly Leaf[],
  outside: readonly Head[],
  note: (kind: Kind, reason: string) => void,
): void {
  const path = join(directory, 'access/requests.jsonl');
  const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
  const text = textOf(join(directory, 'access/head'));
  const head = text === null ? null : parseNote(text);
  if (text !== null && head?.origin !== origin) note(10, 'access/head is no head of this log');
  const own = head?.origin === origin ? head : null;
  let group = 0;
  /** By a key that might sign when the newest request before it was made, or by any that is not revoked. */
  const judgeHead = (): void => {
    if (own !== null && !keys.signs(own, group) && !keys.signs(own, null))
      note(12, 'access/head is not signed by the key');
  };
  const leaves: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = bytes.indexOf(10, at);
    if (end < 0) break;
    const last = end === bytes.length - 1;
    const line = accessLine(utf8(bytes.subarray(at, end)));
    at = end + 1;
    if (line === null) {
      if (last && leaves.length >= (own?.size ?? 0)) break;
      judgeHead();
      throw new Bad(10, `access line ${leaves.length + 1} cannot be read`);
    }
    leaves.push(sha256(Buffer.from([0]), Buffer.from(JSON.stringify(line.entry))));
    const time = BigInt(line.entry.time_us);
    group = groups.findLast(({ sealed_at_us }) => BigInt(sealed_at_us) <= time)?.group ?? 0;
    try {
      checkNote(line.note, (signed) => keys.signs(signed, group), origin, leaves);
    } catch (error) {
      judgeHead();
      throw error;
    }
  }
  judgeHead();
  for (const one of [own, ...outside]) {
    if (one === null || one.origin !== origin) continue;
    if (one.size > leaves.length) note(11, `a head for ${one.size} requests, there are ${leaves.length}`);
    else if (one.size > 0 && !treeHash(leaves.slice(0, one.size)).equals(one.root))
      note(10, 'the access log has another root');
  }
}

function accessLine(text: string | null): { entry: { time_us: string }; note: string } | null {
  try {
    const line = JSON.parse(text ?? '');
    const { time_us, actor, reason, space, method, key_epoch, outcome, tokens } = line.entry;
    const entry = { time_us, actor, reason, space, method, key_epoch, outcome, tokens };
    const sound =
      /^\d{1,18}$/.test(time_us) &&
      [actor, reason, space, method, line.note, ...tokens].every((one) => typeof one === 'string') &&
      Number.isSafeInteger(key_epoch) &&
      ['granted', 'refused'].includes(outcome);
    return sound && JSON.stringify({ entry, note: line.note }) === text ? { entry, note: line.note } : null;
  } catch {
    return null;
  }
}

// ---- §2 frames, segments and their headers; §10 packed segments

interface Frame {
  readonly type: number;
  readonly payload: Buffer;
  /** Offset behind it. */
  readonly end: number;
}

/** Why the frames of a file stop: it ends within one, or one is damaged. */
type Torn = null | 'short' | 'damaged';

function readFrames(bytes: Buffer): { frames: Frame[]; torn: Torn } {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < 9) return { frames, torn: 'short' };
    const length = bytes.readUInt32BE(at);
    if (length > 2 ** 30) return { frames, torn: 'damaged' };
    const end = at + 9 + length;
    if (end > bytes.length) return { frames, torn: 'short' };
    const payload = bytes.subarray(at + 9, end);
    if (crc32(payload, crc32(bytes.subarray(at + 4, at + 5))) !== bytes.readUInt32BE(at + 5))
      return { frames, torn: 'damaged' };
    frames.push({ type: bytes[at + 4]!, payload, end });
    at = end;
  }
  return { frames, torn: null };
}

/** @param mayBeTorn a crash may have torn its very first frame: then there is no header */
function readSegment(
  folder: string,
  kind: string,
  number: number,
  mayBeTorn: boolean,
): { header: Header | null; headerEnd: number; frames: Frame[]; torn: Torn } {
  const name = segmentFile(kind, number);
  const { frames, torn } = readFrames(unpacked(readFileSync(join(folder, name))));
  const first = frames.shift();
  if (first === undefined && mayBeTorn && torn !== 'damaged')
    return { header: null, headerEnd: 0, frames, torn };
  if (first?.type !== 1) throw new Bad(10, `${name} has no header`);
  return { header: canonicalHeader(first.payload), headerEnd: first.end, frames, torn };
}

interface Header {
  readonly kind: string;
  readonly origin: string;
  readonly segment: number;
  readonly next: number;
  readonly chain: string;
  readonly peaks: readonly string[];
  readonly schema: { readonly seq: number; readonly payload: string } | null;
  readonly policy: { readonly seq: number; readonly payload: string } | null;
  readonly keys?: readonly string[];
}

function canonicalHeader(payload: Buffer): Header {
  const json = parseJson<Header>(payload);
  try {
    const again = {
      format: 'rowseal/v1',
      kind: json.kind,
      origin: json.origin,
      segment: json.segment,
      next: json.next,
      chain: hex(json.chain),
      peaks: json.peaks.map(hex),
      schema: json.schema === null ? null : { seq: json.schema.seq, payload: json.schema.payload },
      policy: json.policy === null ? null : { seq: json.policy.seq, payload: json.policy.payload },
      ...(json.keys === undefined ? {} : { keys: json.keys.map(String) }),
    };
    mustBe(utf8(payload) ?? '', again);
    return again;
  } catch {
    throw new Bad(10, 'a segment header is not canonical');
  }
}

function checkHeader(
  header: Header,
  want: {
    kind: string;
    origin: string;
    segment: number;
    next: number;
    chain: Buffer;
    peaks: readonly Buffer[];
    schema?: object | null;
    policy?: object | null;
    keys?: readonly string[];
  },
): void {
  const { keys, ...rest } = want;
  const state = {
    format: 'rowseal/v1',
    ...rest,
    chain: want.chain.toString('hex'),
    peaks: want.peaks.map((peak) => peak.toString('hex')),
    schema: want.schema ?? null,
    policy: want.policy ?? null,
    ...(keys === undefined ? {} : { keys }),
  };
  if (JSON.stringify(header) !== JSON.stringify(state))
    throw new Bad(10, `a ${want.kind} segment does not continue the one before`);
}

function unpacked(bytes: Buffer): Buffer {
  if (bytes.length < 9 || bytes[4] !== 16) return bytes;
  const { frames, torn } = readFrames(bytes);
  const index = frames.shift();
  if (torn !== null || index === undefined || index.payload.length % 8 !== 1 || index.payload[0] !== 1)
    throw new Bad(10, 'a packed segment is damaged');
  const size = Number(index.payload.readBigUInt64BE(1));
  const blocks: Buffer[] = [];
  for (let at = 9; at < index.payload.length; at += 8) {
    const plain = index.payload.readUInt32BE(at);
    const block = frames.shift();
    if (block?.type !== 17 || block.payload.length !== index.payload.readUInt32BE(at + 4))
      throw new Bad(10, 'a packed segment has not the blocks of its index');
    try {
      blocks.push(zstdDecompressSync(block.payload, { maxOutputLength: plain + 1 }));
    } catch {
      throw new Bad(10, 'a block cannot be unpacked');
    }
    if (plain === 0 || blocks.at(-1)!.length !== plain) throw new Bad(10, 'a block has another length');
  }
  const whole = Buffer.concat(blocks);
  if (frames.length > 0 || whole.length !== size) throw new Bad(10, 'a packed segment does not add up');
  return whole;
}

function segmentFile(kind: string, number: number): string {
  return `${kind}-${String(number).padStart(8, '0')}.seg`;
}

function segmentNumbers(folder: string, kind: string): number[] {
  return list(folder)
    .filter((name) => /^\d{8}\.seg$/.test(name.slice(kind.length + 1)) && name.startsWith(`${kind}-`))
    .map((name) => Number(name.slice(kind.length + 1, kind.length + 9)))
    .sort((a, b) => a - b);
}

// ---- §3 hashes and trees

/** RFC 6962 §2.1, as it is written there. */
function treeHash(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return leaves[0]!;
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return sha256(Buffer.from([1]), treeHash(leaves.slice(0, k)), treeHash(leaves.slice(k)));
}

/** Roots of the perfect subtrees, largest first. */
function peaks(leaves: readonly Buffer[]): Buffer[] {
  const roots: Buffer[] = [];
  let from = 0;
  for (let size = 2 ** 40; size >= 1; size /= 2) {
    if (leaves.length - from < size) continue;
    roots.push(treeHash(leaves.slice(from, from + size)));
    from += size;
  }
  return roots;
}

function genesis(origin: string): Buffer {
  const name = Buffer.from(origin, 'utf8');
  return sha256(
    Buffer.from('rowseal/v1/genesis\0'),
    Buffer.from([name.length >> 8, name.length & 255]),
    name,
  );
}

function chainValue(previous: Buffer, n: number, leaf: Buffer): Buffer {
  const number = Buffer.alloc(8);
  number.writeBigUInt64BE(BigInt(n));
  return sha256(Buffer.from('rowseal/v1/chain\0'), previous, number, leaf);
}

// ---- §4 records

export interface Record_ {
  readonly kind: number;
  readonly seq: number;
  readonly schema: number;
  readonly policy: number;
  readonly tags: string[];
  readonly before: Buffer | null;
  readonly after: Buffer | null;
  readonly payload: string;
}

/** Canonical: fields ascending, none twice, no defaults, shortest varints; so it is enough to be strict in decoding. */
export function parseRecord(bytes: Buffer): Record_ {
  const numbers = new Map<number, number>();
  const blobs = new Map<number, Buffer>();
  const wire: Record<number, number> = {
    1: 0,
    2: 0,
    3: 0,
    4: 2,
    5: 2,
    6: 1,
    7: 0,
    8: 0,
    9: 0,
    10: 0,
    11: 0,
    12: 2,
    13: 2,
    14: 2,
    15: 2,
    16: 2,
  };
  let previous = 0;
  for (let at = 0; at < bytes.length; ) {
    const [tag, afterTag] = varint(bytes, at);
    const field = Math.floor(tag / 8);
    if (field <= previous || wire[field] !== tag % 8) throw new Bad(10, 'a record has a field out of order');
    previous = field;
    at = afterTag;
    if (wire[field] === 0) {
      const [value, end] = varint(bytes, at);
      if (value === 0) throw new Bad(10, 'a record has a default');
      numbers.set(field, value);
      at = end;
      continue;
    }
    const [length, start] = wire[field] === 1 ? [8, at] : varint(bytes, at);
    const blob = bytes.subarray(start, start + length);
    if (blob.length !== length || length === 0) throw new Bad(10, 'a record has a cut or empty field');
    blobs.set(field, blob);
    at = start + length;
  }
  const number = (field: number): number => numbers.get(field) ?? 0;
  const sized = (field: number, size: number): Buffer | null => {
    const blob = blobs.get(field) ?? null;
    if (blob !== null && blob.length !== size)
      throw new Bad(10, 'a tag or hash of a record has a wrong length');
    return blob;
  };
  const [transaction, payload] = [5, 16].map((field) => utf8(blobs.get(field) ?? Buffer.alloc(0)));
  if (transaction == null || payload == null) throw new Bad(10, 'a text of a record is no UTF-8');
  if (blobs.get(6)?.every((byte) => byte === 0)) throw new Bad(10, 'a record has a default');
  const kind = number(2);
  if (number(1) !== 1 || ![1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].includes(kind) || number(9) > 5)
    throw new Bad(10, 'a record of an unknown version, kind or operation');
  return {
    kind,
    seq: number(3),
    schema: number(10),
    policy: number(11),
    tags: [sized(12, 16), sized(13, 16)].filter((tag) => tag !== null).map((tag) => tag.toString('hex')),
    before: sized(14, 32),
    after: sized(15, 32),
    payload,
  };
}

function varint(bytes: Buffer, from: number): [number, number] {
  let value = 0n;
  for (let at = from, shift = 0n; at < bytes.length && shift < 56n; at++, shift += 7n) {
    const byte = bytes[at]!;
    value |= BigInt(byte & 127) << shift;
    if (byte >= 128) continue;
    if ((byte === 0 && at > from) || value > BigInt(Number.MAX_SAFE_INTEGER)) break;
    return [Number(value), at + 1];
  }
  throw new Bad(10, 'a varint is not in its shortest form');
}

// ---- §7 signed heads

/** @throws Bad unless the text is the signed head of these leaves */
function checkNote(
  text: string,
  signed: (head: Head) => boolean,
  origin: string,
  leaves: readonly Buffer[],
): void {
  const head = parseNote(text);
  if (head === null) throw new Bad(10, `a head of ${origin} is no signed head`);
  if (!signed(head)) throw new Bad(12, `a head of ${origin} is not signed by the key`);
  if (head.origin !== origin || head.size !== leaves.length || !head.root.equals(treeHash(leaves)))
    throw new Bad(10, `a head of ${origin} does not fit`);
}

// ---- small things

function part(note: (kind: Kind, reason: string) => void, run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof Bad)) throw error;
    note(error.kind, error.message);
  }
}

/** §1 */
export function directoryOf(namespace: string, name: string): string {
  const readable = `${namespace}.${name}`
    .replace(/[^A-Za-z0-9._-]/g, '_')
    .replace(/^\.+/, '_')
    .slice(0, 80);
  const exact = [namespace, name].flatMap((text) => {
    const bytes = Buffer.from(text, 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return [length, bytes];
  });
  return `${readable}-${sha256(...exact)
    .toString('hex')
    .slice(0, 16)}`;
}

/** An object, whose members are for the caller to doubt. */
export function parseJson<Shape extends object>(text: string | Buffer): Shape {
  try {
    const value: unknown = JSON.parse(typeof text === 'string' ? text : (utf8(text) ?? ''));
    if (typeof value === 'object' && value !== null) return value as Shape;
  } catch {
    // Said below.
  }
  throw new Bad(10, 'JSON that cannot be read');
}

export function mustBe(text: string, value: object): void {
  if (JSON.stringify(value) !== text) throw new Bad(10, 'JSON that is not canonical');
}

function hex(text: string): string {
  return Buffer.from(text, 'hex').toString('hex');
}

function textOf(path: string): string | null {
  return existsSync(path) ? (utf8(readFileSync(path)) ?? '') : null;
}

function list(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}
