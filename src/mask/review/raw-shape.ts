import type { ColumnType } from '../../model/type.ts';

/** Longer values are shown by their beginning and a class of length. */
const SHAPE_CHARACTERS_MAX = 32;
const BEGINNING = 16;

/** Characters that are form, not content. */
const FORM = new Set(' -_.,:;@/+()[]{}#&\'"*=?!%$€£<>|\\~^');

/**
 * The form of a raw value without its characters: letters become `A` and `a`, digits `9`, other scripts `x`, what is
 * neither letter, digit nor common punctuation `·`. Documents, bytes and long texts show a class of length.
 */
export function rawShape(value: string, type: ColumnType): string {
  if (type.kind === 'json' || type.kind === 'bytes') return `(${type.kind}, ${lengthClass(value.length)})`;
  const characters = [...value.slice(0, 4 * SHAPE_CHARACTERS_MAX)];
  if (characters.length <= SHAPE_CHARACTERS_MAX) return characters.map(shapeOfCharacter).join('');
  const beginning = characters.slice(0, BEGINNING).map(shapeOfCharacter).join('');
  return `${beginning}… (${lengthClass(value.length)})`;
}

function shapeOfCharacter(character: string): string {
  if (/^\p{Nd}$/u.test(character)) return '9';
  if (/^\p{Lu}$/u.test(character)) return 'A';
  if (/^\p{Ll}$/u.test(character)) return 'a';
  if (/^[\p{L}\p{M}]$/u.test(character)) return 'x';
  if (FORM.has(character)) return character;
  return /^\s$/u.test(character) ? ' ' : '·';
}

const CLASSES = [16, 32, 64, 128, 256, 1024, 4096, 65_536, 1_048_576] as const;

/** `33 to 64 characters`: the length itself can tell one value from another. */
export function lengthClass(length: number): string {
  const upper = CLASSES.find((bound) => length <= bound);
  if (upper === undefined) return `over ${CLASSES.at(-1)} characters`;
  const lower = CLASSES[CLASSES.indexOf(upper) - 1];
  return lower === undefined ? `up to ${upper} characters` : `${lower + 1} to ${upper} characters`;
}
