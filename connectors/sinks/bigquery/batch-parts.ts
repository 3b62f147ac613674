import type { GroupIndex } from '../../../src/audit/audit-log.ts';
import type { DeliveryBatch } from '../../../src/deliver/sink.ts';

/** What a convergent sink has of a batch already, it need not see again. */
export function afterCursor(batch: DeliveryBatch, cursor: GroupIndex | null): DeliveryBatch {
  if (cursor === null || batch.after === cursor) return batch;
  return partOf(
    batch,
    cursor,
    batch.groups.filter(({ index }) => index > cursor),
  );
}

/** A batch by halves; null: it is one group, which is never parted. */
export function halvesOf(batch: DeliveryBatch): readonly [DeliveryBatch, DeliveryBatch] | null {
  const { groups } = batch;
  if (groups.length < 2) return null;
  const half = groups.length >> 1;
  return [
    partOf(batch, batch.after, groups.slice(0, half)),
    partOf(batch, groups[half - 1]!.index, groups.slice(half)),
  ];
}

function partOf(
  batch: DeliveryBatch,
  after: GroupIndex | null,
  groups: DeliveryBatch['groups'],
): DeliveryBatch {
  const last = groups.at(-1)!;
  return {
    ...batch,
    after,
    to: last.index,
    head: last.head,
    groups,
    rows: groups.reduce((sum, { rows }) => sum + rows, 0),
    bytes: groups.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}
