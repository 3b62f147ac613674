import type { ColumnType } from '../../model/type.ts';
import { isFamilyName, isGivenName } from './names.ts';

/** What is known of the values of one place, in numbers. */
export interface Shape {
  readonly type: ColumnType;
  /** Values that are there: not null, not empty. */
  readonly filled: number;
  readonly distinct: number;
  /** Characters of the longest. */
  readonly longest: number;
  /** Values of several words, as people write them. */
  readonly wordy: number;
  /** Values with a word in them that people are called. */
  readonly named: number;
  /** Values that begin as dates do. */
  readonly dated: number;
}

export function shapeOf(values: readonly string[], type: ColumnType): Shape {
  return {
    type,
    filled: values.length,
    distinct: new Set(values).size,
    longest: values.reduce((most, value) => Math.max(most, value.length), 0),
    wordy: values.filter(isWordy).length,
    named: values.filter(hasName).length,
    dated: values.filter(isDated).length,
  };
}

function hasName(value: string): boolean {
  return (
    value.length <= 80 &&
    (value.match(/\p{L}+/gu) ?? []).some((word) => isGivenName(word) || isFamilyName(word))
  );
}

/** Eight words, or eighty characters with spaces: more than a title or an address has. */
function isWordy(value: string): boolean {
  return /^(?:\S+\s+){7}\S/.test(value) || (value.length >= 80 && value.includes(' '));
}

function isDated(value: string): boolean {
  return /^(?:\d{4}-\d\d-\d\d|\d{1,2}[./-]\d{1,2}[./-]\d{2,4})(?!\d)/.test(value);
}
