import type { GroupIndex } from '../../../src/audit/audit-log.ts';
import type { MaskedEvent, MaskedTable } from '../../../src/model/masked.ts';
import type { TableWriter } from './table-writer.ts';

type SealedEvent = MaskedEvent & { readonly seq?: number };

/** Feeds one group's events to the writers of their tables, in order. */
export async function applyGroup(
  group: GroupIndex,
  chunks: AsyncIterable<readonly SealedEvent[]>,
  writerOf: (table: MaskedTable) => TableWriter,
): Promise<void> {
  let committedAtUs = 0n;
  for await (const events of chunks) {
    for (const event of events) {
      switch (event.kind) {
        case 'begin':
          committedAtUs = event.transaction.commitTimeUs;
          break;
        case 'rows':
          await writerOf(event.run.table).add(event.run, { group, seq: event.seq!, committedAtUs });
          break;
        case 'truncate':
          await writerOf(event.table).empty('t', { group, seq: event.seq!, committedAtUs });
          break;
        case 'snapshot':
          if (event.phase === 'begin')
            await writerOf(event.table).empty('s', { group, seq: event.seq!, committedAtUs });
          break;
        case 'gap':
        case 'finding':
        case 'erasure':
          break;
      }
    }
  }
}
