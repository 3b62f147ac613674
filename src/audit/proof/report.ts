import type { MaskedCell } from '../../model/cell.ts';
import type { ProblemCode } from '../verify/report.ts';

export interface ProofProblem {
  readonly code: ProblemCode;
  readonly what: string;
  readonly seq: number | null;
}

/** What a proof proves, in terms that can be shown. Where there are problems the rest is not to be relied on. */
export interface ProofReport {
  /** Name of the log, by the key. */
  readonly origin: string;
  readonly table: { readonly namespace: string; readonly name: string };
  readonly problems: readonly ProofProblem[];
  readonly notes: readonly string[];
  /** How far the proof sees; null: it could not be read so far. */
  readonly upTo: ProofReach | null;
  /** The records are all the records of the row up to there. */
  readonly complete: boolean;
  readonly tags: readonly string[];
  readonly versions: readonly ProvenEvent[];
  readonly at: { readonly timeUs: bigint; readonly seq: number | null } | null;
  /** Names in signature lines of the head that are not the log's own: cosignatures, not checked here. */
  readonly cosigners: readonly string[];
}

export interface ProofReach {
  readonly group: number;
  /** Records of the table. */
  readonly records: number;
  readonly sealedAtUs: bigint;
  readonly position: string;
}

/** One record of the row's life. */
export interface ProvenEvent {
  readonly seq: number;
  readonly kind: 'change' | 'truncate' | 'copy begins' | 'copy ends' | 'erasure' | 'expiry' | 'other';
  readonly op: 'c' | 'u' | 'd' | 'r' | 't' | null;
  readonly transaction: string;
  readonly commitTimeUs: bigint;
  /** Place of the transaction in the source, as the record has it. */
  readonly position: string;
  readonly keyEpoch: number | null;
  /** The key of the row changed with it. */
  readonly keyChanged: boolean;
  readonly columns: readonly ShownColumn[];
  readonly before: ShownCells;
  readonly after: ShownCells;
  /** Of an erasure or expiry: who and why. */
  readonly said: string | null;
}

export interface ShownColumn {
  readonly name: string;
  readonly method: string;
}

export type ShownCells =
  | { readonly kind: 'none' }
  /** By column; `hidden`: committed to, and not shown. */
  | { readonly kind: 'cells'; readonly cells: readonly (MaskedCell | Hidden)[] }
  | { readonly kind: 'gone' }
  | { readonly kind: 'withheld' };

export interface Hidden {
  readonly hidden: true;
}

export const HIDDEN: Hidden = { hidden: true };
