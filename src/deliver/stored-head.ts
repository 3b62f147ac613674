import type { HeadComparison } from '../audit/audit-log.ts';
import { RowsealError } from '../error/rowseal-error.ts';

/**
 * What the journal head in a sink says of the log that is about to feed it.
 *
 * @throws RowsealError RS-RUN-003 when the log is smaller than it was; RS-RUN-006 when it is another one
 */
export function expectKnown(sink: string, comparison: HeadComparison): void {
  switch (comparison.kind) {
    case 'known':
      return;
    case 'ahead':
      throw new RowsealError('RS-RUN-003', {
        detail: `sink ${sink} holds a signed head of ${comparison.size} groups, the log has ${comparison.ownSize}`,
      });
    case 'forked':
      throw new RowsealError('RS-RUN-006', {
        detail: `sink ${sink} holds another head of ${comparison.size} groups than the log`,
      });
    case 'foreign':
      throw new RowsealError('RS-RUN-006', {
        detail: `sink ${sink} holds a head of the log ${comparison.origin}`,
      });
    case 'malformed':
      throw new RowsealError('RS-RUN-006', { detail: `what sink ${sink} holds as a head is none` });
  }
}
