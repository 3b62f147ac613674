import type { RowProof } from '../../../src/deliver/warehouse/row-proof.ts';
import type { WrittenCell } from './row-reader.ts';
import { timestampText } from './timestamp-text.ts';

/** `,"c0":"…","c2":"…"`; what is null or unchanged is left out. */
export function cellMembers(cells: readonly WrittenCell[]): string {
  let text = '';
  for (let i = 0; i < cells.length; i++) {
    const cell = cells[i]!;
    if (typeof cell === 'string') text += member(`c${i}`, cell);
  }
  return text;
}

export function stampMembers({ seq, group, commitTimeUs, op }: RowProof): string {
  return `,"q":${seq},"g":${group},"m":"${timestampText(commitTimeUs)}","o":"${op}"`;
}

export function member(name: string, value: string): string {
  return `,"${name}":${JSON.stringify(value)}`;
}
