import type { GroupIndex, SealedEvent, SealedGroup } from '../audit/audit-log.ts';
import type { Finding } from '../model/finding.ts';
import type { MaskedTable } from '../model/masked.ts';
import { displayName } from '../model/table.ts';
import type { DeliveryBatch, Sink, SinkCapabilities, SinkPace, SinkStats } from './sink.ts';

/**
 * A sink that gets some tables only. Its cursor moves over all groups, so a table that is selected later is there from then
 * on; `rowseal resnapshot` fills it.
 *
 * @param names as `namespace.name`
 */
export function selectTables(sink: Sink, names: ReadonlySet<string>): Sink {
  return new SelectedTables(sink, names);
}

class SelectedTables implements Sink {
  readonly #sink: Sink;
  readonly #names: ReadonlySet<string>;
  #rows = 0;

  constructor(sink: Sink, names: ReadonlySet<string>) {
    this.#sink = sink;
    this.#names = names;
  }

  get name(): string {
    return this.#sink.name;
  }

  get kind(): Sink['kind'] {
    return this.#sink.kind;
  }

  get capabilities(): SinkCapabilities {
    return this.#sink.capabilities;
  }

  get pace(): SinkPace | null {
    return this.#sink.pace ?? null;
  }

  preflight(): Promise<readonly Finding[]> {
    return this.#sink.preflight();
  }

  open(pipeline: string, epoch: bigint): Promise<GroupIndex | null> {
    return this.#sink.open(pipeline, epoch);
  }

  async alter(table: MaskedTable, at: GroupIndex): Promise<void> {
    if (this.#has(table)) await this.#sink.alter(table, at);
  }

  async write(batch: DeliveryBatch): Promise<GroupIndex> {
    // By group, and begun anew whenever a group is read again.
    const rows = new Map<GroupIndex, number>();
    const groups = batch.groups.map((group) => this.#selected(group, rows));
    const cursor = await this.#sink.write({ ...batch, groups });
    for (const count of rows.values()) this.#rows += count;
    return cursor;
  }

  head(): Promise<string | null> {
    return this.#sink.head();
  }

  stats(): SinkStats {
    return { ...this.#sink.stats(), rows: this.#rows };
  }

  close(): Promise<void> {
    return this.#sink.close();
  }

  #selected(group: SealedGroup, rows: Map<GroupIndex, number>): SealedGroup {
    const keeps = (event: SealedEvent): boolean => {
      if (event.kind === 'rows') return this.#has(event.run.table);
      return !('table' in event) || this.#has(event.table);
    };
    return {
      ...group,
      tables: group.tables.filter((table) => this.#has(table)),
      chunks: async function* () {
        let count = 0;
        for await (const events of group.chunks()) {
          const kept = events.filter(keeps);
          for (const event of kept) if (event.kind === 'rows') count += event.run.count;
          rows.set(group.index, count);
          yield kept;
        }
      },
    };
  }

  #has(table: MaskedTable): boolean {
    return this.#names.has(displayName(table));
  }
}
