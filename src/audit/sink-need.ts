import { RowsealError } from '../error/rowseal-error.ts';
import type { NeedFrom } from './audit-log.ts';

/** Where a sink is, for people. */
export function describeNeed({ sink, group, silent }: NeedFrom): string {
  if (silent) return `sink ${sink} has not said yet what it has`;
  return group === 0 ? `sink ${sink} has no group yet` : `sink ${sink} has groups up to ${group - 1}`;
}

/** Why images are not taken away. */
export function undelivered(need: NeedFrom): RowsealError {
  return new RowsealError('RS-AUD-034', { detail: describeNeed(need), state: 'nothing was changed' });
}
