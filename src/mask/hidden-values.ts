import type { RawCell } from '../model/cell.ts';
import type { TypeKind } from '../model/type.ts';
import { Hint, hintsOf } from './detect/text-finder.ts';
import type { CompiledMethod } from './method.ts';

/** Shorter values turn up by chance. */
export const HIDDEN_CHARACTERS_MIN = 6;
/** Of the elements of an array and the places of a document, only what is longer and looks like data. */
const PART_CHARACTERS_MIN = 8;
const PART = /[\d@ ]/;

/** Types of few values, which turn up by chance whatever their length. */
const UNTELLING: ReadonlySet<TypeKind> = new Set(['boolean', 'enum', 'time', 'interval']);
/** A number, or a date, within a longer run of digits is another one. */
const NUMERIC: ReadonlySet<TypeKind> = new Set(['int', 'decimal', 'float', 'date', 'timestamp']);

/** Hints that a text has whenever a part of it has them. */
const INHERITED =
  Hint.at | Hint.digit | Hint.sixDigits | Hint.sevenTogether | Hint.nineTogether | Hint.fourteenTogether;

export interface HiddenColumn {
  readonly index: number;
  readonly kind: TypeKind;
  readonly method: CompiledMethod;
}

/** Kept from row to row and filled anew, so that looking costs no allocation. */
interface HiddenValue {
  raw: string;
  /** Made when first needed. */
  lower: string | null;
  hints: number;
  numeric: boolean;
  /** Column that it comes from. */
  index: number;
  /** Part of a document, whose column may keep other parts. */
  part: boolean;
}

/** Columns whose raw values are worth looking for. */
export function isTelling(kind: TypeKind): boolean {
  return !UNTELLING.has(kind);
}

/**
 * The raw values of one row image that its policy hides, to be looked for in what the policy shows. Whole values of six
 * characters or more; of arrays and documents also their hidden parts. Upper and lower case are one.
 */
export class HiddenValues {
  readonly #columns: readonly HiddenColumn[];
  readonly #values: HiddenValue[] = [];
  #count = 0;

  constructor(columns: readonly HiddenColumn[]) {
    this.#columns = columns;
  }

  /** Takes the image that begins at `at`, in place of the one before. */
  read(cells: readonly RawCell[], at: number): void {
    this.#count = 0;
    for (const { index, kind, method } of this.#columns) {
      const raw = cells[at + index];
      if (typeof raw !== 'string' || raw.length < HIDDEN_CHARACTERS_MIN) continue;
      this.#add(raw, index, NUMERIC.has(kind), false);
      if (method.hidden === undefined) continue;
      for (const part of method.hidden(raw)) {
        if (part.length >= PART_CHARACTERS_MIN && PART.test(part)) this.#add(part, index, false, true);
      }
    }
  }

  /** Whether a text of the column shows one of them. @param hints of the text; -1: not known */
  areIn(text: string, hints: number, column: number): boolean {
    let lower: string | null = null;
    for (let i = 0; i < this.#count; i++) {
      const value = this.#values[i]!;
      if ((value.hints & ~hints) !== 0 || (value.index === column && !value.part)) continue;
      lower ??= text.toLowerCase();
      value.lower ??= value.raw.toLowerCase();
      if (value.numeric ? hasNumber(lower, value.lower) : lower.includes(value.lower)) return true;
    }
    return false;
  }

  #add(raw: string, index: number, numeric: boolean, part: boolean): void {
    const hints = hintsOf(raw) & INHERITED;
    const value = this.#values[this.#count++];
    if (value === undefined) this.#values.push({ raw, lower: null, hints, numeric, index, part });
    else {
      value.raw = raw;
      value.lower = null;
      value.hints = hints;
      value.numeric = numeric;
      value.index = index;
      value.part = part;
    }
  }
}

function hasNumber(text: string, number: string): boolean {
  for (let at = text.indexOf(number); at >= 0; at = text.indexOf(number, at + 1)) {
    if (!isDigit(text.charCodeAt(at - 1)) && !isDigit(text.charCodeAt(at + number.length))) return true;
  }
  return false;
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

/**
 * The text that a JSON or array text spells: escapes read, all else as it stands. What is no escape stays, so that any
 * text may be given.
 */
export function unescaped(text: string): string {
  if (!text.includes('\\')) return text;
  return text.replace(/\\(?:u([\da-fA-F]{4})|(.))/gs, (_all, code: string | undefined, character: string) =>
    code === undefined ? (CONTROLS[character] ?? character) : String.fromCharCode(Number.parseInt(code, 16)),
  );
}

const CONTROLS: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', b: '\b', f: '\f' };
