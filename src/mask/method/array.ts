import type { ColumnType } from '../../model/type.ts';
import { type CompiledMethod, type MaskResult, Mended, UNFIT, Unfit } from '../method.ts';

/** As Postgres has it (MAXDIM). */
const DIMENSIONS_MAX = 6;
/** Elements of one array text; more are no column that a person wrote. */
const ELEMENTS_MAX = 1_000_000;

/** Applies a method for elements to each element of an array; nested arrays keep their shape, nulls stay null. */
export function elementWise(
  element: CompiledMethod,
  type: Extract<ColumnType, { kind: 'array' }>,
): CompiledMethod {
  const { transform } = element;
  const masked: Omit<CompiledMethod, 'transform'> = {
    type: { kind: 'array', element: element.type.kind === 'array' ? type.element : element.type },
    injective: element.injective,
    reversible: element.reversible,
    hidden: elementsOf,
    showsParts: element.showsParts ?? false,
    description: { ...element.description, each: true },
  };
  const { reverse } = element;
  const inverse =
    reverse === undefined
      ? {}
      : {
          reverse: (token: string): string | null => {
            const result = mapArray(token, (value) => reverse(value) ?? UNFIT.foreign);
            return typeof result === 'string' ? result : null;
          },
        };
  switch (transform.kind) {
    case 'keep':
    case 'drop':
    case 'constant':
      return element;
    case 'map':
      return {
        ...masked,
        ...inverse,
        transform: { kind: 'map', map: (value) => mapArray(value, transform.map) },
      };
    case 'map-by':
      return {
        ...masked,
        ...inverse,
        transform: {
          ...transform,
          map: (value, by) => mapArray(value, (item) => transform.map(item, by)),
        },
      };
    case 'batch':
      return {
        ...masked,
        transform: {
          kind: 'map',
          map: (value) => mapArray(value, (item) => transform.map([item])[0]!),
        },
      };
  }
}

/**
 * Rewrites Postgres array text (PostgreSQL manual 8.15.6): `{1,NULL,"a \"b\""}`, nested, with bounds before a `=`. What
 * one element cannot be, the whole array is: it is not delivered in part.
 */
export function mapArray(text: string, map: (element: string) => MaskResult): MaskResult {
  const start = text.startsWith('[') ? text.indexOf('=') + 1 : 0;
  if (text[start] !== '{' || !/^(?:\[-?\d+:-?\d+\])*=?$/.test(text.slice(0, start))) return UNFIT.malformed;
  let masked = text.slice(0, start);
  let depth = 0;
  let elements = 0;
  // What may come next: an element or array; also the end of an empty one; only a comma or an end.
  let expected: 'value' | 'value or end' | 'comma or end' = 'value';
  for (let at = start; at < text.length; ) {
    const character = text[at]!;
    const isEnd = character === '}';
    if (isEnd || character === ',') {
      if (expected === 'value' || (expected === 'value or end' && !isEnd)) return UNFIT.malformed;
      expected = isEnd ? 'comma or end' : 'value';
      if (isEnd) depth--;
      masked += character;
      at++;
      if (depth === 0) return at === text.length ? masked : UNFIT.malformed;
      continue;
    }
    if (expected === 'comma or end') return UNFIT.malformed;
    if (character === '{') {
      if (++depth > DIMENSIONS_MAX) return UNFIT.deep;
      expected = 'value or end';
      masked += character;
      at++;
      continue;
    }
    expected = 'comma or end';
    if (++elements > ELEMENTS_MAX) return UNFIT.range;
    const { value, end } = character === '"' ? quoted(text, at) : bare(text, at);
    if (end < 0) return UNFIT.malformed;
    const result = value === null ? null : map(value);
    if (result instanceof Unfit) return result;
    const cell = result instanceof Mended ? result.value : result;
    masked += cell === null ? 'NULL' : needsQuotes(cell) ? quote(cell) : cell;
    at = end;
  }
  return UNFIT.malformed;
}

/** The elements of an array text, as far as it is one. */
function elementsOf(text: string): readonly string[] {
  const elements: string[] = [];
  mapArray(text, (element) => {
    elements.push(element);
    return null;
  });
  return elements;
}

interface Element {
  readonly value: string | null;
  /** Index after the element; negative: it does not end. */
  readonly end: number;
}

function bare(text: string, at: number): Element {
  let end = at;
  while (end < text.length && !'{},"\\'.includes(text[end]!)) end++;
  if (end === text.length || text[end] === '"' || text[end] === '\\') return { value: null, end: -1 };
  const value = text.slice(at, end);
  return { value: value.toUpperCase() === 'NULL' ? null : value, end };
}

function quoted(text: string, at: number): Element {
  let value = '';
  for (let i = at + 1; i < text.length; i++) {
    const character = text[i]!;
    if (character === '"') return { value, end: i + 1 };
    value += character === '\\' ? (text[++i] ?? '') : character;
  }
  return { value: null, end: -1 };
}

/** As array_out quotes. */
function needsQuotes(value: string): boolean {
  return value === '' || /[{},"\\\s]/.test(value) || value.toUpperCase() === 'NULL';
}

function quote(value: string): string {
  return `"${value.replace(/["\\]/g, '\\$&')}"`;
}
