import type { Gap } from '../../model/masked.ts';
import type { CosignedHead } from './cosignature-check.ts';
import type { JudgedHead } from './outside-heads.ts';

/** Codes of findings; see src/error/codes/audit-verify.ts. */
export type ProblemCode =
  | 'RS-AUD-020'
  | 'RS-AUD-021'
  | 'RS-AUD-022'
  | 'RS-AUD-023'
  | 'RS-AUD-024'
  | 'RS-AUD-025'
  | 'RS-AUD-026'
  | 'RS-AUD-028'
  | 'RS-AUD-029'
  | 'RS-AUD-032'
  | 'RS-AUD-036';

export interface Problem {
  readonly code: ProblemCode;
  readonly what: string;
  /** Path inside the audit directory; null when no file is meant. */
  readonly file: string | null;
  readonly offset: number | null;
  /** Directory of the table, and the record in it. */
  readonly table: string | null;
  readonly seq: number | null;
  readonly group: number | null;
}

/** A hole in the history that somebody accepted, as it stands in the journal. */
export interface ReportedGap extends Gap {
  readonly group: number;
  /** Microseconds since 1970, decimal. */
  readonly sealed_at_us: string;
}

export interface VerifyReport {
  readonly origin: string;
  /** False: the key was taken from the directory under suspicion, so the report proves only consistency. */
  readonly keyPinned: boolean;
  readonly groups: number;
  readonly tables: number;
  readonly records: number;
  readonly signatures: number;
  readonly bytes: number;
  /** On the disk: fewer, where segments are packed. */
  readonly storedBytes: number;
  /** Row images that erasure records say are gone, and are; and how many such records there are. */
  readonly erased: number;
  readonly erasures: number;
  /** Row images that expired by age, and how many records say so. */
  readonly expired: number;
  readonly expiries: number;
  /** Detokenize requests in the access log. */
  readonly accesses: number;
  readonly gaps: readonly ReportedGap[];
  readonly problems: readonly Problem[];
  /** What could not be checked, and what is there but not part of the log. */
  readonly notes: readonly string[];
  /** The heads that were brought from outside, in their order. */
  readonly heads: readonly JudgedHead[];
  /** null: no quorum was asked for, or it is missing. */
  readonly cosigned: CosignedHead | null;
  /** The journal's newest head, to keep outside as `--head` for the next time; null when nothing is sealed. */
  readonly head: string | null;
}

/** Collects findings while the checks go on. */
export class Findings {
  readonly problems: Problem[] = [];
  readonly notes: string[] = [];
  readonly gaps: ReportedGap[] = [];
  records = 0;
  signatures = 0;
  bytes = 0;
  storedBytes = 0;
  erased = 0;
  erasures = 0;
  expired = 0;
  expiries = 0;

  add(code: ProblemCode, what: string, at: Partial<Omit<Problem, 'code' | 'what'>> = {}): void {
    this.problems.push({ code, what, file: null, offset: null, table: null, seq: null, group: null, ...at });
  }
}

/** 0 all good · 1 an erasure or expiry not carried out, or one meanwhile · 10 tampered · 11 truncated or rolled back · 12 signatures. The gravest proof of tampering comes first. */
export function exitOf(report: {
  readonly problems: readonly { readonly code: ProblemCode }[];
}): 0 | 1 | 10 | 11 | 12 {
  const codes = new Set(report.problems.map((problem) => problem.code));
  if (codes.size === 0) return 0;
  for (const code of ['RS-AUD-020', 'RS-AUD-021', 'RS-AUD-023', 'RS-AUD-025', 'RS-AUD-026'] as const)
    if (codes.has(code)) return 10;
  if (codes.has('RS-AUD-022')) return 11;
  return codes.has('RS-AUD-024') || codes.has('RS-AUD-032') ? 12 : 1;
}
