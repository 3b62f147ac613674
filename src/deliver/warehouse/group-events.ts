import type { SealedGroup } from '../../audit/audit-log.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import type { MaskedRun, MaskedTable } from '../../model/masked.ts';
import { displayName, tableKey } from '../../model/table.ts';
import type { RunPlace } from './row-proof.ts';
import type { Target } from './target.ts';

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
        case 'expiry':
          break;
        case 'gone':
          if (await event.isLost()) throw lostChange(event.table, group);
          break;
      }
    }
  }
}

/** Going on would leave rows out, or leave deleted ones in, and nobody would know. */
function lostChange(table: MaskedTable, { index }: SealedGroup): RowsealError {
  const name = displayName(table);
  return new RowsealError('RS-AUD-035', {
    detail: `table ${name}, group ${index}`,
    state: 'the batch was not delivered',
    fix: `rowseal resnapshot --table ${name} --yes; the sink then goes on by itself`,
  });
}

/** One taker for each table of a batch, made when its first change comes. */
export class TableTakers<T extends ChangeTaker> {
  readonly #targets: ReadonlyMap<string, Target>;
  readonly #make: (target: Target) => T;
  readonly #takers = new Map<string, T>();

  /** @param targets by table key */
  constructor(targets: ReadonlyMap<string, Target>, make: (target: Target) => T) {
    this.#targets = targets;
    this.#make = make;
  }

  readonly of = (table: MaskedTable): T => {
    const key = tableKey(table);
    let taker = this.#takers.get(key);
    if (taker === undefined) {
      const target = this.#targets.get(key);
      if (target === undefined)
        throw new RowsealError('RS-RUN-000', { detail: `rows of ${displayName(table)} before its version` });
      taker = this.#make(target);
      this.#takers.set(key, taker);
    }
    return taker;
  };

  all(): Iterable<T> {
    return this.#takers.values();
  }
}
