import { isBeginning, type Position, withCopying, withOutside } from '../model/position.ts';
import { type TableName, tableKey } from '../model/table.ts';

export interface CapturedSet {
  /** Where the pipeline goes on, with what became due. */
  readonly position: Position;
  /** Captured from here on; copied first, if anything is copied. */
  readonly entered: readonly TableName[];
  /** Captured no longer. */
  readonly left: readonly TableName[];
}

/**
 * The tables that are to be captured, compared with those of the log. One that is new, or was outside for a while, has
 * rows that the stream never names: it is copied, and its changes before that are no part of the log.
 *
 * @param known tables that have a log
 * @param copies false: `snapshot` is `never`, and nothing is copied
 * @returns null when nothing changes
 */
export function compareCapturedSet(
  position: Position,
  known: readonly TableName[],
  captured: readonly TableName[],
  copies: boolean,
): CapturedSet | null {
  const { copying = [], outside = [] } = position;
  // A Postgres slot that is about to be made comes with the copy of all tables.
  const allDue = position.kind === 'postgres' && isBeginning(position);
  const isDue = among(copying);
  const wasOutside = among(outside);
  const isKnown = among(known);
  const isCaptured = among(captured);
  const entered = captured.filter(
    (table) => !isDue(table) && (wasOutside(table) || (copies && !allDue && !isKnown(table))),
  );
  const toCopy = copies && !allDue ? entered : [];
  const stay = captured.filter((table) => copies && !allDue && isDue(table) && wasOutside(table));
  const gone = known.filter((table) => !isCaptured(table));
  const left = gone.filter((table) => !wasOutside(table));
  if (entered.length === 0 && left.length === 0) return null;
  return {
    position: withOutside(
      withCopying(position, [...copying, ...toCopy].map(bare)),
      [...gone, ...stay, ...toCopy].map(bare),
    ),
    entered,
    left,
  };
}

function among(names: readonly TableName[]): (name: TableName) => boolean {
  const keys = new Set(names.map(tableKey));
  return (name) => keys.has(tableKey(name));
}

function bare({ namespace, name }: TableName): TableName {
  return { namespace, name };
}
