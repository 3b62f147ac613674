import type { DeadLetter as AnyDeadLetter } from '../../../src/deliver/warehouse/dead-letters.ts';

/** It commits with the batch; columns have their names in the view. */
export interface DeadLetter extends AnyDeadLetter {
  /** Of the row's audit record. */
  readonly seq: number;
  readonly key: string;
}

/** Characters of a value that is kept; what is longer than any cell may be is told by its length. */
export const MAX_VALUE = 9_000_000;

/** One line of newline-delimited JSON for the dead letters' staging table. */
export function deadLetterLine(letter: DeadLetter): string {
  const { value } = letter;
  const tooLong = value !== null && value.length > MAX_VALUE;
  return `${JSON.stringify({
    group_index: letter.group,
    seq: letter.seq,
    table_name: letter.table,
    row_key: letter.key.slice(0, 10_000).toWellFormed(),
    column_name: letter.column,
    value: tooLong ? null : value?.toWellFormed(),
    reason: tooLong ? `${letter.reason} (${value.length} characters)` : letter.reason,
  })}\n`;
}
