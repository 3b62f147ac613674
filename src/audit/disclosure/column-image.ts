import { ByteReader, MalformedBytes } from '../bytes.ts';
import { DIGEST_BYTES, type Digest, SALT_BYTES, sha256 } from '../hashing.ts';
import { CellState } from '../row-image.ts';

/** docs/audit-format.md §12. */
const SALT_LABEL = Buffer.from('rowseal/v1/column-salt\0', 'latin1');
const CELL_LABEL = Buffer.from('rowseal/v1/column\0', 'latin1');
const IMAGE_LABEL = Buffer.from('rowseal/v1/columns\0', 'latin1');

const saltMessage = Buffer.alloc(SALT_LABEL.length + SALT_BYTES + 2);
saltMessage.set(SALT_LABEL);
const SALT_PAIR_AT = SALT_LABEL.length + SALT_BYTES;

/** Grows to the largest cell met. */
let cellMessage = Buffer.alloc(1024);
cellMessage.set(CELL_LABEL);
const CELL_SALT_AT = CELL_LABEL.length;
const CELL_INDEX_AT = CELL_SALT_AT + SALT_BYTES;
const CELL_AT = CELL_INDEX_AT + 2 + 4;

let imageMessage = Buffer.alloc(1024);
imageMessage.set(IMAGE_LABEL);
const COMMITMENTS_AT = IMAGE_LABEL.length + 2;

/** One cell of an image as it is shown: its own salt, and its bytes (state, and for a value length and UTF-8). */
export interface OpenCell {
  readonly index: number;
  readonly salt: Buffer;
  readonly cell: Buffer;
}

/** The image hash that commits to each cell for itself. @throws MalformedBytes when the body is not `width` cells */
export function columnsHash(salt: Uint8Array, body: Buffer, width: number): Digest {
  reserveImage(width);
  let at = 0;
  let salts = '';
  for (let i = 0; i < width; i++) {
    if (i % 2 === 0) salts = saltPair(salt, i);
    const end = cellEnd(body, at);
    commit(i, i % 2 === 0 ? salts.slice(0, SALT_BYTES) : salts.slice(SALT_BYTES), body, at, end);
    at = end;
  }
  if (at !== body.length) throw new MalformedBytes('a row image is longer than its table is wide');
  return imageOf(width);
}

/** The cells of an image that are to be shown, and the commitments to the others. */
export function openColumns(
  salt: Uint8Array,
  body: Buffer,
  width: number,
  shown: ReadonlySet<number>,
): { readonly cells: readonly OpenCell[]; readonly commitments: readonly (Digest | null)[] } {
  const cells: OpenCell[] = [];
  const commitments: (Digest | null)[] = [];
  let at = 0;
  for (let i = 0; i < width; i++) {
    const own = Buffer.from(saltPair(salt, i), 'latin1').subarray(
      i % 2 === 0 ? 0 : SALT_BYTES,
      i % 2 === 0 ? SALT_BYTES : 2 * SALT_BYTES,
    );
    const end = cellEnd(body, at);
    const cell = body.subarray(at, end);
    if (shown.has(i)) cells.push({ index: i, salt: own, cell });
    commitments.push(shown.has(i) ? null : cellCommitment(i, own, cell));
    at = end;
  }
  return { cells, commitments };
}

/** H("rowseal/v1/column\0" ‖ salt ‖ u16 index ‖ u32 length ‖ cell). */
export function cellCommitment(index: number, salt: Uint8Array, cell: Buffer): Digest {
  return hashCell(index, Buffer.from(salt).toString('latin1'), cell, 0, cell.length);
}

/** H("rowseal/v1/columns\0" ‖ u16 count ‖ commitments). */
export function commitmentsHash(commitments: readonly Digest[]): Digest {
  reserveImage(commitments.length);
  commitments.forEach((commitment, i) => {
    imageMessage.latin1Write(commitment, COMMITMENTS_AT + i * DIGEST_BYTES, DIGEST_BYTES);
  });
  return imageOf(commitments.length);
}

/** Salts of columns 2j and 2j + 1: the halves of H("rowseal/v1/column-salt\0" ‖ salt ‖ u16 j). */
function saltPair(salt: Uint8Array, index: number): string {
  saltMessage.set(salt, SALT_LABEL.length);
  const pair = index >> 1;
  saltMessage[SALT_PAIR_AT] = pair >> 8;
  saltMessage[SALT_PAIR_AT + 1] = pair;
  return sha256(saltMessage);
}

function commit(index: number, salt: string, body: Buffer, from: number, to: number): void {
  const commitment = hashCell(index, salt, body, from, to);
  imageMessage.latin1Write(commitment, COMMITMENTS_AT + index * DIGEST_BYTES, DIGEST_BYTES);
}

function hashCell(index: number, salt: string, body: Buffer, from: number, to: number): Digest {
  const length = to - from;
  if (CELL_AT + length > cellMessage.length) {
    cellMessage = Buffer.alloc(2 * (CELL_AT + length));
    cellMessage.set(CELL_LABEL);
  }
  cellMessage.latin1Write(salt, CELL_SALT_AT, SALT_BYTES);
  cellMessage.writeUInt16BE(index, CELL_INDEX_AT);
  cellMessage.writeUInt32BE(length, CELL_INDEX_AT + 2);
  body.copy(cellMessage, CELL_AT, from, to);
  return sha256(cellMessage.subarray(0, CELL_AT + length));
}

function reserveImage(count: number): void {
  const needed = COMMITMENTS_AT + count * DIGEST_BYTES;
  if (needed <= imageMessage.length) return;
  imageMessage = Buffer.alloc(needed * 2);
  imageMessage.set(IMAGE_LABEL);
}

function imageOf(count: number): Digest {
  imageMessage.writeUInt16BE(count, IMAGE_LABEL.length);
  return sha256(imageMessage.subarray(0, COMMITMENTS_AT + count * DIGEST_BYTES));
}

/** Where the cell that begins at `at` ends. */
function cellEnd(body: Buffer, at: number): number {
  const reader = new ByteReader(body, at);
  const state = reader.byte();
  if (state > CellState.dropped) throw new MalformedBytes('a cell has an unknown state');
  if (state === CellState.value) reader.skip(reader.varint());
  return reader.offset;
}
