import type { RowProof } from '../../../src/deliver/warehouse/row-proof.ts';
import type { WrittenCell } from './row-reader.ts';
import { timestampText } from './timestamp-text.ts';

/** `,"c0":"…","c2":"…"`; what is null or unchanged is left out. */
export function cellMembers(cells: readonly WrittenCell[]): string {
  let text = '';
  for (let i = 0; i < cells.length; i++) {
    const cell = cells[i]!;
    if (typeof cell === 'string') text += `,"c${i}":${jsonText(cell)}`;
  }
  return text;
}

export function stampMembers({ seq, group, commitTimeUs, op }: RowProof): string {
  return `,"q":${seq},"g":${group},"m":"${timestampText(commitTimeUs)}","o":"${op}"`;
}

export function member(name: string, value: string): string {
  return `,"${name}":${jsonText(value)}`;
}

/** Nothing to escape is the rule, and looking costs a fraction of `JSON.stringify`. */
function jsonText(value: string): string {
  return /[^\x20\x21\x23-\x5b\x5d-\ud7ff]/.test(value) ? JSON.stringify(value) : `"${value}"`;
}
