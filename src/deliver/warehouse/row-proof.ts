import type { GroupIndex } from '../../audit/audit-log.ts';
import { type Op, opLetter } from '../../model/change.ts';

/** Where a run of changes stands in the audit log. */
export interface RunPlace {
  readonly group: GroupIndex;
  /** Of the audit record of the run's first row; the others follow without holes. */
  readonly seq: number;
  /** Microseconds since 1970-01-01 UTC. */
  readonly commitTimeUs: bigint;
}

/** Where one row comes from: what leads to its proof. */
export interface RowProof {
  readonly op: string;
  readonly group: GroupIndex;
  readonly seq: number;
  readonly commitTimeUs: bigint;
}

/** Makes proofs of a run's rows; the parts that rows share are made once. */
export function proofOf(place: RunPlace, op: number, row: number): RowProof {
  return {
    op: opLetter[op as Op],
    group: place.group,
    seq: place.seq + row,
    commitTimeUs: place.commitTimeUs,
  };
}

/** In the order of `PROOF_COLUMNS`; the time is in microseconds. */
export function proofCells({
  op,
  group,
  seq,
  commitTimeUs,
}: RowProof): readonly [string, string, string, string] {
  return [op, String(group), String(seq), String(commitTimeUs)];
}
