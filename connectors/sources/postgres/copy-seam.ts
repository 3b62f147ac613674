import type { ChangeEvent } from '../../../src/model/change.ts';
import {
  type Position,
  type PostgresPosition,
  withCopying,
  withOutside,
} from '../../../src/model/position.ts';
import { type TableName, tableKey } from '../../../src/model/table.ts';

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

/** What was decoded before the copies and comes after them. @param outside tables that are outside then */
export function afterCopies(event: ChangeEvent, outside: readonly TableName[]): ChangeEvent {
  switch (event.kind) {
    case 'commit':
    case 'idle':
      if (event.position.copying === undefined) return event;
      return { ...event, position: withOutside(withCopying(event.position, []), outside) };
    default:
      return event;
  }
}

/**
 * Takes changes of tables out that are not captured before their copy, though the slot has them. What is left of a
 * transaction is numbered anew.
 */
export class OutsideFilter {
  readonly #outside: ReadonlySet<string>;
  #ordinal = 0;

  constructor(outside: readonly TableName[]) {
    this.#outside = new Set(outside.map(tableKey));
  }

  inside(events: readonly ChangeEvent[]): readonly ChangeEvent[] {
    return this.#outside.size === 0 ? events : events.flatMap((event) => this.#event(event));
  }

  #event(event: ChangeEvent): readonly ChangeEvent[] {
    switch (event.kind) {
      case 'begin':
        this.#ordinal = 0;
        return [event];
      case 'rows': {
        const { run } = event;
        if (this.#outside.has(tableKey(run.table))) return [];
        const firstOrdinal = this.#ordinal;
        this.#ordinal += run.count;
        return [{ ...event, run: { ...run, firstOrdinal } }];
      }
      case 'truncate':
        if (this.#outside.has(tableKey(event.table))) return [];
        this.#ordinal++;
        return [event];
      default:
        return [event];
    }
  }
}

function lsnOf(position: Position): bigint {
  return (position as PostgresPosition).lsn;
}
