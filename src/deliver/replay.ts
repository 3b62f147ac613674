import type { GroupIndex, SealedGroup } from '../audit/audit-log.ts';
import type { MaskedTable } from '../model/masked.ts';
import { tableKey } from '../model/table.ts';
import type { DeliveryBatch, Sink, SinkStats } from './sink.ts';
import { bringsNewVersion } from './table-version.ts';

export interface ReplayOptions {
  /** Open, and empty. */
  readonly sink: Sink;
  /** Consecutive. */
  readonly groups: AsyncIterable<SealedGroup>;
  /** Bytes of groups in one batch; one larger group still goes whole. */
  readonly batchBytes: number;
  readonly progress: (group: GroupIndex, rows: number) => void;
}

export interface Replayed {
  readonly groups: number;
  readonly rows: number;
  /** Last group in the sink now; null: there was none. */
  readonly cursor: GroupIndex | null;
  readonly stats: SinkStats;
}

/** Fills a sink from sealed groups, as a delivery does that begins anew. */
export async function replay({ sink, groups, batchBytes, progress }: ReplayOptions): Promise<Replayed> {
  const known = new Map<string, MaskedTable>();
  let cursor: GroupIndex | null = null;
  let count = 0;
  let rows = 0;
  let pending: SealedGroup[] = [];
  const size = (list: readonly SealedGroup[]): number => list.reduce((sum, { bytes }) => sum + bytes, 0);
  const alter = async (table: MaskedTable, at: GroupIndex): Promise<void> => {
    await sink.alter(table, at);
    known.set(tableKey(table), table);
  };
  const write = async (): Promise<void> => {
    if (pending.length === 0) return;
    for (const group of pending)
      for (const table of group.tables)
        if (known.get(tableKey(table)) !== table) await alter(table, group.index);
    const batch: DeliveryBatch = {
      after: cursor,
      to: pending.at(-1)!.index,
      head: pending.at(-1)!.head,
      groups: pending,
      rows: pending.reduce((sum, group) => sum + group.rows, 0),
      bytes: size(pending),
    };
    cursor = await sink.write(batch);
    count += pending.length;
    rows += batch.rows;
    pending = [];
    progress(cursor, rows);
  };
  for await (const group of groups) {
    // Rows go in under the version that they were sealed with: what does not fit another one is kept aside as it was then.
    if (bringsNewVersion(known, group) || size(pending) + group.bytes > batchBytes) await write();
    for (const table of group.tables) if (!known.has(tableKey(table))) await alter(table, group.index);
    pending.push(group);
  }
  await write();
  return { groups: count, rows, cursor, stats: sink.stats() };
}
