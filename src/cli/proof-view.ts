import type { ProofReport } from '../audit/proof/report.ts';
import { type ColumnStep, isoOfUs, rowLife } from '../audit/proof/row-life.ts';
import { exitOf } from '../audit/verify/report.ts';
import { type ErrorCode, errorCodes } from '../error/codes.ts';
import type { Terminal } from './context.ts';
import { count, oneLine, pad } from './layout.ts';

/** What a checked proof proves, and the row's life in it. */
export function printProof(t: Terminal, report: ProofReport): void {
  const { table, upTo, problems } = report;
  t.out(
    t.paint('bold', `${table.namespace}.${table.name}`) +
      (report.tags.length === 0 ? '' : `, row ${report.tags.join(', ')}`),
  );
  for (const step of problems.length > 0 ? [] : rowLife(report)) {
    const time = step.time ?? '';
    const mark = step.asked ? t.paint('yellow', '  ◀ in force then') : '';
    t.out(
      `\n${t.paint('gray', time)}  ${t.paint('bold', step.title)}${mark}\n  ${t.paint('gray', `record ${step.seq}${step.origin === '' ? '' : `, ${oneLine(step.origin)}`}`)}`,
    );
    const width = Math.max(0, ...step.columns.map(({ name }) => name.length));
    for (const column of step.columns)
      if ('to' in column) t.out(`  ${pad(oneLine(column.name), width)}  ${shownValue(t, column)}`);
    for (const kind of ['unchanged', 'hidden'] as const) {
      const names = step.columns.filter((column) => column.kind === kind).map(({ name }) => oneLine(name));
      const word = kind === 'hidden' ? 'not shown' : kind;
      if (names.length > 0) t.out(t.paint('gray', `  ${word}: ${names.join(', ')}`));
    }
    for (const remark of step.remarks) t.out(t.paint('gray', `  ${oneLine(remark)}`));
  }
  t.out('');
  if (upTo !== null && problems.length === 0)
    t.out(
      `${count(report.versions.length, 'record')} of ${upTo.records.toLocaleString('en')}, sealed up to group ${upTo.group} at ${isoOfUs(upTo.sealedAtUs)}, source at ${upTo.position}`,
    );
  for (const note of report.notes) t.out(`${t.paint('gray', '–')} ${note}`);
  if (report.cosigners.length > 0)
    t.out(
      `${t.paint('gray', '–')} cosigned by ${report.cosigners.map(oneLine).join(', ')}; not checked here`,
    );
  for (const { code, what, seq } of problems)
    t.out(
      `${t.paint('red', '✘')} ${code} ${errorCodes[code as ErrorCode].title}: ${oneLine(what)}${seq === null ? '' : `, record ${seq}`}`,
    );
  if (problems.length === 0)
    t.out(
      `${t.paint('green', '✔')} ${report.complete ? 'proven: these are all the records of the row' : 'proven: these records are in the log'}, signed by ${report.origin}`,
    );
  else t.out(`${t.paint('red', '✘')} not proven`);
}

function shownValue(t: Terminal, column: Extract<ColumnStep, { readonly to: string }>): string {
  const to = oneLine(column.to);
  return column.kind === 'set' ? to : `${t.paint('red', oneLine(column.from))} → ${t.paint('green', to)}`;
}

/** For `--json`: the report with the row's life, and the exit code. */
export function proofJson(report: ProofReport): object {
  return {
    origin: report.origin,
    table: `${report.table.namespace}.${report.table.name}`,
    tags: report.tags,
    complete: report.complete,
    up_to:
      report.upTo === null
        ? null
        : {
            group: report.upTo.group,
            records: report.upTo.records,
            sealed_at: isoOfUs(report.upTo.sealedAtUs),
            position: report.upTo.position,
          },
    at: report.at === null ? null : { time: isoOfUs(report.at.timeUs), seq: report.at.seq },
    records: report.problems.length > 0 ? [] : rowLife(report),
    notes: report.notes,
    cosigners: report.cosigners,
    problems: report.problems,
    exit: exitOf(report),
  };
}
