import type { ChangeEvent } from '../../../src/model/change.ts';
import { type Position, type PostgresPosition, withCopying } from '../../../src/model/position.ts';

/**
 * Where in a batch a copy belongs that shows the database at `consistentPoint`: behind every transaction that the copy
 * shows, before the first that it does not. A transaction is shown when its commit record begins below the point
 * (snapbuild.c: others are decoded by a slot that starts there); the position of `begin` is that place.
 *
 * @returns index of the first event behind the seam, the number of events when it is at their end, -1: not in this batch
 */
export function seamIn(events: readonly ChangeEvent[], consistentPoint: bigint): number {
  for (const [i, event] of events.entries()) {
    if (event.kind === 'begin' && lsnOf(event.transaction.position) >= consistentPoint) return i;
    if (event.kind === 'idle' && lsnOf(event.position) >= consistentPoint) return i + 1;
  }
  return -1;
}

/** Resume point after the events; null: they end no transaction. */
export function lastPosition(events: readonly ChangeEvent[]): PostgresPosition | null {
  const last = events.findLast((event) => event.kind === 'commit' || event.kind === 'idle');
  return last === undefined ? null : (last.position as PostgresPosition);
}

/** What was decoded before the copies and comes after them. */
export function withoutCopying(event: ChangeEvent): ChangeEvent {
  switch (event.kind) {
    case 'commit':
    case 'idle':
      return { ...event, position: withCopying(event.position, []) };
    default:
      return event;
  }
}

function lsnOf(position: Position): bigint {
  return (position as PostgresPosition).lsn;
}
