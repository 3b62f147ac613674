import { type ErrorCode, errorCodes } from '../../../src/error/codes.ts';
import type { Finding } from '../../../src/model/finding.ts';

export function ok(subject: string, detail: string): Finding {
  return { level: 'ok', code: null, subject, detail, fix: null };
}

/** With the mend that the code has. */
export function problem(
  level: 'warning' | 'error',
  code: ErrorCode,
  subject: string,
  detail: string,
): Finding {
  return { level, code, subject, detail: `${errorCodes[code].title}: ${detail}`, fix: errorCodes[code].fix };
}
