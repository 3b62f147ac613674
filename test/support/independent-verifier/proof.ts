/**
 * A second checker of proof files, written from docs/audit-format.md §13 alone: no import from src/, trees by recursion, one
 * rule after the other in the order of the page. It must come to the same verdict as ours on every file.
 */
import type { KeyChange } from './keyring.ts';
import {
  base64,
  cosignaturesOf,
  type Head,
  linesOf,
  parseNote,
  parseVkey,
  sha256,
  type Vkey,
} from './notes.ts';
import { columnarHash } from './row-index.ts';
import {
  Bad,
  canonicalLeaf,
  cellsOf,
  checkSchema,
  directoryOf,
  mustBe,
  parseJson,
  parseRecord,
  type Quorum,
  type Record_,
} from './verify.ts';

export interface ProofVerdict {
  readonly exit: 0 | 1 | 10 | 11 | 12;
  readonly reason: string;
}

const CHANGE = 2;
const SCHEMA = 5;
const POLICY = 6;
const ERASURE = 9;
const INDEX = 11;
const EXPIRY = 12;
/** About every row: snapshot, truncate, expiry. */
const WIDE = [3, 4, EXPIRY];

export function checkProof(text: string, keys: readonly string[], quorum?: Quorum): ProofVerdict {
  const pinned = keys.map((key) => parseVkey(key)!);
  try {
    const proof = parse(text);
    const { head, table } = checkHead(proof, pinned, quorum);
    const left = checkRecords(proof, table);
    return left > 0
      ? { exit: 1, reason: `${left} images should be gone` }
      : { exit: 0, reason: `proven by the head of ${head.size}` };
  } catch (error) {
    if (error instanceof Bad) return { exit: error.kind, reason: error.message };
    throw error;
  }
}

// ---- §13 the file

type Json = { readonly [member: string]: Json } & readonly Json[] & string & number & null;

interface Shown {
  readonly record: Record_;
  readonly bytes: Buffer;
  readonly path: Buffer[];
  readonly before: Json;
  readonly after: Json;
}

interface Parsed {
  readonly json: Json;
  readonly namespace: string;
  readonly name: string;
}

function wrong(what: string): Bad {
  return new Bad(10, `the file: ${what}`);
}

function parse(text: string): Parsed {
  let json: Json;
  try {
    json = JSON.parse(text) as Json;
  } catch {
    throw isCut(text) ? new Bad(11, 'the file is cut off') : wrong('no JSON');
  }
  const again = rewrite(json, FILE);
  if (`${JSON.stringify(again)}\n` !== text) throw wrong('not as it would be written');
  return { json, namespace: json['table']!['namespace']!, name: json['table']!['name']! };
}

/** It begins as a proof and ends before its outermost object does. */
function isCut(text: string): boolean {
  if (text === '') return true;
  if (!text.startsWith('{"format":')) return false;
  const open: string[] = [];
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (open.at(-1) === '"') {
      if (character === '\\') i++;
      else if (character === '"') open.pop();
    } else if ('"{['.includes(character)) open.push(character);
    else if ('}]'.includes(character)) open.pop();
    if (open.length === 0) return false;
  }
  return true;
}

/** What may stand in the file: texts that are checked, lists, objects with just these members, null. */
type Form = ((value: Json) => boolean) | readonly [Form] | { readonly [member: string]: Form };

const isText = (value: Json): boolean => typeof value === 'string';
const isNumber = (value: Json): boolean => Number.isSafeInteger(value) && value >= 0;
const isBytes = (value: Json): boolean => isText(value) && base64(value) !== null;
const isPath = (value: Json): boolean => isBytes(value) && bytes(value).length % 32 === 0;
const isSalt = (value: Json): boolean => isBytes(value) && bytes(value).length === 16;
const exactly =
  (wanted: string) =>
  (value: Json): boolean =>
    value === wanted;
const isHash = (value: Json): boolean => value === null || (isBytes(value) && bytes(value).length === 32);
const isTag = (value: Json): boolean => isText(value) && /^[0-9a-f]{32}$/.test(value);
const isTime = (value: Json): boolean =>
  value === null || (isText(value) && /^-?\d{1,18}$/.test(value) && String(BigInt(value)) === value);

const IMAGES: { readonly [kind: string]: Form } = {
  whole: { kind: isText, salt: isSalt, body: isBytes },
  columns: {
    kind: isText,
    cells: [{ index: isNumber, salt: isSalt, cell: isBytes }],
    commitments: [isHash],
  },
  gone: { kind: isText },
  withheld: { kind: isText },
};
const isImage = (value: Json): boolean => {
  if (value === null) return true;
  const form = Object.hasOwn(IMAGES, String(value['kind'])) ? IMAGES[String(value['kind'])]! : null;
  return form !== null && JSON.stringify(rewrite(value, form)) === JSON.stringify(value);
};
const ROW: Form = {
  tags: [isTag],
  tail: { first: isNumber, peaks: isPath, records: isBytes },
  ranges: [{ record: isBytes, pages: [{ number: isNumber, entries: isBytes, path: isPath }] }],
};
const FILE: Form = {
  format: exactly('rowseal/proof/v1'),
  table: { namespace: isText, name: isText },
  at_us: isTime,
  journal: { note: isText, index: isNumber, leaf: isBytes, path: isPath },
  keys: [{ leaf: isBytes, path: isPath, note: isText, own: isPath }],
  versions: [{ record: isBytes, path: isPath }],
  records: [{ record: isBytes, path: isPath, before: isImage, after: isImage }],
  row: (value) => value === null || JSON.stringify(rewrite(value, ROW)) === JSON.stringify(value),
};

/** The same value with its members in the order of the form. */
function rewrite(value: Json, form: Form): unknown {
  if (typeof form === 'function') {
    if (!form(value)) throw wrong('a member of the wrong kind');
    return value;
  }
  if (Array.isArray(form)) {
    const list: unknown = value;
    if (!Array.isArray(list)) throw wrong('a list is missing');
    return list.map((one) => rewrite(one as Json, form[0] as Form));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong('an object is missing');
  const names = Object.keys(form);
  if (Object.keys(value).length !== names.length || !names.every((name) => Object.hasOwn(value, name)))
    throw wrong('members are missing, or there are others');
  const members = form as { readonly [member: string]: Form };
  return Object.fromEntries(names.map((name) => [name, rewrite(value[name]!, members[name]!)]));
}

function bytes(value: string): Buffer {
  return base64(value)!;
}

function hashes(value: string): Buffer[] {
  const all = bytes(value);
  return Array.from({ length: all.length / 32 }, (_, i) => all.subarray(32 * i, 32 * i + 32));
}

// ---- §13.1 the head, §13.4 the keys

interface Table {
  readonly size: number;
  readonly root: Buffer;
}

function checkHead(
  { json, namespace, name }: Parsed,
  pinned: readonly Vkey[],
  quorum: Quorum | undefined,
): { head: Head; table: Table } {
  const journal = json['journal']!;
  const head = parseNote(journal['note']!);
  if (head === null || head.origin !== pinned[0]!.name) throw wrong('no head of this log');
  const trusted = followKeys(json['keys']!, head, pinned);
  if (!trusted.sign(head, head.size - 1)) throw new Bad(12, 'the head is not signed by the key');
  if (quorum !== undefined) {
    const lines = quorum.witnesses.map((text) => cosignaturesOf(head, parseVkey(text, 4)!));
    if (lines.includes('spoilt') || lines.filter((line) => line === 'good').length < quorum.count)
      throw new Bad(12, 'too few cosignatures');
  }
  const leafBytes = bytes(journal['leaf']!);
  if (!leadsTo(leafOf(leafBytes), journal['index']!, head.size, hashes(journal['path']!), head.root))
    throw wrong('the group is not in the journal');
  const leaf = canonicalLeaf(leafBytes);
  if (leaf.group !== journal['index']) throw wrong('the group stands in the wrong place');
  const touched = leaf.tables.find(({ directory }) => directory === directoryOf(namespace, name));
  if (touched === undefined) throw wrong('the group did not touch the table');
  return { head, table: { size: touched.size, root: Buffer.from(touched.root, 'hex') } };
}

interface Trust {
  sign(head: Head, leaf: number): boolean;
}

function followKeys(list: readonly Json[], head: Head, pinned: readonly Vkey[]): Trust {
  const keys = new Map(pinned.map((key) => [key.text, { key, ends: Infinity, revoked: Infinity }]));
  const signers = (note: Head, leaf: number): string[] => {
    const lines = [...keys.values()].map((one) => ({ ...one, line: linesOf(note, one.key) }));
    if (lines.some(({ line }) => line === 'spoilt')) return [];
    return lines.filter(({ line, ends }) => line === 'good' && leaf < ends).map(({ key }) => key.text);
  };
  let before = -1;
  for (const one of list) {
    const leafBytes = bytes(one['leaf']!);
    const leaf = canonicalLeaf(leafBytes);
    const changes: readonly KeyChange[] = leaf.keys ?? [];
    if (leaf.group <= before || changes.length === 0) throw wrong('changes of keys out of order');
    before = leaf.group;
    const note = parseNote(one['note']!);
    const hash = leafOf(leafBytes);
    if (!leadsTo(hash, leaf.group, head.size, hashes(one['path']!), head.root))
      throw wrong('a change of keys is not in the journal');
    if (
      note?.origin !== head.origin ||
      note.size !== leaf.group + 1 ||
      !leadsTo(hash, leaf.group, note.size, hashes(one['own']!), note.root)
    )
      throw wrong('the note of a change of keys');
    const leaving = changes.filter(({ action }) => action !== 'add').map(({ key }) => key);
    for (const change of changes) {
      const key = parseVkey(change.key);
      if (key?.name !== head.origin) throw wrong('a key of another log');
      if (change.action === 'add') {
        if (!keys.has(change.by)) continue;
        if (!signers(note, leaf.group).includes(change.by) || linesOf(note, key) !== 'good')
          throw new Bad(12, 'a key is added without both signatures');
        const known = keys.get(change.key);
        if (known === undefined) keys.set(change.key, { key, ends: Infinity, revoked: Infinity });
        else if (known.revoked === Infinity) known.ends = Infinity;
        continue;
      }
      if (!signers(note, leaf.group).some((text) => !leaving.includes(text))) continue;
      if (
        change.action === 'revoke' &&
        !(Number.isSafeInteger(change.from) && change.from >= 0 && change.from <= leaf.group)
      )
        throw wrong('a revocation from nowhere');
      const known = keys.get(change.key);
      if (known === undefined) continue;
      known.ends = Math.min(known.ends, leaf.group);
      if (change.action === 'revoke') known.revoked = Math.min(known.revoked, change.from);
    }
  }
  return {
    sign: (note, leaf) => signers(note, leaf).some((text) => leaf < keys.get(text)!.revoked),
  };
}

// ---- §13.2 records and images, §13.3 completeness

/** @returns images that should be gone */
function checkRecords({ json, namespace, name }: Parsed, table: Table): number {
  const included = (one: Json): Shown => {
    const own = bytes(one['record']!);
    const record = parseRecord(own);
    if (!leadsTo(leafOf(own), record.seq, table.size, hashes(one['path']!), table.root))
      throw wrong(`record ${record.seq} is not in the table`);
    return { record, bytes: own, path: [], before: one['before']!, after: one['after']! };
  };
  const versions = new Map<number, Record_>();
  for (const one of json['versions']! as readonly Json[]) {
    const { record } = included(one);
    if (record.kind !== SCHEMA && record.kind !== POLICY) throw wrong('a version of another kind');
    versions.set(record.seq, record);
  }
  const records = (json['records']! as readonly Json[]).map(included);
  if (records.some(({ record }, i) => i > 0 && records[i - 1]!.record.seq >= record.seq))
    throw wrong('the records are out of order');
  if (json['row'] !== null) checkRow(json['row']!, records, table);
  let left = 0;
  for (const { record, before, after } of records) {
    let columns: { readonly width: number; readonly columnar: boolean } | null = null;
    if (record.kind === CHANGE) {
      const [schema, policy] = [versions.get(record.schema), versions.get(record.policy)];
      if (schema?.kind !== SCHEMA || policy?.kind !== POLICY) throw wrong('a version is not shown');
      const width = checkSchema(schema.payload);
      const named = parseJson<{ namespace: string; name: string }>(schema.payload);
      if (named.namespace !== namespace || named.name !== name) throw wrong('a schema of another table');
      const {
        policy: rules,
        key_epoch,
        key_fingerprint,
      } = parseJson<Record<string, unknown>>(policy.payload) as never;
      mustBe(policy.payload, { policy: rules, key_epoch, key_fingerprint });
      columns = { width, columnar: schema.payload.endsWith('],"disclosure":"column"}') };
    }
    for (const [hash, image] of [
      [record.before, before],
      [record.after, after],
    ] as const) {
      if ((hash === null) !== (image === null)) throw wrong('an image too many or too few');
      if (hash === null) continue;
      const gone = records.some((other) => takesAway(other.record, record));
      if (image['kind'] === 'withheld') continue;
      if (image['kind'] === 'gone') {
        if (!gone) throw wrong('an image is gone without a reason');
        continue;
      }
      if (columns === null || !gives(image, hash, columns)) throw wrong(`an image of record ${record.seq}`);
      if (gone) left++;
    }
  }
  return left;
}

function gives(
  image: Json,
  hash: Buffer,
  { width, columnar }: { readonly width: number; readonly columnar: boolean },
): boolean {
  if (image['kind'] === 'whole') {
    const [salt, body] = [bytes(image['salt']!), bytes(image['body']!)];
    const cells = cellsOf(body, width);
    const long = Buffer.alloc(4);
    long.writeUInt32BE(body.length);
    return (
      columnar ? columnarHash(salt, cells) : sha256(Buffer.from('rowseal/v1/image\0'), salt, long, body)
    ).equals(hash);
  }
  const commitments = (image['commitments']! as readonly Json[]).map((one) =>
    one === null ? null : bytes(one),
  );
  if (!columnar || commitments.length !== width) return false;
  for (const one of image['cells']! as readonly Json[]) {
    const [index, salt, cell] = [one['index']! as number, bytes(one['salt']!), bytes(one['cell']!)];
    if (commitments[index] !== null) return false;
    cellsOf(cell, 1);
    const [at, long] = [Buffer.alloc(2), Buffer.alloc(4)];
    at.writeUInt16BE(index);
    long.writeUInt32BE(cell.length);
    commitments[index] = sha256(Buffer.from('rowseal/v1/column\0'), salt, at, long, cell);
  }
  if (commitments.includes(null)) return false;
  const count = Buffer.alloc(2);
  count.writeUInt16BE(width);
  return sha256(Buffer.from('rowseal/v1/columns\0'), count, ...(commitments as Buffer[])).equals(hash);
}

function tagsOf(record: Record_): string[] {
  if (record.kind !== ERASURE) return record.tags;
  const { tags, actor, reason, images } = parseJson<{
    tags: string[];
    actor: string;
    reason: string;
    images: number;
  }>(record.payload);
  mustBe(record.payload, { tags, actor, reason, images });
  if (!Array.isArray(tags) || !tags.every((tag) => typeof tag === 'string')) throw wrong('an erasure record');
  return tags;
}

function takesAway(by: Record_, record: Record_): boolean {
  if (by.seq <= record.seq) return false;
  if (by.kind === EXPIRY) {
    const { before, actor, reason } = parseJson<{ before: number; actor: string; reason: string }>(
      by.payload,
    );
    mustBe(by.payload, { before, actor, reason });
    return before > record.seq;
  }
  return by.kind === ERASURE && tagsOf(by).some((tag) => tagsOf(record).includes(tag));
}

function checkRow(row: Json, records: readonly Shown[], table: Table): void {
  const tags = row['tags']! as unknown as readonly string[];
  if (tags.some((tag, i) => i > 0 && tags[i - 1]! >= tag)) throw wrong('the tags do not ascend');
  const due = new Set<number>();

  // 7
  const first = row['tail']!['first']! as number;
  const tail: { bytes: Buffer; record: Record_ }[] = [];
  const framed = bytes(row['tail']!['records']!);
  for (let at = 0; at < framed.length; ) {
    if (framed.length - at < 2) throw wrong('the tail is cut');
    const end = at + 2 + framed.readUInt16BE(at);
    if (end > framed.length) throw wrong('the tail is cut');
    const own = framed.subarray(at + 2, end);
    tail.push({ bytes: own, record: parseRecord(own) });
    at = end;
  }
  tail.forEach(({ record }, i) => {
    if (record.seq !== first + i) throw wrong('the tail is out of order');
  });
  if (first + tail.length !== table.size) throw wrong('the tail does not reach the end');
  if (
    !rootWith(
      hashes(row['tail']!['peaks']!),
      first,
      tail.map((one) => leafOf(one.bytes)),
    )?.equals(table.root)
  )
    throw wrong('the tail does not lead to the root');
  if (first !== 0 && tail[0]?.record.kind !== INDEX) throw wrong('the tail begins with no index');
  for (const { record } of tail)
    if (WIDE.includes(record.kind) || tagsOf(record).some((tag) => tags.includes(tag))) due.add(record.seq);

  // 8
  const ranges = row['ranges']! as readonly Json[];
  if ((first === 0) !== (ranges.length === 0)) throw wrong('ranges that do not fit the tail');
  let expected: { hash: Buffer; seq: number } | null =
    first === 0 ? null : { hash: leafOf(tail[0]!.bytes), seq: first };
  for (const range of ranges) {
    const own = bytes(range['record']!);
    const record = parseRecord(own);
    if (
      expected === null ||
      !leafOf(own).equals(expected.hash) ||
      record.seq !== expected.seq ||
      record.kind !== INDEX
    )
      throw wrong('a range that does not follow');
    const index = parseJson<{
      level: number;
      first: number;
      previous: string | null;
      entries: number;
      wide: number;
      root: string;
    }>(record.payload);
    const { level, first: from, previous, entries, wide, root } = index;
    mustBe(record.payload, { level, first: from, previous, entries, wide, root });
    expected = previous === null ? null : { hash: Buffer.from(previous, 'hex'), seq: from };
    // 9
    for (const seq of entriesOf(range['pages']! as readonly Json[], tags, { from, entries, wide, root }))
      due.add(seq);
  }
  if (expected !== null) throw wrong('the ranges do not reach the beginning');

  // 10, 11
  const shown = records.map(({ record }) => record.seq);
  if (shown.length !== due.size || !shown.every((seq) => due.has(seq)))
    throw wrong('the records are not those of the row');
  const borne: string[] = [];
  const others: string[] = [];
  for (const { record } of records) {
    const own = tagsOf(record);
    if (WIDE.includes(record.kind)) continue;
    if (!own.some((tag) => tags.includes(tag))) {
      others.push(...own);
      continue;
    }
    borne.push(...own);
    if (record.kind !== ERASURE && own.some((tag) => !tags.includes(tag)))
      throw wrong('a key that is not followed');
  }
  for (const tag of tags)
    if (!borne.includes(tag) && others.some((other) => other.startsWith(tag.slice(0, 16))))
      throw wrong('a tag that only its first half has');
}

/** Entries of a range that are about the row: tag[8] ‖ u32. @returns their records */
function entriesOf(
  list: readonly Json[],
  tags: readonly string[],
  { from, entries, wide, root }: { from: number; entries: number; wide: number; root: string },
): number[] {
  const count = Math.ceil(entries / 32);
  const pages = new Map<number, Buffer>();
  for (const page of list) {
    const [number, own] = [page['number']! as number, bytes(page['entries']!)];
    const long = Buffer.alloc(4);
    long.writeUInt32BE(own.length);
    const hash = sha256(Buffer.from('rowseal/v1/index\0'), long, own);
    const size = 12 * (number === count - 1 ? entries - 32 * number : 32);
    if (number >= count || own.length !== size) throw wrong('a page of another size');
    if (!leadsTo(hash, number, count, hashes(page['path']!), Buffer.from(root, 'hex')))
      throw wrong('a page that is not in its index');
    if (pages.has(number) || [...pages.keys()].some((other) => other > number))
      throw wrong('pages out of order');
    pages.set(number, own);
  }
  const zeros = '0'.repeat(16);
  for (const tag of [...tags.map((one) => one.slice(0, 16)), ...(wide === 0 ? [] : [zeros])]) {
    if (count === 0) continue;
    const begins = (page: Buffer): string => page.subarray(0, 8).toString('hex');
    const ends = (page: Buffer): string => page.subarray(page.length - 12, page.length - 4).toString('hex');
    const starts = [...pages].filter(([number, page]) => number === 0 || begins(page) < tag);
    const covered = starts.some(([start]) => {
      for (let number = start; ; number++) {
        const page = pages.get(number);
        if (page === undefined) return false;
        if (number === count - 1 || ends(page) > tag) return true;
      }
    });
    if (!covered) throw wrong('the pages leave a gap');
  }
  const due: number[] = [];
  for (const page of pages.values())
    for (let at = 0; at < page.length; at += 12) {
      const tag = page.subarray(at, at + 8).toString('hex');
      if (tag === zeros || tags.some((one) => one.startsWith(tag)))
        due.push(from + page.readUInt32BE(at + 8));
    }
  return due;
}

// ---- RFC 6962 §2.1

function leafOf(own: Buffer): Buffer {
  return sha256(Buffer.from([0]), own);
}

function split(size: number): number {
  let k = 1;
  while (k * 2 < size) k *= 2;
  return k;
}

function leadsTo(leaf: Buffer, index: number, size: number, path: readonly Buffer[], root: Buffer): boolean {
  const climb = (at: number, of: number, rest: readonly Buffer[]): Buffer | null => {
    if (of === 1) return rest.length === 0 ? leaf : null;
    const sibling = rest.at(-1);
    if (sibling === undefined) return null;
    const k = split(of);
    const own = at < k ? climb(at, k, rest.slice(0, -1)) : climb(at - k, of - k, rest.slice(0, -1));
    if (own === null) return null;
    return at < k ? sha256(Buffer.from([1]), own, sibling) : sha256(Buffer.from([1]), sibling, own);
  };
  return index < size && climb(index, size, path)?.equals(root) === true;
}

/** The root over `first` leaves, of which only the perfect subtrees are known, and these. */
function rootWith(peaks: readonly Buffer[], first: number, leaves: readonly Buffer[]): Buffer | null {
  const known = new Map<string, Buffer>();
  let at = 0;
  for (const peak of peaks) {
    let width = 1;
    while (width * 2 <= first - at) width *= 2;
    if (at === first) return null;
    known.set(`${at}/${at + width}`, peak);
    at += width;
  }
  if (at !== first || first + leaves.length === 0) return null;
  const node = (from: number, to: number): Buffer => {
    const peak = known.get(`${from}/${to}`);
    if (peak !== undefined) return peak;
    if (to - from === 1) return leaves[from - first]!;
    const k = from + split(to - from);
    return sha256(Buffer.from([1]), node(from, k), node(k, to));
  };
  return node(0, first + leaves.length);
}
