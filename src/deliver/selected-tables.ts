import type { GroupIndex, SealedEvent, SealedGroup } from '../audit/audit-log.ts';
import type { MaskedRun, MaskedTable } from '../model/masked.ts';
import type { DeliveryBatch, Sink, SinkStats } from './sink.ts';
import { SinkInFront } from './sink-in-front.ts';

/** What a sink gets of a table version: the columns as it sees them, and its rows so. */
export interface TableView {
  readonly table: MaskedTable;
  mask(run: MaskedRun): MaskedRun;
}

/** What a sink gets. */
export interface TableSelection {
  /** Of one version always the same `table`. null: the sink does not get this table. */
  viewOf(table: MaskedTable): TableView | null;
}

/**
 * A sink that gets some tables only, or some columns, or columns masked once more. Its cursor moves over all groups, so what
 * is selected later is there from then on; `rowseal resnapshot` fills it.
 */
export function selectTables(sink: Sink, selection: TableSelection): Sink {
  return new SelectedTables(sink, selection);
}

class SelectedTables extends SinkInFront {
  readonly #sink: Sink;
  readonly #selection: TableSelection;
  #rows = 0;

  constructor(sink: Sink, selection: TableSelection) {
    super();
    this.#sink = sink;
    this.#selection = selection;
  }

  protected get behind(): Sink {
    return this.#sink;
  }

  override async alter(table: MaskedTable, at: GroupIndex): Promise<void> {
    const view = this.#selection.viewOf(table);
    if (view !== null) await this.#sink.alter(view.table, at);
  }

  override async write(batch: DeliveryBatch): Promise<GroupIndex> {
    // By group, and begun anew whenever a group is read again.
    const rows = new Map<GroupIndex, number>();
    const groups = batch.groups.map((group) => this.#selected(group, rows));
    const cursor = await this.#sink.write({ ...batch, groups });
    for (const count of rows.values()) this.#rows += count;
    return cursor;
  }

  override stats(): SinkStats {
    return { ...this.#sink.stats(), rows: this.#rows };
  }

  #selected(group: SealedGroup, rows: Map<GroupIndex, number>): SealedGroup {
    const selected = selectedGroup(group, this.#selection);
    return {
      ...selected,
      chunks: async function* () {
        let count = 0;
        for await (const events of selected.chunks()) {
          for (const event of events) if (event.kind === 'rows') count += event.run.count;
          rows.set(group.index, count);
          yield events;
        }
      },
    };
  }
}

/** The groups as a sink with this selection sees them; null: as they are. */
export async function* selectedGroups(
  groups: AsyncIterable<SealedGroup>,
  selection: TableSelection | null,
): AsyncGenerator<SealedGroup> {
  for await (const group of groups) yield selection === null ? group : selectedGroup(group, selection);
}

function selectedGroup(group: SealedGroup, selection: TableSelection): SealedGroup {
  return {
    ...group,
    tables: group.tables.flatMap((table) => selection.viewOf(table)?.table ?? []),
    chunks: async function* () {
      for await (const events of group.chunks())
        yield events.flatMap((event) => selectedEvent(event, selection) ?? []);
    },
  };
}

function selectedEvent(event: SealedEvent, selection: TableSelection): SealedEvent | null {
  if (event.kind === 'rows') {
    const view = selection.viewOf(event.run.table);
    return view === null ? null : { ...event, run: view.mask(event.run) };
  }
  if (!('table' in event)) return event;
  const view = selection.viewOf(event.table);
  return view === null ? null : { ...event, table: view.table };
}
