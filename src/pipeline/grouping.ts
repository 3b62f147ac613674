/** When whole transactions become a group: by bytes, by age, or at once when there is nothing to wait for. */
export interface GroupingLimits {
  /** A group is sealed when it holds this many bytes. */
  readonly maxBytes: number;
  /** Under load a group is sealed this many milliseconds after its first event at the latest. */
  readonly maxAgeMs: number;
}

export interface GroupingState {
  /** Whole transactions in the open group, in bytes; 0: nothing to seal. */
  readonly bytes: number;
  readonly ageMs: number;
  /** The open group ends inside a transaction: it cannot be sealed yet. */
  readonly midTransaction: boolean;
  /** Sealing is one at a time: the seal before is not done yet. */
  readonly sealing: boolean;
  /** The source had nothing more to give at this moment. */
  readonly sourceIdle: boolean;
  /** Bytes of the group sealed last: how busy the stream is. */
  readonly previousBytes: number;
}

/** Below this a group is cheap next to its fsyncs, so waiting for more gains nothing but latency. */
const QUIET_BYTES = 64 * 1024;

/**
 * `seal`: now. `wait-for-seal`: the group is full, take nothing more until the seal in flight is done. `collect`: go on.
 */
export function decideGrouping(
  limits: GroupingLimits,
  state: GroupingState,
): 'seal' | 'wait-for-seal' | 'collect' {
  if (state.bytes === 0 || state.midTransaction) return 'collect';
  const full = state.bytes >= limits.maxBytes;
  if (state.sealing) return full ? 'wait-for-seal' : 'collect';
  if (full || state.ageMs >= limits.maxAgeMs) return 'seal';
  return state.sourceIdle && state.previousBytes < QUIET_BYTES ? 'seal' : 'collect';
}
