/** C2SP tlog-tiles: names and sizes. */
export const TILE_WIDTH = 256;
/** Levels of a tree that a number can count: 256^6 leaves are 2^48. */
export const MAX_LEVEL = 6;
/** Entries are length-prefixed with a uint16. */
export const MAX_ENTRY_BYTES = 65_535;

/** `tile/<L>/<N>[.p/<W>]`; level `entries`: a bundle of entries. @param width of a partial tile; 256: it is full */
export function tilePath(level: number | 'entries', index: number, width: number): string {
  const digits = String(index).padStart(Math.ceil(String(index).length / 3) * 3, '0');
  const parts = digits.match(/\d{3}/g) ?? [];
  const name = parts.map((part, i) => (i === parts.length - 1 ? part : `x${part}`)).join('/');
  return `tile/${level}/${name}${width === TILE_WIDTH ? '' : `.p/${width}`}`;
}

/** Hashes in the partial tile at the right edge of a level, 0: there is none; and how many full ones are before it. */
export function edgeOf(size: number, level: number): { readonly full: number; readonly width: number } {
  const hashes = Math.floor(size / TILE_WIDTH ** level);
  return { full: Math.floor(hashes / TILE_WIDTH), width: hashes % TILE_WIDTH };
}
