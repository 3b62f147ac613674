import type { SignedHead } from '../note.ts';
import type { Findings } from './report.ts';

/** What a head says of the log that is there. */
export type HeadFit =
  | 'fits'
  | 'truncated'
  | 'rolled back'
  | 'forked'
  | 'unsigned'
  | 'foreign'
  | 'not compared';

/** A head that was kept elsewhere, and what became of the log since. */
export interface JudgedHead {
  readonly origin: string | null;
  readonly size: number | null;
  readonly fit: HeadFit;
}

/** A log as it was found. */
export interface FoundLog {
  readonly origin: string;
  readonly size: number;
  /** Root after each size that a head names. */
  readonly rootAt: ReadonlyMap<number, string>;
  /** The newest head that the directory itself keeps; null: none. */
  readonly kept: SignedHead | null;
}

/**
 * docs/audit-format.md §8.4. A head for more than is there: the end was cut off, or, when nothing in the directory knows of
 * more, all of it is an older state. A head for another root: two histories were signed.
 */
export function judgeHeads(
  log: FoundLog,
  heads: readonly SignedHead[],
  findings: Findings,
): readonly JudgedHead[] {
  const { origin, size, rootAt, kept } = log;
  const fitting = heads.filter(({ head }) => head.size <= size && rootAt.get(head.size) === head.root);
  return heads.map(({ head }) => {
    const judged = (fit: HeadFit): JudgedHead => ({ origin, size: head.size, fit });
    if (head.size > size) {
      const truncated = (kept?.head.size ?? 0) > size;
      findings.add(
        'RS-AUD-022',
        truncated
          ? `truncated: a head for size ${head.size} of ${origin} was signed, what is there can be followed to ${size}, and the kept head says ${kept!.head.size}`
          : `rolled back: a head for size ${head.size} of ${origin} was signed, and all that is there is as it was at size ${size}`,
      );
      return judged(truncated ? 'truncated' : 'rolled back');
    }
    if (rootAt.get(head.size) === head.root) return judged('fits');
    const agreed = Math.max(
      0,
      ...fitting.map((other) => other.head.size).filter((other) => other < head.size),
    );
    findings.add(
      'RS-AUD-026',
      `forked: a head for size ${head.size} of ${origin} was signed with another root; the histories part after size ${agreed}`,
    );
    return judged('forked');
  });
}
