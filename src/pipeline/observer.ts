import type { SealedGroup } from '../audit/audit-log.ts';
import type { Verdict } from '../deliver/circuit-breaker.ts';
import type { DeliveryBatch, SinkStats } from '../deliver/sink.ts';
import type { RowsealError } from '../error/rowseal-error.ts';
import type { UnfitCount } from '../mask/column-mask.ts';
import type { LeakCount } from '../mask/leak-guard.ts';
import type { Finding } from '../model/finding.ts';
import type { MaskedEvent } from '../model/masked.ts';
import type { PipelineState } from './status.ts';

/** What a pipeline tells whoever watches: metrics, log lines, a progress bar. Calls are synchronous and must not throw. */
export interface PipelineObserver {
  stateChanged(state: PipelineState, reason: RowsealError | null): void;
  /** Masked events were handed to the log; for counters by operation. */
  masked(events: readonly MaskedEvent[]): void;
  groupSealed(group: SealedGroup, durationMs: number): void;
  batchDelivered(sink: string, batch: DeliveryBatch, durationMs: number, stats: SinkStats): void;
  /** Something failed beside delivery and will be tried again. */
  problem(where: 'source' | 'sink', name: string, error: RowsealError, retryInMs: number | null): void;
  /** The source runs, but somebody should see to something. Told again as long as it lasts. */
  warning(finding: Finding): void;
  /** A sink failed and will be tried again, or is halted while the rest goes on. */
  sinkFailed(sink: string, error: RowsealError, verdict: Verdict): void;
  /** An old segment was left as it is while the log goes on. */
  storageFailed(error: RowsealError): void;
  /** A table version was met whose policy leaves columns undecided; they are redacted. */
  undecidedColumns(table: string, columns: readonly string[]): void;
  /** Values did not fit the method of their column, and became what its rule says. */
  unfitValues(table: string, counts: readonly UnfitCount[]): void;
  /** The leak guard recognised personal data in kept columns. */
  leaks(table: string, counts: readonly LeakCount[]): void;
}
