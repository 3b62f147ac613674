import { RowsealError } from '../../error/rowseal-error.ts';
import type { ColumnType } from '../../model/type.ts';
import { type CompiledMethod, TEXT } from '../method.ts';

/**
 * Keeps the first and last characters (code points) and fills the rest, one fill a character. A value too short to hide
 * at least one character is filled whole: it must not pass through.
 */
export function compilePartial(
  options: { readonly keepFirst: number; readonly keepLast: number; readonly fill: string },
  type: ColumnType,
  where: string,
): CompiledMethod {
  if (type.kind !== 'text' && type.kind !== 'enum' && type.kind !== 'other') {
    throw new RowsealError('RS-MASK-005', {
      detail: `${where}: partial needs text, the column is ${type.kind}`,
    });
  }
  const { keepFirst, keepLast, fill } = options;
  return {
    transform: { kind: 'map', map: (value) => partial(value, keepFirst, keepLast, fill) },
    type: TEXT,
    injective: false,
    reversible: false,
    description: { method: 'partial', keepFirst, keepLast, fill },
  };
}

export function partial(value: string, keepFirst: number, keepLast: number, fill: string): string {
  const hidden = codePoints(value) - keepFirst - keepLast;
  if (hidden < 1) return fill.repeat(hidden + keepFirst + keepLast);
  let from = 0;
  for (let i = 0; i < keepFirst; i++) from += isPair(value, from) ? 2 : 1;
  let to = value.length;
  for (let i = 0; i < keepLast; i++) to -= to > 1 && isPair(value, to - 2) ? 2 : 1;
  return value.slice(0, from) + fill.repeat(hidden) + value.slice(to);
}

function codePoints(value: string): number {
  let count = value.length;
  for (let i = 0; i < value.length - 1; i++) {
    if (isPair(value, i)) {
      count--;
      i++;
    }
  }
  return count;
}

function isPair(value: string, at: number): boolean {
  return (value.charCodeAt(at) & 0xfc00) === 0xd800 && (value.charCodeAt(at + 1) & 0xfc00) === 0xdc00;
}
