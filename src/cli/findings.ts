import { type ErrorCode, errorCodes } from '../error/codes.ts';
import { RowsealError } from '../error/rowseal-error.ts';
import type { Finding } from '../model/finding.ts';
import type { Terminal } from './context.ts';

/** The first error among findings, as an error: what `check` lists, `run` refuses to start with. */
export function throwOnError(findings: readonly Finding[]): void {
  const first = findings.find((finding) => finding.level === 'error');
  if (first === undefined) return;
  const code: ErrorCode =
    first.code !== null && Object.hasOwn(errorCodes, first.code) ? (first.code as ErrorCode) : 'RS-RUN-000';
  throw new RowsealError(code, {
    detail: `${first.subject}: ${first.detail}`,
    state: 'not started; nothing was created',
    ...(first.fix === null ? {} : { fix: first.fix }),
  });
}

const MARK = { ok: '✔', warning: '⚠', error: '✘', 'not-checked': '–' } as const;
const STYLE = { ok: 'green', warning: 'yellow', error: 'red', 'not-checked': 'gray' } as const;

export function printFinding(t: Terminal, finding: Finding): void {
  const code = finding.code === null ? '' : `${finding.code} `;
  t.out(`${t.paint(STYLE[finding.level], MARK[finding.level])} ${code}${finding.subject}: ${finding.detail}`);
  if (finding.fix !== null) t.out(`    ${t.paint('green', 'fix:')} ${finding.fix}`);
}

/** `1 error, 2 warnings, 0 NOT CHECKED` */
export function summarize(findings: readonly Finding[]): string {
  const count = (level: Finding['level']): number =>
    findings.filter((finding) => finding.level === level).length;
  const plural = (n: number, word: string): string => `${n} ${word}${n === 1 ? '' : 's'}`;
  return `${plural(count('error'), 'error')}, ${plural(count('warning'), 'warning')}, ${count('not-checked')} NOT CHECKED`;
}
