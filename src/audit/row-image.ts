import { DROPPED, type MaskedCell, UNCHANGED } from '../model/cell.ts';
import { type ByteBuilder, ByteReader, MalformedBytes } from './bytes.ts';

/** docs/audit-format.md §5: the state of a cell, one byte. */
export const CellState = { null: 0, value: 1, unchanged: 2, dropped: 3 } as const;

/** Cell after cell: state, and for a value its UTF-8 with a varint length before it. */
export function encodeImageBody(
  builder: ByteBuilder,
  cells: readonly MaskedCell[],
  from: number,
  width: number,
): void {
  const end = from + width;
  for (let i = from; i < end; i++) {
    const cell = cells[i]!;
    if (typeof cell === 'string') {
      builder.byte(CellState.value);
      builder.text(cell);
    } else if (cell === null) builder.byte(CellState.null);
    else if (cell === UNCHANGED) builder.byte(CellState.unchanged);
    else builder.byte(CellState.dropped);
  }
}

/** @throws MalformedBytes when the body is not exactly `width` cells */
export function decodeImageBody(body: Buffer, width: number, into: MaskedCell[]): void {
  const reader = new ByteReader(body);
  for (let i = 0; i < width; i++) {
    switch (reader.byte()) {
      case CellState.null:
        into.push(null);
        break;
      case CellState.value:
        into.push(reader.text());
        break;
      case CellState.unchanged:
        into.push(UNCHANGED);
        break;
      case CellState.dropped:
        into.push(DROPPED);
        break;
      default:
        throw new MalformedBytes('a cell has an unknown state');
    }
  }
  if (!reader.done) throw new MalformedBytes('a row image is longer than its table is wide');
}

/** That the bytes are exactly `width` cells, without reading their values. @throws MalformedBytes */
export function checkImageBody(bytes: Buffer, from: number, to: number, width: number): void {
  const reader = new ByteReader(bytes, from, to);
  for (let i = 0; i < width; i++) {
    const state = reader.byte();
    if (state > CellState.dropped) throw new MalformedBytes('a cell has an unknown state');
    if (state === CellState.value) reader.skip(reader.varint());
  }
  if (!reader.done) throw new MalformedBytes('a row image is longer than its table is wide');
}
