import type { SealedGroup } from '../../audit/audit-log.ts';
import type { MaskedRun, MaskedTable } from '../../model/masked.ts';
import type { RunPlace } from './row-proof.ts';

/** Takes one table's changes in order. */
export interface ChangeTaker {
  add(run: MaskedRun, place: RunPlace): Promise<void>;
  /** TRUNCATE, or the beginning of a new copy: what the mirror holds is void. */
  empty(why: 'truncate' | 'snapshot', place: RunPlace): Promise<void>;
}

/** Feeds one group's events to whoever takes their table's. */
export async function feedGroup(
  group: SealedGroup,
  takerOf: (table: MaskedTable) => ChangeTaker,
): Promise<void> {
  let commitTimeUs = 0n;
  for await (const events of group.chunks()) {
    for (const event of events) {
      switch (event.kind) {
        case 'begin':
          commitTimeUs = event.transaction.commitTimeUs;
          break;
        case 'rows':
          await takerOf(event.run.table).add(event.run, { group: group.index, seq: event.seq, commitTimeUs });
          break;
        case 'truncate':
        case 'snapshot':
          if (event.kind === 'snapshot' && event.phase === 'end') break;
          await takerOf(event.table).empty(event.kind, { group: group.index, seq: event.seq, commitTimeUs });
          break;
        case 'gap':
        case 'finding':
        case 'erasure':
          break;
      }
    }
  }
}
