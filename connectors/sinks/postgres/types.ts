import type { MaskedColumn } from '../../../src/model/masked.ts';
import type { ColumnType } from '../../../src/model/type.ts';

/**
 * The Postgres type that holds every value of a column exactly. Numbers with decimals have no precision here: a type
 * with one would round. JSON is `jsonb` only where the source's was: `json` keeps the text.
 */
export function postgresType({ type, sourceType }: Pick<MaskedColumn, 'type' | 'sourceType'>): string {
  if (type.kind === 'json') return sourceType === 'jsonb' ? 'jsonb' : 'json';
  return typeName(type);
}

function typeName(type: ColumnType): string {
  switch (type.kind) {
    case 'boolean':
      return 'boolean';
    case 'int':
      return integerType(type.bits, type.unsigned);
    case 'decimal':
      return 'numeric';
    case 'float':
      return type.bits === 32 ? 'real' : 'double precision';
    case 'bytes':
      return 'bytea';
    case 'date':
      return 'date';
    case 'time':
      return type.withZone ? 'timetz' : 'time';
    case 'timestamp':
      return type.withZone ? 'timestamptz' : 'timestamp';
    case 'interval':
      return 'interval';
    case 'uuid':
      return 'uuid';
    case 'json':
      return 'json';
    case 'array':
      return arrayType(type.element);
    case 'text':
    case 'enum':
    case 'other':
      return 'text';
  }
}

function integerType(bits: 8 | 16 | 24 | 32 | 64, unsigned: boolean): string {
  if (bits === 64) return unsigned ? 'numeric' : 'bigint';
  if (bits === 32) return unsigned ? 'bigint' : 'integer';
  if (bits === 24) return 'integer';
  return bits === 16 && unsigned ? 'integer' : 'smallint';
}

/** Elements that only the source knows may have a delimiter of their own (box: `;`): such an array stays text. */
function arrayType(element: ColumnType): string {
  return element.kind === 'other' || element.kind === 'array' ? 'text' : `${typeName(element)}[]`;
}

const DATE = '\\d{4,7}-\\d\\d-\\d\\d';
const TIME = '\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,6})?';
const NUMBER = '-?\\d+(\\.\\d+)?|NaN|-?Infinity';

/**
 * Canonical texts of types whose input is laxer than that: 'now' is a date, 'yes' a boolean, any text some bytes, and a zone
 * behind a timestamp is ignored. A regular expression for JavaScript and Postgres alike; null: the input is exact.
 */
export function exactPattern(type: string): string | null {
  switch (type) {
    case 'boolean':
      return 't|f';
    case 'bytea':
      return '\\\\x([0-9a-f][0-9a-f])*';
    case 'numeric':
      return NUMBER;
    case 'date':
      return `${DATE}( BC)?|-?infinity`;
    case 'time':
      return TIME;
    case 'timetz':
      return `${TIME}[+-]\\d\\d(:\\d\\d){0,2}`;
    case 'timestamp':
      return `${DATE} ${TIME}( BC)?|-?infinity`;
    case 'timestamptz':
      return `${DATE} ${TIME}[+-]\\d\\d(:\\d\\d){0,2}( BC)?|-?infinity`;
    default:
      return null;
  }
}

const DASH = 45;
const SPACE = 32;

/** Whether a text is for sure what the type's input takes exactly, or refuses. One look per cell. */
export function plainTest(type: string): (text: string) => boolean {
  switch (type) {
    case 'date':
      return (text) => text.length === 10 && text.charCodeAt(4) === DASH && text.charCodeAt(7) === DASH;
    case 'timestamp':
      return (text) => text.charCodeAt(10) === SPACE && text.length <= 26 && text.charCodeAt(4) === DASH;
    case 'timestamptz':
      return (text) => text.charCodeAt(10) === SPACE && text.endsWith('+00');
    case 'bytea':
      return (text) => text.startsWith('\\x');
    case 'boolean':
      return (text) => text === 't' || text === 'f';
    case 'time':
    case 'timetz':
    case 'numeric':
      return exactTest(type);
    default:
      return noNul;
  }
}

/** As `exactPattern`, for one cell. No text of Postgres can hold a NUL. */
export function exactTest(type: string): (text: string) => boolean {
  const pattern = exactPattern(type);
  if (pattern === null) return noNul;
  const expression = new RegExp(`^(?:${pattern})$`);
  return (text) => expression.test(text);
}

function noNul(text: string): boolean {
  return !text.includes('\u0000');
}
