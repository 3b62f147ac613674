import type { SealedGroup } from '../../audit/audit-log.ts';
import { feedGroup, type TableTakers } from './group-events.ts';
import type { Overlap } from './overlap.ts';
import type { PieceCollector } from './piece-collector.ts';

/** Feeds a batch's groups to the collectors of its tables. However it ends, no statement is under way any more. */
export async function feedBatch(
  groups: readonly SealedGroup[],
  takers: TableTakers<PieceCollector>,
  overlap: Overlap,
): Promise<void> {
  try {
    for (const group of groups) await feedGroup(group, takers.of);
    for (const taker of takers.all()) await taker.flush();
    await overlap.settled();
  } finally {
    // A rollback must not meet one.
    await overlap.ended();
  }
}
