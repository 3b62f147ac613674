import { RowsealError } from '../error/rowseal-error.ts';
import type { Column } from '../model/table.ts';
import type { ColumnType } from '../model/type.ts';
import type { PlaceHandling } from './column-mask.ts';
import type { KeySpace } from './key-space.ts';
import { elementWise } from './method/array.ts';
import { compileBucket, compileGeneralize, compileRound } from './method/coarsen.ts';
import { type CustomHost, compileCustom } from './method/custom.ts';
import { compileDateShift, type DateEntity } from './method/date-shift.ts';
import { compileFpe, compileIntegerFpe } from './method/fpe.ts';
import { compileFreeText } from './method/free-text.ts';
import { compileIp } from './method/ip.ts';
import { compileJson, type JsonRule } from './method/json.ts';
import { compilePartial } from './method/partial.ts';
import { compilePhone } from './method/phone.ts';
import { compileRedact } from './method/redact.ts';
import { compileReversible } from './method/reversible.ts';
import { compileEmail, compileIban, compilePan, compileSsn, compileUuid } from './method/shapes.ts';
import { compileToken } from './method/token.ts';
import { type CompiledMethod, UNFIT } from './method.ts';
import type { JsonPathRule, MethodDocument, MethodName } from './policy-document.ts';

/** What a method may ask of the policy and the table around its column. */
export interface MethodContext {
  /** `namespace.table.column`, for messages. */
  readonly where: string;
  readonly isKey: boolean;
  readonly space: KeySpace;
  readonly host: CustomHost;
  /** The column that names the entity of a date. @throws RowsealError RS-MASK-002, -005 */
  entity(by: string, space: string | null): DateEntity;
  /** A rule inside a document. */
  inner(rule: JsonPathRule): InnerRule;
}

export interface InnerRule {
  /** For a scalar of the given type. @throws RowsealError RS-MASK-005 when the method does not fit it */
  compile(type: ColumnType): CompiledMethod;
  /** @param type of the masked values @throws RowsealError RS-MASK-005 */
  handle(type: ColumnType): PlaceHandling;
}

/** Methods that see an array as one value. The others work on its elements. */
const WHOLE: ReadonlySet<MethodName> = new Set(['keep', 'drop', 'redact', 'json']);

/** @throws RowsealError RS-MASK-005 when the method does not fit the column's type, and what the methods throw */
export function compileMethod(
  method: MethodDocument,
  column: Column,
  context: MethodContext,
): CompiledMethod {
  if (column.type.kind === 'array' && !WHOLE.has(method.method)) {
    const element: Column = {
      ...column,
      type: column.type.element,
      sourceType: column.sourceType.replace(/(?:\[\])+$/, ''),
    };
    return elementWise(compileMethod(method, element, context), column.type);
  }
  const { type } = column;
  const { where, space } = context;
  // Where the source itself takes two spellings for one value, they cannot be two rows.
  const exact = context.isKey && column.sourceType !== 'citext';
  switch (method.method) {
    case 'keep':
      return {
        transform: { kind: 'keep' },
        type,
        injective: true,
        reversible: false,
        description: { method: 'keep' },
      };
    case 'drop':
      return {
        transform: { kind: 'drop' },
        type,
        injective: false,
        reversible: false,
        description: { method: 'drop' },
      };
    case 'redact':
      return compileRedact(method.with, type, where);
    case 'partial':
      return compilePartial(method, type, where);
    case 'token':
      return compileToken(method, space, type, where, context.isKey);
    case 'reversible':
      return compileReversible(space);
    case 'fpe':
      return type.kind === 'int'
        ? compileIntegerFpe(method, space, type, where)
        : compileFpe(method, space, type, where);
    case 'pan':
      return compilePan(method, space, type, where);
    case 'phone':
      return compilePhone(method.country, space, type, where);
    case 'email':
      return compileEmail(method.host, space, type, where, exact);
    case 'iban':
      return compileIban(space, type, where, exact);
    case 'us_ssn':
      return compileSsn(space, type, where);
    case 'uuid':
      return compileUuid(space, type, where, exact);
    case 'ip':
      return compileIp(space, column, where, exact);
    case 'date_shift':
      return compileDateShift(method.maxDays, context.entity(method.by, method.entity), column, where);
    case 'bucket':
      return compileBucket(method.bounds, method.labels, column, where);
    case 'generalize':
      return compileGeneralize(method.to, column, where);
    case 'round':
      return compileRound(method.to, column, where);
    case 'json':
      return compileJson(
        method.paths.map((path) => jsonRule(path, context)),
        method.otherwise,
        type,
        where,
      );
    case 'scan':
      return compileFreeText(method, space, type, where);
    case 'custom':
      return compileCustom(method, context.host, type, context.isKey);
  }
}

const JSON_TEXT: ColumnType = { kind: 'text', maxLength: null, padded: false };
const JSON_NUMBER: ColumnType = { kind: 'decimal', precision: null, scale: null };

/** A method that knows only text takes a number by its digits; to one that knows only numbers a text is foreign. */
function jsonRule({ path, rule }: JsonPathRule, context: MethodContext): JsonRule {
  const inner = context.inner({ path, rule });
  const text = attempt(() => inner.compile(JSON_TEXT));
  const number = attempt(() => inner.compile(JSON_NUMBER));
  if (!(text instanceof RowsealError)) {
    const handling = inner.handle(text.type);
    return { path, text, number: number instanceof RowsealError ? null : number, handling };
  }
  if (number instanceof RowsealError) throw text;
  return {
    path,
    text: { ...number, transform: { kind: 'map', map: () => UNFIT.foreign } },
    number,
    handling: inner.handle(number.type),
  };
}

function attempt(compile: () => CompiledMethod): CompiledMethod | RowsealError {
  try {
    return compile();
  } catch (error) {
    if (error instanceof RowsealError && error.code === 'RS-MASK-005') return error;
    throw error;
  }
}
