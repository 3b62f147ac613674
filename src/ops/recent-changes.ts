import { DROPPED, type MaskedCell, UNCHANGED } from '../model/cell.ts';
import { Image, type Op, opLetter } from '../model/change.ts';
import type { MaskedEvent, MaskedRun } from '../model/masked.ts';
import { displayName } from '../model/table.ts';

/** One change as the warehouse gets it. */
export interface RecentChange {
  /** Group that it was sealed in. */
  readonly group: number;
  readonly at: string;
  readonly table: string;
  readonly op: string;
  readonly cells: readonly {
    readonly column: string;
    /** How the policy made it. */
    readonly method: string;
    /** Masked, and cut to a length to look at; null: SQL null. */
    readonly value: string | null;
  }[];
}

const MAX_CHARACTERS = 80;
const MAX_COLUMNS = 24;

interface Found {
  readonly column: string;
  readonly method: string;
  readonly cell: MaskedCell;
}

type Waiting = Omit<RecentChange, 'group' | 'at'>;

/**
 * The newest changes, masked, for the status page; only where the operator asked for them (`http.recent_changes`). Takes
 * masked runs, so it cannot be handed anything else; shows a change when it is sealed, not before.
 */
export class RecentChanges {
  readonly #limit: number;
  #waiting: Waiting[] = [];
  #shown: readonly RecentChange[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  masked(events: readonly MaskedEvent[]): void {
    // From the end: of a large batch only the newest rows are looked at.
    const found: Waiting[] = [];
    for (let i = events.length - 1; i >= 0 && found.length < this.#limit; i--) {
      const event = events[i]!;
      if (event.kind === 'rows') found.push(...newestOf(event.run, this.#limit - found.length));
      if (event.kind === 'truncate') found.push({ table: displayName(event.table), op: 't', cells: [] });
    }
    this.#waiting = [...found, ...this.#waiting].slice(0, this.#limit);
  }

  sealed(group: number, sealedAtUs: bigint): void {
    if (this.#waiting.length === 0) return;
    const at = new Date(Number(sealedAtUs / 1000n)).toISOString();
    this.#shown = [...this.#waiting.map((change) => ({ group, at, ...change })), ...this.#shown].slice(
      0,
      this.#limit,
    );
    this.#waiting = [];
  }

  list(): readonly RecentChange[] {
    return this.#shown;
  }
}

/** The last rows of a run, newest first. */
function newestOf(run: MaskedRun, limit: number): Waiting[] {
  const width = run.table.columns.length;
  const found: Waiting[] = [];
  let end = run.cells.length;
  for (let row = run.count - 1; row >= 0 && found.length < limit; row--) {
    const images = run.images[row]!;
    // The after image comes last; a delete has the before image only.
    found.push({
      table: displayName(run.table),
      op: opLetter[run.ops[row]! as Op],
      cells: cellsOf(run, end - width),
    });
    end -= width * (((images & Image.before) === 0 ? 0 : 1) + ((images & Image.after) === 0 ? 0 : 1));
  }
  return found;
}

function cellsOf(run: MaskedRun, start: number): RecentChange['cells'] {
  return run.table.columns
    .map(({ name, method }, i): Found => ({ column: name, method, cell: run.cells[start + i]! }))
    .filter(({ cell }) => cell !== DROPPED)
    .slice(0, MAX_COLUMNS)
    .map(({ column, method, cell }) => ({ column, method, value: shown(cell) }));
}

function shown(cell: MaskedCell): string | null {
  if (cell === null) return null;
  if (typeof cell !== 'string') return cell === UNCHANGED ? '(unchanged)' : '(dropped)';
  return cell.length > MAX_CHARACTERS ? `${cell.slice(0, MAX_CHARACTERS)}…` : cell;
}
