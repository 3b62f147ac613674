import type { SealedEvent, SealedGroup } from '../../../src/audit/audit-log.ts';
import type { DeliveryBatch, Sink } from '../../../src/deliver/sink.ts';
import type { MaskedEvent, MaskedTable } from '../../../src/model/masked.ts';
import { tableKey } from '../../../src/model/table.ts';
import { at, begin } from '../masked.ts';

/** Seals events as the audit log does: groups without holes, records numbered per table. */
export class GroupMaker {
  #index = 0;
  readonly #seq = new Map<string, number>();

  get next(): number {
    return this.#index;
  }

  /** One transaction, one group. No events: an idle group. */
  seal(events: readonly MaskedEvent[]): SealedGroup {
    const index = this.#index++;
    const sealed = [begin(index), ...events].map((event): SealedEvent => {
      switch (event.kind) {
        case 'rows':
          return { ...event, seq: this.#take(event.run.table, event.run.count) };
        case 'truncate':
        case 'snapshot':
          return { ...event, seq: this.#take(event.table, 1) };
        default:
          return event;
      }
    });
    const rows = events.reduce((sum, event) => sum + (event.kind === 'rows' ? event.run.count : 0), 0);
    const bytes = events.reduce((sum, event) => sum + (event.kind === 'rows' ? event.run.bytes : 0), 0);
    return makeGroup(index, events.length === 0 ? [] : sealed, rows, bytes);
  }

  /** One group of many rows, made while it is read: `events` is called again for every reading. */
  sealStream(table: MaskedTable, rows: number, events: () => Iterable<MaskedEvent>): SealedGroup {
    const index = this.#index++;
    const first = this.#take(table, rows);
    return {
      ...makeGroup(index, [], rows, rows * 100),
      tables: [table],
      resident: false,
      chunks: async function* (): AsyncGenerator<readonly SealedEvent[]> {
        let seq = first;
        yield [begin(index)];
        for (const event of events()) {
          if (event.kind !== 'rows') throw new Error('only rows can be streamed');
          yield [{ ...event, seq }];
          seq += event.run.count;
        }
      },
    };
  }

  #take(table: MaskedTable, records: number): number {
    const key = tableKey(table);
    // Genesis, schema and policy records come before the first row.
    const seq = this.#seq.get(key) ?? 3;
    this.#seq.set(key, seq + records);
    return seq;
  }
}

/** As long and as odd as a signed note is: lines, a dash beyond ASCII, base64. */
export function headOf(index: number): string {
  const root = Buffer.alloc(32, index % 256).toString('base64');
  return `rowseal/p\n${index + 1}\n${root}\n\n— rowseal/p ${Buffer.alloc(68, 7).toString('base64')}\n`;
}

function makeGroup(index: number, events: readonly SealedEvent[], rows: number, bytes: number): SealedGroup {
  const tables = new Set<MaskedTable>();
  for (const event of events) {
    if (event.kind === 'rows') tables.add(event.run.table);
    else if ('table' in event) tables.add(event.table);
  }
  return {
    index,
    position: at(index),
    sealedAtUs: 0n,
    commitTimeUs: events.length === 0 ? null : 1_700_000_000_000_000n + BigInt(index),
    transactions: events.length === 0 ? 0 : 1,
    rows,
    bytes,
    head: headOf(index),
    tables: [...tables],
    resident: true,
    chunks: async function* () {
      yield events;
    },
  };
}

/** Hands groups to a sink as `Delivery` does: every table version first, then one batch. */
export async function deliver(
  sink: Sink,
  after: number | null,
  groups: readonly SealedGroup[],
): Promise<number> {
  for (const group of groups) for (const version of group.tables) await sink.alter(version, group.index);
  const batch: DeliveryBatch = {
    after,
    to: groups.at(-1)!.index,
    head: groups.at(-1)!.head,
    groups,
    rows: groups.reduce((sum, group) => sum + group.rows, 0),
    bytes: groups.reduce((sum, group) => sum + group.bytes, 0),
  };
  return sink.write(batch);
}
