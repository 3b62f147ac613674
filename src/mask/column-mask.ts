import { RowsealError } from '../error/rowseal-error.ts';
import type { MaskedCell } from '../model/cell.ts';
import type { ColumnType } from '../model/type.ts';
import type { KeySpace } from './key-space.ts';
import { fitsType } from './method/redact.ts';
import { FALLBACK_CHARACTERS, fallbackToken } from './method/token.ts';
import { type CompiledMethod, type Mended, TEXT, type UnfitAction, type UnfitReason } from './method.ts';
import type { Handling } from './policy-document.ts';

/** A compiled method with its answers for what it cannot take. */
export interface ColumnMask {
  readonly name: string;
  /** `namespace.table.column`. */
  readonly where: string;
  readonly method: CompiledMethod;
  /** What a null becomes. */
  readonly onNull: string | null;
  actionFor(reason: UnfitReason): UnfitAction;
  /** The token that stands for a value under the action `hash`. */
  hash(value: string): string;
}

/**
 * A value that a method cannot take is redacted, or stops the pipeline: it never passes. On a key column it stops unless
 * told to become a token, because a null would make one row of many.
 *
 * @throws RowsealError RS-MASK-004, -005
 */
export function handleColumn(
  name: string,
  where: string,
  method: CompiledMethod,
  handling: Handling,
  space: KeySpace,
  isKey: boolean,
): ColumnMask {
  const declared = [handling.onError, handling.short, handling.foreign];
  if (isKey && (declared.includes('redact') || handling.onNull !== undefined)) {
    throw new RowsealError('RS-MASK-004', {
      detail: `${where} is part of the row key; what its method cannot take may halt or become a token (hash), not null or a constant`,
    });
  }
  if (declared.includes('hash') && method.type.kind !== 'text')
    throw new RowsealError('RS-MASK-005', {
      detail: `${where}: hash makes text, the column stays ${method.type.kind}`,
    });
  const onNull = handling.onNull?.constant ?? null;
  if (onNull !== null && !fitsType(onNull, method.type))
    throw new RowsealError('RS-MASK-005', {
      detail: `${where}: the constant for nulls is not a ${method.type.kind}`,
    });
  return {
    name,
    where,
    method: {
      ...method,
      type: declared.includes('hash') ? wideEnough(method.type) : method.type,
      description: { ...method.description, ...describe(handling) },
    },
    onNull,
    actionFor: (reason) => declaredFor(handling, reason) ?? (isKey ? 'halt' : 'redact'),
    hash: fallbackIn(space),
  };
}

/** The answers of a rule at a place of a document for what its method cannot take. */
export interface PlaceHandling {
  /** As `namespace.table.column.member`. */
  readonly where: string;
  /** What a null becomes. */
  readonly onNull: string | null;
  /** null: the rule does not say; the document's own decides. */
  actionFor(reason: UnfitReason): UnfitAction | null;
  hash(value: string): string;
  readonly description: Readonly<Record<string, unknown>>;
}

/**
 * As {@link handleColumn}, for a place of a document: nothing there has a type of the column's, so a token fits anywhere.
 *
 * @param type of the masked values
 * @throws RowsealError RS-MASK-005
 */
export function handlePlace(
  where: string,
  type: ColumnType,
  handling: Handling,
  space: KeySpace,
): PlaceHandling {
  const onNull = handling.onNull?.constant ?? null;
  if (onNull !== null && !fitsType(onNull, type))
    throw new RowsealError('RS-MASK-005', {
      detail: `${where}: the constant for nulls is not a ${type.kind}`,
    });
  return {
    where,
    onNull,
    actionFor: (reason) => declaredFor(handling, reason),
    hash: fallbackIn(space),
    description: describe(handling),
  };
}

function declaredFor({ short, foreign, onError }: Handling, reason: UnfitReason): UnfitAction | null {
  const own = reason === 'short' ? short : reason === 'foreign' ? foreign : undefined;
  return own ?? onError ?? null;
}

/** Its key is derived when it is first needed. */
function fallbackIn(space: KeySpace): (value: string) => string {
  let fallback: ((value: string) => string) | null = null;
  return (value) => {
    fallback ??= fallbackToken(space);
    return fallback(value);
  };
}

/** A fallback token need not fit the column that it stands in for. */
function wideEnough(type: ColumnType): ColumnType {
  return type.kind === 'text' && type.maxLength !== null && type.maxLength < FALLBACK_CHARACTERS
    ? TEXT
    : type;
}

function describe(handling: Handling): Readonly<Record<string, unknown>> {
  return {
    ...(handling.onError === undefined ? {} : { on_error: handling.onError }),
    ...(handling.short === undefined ? {} : { short: handling.short }),
    ...(handling.foreign === undefined ? {} : { foreign: handling.foreign }),
    ...(handling.onNull === undefined ? {} : { on_null: handling.onNull.constant }),
  };
}

/** Counts, by column and reason, what methods could not take. Names and numbers only. */
export class UnfitCounts {
  readonly #counts = new Map<
    string,
    { readonly column: string; readonly reason: UnfitReason; count: number }
  >();

  get empty(): boolean {
    return this.#counts.size === 0;
  }

  add(column: string, reason: UnfitReason): void {
    const key = `${column}\0${reason}`;
    const entry = this.#counts.get(key);
    if (entry === undefined) this.#counts.set(key, { column, reason, count: 1 });
    else entry.count++;
  }

  /** What was counted since the last call. */
  take(): readonly UnfitCount[] {
    const counts = [...this.#counts.values()];
    this.#counts.clear();
    return counts;
  }
}

export interface UnfitCount {
  readonly column: string;
  readonly reason: UnfitReason;
  readonly count: number;
}

/** The cell for a value that the method could not take. @throws RowsealError RS-MASK-010 where the action is halt */
export function unfitCell(
  mask: ColumnMask,
  reason: UnfitReason,
  value: string,
  counts: UnfitCounts,
): MaskedCell {
  counts.add(mask.name, reason);
  switch (mask.actionFor(reason)) {
    case 'redact':
      return null;
    case 'hash':
      return mask.hash(value);
    case 'halt':
      throw halted(mask.where, reason);
  }
}

/**
 * The cell for a document that was mended. Where the whole may not be redacted, neither may its part, unless the rule of the
 * part says otherwise.
 *
 * @throws RowsealError RS-MASK-010 where the action is halt
 */
export function mendedCell(mask: ColumnMask, { value, parts }: Mended, counts: UnfitCounts): MaskedCell {
  const halting = parts.find(({ reason, action }) => (action ?? mask.actionFor(reason)) === 'halt');
  const { where, reason, action } = halting ?? parts.at(-1)!;
  counts.add(mask.name, reason);
  if (halting !== undefined) throw halted(action === null ? mask.where : where, reason);
  return value;
}

function halted(where: string, reason: UnfitReason): RowsealError {
  return new RowsealError('RS-MASK-010', {
    detail: `${where}: ${reason}`,
    state: 'halted; the change is not sealed and not confirmed, so nothing is lost',
  });
}
