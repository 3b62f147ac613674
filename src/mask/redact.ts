import { RowsealError } from '../error/rowseal-error.ts';
import type { ColumnType } from '../model/type.ts';
import { parseDate } from './calendar.ts';
import { JsonCursor } from './json-text.ts';
import type { CompiledMethod } from './method.ts';

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

/** Whether a text can be read as the type; where the notation is the source's own affair, only plain forms pass. */
export function fitsType(constant: string, type: ColumnType): boolean {
  switch (type.kind) {
    case 'int':
      return /^-?\d{1,20}$/.test(constant);
    case 'decimal':
    case 'float':
      return /^-?\d+(\.\d+)?$/.test(constant);
    case 'boolean':
      return constant === 't' || constant === 'f';
    case 'date':
      return parseDate(constant)?.time === '';
    case 'timestamp':
      return (parseDate(constant)?.time ?? '') !== '';
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
    default:
      return false;
  }
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
