import { DROPPED, type MaskedCell, UNCHANGED } from '../../src/model/cell.ts';
import { Image, Op, type Transaction } from '../../src/model/change.ts';
import { MASK_WARRANT } from '../../src/model/mask-warrant.ts';
import {
  KEY_TAG_BYTES,
  type MaskedColumn,
  type MaskedEvent,
  MaskedRun,
  type MaskedTable,
} from '../../src/model/masked.ts';
import type { PostgresPosition } from '../../src/model/position.ts';
import type { ColumnType } from '../../src/model/type.ts';

/** Builders of masked things for tests of what comes after the mask. */

export const TEXT: ColumnType = { kind: 'text', maxLength: null, padded: false };
export const INT: ColumnType = { kind: 'int', bits: 64, unsigned: false };

export function at(lsn: number | bigint, phase: 'snapshot' | 'stream' = 'stream'): PostgresPosition {
  return {
    kind: 'postgres',
    systemId: '7000000000000000001',
    timeline: 1,
    slot: 'rowseal_test',
    lsn: BigInt(lsn),
    phase,
  };
}

export function column(name: string, id: number, type: ColumnType = TEXT, method = 'keep'): MaskedColumn {
  return Object.freeze({ name, type, sourceType: type.kind, id: String(id), method });
}

export function table(
  name: string,
  columns: readonly MaskedColumn[],
  key: readonly number[] = [0],
): MaskedTable {
  return Object.freeze({
    namespace: 'public',
    name,
    columns,
    key,
    policy: '[]',
    keyEpoch: 1,
    keyFingerprint: '0123456789abcdef',
  });
}

export function begin(id: number): Extract<MaskedEvent, { kind: 'begin' }> {
  const transaction: Transaction = {
    id: String(id),
    position: at(id),
    commitTimeUs: 1_700_000_000_000_000n + BigInt(id),
  };
  return { kind: 'begin', transaction };
}

export type Row =
  | { readonly op: 'c' | 'r'; readonly after: readonly MaskedCell[] }
  | { readonly op: 'u'; readonly before?: readonly MaskedCell[]; readonly after: readonly MaskedCell[] }
  | { readonly op: 'd'; readonly before: readonly MaskedCell[] };

const OPS = { c: Op.create, r: Op.read, u: Op.update, d: Op.delete } as const;

export function rows(of: MaskedTable, firstOrdinal: number, list: readonly Row[]): MaskedEvent {
  const cells: MaskedCell[] = [];
  const images: number[] = [];
  const keyTags = Buffer.alloc(of.key.length === 0 ? 0 : list.length * KEY_TAG_BYTES);
  const oldKeyTags = new Map<number, Uint8Array>();
  list.forEach((row, i) => {
    const before = 'before' in row ? row.before : undefined;
    const after = 'after' in row ? row.after : undefined;
    images.push((before === undefined ? 0 : Image.before) | (after === undefined ? 0 : Image.after));
    cells.push(...(before ?? []), ...(after ?? []));
    const keyOf = (image: readonly MaskedCell[]): string =>
      of.key.map((index) => String(image[index])).join('/');
    if (of.key.length > 0)
      keyTags.write(
        keyOf(after ?? before!)
          .padEnd(KEY_TAG_BYTES)
          .slice(0, KEY_TAG_BYTES),
        i * KEY_TAG_BYTES,
        'latin1',
      );
    if (before !== undefined && after !== undefined && of.key.length > 0 && keyOf(before) !== keyOf(after)) {
      oldKeyTags.set(i, Buffer.from(keyOf(before).padEnd(KEY_TAG_BYTES).slice(0, KEY_TAG_BYTES), 'latin1'));
    }
  });
  const run = new MaskedRun(MASK_WARRANT, {
    table: of,
    count: list.length,
    ops: Uint8Array.from(list.map((row) => OPS[row.op])),
    images: Uint8Array.from(images),
    cells,
    firstOrdinal,
    keyTags,
    oldKeyTags,
    bytes: cells.reduce((sum: number, cell) => sum + (typeof cell === 'string' ? cell.length : 1), 0),
  });
  return { kind: 'rows', run };
}

export { DROPPED, UNCHANGED };
