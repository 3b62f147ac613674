import { RowsealError } from '../error/rowseal-error.ts';
import type { ColumnType } from '../model/type.ts';
import { type CompiledMethod, TEXT } from './method.ts';

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
    description: { method: 'partial', keepFirst, keepLast, fill },
  };
}

export function partial(value: string, keepFirst: number, keepLast: number, fill: string): string {
  const characters = [...value];
  const hidden = characters.length - keepFirst - keepLast;
  if (hidden < 1) return fill.repeat(characters.length);
  return (
    characters.slice(0, keepFirst).join('') +
    fill.repeat(hidden) +
    characters.slice(characters.length - keepLast).join('')
  );
}
