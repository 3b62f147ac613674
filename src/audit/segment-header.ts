import { MalformedBytes } from './bytes.ts';
import type { Digest } from './hashing.ts';
import type { ActiveKeys } from './key-change.ts';
import type { SegmentKind } from './segment.ts';

/** First frame of every segment: whose it is, and the state of its log before the first record in it. */
export interface SegmentHeader {
  readonly kind: SegmentKind;
  /** Origin of the log this file belongs to: a file moved to another table or log gives itself away. */
  readonly origin: string;
  readonly segment: number;
  /** seq of the next record (records, rows) or leaf (journal). */
  readonly next: number;
  /** Chain head and Merkle subtree roots over everything before; empty for rows. */
  readonly chain: Digest;
  readonly peaks: readonly Digest[];
  /** Schema and policy records in force: their seq and payload; null: none yet. */
  readonly schema: { readonly seq: number; readonly payload: string } | null;
  readonly policy: { readonly seq: number; readonly payload: string } | null;
  /** Of the journal: the keys that may sign; null: they were never changed. */
  readonly keys: ActiveKeys;
}

const toHex = (digest: Digest): string => Buffer.from(digest, 'latin1').toString('hex');
const fromHex = (text: string): Digest => Buffer.from(text, 'hex').toString('latin1');

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  return Buffer.from(
    JSON.stringify({
      format: 'rowseal/v1',
      kind: header.kind,
      origin: header.origin,
      segment: header.segment,
      next: header.next,
      chain: toHex(header.chain),
      peaks: header.peaks.map(toHex),
      schema: header.schema === null ? null : { seq: header.schema.seq, payload: header.schema.payload },
      policy: header.policy === null ? null : { seq: header.policy.seq, payload: header.policy.payload },
      ...(header.keys === null ? {} : { keys: header.keys }),
    }),
    'utf8',
  );
}

/** @throws MalformedBytes unless the bytes are exactly what {@link encodeSegmentHeader} writes */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader {
  try {
    const json = JSON.parse(bytes.toString('utf8'));
    const header: SegmentHeader = {
      kind: json.kind,
      origin: json.origin,
      segment: json.segment,
      next: json.next,
      chain: fromHex(json.chain),
      peaks: json.peaks.map(fromHex),
      schema: json.schema,
      policy: json.policy,
      keys: json.keys ?? null,
    };
    if (encodeSegmentHeader(header).equals(bytes)) return header;
  } catch {
    // The parser quotes its input; the reason is given below without it.
  }
  throw new MalformedBytes('a segment header is not in canonical form');
}
