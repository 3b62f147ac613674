import type { ColumnType } from '../../../src/model/type.ts';
import { clockEnd, microsecondsAt, parseDays, parseMicroseconds } from './clock.ts';
import { type ArrayItem, parsePgArray } from './pg-array.ts';
import { type BigqueryType, elementOf, type Scalar } from './types.ts';

/** Why a value cannot be held; goes with the masked value into the dead letters. */
export class Misfit {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

/** What is written of a cell: text that BigQuery casts to the column's type without loss, or the reason why there is none. */
export type Converted = string | Misfit;
export type Converter = (text: string) => Converted;

/** A cell of 10 MB fits neither an append (10 MB a request) nor any reasonable load. Characters. */
const MAX_CELL = 9_000_000;

const misfit = (type: string, why: string): Misfit => new Misfit(`does not fit ${type}: ${why}`);
const TOO_LONG = new Misfit('longer than 9,000,000 characters');
const NOT_UNICODE = misfit('STRING', 'half of a surrogate pair');
const NOT_INT64 = misfit('INT64', 'not an integer of 64 bits');
const NOT_BOOL = misfit('BOOL', 'neither t nor f');
const NOT_FLOAT = misfit('FLOAT64', 'not a number, or beyond a double');
const NOT_BYTES = misfit('BYTES', 'not hexadecimal');
const NOT_DATE = misfit('DATE', 'outside 0001-01-01 to 9999-12-31');
const NOT_DATETIME = misfit('DATETIME', 'outside the years 1 to 9999');
const NOT_TIMESTAMP = misfit('TIMESTAMP', 'outside the years 1 to 9999');
const NOT_TIME = misfit('TIME', 'outside 00:00:00 to 23:59:59.999999');
const NOT_JSON = misfit('JSON', 'malformed, or nested too deeply');
const WIDE_JSON = misfit('JSON', 'a number that JSON in BigQuery would round');
const NOT_ARRAY = misfit('ARRAY', 'not an array');
const NULL_ELEMENT = misfit('ARRAY', 'a NULL among the elements');
const NESTED_ARRAY = misfit('ARRAY', 'more than one dimension');

/** Checks and rewrites the canonical text of one column (`model/cell.ts`) for one BigQuery type. */
export function converterTo(type: BigqueryType, source: ColumnType): Converter {
  const element = elementOf(type);
  if (element !== null) return repeatedConverter(element, source);
  if (source.kind === 'array') return type === 'JSON' ? arrayToJson(source.element) : toText;
  if (type === 'INT64' && source.kind === 'int') return intConverter(source);
  return scalarConverters[type as Scalar];
}

function toText(text: string): Converted {
  if (text.length > MAX_CELL) return TOO_LONG;
  return text.isWellFormed() ? text : NOT_UNICODE;
}

const scalarConverters: Readonly<Record<Scalar, Converter>> = {
  STRING: toText,
  INT64: (text) => (isInt64(text) ? text : NOT_INT64),
  NUMERIC: (text) => toDecimal(text, 'NUMERIC'),
  BIGNUMERIC: (text) => toDecimal(text, 'BIGNUMERIC'),
  FLOAT64: (text) => (isFloat(text) ? text : NOT_FLOAT),
  BOOL: (text) =>
    text === 't' || text === 'true' ? 'true' : text === 'f' || text === 'false' ? 'false' : NOT_BOOL,
  BYTES: (text) => {
    if (text.length > MAX_CELL) return TOO_LONG;
    return isHexBytes(text) ? Buffer.from(text.slice(2), 'hex').toString('base64') : NOT_BYTES;
  },
  DATE: (text) => (Number.isNaN(parseDays(text)) ? NOT_DATE : text),
  DATETIME: (text) => (Number.isNaN(parseMicroseconds(text, clockEnd(text, false))) ? NOT_DATETIME : text),
  TIMESTAMP: (text) => (Number.isNaN(parseMicroseconds(text, clockEnd(text, true))) ? NOT_TIMESTAMP : text),
  TIME: (text) => (Number.isNaN(microsecondsAt(text, 0, text.length)) ? NOT_TIME : text),
  JSON: toJson,
};

/** Integers of the width that the source declares: what is beyond is a mistake, wherever it was made. */
function intConverter({ bits, unsigned }: Extract<ColumnType, { kind: 'int' }>): Converter {
  if (bits === 64) return scalarConverters.INT64;
  const min = unsigned ? 0 : -(2 ** (bits - 1));
  const max = unsigned ? 2 ** bits - 1 : 2 ** (bits - 1) - 1;
  const beyond = misfit('INT64', `not an ${unsigned ? 'unsigned ' : ''}integer of ${bits} bits`);
  return (text) => {
    if (!isInt64(text)) return NOT_INT64;
    const value = Number(text);
    return value >= min && value <= max ? text : beyond;
  };
}

export function isInt64(text: string): boolean {
  const negative = text.charCodeAt(0) === 45;
  const digits = text.length - (negative ? 1 : 0);
  if (digits < 1 || digits > 19) return false;
  for (let i = negative ? 1 : 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 48 || code > 57) return false;
  }
  if (digits < 19) return true;
  return negative ? text <= '-9223372036854775808' : text <= '9223372036854775807';
}

const FLOAT = /^-?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;

export function isFloat(text: string): boolean {
  if (text === 'NaN' || text === 'Infinity' || text === '-Infinity') return true;
  return FLOAT.test(text) && Number.isFinite(Number(text));
}

export function isHexBytes(text: string): boolean {
  return text.length % 2 === 0 && /^\\x[0-9a-f]*$/i.test(text);
}

const DECIMAL = /^(-?)0*(\d*)(?:\.(\d*?)0*)?$/;

/** Without leading and trailing zeros, so that equal numbers are equal texts; a NUMERIC has no scale to show anyway. */
export function toDecimal(text: string, type: 'NUMERIC' | 'BIGNUMERIC'): Converted {
  const match = text.length > 200_000 ? null : DECIMAL.exec(text);
  if (match === null || !/\d/.test(text)) return misfit(type, 'not a finite number');
  const [, sign, whole = '', fraction = ''] = match;
  const [maxWhole, maxFraction] = type === 'NUMERIC' ? [29, 9] : [38, 38];
  if (whole.length > maxWhole) return misfit(type, `more than ${maxWhole} digits before the point`);
  if (fraction.length > maxFraction) return misfit(type, `more than ${maxFraction} digits behind the point`);
  const digits = `${whole === '' ? '0' : whole}${fraction === '' ? '' : `.${fraction}`}`;
  return digits === '0' ? '0' : `${sign}${digits}`;
}

/** Levels of nesting that BigQuery takes (https://cloud.google.com/bigquery/docs/json-data). */
const MAX_JSON_DEPTH = 500;

function toJson(text: string): Converted {
  if (text.length > MAX_CELL) return TOO_LONG;
  if (!text.isWellFormed()) return NOT_UNICODE;
  if (jsonDepth(text) > MAX_JSON_DEPTH) return NOT_JSON;
  try {
    JSON.parse(text);
  } catch {
    return NOT_JSON;
  }
  // 15 digits always fit a double: only longer numbers need a look.
  return /[\d.]{16}|\d[eE]/.test(text) && hasWideNumber(text) ? WIDE_JSON : text;
}

function jsonDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (quoted) {
      if (code === 92) i++;
      else if (code === 34) quoted = false;
    } else if (code === 34) quoted = true;
    else if (code === 91 || code === 123) deepest = Math.max(deepest, ++depth);
    else if (code === 93 || code === 125) depth--;
  }
  return deepest;
}

/** Numbers of JSON in BigQuery are INT64, UINT64 or FLOAT64: others would be rounded (PARSE_JSON, wide_number_mode). */
function hasWideNumber(text: string): boolean {
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g)) {
    if (!token.startsWith('"') && !isExactNumber(token)) return true;
  }
  return false;
}

export function isExactNumber(token: string): boolean {
  if (/^-?\d+$/.test(token) && token.length <= 21) {
    const value = BigInt(token);
    if (value >= -(2n ** 63n) && value < 2n ** 64n) return true;
  }
  const value = Number(token);
  return Number.isFinite(value) && digitsOf(token) === digitsOf(String(value));
}

/** Significant digits and exponent, so that `1.50e3` and `1500` are the same. */
function digitsOf(number: string): string {
  const [mantissa = '', exponent = '0'] = number.toLowerCase().split('e');
  const sign = mantissa.startsWith('-') ? '-' : '';
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const all = `${whole}${fraction}`.replace(/^0+/, '');
  const digits = all.replace(/0+$/, '');
  if (digits === '') return '0';
  return `${sign}${digits}e${Number(exponent) - fraction.length + (all.length - digits.length)}`;
}

function arrayToJson(element: ColumnType): Converter {
  const leaf = element.kind === 'array' ? element.element : element;
  return (text) => {
    if (text.length > MAX_CELL) return TOO_LONG;
    const items = parsePgArray(text);
    if (items === null) return NOT_ARRAY;
    const json = `[${items.map((item) => jsonItem(item, leaf)).join(',')}]`;
    return json.isWellFormed() ? json : NOT_UNICODE;
  };
}

/** Numbers that JSON holds exactly stay numbers; everything else is text, so nothing is rounded. */
function jsonItem(item: ArrayItem, leaf: ColumnType): string {
  if (item === null) return 'null';
  if (typeof item !== 'string') return `[${item.map((inner) => jsonItem(inner, leaf)).join(',')}]`;
  if (leaf.kind === 'boolean') return item === 't' ? 'true' : item === 'f' ? 'false' : JSON.stringify(item);
  const numeric = leaf.kind === 'int' || leaf.kind === 'float' || leaf.kind === 'decimal';
  const plain = numeric && /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(item) && isExactNumber(item);
  return plain ? item : JSON.stringify(item);
}

/** REPEATED has neither NULL elements nor dimensions, and knows no difference between NULL and the empty array. */
function repeatedConverter(element: Scalar, source: ColumnType): Converter {
  const inner = source.kind === 'array' ? source.element : source;
  const convert = converterTo(element, inner);
  return (text) => {
    const items = parsePgArray(text);
    if (items === null) return NOT_ARRAY;
    const converted: string[] = [];
    for (const item of items) {
      if (item === null) return NULL_ELEMENT;
      if (typeof item !== 'string') return NESTED_ARRAY;
      const value = convert(item);
      if (value instanceof Misfit) return value;
      converted.push(value);
    }
    return JSON.stringify(converted);
  };
}
