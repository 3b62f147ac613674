import { ByteReader, MalformedBytes } from '../bytes.ts';
import { DIGEST_BYTES, type Digest, SALT_BYTES } from '../hashing.ts';

/** docs/audit-format.md §13. What a proof claims and what it shows; nothing in it is believed before it is checked. */
export interface Proof {
  readonly table: { readonly namespace: string; readonly name: string };
  readonly journal: {
    /** Signed head of the journal; may carry cosignatures. */
    readonly note: string;
    readonly index: number;
    readonly leaf: Buffer;
    readonly path: readonly Digest[];
  };
  /** Leaves of the journal that change the keys of the log, oldest first. */
  readonly keys: readonly ProvenKeyLeaf[];
  /** Schema and policy records that the records below name. */
  readonly versions: readonly ProvenRecord[];
  /** Ascending. */
  readonly records: readonly (ProvenRecord & {
    readonly before: ShownImage | null;
    readonly after: ShownImage | null;
  })[];
  /** null: only that these records are in the log. */
  readonly row: RowClaim | null;
  /** The moment asked about, microseconds since 1970-01-01 UTC; null: none. */
  readonly atUs: bigint | null;
}

export interface ProvenKeyLeaf {
  readonly bytes: Buffer;
  /** To the root of the head. */
  readonly path: readonly Digest[];
  /** The signed head of the journal that ends with this leaf. */
  readonly note: string;
  /** To the root of that note. */
  readonly own: readonly Digest[];
}

export interface ProvenRecord {
  readonly bytes: Buffer;
  readonly path: readonly Digest[];
}

export type ShownImage =
  | { readonly kind: 'whole'; readonly salt: Buffer; readonly body: Buffer }
  | {
      readonly kind: 'columns';
      readonly cells: readonly { readonly index: number; readonly salt: Buffer; readonly cell: Buffer }[];
      /** By column; null where the cell is shown. */
      readonly commitments: readonly (Digest | null)[];
    }
  /** An erasure or expiry record took it away. */
  | { readonly kind: 'gone' }
  /** The prover chose not to show it. */
  | { readonly kind: 'withheld' };

/** That the records shown are all the records of a row. */
export interface RowClaim {
  /** Every tag that the row has had, ascending, 32 hex digits each. */
  readonly tags: readonly string[];
  readonly tail: {
    readonly first: number;
    /** Perfect subtrees before `first`. */
    readonly peaks: readonly Digest[];
    readonly records: readonly Buffer[];
  };
  /** Newest first: the index record that is first in the tail, then the one it names, and so on. */
  readonly ranges: readonly {
    readonly record: Buffer;
    readonly pages: readonly {
      readonly number: number;
      readonly entries: Buffer;
      readonly path: readonly Digest[];
    }[];
  }[];
}

export const PROOF_FORMAT = 'rowseal/proof/v1';
/** More than any proof: a reader does not take in what cannot be one. */
export const MAX_PROOF_BYTES = 256 << 20;

export function encodeProof(proof: Proof): string {
  const { table, journal, keys, versions, records, row, atUs } = proof;
  return `${JSON.stringify({
    format: PROOF_FORMAT,
    table: { namespace: table.namespace, name: table.name },
    at_us: atUs === null ? null : String(atUs),
    journal: {
      note: journal.note,
      index: journal.index,
      leaf: base64(journal.leaf),
      path: digests(journal.path),
    },
    keys: keys.map(({ bytes, path, note, own }) => ({
      leaf: base64(bytes),
      path: digests(path),
      note,
      own: digests(own),
    })),
    versions: versions.map(({ bytes, path }) => ({ record: base64(bytes), path: digests(path) })),
    records: records.map(({ bytes, path, before, after }) => ({
      record: base64(bytes),
      path: digests(path),
      before: before === null ? null : imageJson(before),
      after: after === null ? null : imageJson(after),
    })),
    row:
      row === null
        ? null
        : {
            tags: row.tags,
            tail: {
              first: row.tail.first,
              peaks: digests(row.tail.peaks),
              records: base64(framed(row.tail.records)),
            },
            ranges: row.ranges.map(({ record, pages }) => ({
              record: base64(record),
              pages: pages.map(({ number, entries, path }) => ({
                number,
                entries: base64(entries),
                path: digests(path),
              })),
            })),
          },
  })}\n`;
}

function imageJson(image: ShownImage): object {
  switch (image.kind) {
    case 'whole':
      return { kind: 'whole', salt: base64(image.salt), body: base64(image.body) };
    case 'columns':
      return {
        kind: 'columns',
        cells: image.cells.map(({ index, salt, cell }) => ({
          index,
          salt: base64(salt),
          cell: base64(cell),
        })),
        commitments: image.commitments.map((commitment) =>
          commitment === null ? null : digests([commitment]),
        ),
      };
    default:
      return { kind: image.kind };
  }
}

function framed(records: readonly Buffer[]): Buffer {
  const parts = records.map((record) => {
    const framedRecord = Buffer.allocUnsafe(2 + record.length);
    framedRecord.writeUInt16BE(record.length);
    framedRecord.set(record, 2);
    return framedRecord;
  });
  return Buffer.concat(parts);
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function digests(list: readonly Digest[]): string {
  return Buffer.from(list.join(''), 'latin1').toString('base64');
}

/**
 * Strict: every member, no other member, every text in its one spelling.
 *
 * @throws MalformedBytes; `CutShort` where the file ends in the middle
 */
export function parseProof(text: string): Proof {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    // The parser quotes its input. A text that does not close what it opens was cut off.
    throw isCutShort(text)
      ? new CutShort('the proof file ends in the middle')
      : new MalformedBytes('the file is not a proof');
  }
  const file = members(json, ['format', 'table', 'at_us', 'journal', 'keys', 'versions', 'records', 'row']);
  if (file['format'] !== PROOF_FORMAT) throw new MalformedBytes('the file is not a proof of this format');
  const table = members(file['table'], ['namespace', 'name']);
  const journal = members(file['journal'], ['note', 'index', 'leaf', 'path']);
  const row = file['row'] === null ? null : members(file['row'], ['tags', 'tail', 'ranges']);
  const proof: Proof = {
    table: { namespace: textOf(table['namespace']), name: textOf(table['name']) },
    atUs: file['at_us'] === null ? null : timeOf(file['at_us']),
    journal: {
      note: textOf(journal['note']),
      index: numberOf(journal['index']),
      leaf: bytesOf(journal['leaf']),
      path: digestsOf(journal['path']),
    },
    keys: listOf(file['keys']).map((item) => {
      const { leaf, path, note, own } = members(item, ['leaf', 'path', 'note', 'own']);
      return { bytes: bytesOf(leaf), path: digestsOf(path), note: textOf(note), own: digestsOf(own) };
    }),
    versions: listOf(file['versions']).map((item) => {
      const version = members(item, ['record', 'path']);
      return { bytes: bytesOf(version['record']), path: digestsOf(version['path']) };
    }),
    records: listOf(file['records']).map((item) => {
      const record = members(item, ['record', 'path', 'before', 'after']);
      return {
        bytes: bytesOf(record['record']),
        path: digestsOf(record['path']),
        before: imageOf(record['before']),
        after: imageOf(record['after']),
      };
    }),
    row: row === null ? null : rowOf(row),
  };
  if (encodeProof(proof) !== text) throw wrong();
  return proof;
}

/** The file ends before it is whole: a copy that was cut off rather than one that was changed. */
export class CutShort extends MalformedBytes {}

function rowOf(row: Readonly<Record<string, unknown>>): RowClaim {
  const tail = members(row['tail'], ['first', 'peaks', 'records']);
  return {
    tags: listOf(row['tags']).map((tag) => {
      if (typeof tag !== 'string' || !/^[0-9a-f]{32}$/.test(tag)) throw wrong();
      return tag;
    }),
    tail: {
      first: numberOf(tail['first']),
      peaks: digestsOf(tail['peaks']),
      records: unframed(bytesOf(tail['records'])),
    },
    ranges: listOf(row['ranges']).map((item) => {
      const range = members(item, ['record', 'pages']);
      return {
        record: bytesOf(range['record']),
        pages: listOf(range['pages']).map((one) => {
          const page = members(one, ['number', 'entries', 'path']);
          return {
            number: numberOf(page['number']),
            entries: bytesOf(page['entries']),
            path: digestsOf(page['path']),
          };
        }),
      };
    }),
  };
}

function imageOf(json: unknown): ShownImage | null {
  if (json === null) return null;
  const kind = (json as { readonly kind?: unknown }).kind;
  switch (kind) {
    case 'whole': {
      const { salt, body } = members(json, ['kind', 'salt', 'body']);
      return { kind, salt: saltOf(salt), body: bytesOf(body) };
    }
    case 'columns': {
      const { cells, commitments } = members(json, ['kind', 'cells', 'commitments']);
      return {
        kind,
        cells: listOf(cells).map((item) => {
          const cell = members(item, ['index', 'salt', 'cell']);
          return { index: numberOf(cell['index']), salt: saltOf(cell['salt']), cell: bytesOf(cell['cell']) };
        }),
        commitments: listOf(commitments).map((one) => {
          if (one === null) return null;
          const [digest, ...rest] = digestsOf(one);
          if (digest === undefined || rest.length > 0) throw wrong();
          return digest;
        }),
      };
    }
    case 'gone':
    case 'withheld':
      members(json, ['kind']);
      return { kind };
    default:
      throw wrong();
  }
}

function unframed(bytes: Buffer): readonly Buffer[] {
  const reader = new ByteReader(bytes);
  const records: Buffer[] = [];
  while (!reader.done) records.push(reader.bytes(reader.u16()));
  return records;
}

function members(json: unknown, names: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw wrong();
  const found = Object.keys(json);
  if (found.length !== names.length || !names.every((name) => Object.hasOwn(json, name))) throw wrong();
  return json as Readonly<Record<string, unknown>>;
}

function listOf(json: unknown): readonly unknown[] {
  if (!Array.isArray(json)) throw wrong();
  return json;
}

function textOf(json: unknown): string {
  if (typeof json !== 'string') throw wrong();
  return json;
}

function numberOf(json: unknown): number {
  if (typeof json !== 'number' || !Number.isSafeInteger(json) || json < 0) throw wrong();
  return json;
}

function timeOf(json: unknown): bigint {
  if (typeof json !== 'string' || !/^-?\d{1,18}$/.test(json) || String(BigInt(json)) !== json) throw wrong();
  return BigInt(json);
}

function bytesOf(json: unknown): Buffer {
  const bytes = Buffer.from(textOf(json), 'base64');
  if (bytes.toString('base64') !== json) throw wrong();
  return bytes;
}

function saltOf(json: unknown): Buffer {
  const salt = bytesOf(json);
  if (salt.length !== SALT_BYTES) throw wrong();
  return salt;
}

function digestsOf(json: unknown): readonly Digest[] {
  const bytes = bytesOf(json);
  if (bytes.length % DIGEST_BYTES !== 0) throw wrong();
  return Array.from({ length: bytes.length / DIGEST_BYTES }, (_, i) =>
    bytes.latin1Slice(i * DIGEST_BYTES, (i + 1) * DIGEST_BYTES),
  );
}

function wrong(): MalformedBytes {
  return new MalformedBytes('the proof is not in canonical form: a member is missing, unknown or misspelt');
}

/** Whether a text begins as a proof does and ends inside a text or an object. */
function isCutShort(text: string): boolean {
  if (!text.startsWith('{"format":')) return text.length === 0;
  let depth = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (quoted) {
      if (character === '\\') i++;
      else if (character === '"') quoted = false;
    } else if (character === '"') quoted = true;
    else if (character === '{' || character === '[') depth++;
    else if (character === '}' || character === ']') depth--;
    if (depth === 0) return false;
  }
  return true;
}
