import { RowsealError } from '../../error/rowseal-error.ts';
import type { ColumnType } from '../../model/type.ts';
import type { CompiledMethod } from '../method.ts';
import { fitsType as fitsCalendar, parseDate } from './calendar.ts';
import { JsonCursor } from './json-text.ts';

/** Replaces every value by null, by a fixed text, or by a value that fits the type. A null stays null. */
export function compileRedact(
  replacement: 'null' | 'shape' | { readonly constant: string },
  type: ColumnType,
  where: string,
): CompiledMethod {
  const value =
    replacement === 'null' ? null : replacement === 'shape' ? shapeOf(type) : replacement.constant;
  if (typeof replacement === 'object' && !fitsType(replacement.constant, type)) {
    throw new RowsealError('RS-MASK-005', { detail: `${where}: the constant is not a ${type.kind}` });
  }
  return {
    transform: { kind: 'constant', value },
    type,
    injective: false,
    reversible: false,
    description: { method: 'redact', with: replacement },
  };
}

/** A harmless value that any reader of the type accepts. */
export function shapeOf(type: ColumnType): string | null {
  switch (type.kind) {
    case 'boolean':
      return 'f';
    case 'int':
    case 'decimal':
    case 'float':
      return '0';
    case 'text':
      return '';
    case 'bytes':
      return '\\x';
    case 'date':
      return '1970-01-01';
    case 'time':
      return type.withZone ? '00:00:00+00' : '00:00:00';
    case 'timestamp':
      return type.withZone ? '1970-01-01 00:00:00+00' : '1970-01-01 00:00:00';
    case 'interval':
      return '00:00:00';
    case 'uuid':
      return '00000000-0000-0000-0000-000000000000';
    case 'json':
      return 'null';
    case 'array':
      return '{}';
    case 'enum':
      return type.labels[0] ?? null;
    case 'other':
      return null;
  }
}

const WHOLE_NUMBER = /^-?(?:0|[1-9]\d{0,19})$/;
const PLAIN_NUMBER = /^(-?)(0|[1-9]\d{0,999})(?:\.(\d{1,999}))?$/;
const FLOAT = /^-?(?:0|[1-9]\d{0,399})(?:\.\d{1,400})?(?:e[+-]?\d{1,3})?$/;
const CLOCK = /^(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?$/;
const ZONE = /[+-]\d\d(?::\d\d){0,2}$/;
const INTERVAL =
  /^(?!$)(?:-?\d{1,9} (?:years?|mons?|days?)(?: (?=.)|$)){0,3}(?:-?\d{2,9}:\d\d:\d\d(?:\.\d{1,6})?)?$/;

/** Whether a text is a value of the type in canonical notation, and within its range. */
export function fitsType(constant: string, type: ColumnType): boolean {
  switch (type.kind) {
    case 'int':
      return WHOLE_NUMBER.test(constant) && fitsBits(BigInt(constant), type);
    case 'decimal':
      return fitsDigits(constant, type.precision, type.scale);
    case 'float':
      return FLOAT.test(constant) && Number.isFinite(fround(Number(constant), type.bits));
    case 'boolean':
      return constant === 't' || constant === 'f';
    case 'date': {
      const date = parseDate(constant);
      return date?.time === '' && fitsCalendar(date.days, 'date');
    }
    case 'timestamp': {
      const date = parseDate(constant);
      if (date === null || !fitsCalendar(date.days, 'timestamp')) return false;
      return date.time.startsWith(' ') && fitsClock(date.time.slice(1), type.withZone);
    }
    case 'time':
      return fitsClock(constant, type.withZone);
    case 'interval':
      return INTERVAL.test(constant);
    case 'json':
      return isJson(constant);
    case 'bytes':
      return /^\\x(?:[0-9a-f]{2})*$/.test(constant);
    case 'uuid':
      return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(constant);
    case 'enum':
      return type.labels.includes(constant);
    case 'text':
      return type.maxLength === null || [...constant].length <= type.maxLength;
    case 'other':
      return true;
    case 'array':
      return false;
  }
}

function fitsBits(number: bigint, type: Extract<ColumnType, { kind: 'int' }>): boolean {
  return number === (type.unsigned ? BigInt.asUintN(type.bits, number) : BigInt.asIntN(type.bits, number));
}

function fitsDigits(constant: string, precision: number | null, scale: number | null): boolean {
  const match = PLAIN_NUMBER.exec(constant);
  if (match === null) return false;
  if (precision === null || scale === null) return true;
  const [, , whole, fraction = ''] = match;
  return fraction.length <= Math.max(0, scale) && (whole === '0' ? 0 : whole!.length) <= precision - scale;
}

function fround(number: number, bits: 32 | 64): number {
  return bits === 32 ? Math.fround(number) : number;
}

function fitsClock(time: string, withZone: boolean): boolean {
  return ZONE.test(time) === withZone && CLOCK.test(time.replace(ZONE, ''));
}

function isJson(text: string): boolean {
  const cursor = new JsonCursor(text);
  try {
    cursor.skip(0);
    cursor.end();
    return true;
  } catch {
    return false;
  }
}
