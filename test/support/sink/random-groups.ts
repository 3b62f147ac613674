import type { SealedGroup } from '../../../src/audit/audit-log.ts';
import type { MaskedCell } from '../../../src/model/cell.ts';
import type { MaskedEvent, MaskedTable } from '../../../src/model/masked.ts';
import { column, INT, type Row, rows, table, UNCHANGED } from '../masked.ts';
import { GroupMaker } from './groups.ts';

/** Two tables, one of which changes its shape half-way, and a table without a key. */
export const people = table('people', [column('id', 1, INT), column('a', 2), column('b', 3)]);
export const peopleLater = table('people', [
  column('id', 1, INT),
  column('renamed', 2),
  column('b', 3),
  column('added', 4),
]);
export const bag = table('bag', [column('x', 1), column('y', 2)], []);

/** Uniform numbers below `bound`, the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % bound;
  };
}

/** Groups of valid changes: what a source could send. The same for the same seed, in whatever process. */
export function randomGroups(seed: number, count: number): readonly SealedGroup[] {
  const random = randomNumbers(seed);
  const maker = new GroupMaker();
  const state = { keys: new Set<number>(), bag: [] as [string, string | null][] };
  return Array.from({ length: count }, (_, i) =>
    maker.seal(transaction(random, state, i < count / 2 ? people : peopleLater)),
  );
}

interface SourceState {
  readonly keys: Set<number>;
  bag: [string, string | null][];
}

function transaction(
  random: (bound: number) => number,
  state: SourceState,
  version: MaskedTable,
): readonly MaskedEvent[] {
  const events: MaskedEvent[] = [];
  let ordinal = 0;
  const push = (of: MaskedTable, row: Row): void => {
    events.push(rows(of, ordinal++, [row]));
  };
  const image = (id: number, unchanged: boolean): MaskedCell[] => [
    String(id),
    random(5) === 0 ? null : `a${random(1000)}`,
    unchanged ? UNCHANGED : `b${random(1000)}`,
    ...(version.columns.length > 3 ? [`c${random(10)}`] : []),
  ];
  const onlyKey = (id: number): MaskedCell[] => [
    String(id),
    ...version.columns.slice(1).map((): MaskedCell => UNCHANGED),
  ];
  for (let left = random(12); left >= 0; left--) {
    const id = random(20);
    const known = state.keys.has(id);
    const kind = random(20);
    if (kind === 0) {
      state.keys.clear();
      events.push({ kind: 'truncate', table: version, cascade: false, restartIdentity: false });
      ordinal++;
    } else if (kind < 5) {
      const row: [string, string | null] = [`x${random(3)}`, random(3) === 0 ? null : 'y'];
      state.bag.push(row);
      push(bag, { op: 'c', after: row });
    } else if (kind < 7 && state.bag.length > 0) {
      const [row] = state.bag.splice(random(state.bag.length), 1);
      push(bag, { op: 'd', before: row! });
    } else if (!known) {
      state.keys.add(id);
      push(version, { op: 'c', after: image(id, false) });
    } else if (kind < 10) {
      state.keys.delete(id);
      push(version, { op: 'd', before: onlyKey(id) });
    } else if (kind < 13 && !state.keys.has(id + 20)) {
      state.keys.delete(id);
      state.keys.add(id + 20);
      push(version, { op: 'u', before: onlyKey(id), after: image(id + 20, random(2) === 0) });
    } else push(version, { op: 'u', after: image(id, random(2) === 0) });
  }
  return events;
}
