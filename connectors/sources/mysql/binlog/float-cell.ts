import type { CellReader } from './cell-writer.ts';
import { malformed, need } from './defect.ts';
import { float32Text, float64Text } from './float-text.ts';

/** FLOAT and DOUBLE, little-endian IEEE 754. */
export const readFloat: CellReader = (source, at, writer) => {
  need(at + 4, writer.end);
  writer.ascii(float32Text(source.readFloatLE(at)));
  return at + 4;
};

export const readDouble: CellReader = (source, at, writer) => {
  need(at + 8, writer.end);
  writer.ascii(float64Text(source.readDoubleLE(at)));
  return at + 8;
};

/** Longest: `-1.2345678901234567e-308`. */
export const FLOAT_CHARACTERS = 25;

/**
 * VECTOR: 32-bit floats, little-endian, as pgvector prints them: `[1,2.5]`.
 *
 * @throws RowsealError RS-MY-050
 */
export function vectorText(source: Buffer, start: number, end: number): string {
  if ((end - start) % 4 !== 0) throw malformed('a vector that is cut short');
  let text = '[';
  for (let at = start; at < end; at += 4)
    text += (at > start ? ',' : '') + float32Text(source.readFloatLE(at));
  return `${text}]`;
}
