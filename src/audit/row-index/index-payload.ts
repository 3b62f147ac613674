import { MalformedBytes } from '../bytes.ts';
import type { Digest } from '../hashing.ts';

/** What an index record says (docs/audit-format.md §11): the rows met in records from `first` up to itself. */
export interface IndexStatement {
  /** 0: since the index record before; 1: since the one of level 1 before. */
  readonly level: 0 | 1;
  /** The first record covered: an earlier index record, or 0. */
  readonly first: number;
  /** Leaf hash of the index record at `first`: the records are a chain back to the beginning. null: `first` is 0. */
  readonly previous: Digest | null;
  readonly entries: number;
  /** Of these, entries that concern every row: truncates and copies. */
  readonly wide: number;
  readonly root: Digest;
}

const hex = (digest: Digest): string => Buffer.from(digest, 'latin1').toString('hex');

export function indexPayload(statement: IndexStatement): string {
  const { level, first, previous, entries, wide, root } = statement;
  return JSON.stringify({
    level,
    first,
    previous: previous === null ? null : hex(previous),
    entries,
    wide,
    root: hex(root),
  });
}

/** @throws MalformedBytes unless the payload is what {@link indexPayload} writes */
export function parseIndexPayload(payload: string): IndexStatement {
  try {
    const json = JSON.parse(payload);
    const { level, first, previous, entries, wide, root } = json;
    const statement: IndexStatement = {
      level,
      first,
      previous: previous === null ? null : digestOf(previous),
      entries,
      wide,
      root: digestOf(root),
    };
    const numbers = [first, entries, wide].every((number) => Number.isSafeInteger(number) && number >= 0);
    const fits =
      numbers && wide <= entries && (level === 0 || level === 1) && (first === 0) === (previous === null);
    if (fits && indexPayload(statement) === payload) return statement;
  } catch {
    // Said below, without the input.
  }
  throw new MalformedBytes('an index record is not in canonical form');
}

function digestOf(text: string): Digest {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new MalformedBytes('no digest');
  return Buffer.from(text, 'hex').toString('latin1');
}
