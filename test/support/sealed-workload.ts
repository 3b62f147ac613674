import type { Disk, DiskFile } from '../../src/audit/disk.ts';
import { NodeDisk } from '../../src/audit/node-disk.ts';
import type { MaskedCell } from '../../src/model/cell.ts';
import { Image, Op } from '../../src/model/change.ts';
import { MASK_WARRANT } from '../../src/model/mask-warrant.ts';
import { KEY_TAG_BYTES, type MaskedEvent, MaskedRun, type MaskedTable } from '../../src/model/masked.ts';
import { begin, column, INT, table } from './masked.ts';

/** Masked rows of 8 columns and about 190 bytes, for what measures the log alone. */
export const WORKLOAD_TABLE: MaskedTable = table('orders', [
  column('id', 1, INT),
  ...['email', 'full_name', 'phone', 'status', 'total', 'note', 'created_at'].map((name, i) =>
    column(name, i + 2),
  ),
]);

/** A row's tag: spread like the HMAC that it stands for, the same for the same id. */
export function workloadTag(id: number): Buffer {
  const tag = Buffer.alloc(KEY_TAG_BYTES);
  let state = BigInt.asUintN(64, BigInt(id) * 0x9e37_79b9_7f4a_7c15n + 0x1234_5678n);
  for (let at = 0; at < KEY_TAG_BYTES; at += 8) {
    state = BigInt.asUintN(64, (state ^ (state >> 30n)) * 0xbf58_476d_1ce4_e5b9n);
    state ^= state >> 27n;
    tag.writeBigUInt64BE(state, at);
  }
  return tag;
}

/** Inserts of the ids from `from` on, as one run after a begin. */
export function workloadRun(transaction: number, from: number, count: number): readonly MaskedEvent[] {
  const cells: MaskedCell[] = [];
  const keyTags = Buffer.alloc(count * KEY_TAG_BYTES);
  for (let i = 0; i < count; i++) {
    const id = from + i;
    cells.push(
      String(id),
      `tok_${id.toString(36).padStart(22, 'q')}@example.com`,
      `tok_${(id * 7).toString(36).padStart(22, 'z')}`,
      `******${String(id % 100).padStart(2, '0')}`,
      'paid',
      `${id % 900}.50`,
      `order ${id} goes to the depot in the harbour, gate code was changed last week`,
      '2026-11-25 18:00:00+00',
    );
    workloadTag(id).copy(keyTags, i * KEY_TAG_BYTES);
  }
  const run = new MaskedRun(MASK_WARRANT, {
    table: WORKLOAD_TABLE,
    count,
    ops: new Uint8Array(count).fill(Op.create),
    images: new Uint8Array(count).fill(Image.after),
    cells,
    firstOrdinal: 0,
    keyTags,
    oldKeyTags: new Map(),
    bytes: count * 190,
  });
  return [begin(transaction), { kind: 'rows', run }];
}

/** The same rows under other keys. */
export function retagged(events: readonly MaskedEvent[], keyTags: Uint8Array): readonly MaskedEvent[] {
  return events.map((event) =>
    event.kind === 'rows' ? { ...event, run: new MaskedRun(MASK_WARRANT, { ...event.run, keyTags }) } : event,
  );
}

/** The real file system without fsync. */
export class UnsyncedDisk extends NodeDisk implements Disk {
  override async open(path: string): Promise<DiskFile> {
    const file = await super.open(path);
    return {
      write: (pieces, position) => file.write(pieces, position),
      sync: async () => {},
      truncate: (length) => file.truncate(length),
      close: () => file.close(),
    };
  }

  override async syncDirectory(): Promise<void> {}
}
