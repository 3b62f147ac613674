import type { SinkNeed } from '../audit/audit-log.ts';
import type { Delivery } from './delivery.ts';

/** What the sinks have yet to read of the log: from the first group on that one of them lacks. */
export function needOf(
  deliveries: readonly Pick<Delivery, 'sink' | 'state' | 'cursor' | 'answered'>[],
): SinkNeed {
  let need: SinkNeed = { kind: 'nothing' };
  for (const { sink, state, cursor, answered } of deliveries) {
    // It will say so by itself. One that is halted takes a person, and may lack everything.
    if (!answered && state.kind !== 'halted') return { kind: 'unknown' };
    const group = (cursor ?? -1) + 1;
    if (need.kind === 'from' && need.group <= group) continue;
    need = { kind: 'from', group, sink: sink.name, ...(answered ? {} : { silent: true }) };
  }
  return need;
}
