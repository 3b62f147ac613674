import type { RowsealError } from './rowseal-error.ts';

/** Exit codes of every command; documented, never renumbered. */
export const Exit = {
  ok: 0,
  failure: 1,
  usage: 2,
  sourceLost: 3,
  /** Asked twice, or not done in time: ended before all that is sealed was delivered. Nothing is lost. */
  cutShort: 4,
  tampered: 10,
  truncated: 11,
  signature: 12,
} as const;
export type Exit = (typeof Exit)[keyof typeof Exit];

export function exitCodeOf(error: RowsealError): Exit {
  switch (error.code) {
    case 'RS-AUD-003':
      return Exit.truncated;
    case 'RS-AUD-004':
      return Exit.tampered;
    case 'RS-RUN-003':
    case 'RS-RUN-006':
    case 'RS-REC-004':
      return Exit.truncated;
    default:
      break;
  }
  switch (error.kind) {
    case 'usage':
    case 'config':
    case 'policy':
      return Exit.usage;
    case 'source-lost':
      return Exit.sourceLost;
    case 'shutdown':
      return Exit.ok;
    default:
      return Exit.failure;
  }
}
