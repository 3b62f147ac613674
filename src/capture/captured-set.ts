import { type Position, withCopying, withLeft } from '../model/position.ts';
import { type TableName, tableKey } from '../model/table.ts';

export interface CapturedSet {
  /** Where the pipeline goes on, with what became due. */
  readonly position: Position;
  /** Captured from here on, and copied first. */
  readonly entered: readonly TableName[];
  /** Captured no longer. */
  readonly left: readonly TableName[];
}

/**
 * The tables that are to be captured, compared with those of the log. One that is new, or was left out for a while, has
 * rows that the stream never names: it is copied before it is streamed.
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
  const keysOf = (names: readonly TableName[]): ReadonlySet<string> => new Set(names.map(tableKey));
  const { copying = [], left: before = [] } = position;
  const [knownKeys, capturedKeys, copyingKeys, leftKeys] = [known, captured, copying, before].map(keysOf);
  // An unfinished copy of a Postgres slot begins again with all tables.
  const allDue = position.kind === 'postgres' && position.phase === 'snapshot';
  const entered = captured.filter((table) => {
    const key = tableKey(table);
    if (leftKeys!.has(key)) return true;
    return copies && !allDue && !knownKeys!.has(key) && !copyingKeys!.has(key);
  });
  const left = known.filter((table) => !capturedKeys!.has(tableKey(table))).map(bare);
  const newlyLeft = left.filter((table) => !leftKeys!.has(tableKey(table)));
  if (entered.length === 0 && newlyLeft.length === 0) return null;
  const due = entered.filter((table) => copies && !allDue && !copyingKeys!.has(tableKey(table))).map(bare);
  return {
    position: withLeft(withCopying(position, [...copying, ...due]), left),
    entered,
    left: newlyLeft,
  };
}

function bare({ namespace, name }: TableName): TableName {
  return { namespace, name };
}
