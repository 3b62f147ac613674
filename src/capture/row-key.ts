import { type RawCell, UNCHANGED } from '../model/cell.ts';

/** Key of the row whose cells begin at `at`, as one text that no other key has; null when an image does not hold all of it. */
export function rowKey(cells: readonly RawCell[], at: number, key: readonly number[]): string | null {
  let text = '';
  for (const index of key) {
    const cell = cells[at + index];
    if (cell === UNCHANGED || cell === undefined) return null;
    const part = String(cell);
    text += key.length === 1 ? part : `${part.length}:${part}`;
  }
  return text;
}
