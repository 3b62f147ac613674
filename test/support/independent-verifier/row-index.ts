import { createHash } from 'node:crypto';

/**
 * §11 and §12 of docs/audit-format.md in the small, slow style of verify.ts: everything is kept, sorted and hashed again.
 */
interface Entry {
  readonly seq: number;
  readonly tag: Buffer;
  readonly wide: boolean;
}

export class SlowIndex {
  readonly #entries: Entry[] = [];
  readonly #records: { readonly seq: number; readonly level: number; readonly leaf: Buffer }[] = [];

  add(seq: number, kind: number, tags: readonly string[]): void {
    const wide = [3, 4, 12].includes(kind);
    for (const tag of wide ? ['00'.repeat(8)] : tags)
      this.#entries.push({ seq, tag: Buffer.from(tag, 'hex').subarray(0, 8), wide });
  }

  /** The payload that an index record at `seq` must have, given its level. */
  payload(level: number): string {
    const before = this.#records.findLast((record) => level === 0 || record.level === 1);
    const first = before?.seq ?? 0;
    const covered = this.#entries.filter((entry) => entry.seq >= first);
    const bytes = covered
      .map(({ tag, seq }) => {
        const distance = Buffer.alloc(4);
        distance.writeUInt32BE(seq - first);
        return Buffer.concat([tag, distance]);
      })
      .sort(Buffer.compare);
    const pages: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += 32) {
      const page = Buffer.concat(bytes.slice(at, at + 32));
      const length = Buffer.alloc(4);
      length.writeUInt32BE(page.length);
      pages.push(sha256(Buffer.from('rowseal/v1/index\0'), length, page));
    }
    return JSON.stringify({
      level,
      first,
      previous: before === undefined ? null : before.leaf.toString('hex'),
      entries: covered.length,
      wide: covered.filter((entry) => entry.wide).length,
      root: treeOf(pages).toString('hex'),
    });
  }

  recorded(seq: number, level: number, leaf: Buffer): void {
    this.#records.push({ seq, level, leaf });
  }
}

/** The hash of an image under `"disclosure":"column"`; null: the body is not made of cells. */
export function columnarHash(salt: Buffer, cells: readonly Buffer[]): Buffer {
  const count = Buffer.alloc(2);
  count.writeUInt16BE(cells.length);
  const commitments = cells.map((cell, i) => {
    const [pair, index, length] = [Buffer.alloc(2), Buffer.alloc(2), Buffer.alloc(4)];
    pair.writeUInt16BE(Math.floor(i / 2));
    index.writeUInt16BE(i);
    length.writeUInt32BE(cell.length);
    const salts = sha256(Buffer.from('rowseal/v1/column-salt\0'), salt, pair);
    const own = i % 2 === 0 ? salts.subarray(0, 16) : salts.subarray(16);
    return sha256(Buffer.from('rowseal/v1/column\0'), own, index, length, cell);
  });
  return sha256(Buffer.from('rowseal/v1/columns\0'), count, ...commitments);
}

function treeOf(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return leaves[0]!;
  let split = 1;
  while (split * 2 < leaves.length) split *= 2;
  return sha256(Buffer.from([1]), treeOf(leaves.slice(0, split)), treeOf(leaves.slice(split)));
}

function sha256(...parts: readonly Buffer[]): Buffer {
  return createHash('sha256').update(Buffer.concat(parts)).digest();
}
