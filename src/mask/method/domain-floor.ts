import { RowsealError } from '../../error/rowseal-error.ts';

/**
 * The least number of values that a format-preserving cipher may permute: NIST SP 800-38G Rev. 1 (second public draft,
 * 2025) requires radix^minlen ≥ 1,000,000. Here it holds for what is left to encrypt once kept characters and check
 * digits are taken away.
 */
export const DOMAIN_FLOOR = 1_000_000n;

/** Fewest free characters of an alphabet that reach the floor. */
export function leastFree(radix: number): number {
  let size = 1n;
  for (let free = 0; ; free++) {
    if (size >= DOMAIN_FLOOR) return Math.max(2, free);
    size *= BigInt(radix);
  }
}

export interface FreeCharacters {
  readonly radix: number;
  readonly total: number;
  readonly keepFirst: number;
  readonly keepLast: number;
  readonly check: number;
}

/** @throws RowsealError RS-MASK-008 with the arithmetic, when values of `total` characters leave too few free */
export function requireFloor(where: string, of: FreeCharacters): void {
  const free = of.total - of.keepFirst - of.keepLast - of.check;
  if (free >= leastFree(of.radix)) return;
  const check = of.check === 0 ? '' : ` - ${of.check} for the check digit`;
  throw new RowsealError('RS-MASK-008', {
    detail: `${where}: ${of.total} characters - ${of.keepFirst} kept first - ${of.keepLast} kept last${check} = ${Math.max(0, free)} free; ${of.radix}^${Math.max(0, free)} is below 10^6`,
  });
}

/** @throws RowsealError RS-MASK-008 */
export function requireSize(where: string, size: bigint, what: string): void {
  if (size < DOMAIN_FLOOR)
    throw new RowsealError('RS-MASK-008', {
      detail: `${where}: ${what} are ${size} values; 1000000 are the least`,
    });
}
