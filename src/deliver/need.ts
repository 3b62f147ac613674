import type { SinkNeed } from '../audit/audit-log.ts';
import type { Delivery } from './delivery.ts';

/** What the sinks have yet to read of the log: from the first group on that one of them lacks. */
export function needOf(deliveries: readonly Pick<Delivery, 'sink' | 'state' | 'cursor'>[]): SinkNeed {
  let need: SinkNeed = { kind: 'nothing' };
  for (const { sink, state, cursor } of deliveries) {
    // It is asked at this moment. One that failed to answer may lack everything.
    if (cursor === null && state.kind === 'opening') return { kind: 'unknown' };
    const group = (cursor ?? -1) + 1;
    if (need.kind === 'nothing' || group < need.group) need = { kind: 'from', group, sink: sink.name };
  }
  return need;
}
