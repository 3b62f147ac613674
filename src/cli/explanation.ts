import type { RowsealError } from '../error/rowseal-error.ts';
import type { PolicyDocument, Rule } from '../mask/policy-document.ts';
import type { ColumnExplanation, TableExplanation } from '../mask/review/policy-explanation.ts';
import type { Terminal } from './context.ts';
import { count, markdownRow, outputWidth, pad, wrapped } from './layout.ts';

/** What `mask explain` found, to be printed. */
export interface ExplanationReport {
  readonly tables: readonly TableExplanation[];
  /** Microseconds a value, by `namespace.table.column`. */
  readonly costs: ReadonlyMap<string, number | null>;
  readonly document: PolicyDocument;
  readonly live: boolean;
  readonly sampled: boolean;
}

/** What keeps a run from starting. */
export function blockers({ tables, document }: ExplanationReport): readonly string[] {
  return tables.flatMap(({ table, columns, problem }) => [
    ...(problem === null ? [] : [table]),
    ...columns
      .filter(
        ({ decision, problem: own, isKey }) =>
          own !== null || (decision === null && (document.undecided === 'halt' || isKey)),
      )
      .map(({ name }) => `${table}.${name}`),
  ]);
}

/** Looks personal, and is readable. */
function isConcern({ decision, data }: ColumnExplanation): boolean {
  return decision?.rule.method === 'keep' && data !== null && data.sensitivity !== 'low';
}

const LABEL = 10;

export function printExplanation(t: Terminal, report: ExplanationReport): void {
  const width = outputWidth();
  for (const table of report.tables) {
    const decided = table.columns.filter(({ decision }) => decision !== null).length;
    const facts = [
      report.live ? `${decided} of ${count(table.columns.length, 'column')} decided` : count(decided, 'rule'),
      ...(table.key.length > 0 ? [`key ${table.key.join(', ')}`] : report.live ? ['no key'] : []),
    ];
    t.out(`${t.paint('bold', table.table)}  ${t.paint('gray', facts.join(' · '))}`);
    if (table.problem !== null) printProblem(t, table.problem, 2, width);
    const names = Math.min(24, Math.max(...table.columns.map(({ name }) => name.length)));
    for (const column of table.columns) printColumn(t, report, table.table, column, names, width);
    t.out('');
  }
  printSummary(t, report);
}

function printColumn(
  t: Terminal,
  report: ExplanationReport,
  table: string,
  column: ColumnExplanation,
  names: number,
  width: number,
): void {
  const { decision, data } = column;
  const cost = report.costs.get(`${table}.${column.name}`) ?? null;
  const head = decision === null ? undecidedText(report.document, column) : ruleText(decision);
  const right = cost === null ? '' : `${costText(cost)} µs`;
  const room = width - 2 - names - 2 - right.length - 1;
  t.out(
    `  ${t.paint('bold', pad(column.name, names))}  ${decision === null ? t.paint('yellow', pad(head, room)) : pad(head, room)} ${t.paint('gray', right)}`.trimEnd(),
  );
  const fact = (label: string, text: string, style: 'gray' | 'yellow' = 'gray'): void =>
    t.out(
      `  ${' '.repeat(names)}  ${t.paint(style, label.padEnd(LABEL))}${wrapped(text, width, names + 4 + LABEL)}`,
    );
  const type = [...(column.type === null ? [] : [column.type]), ...(column.isKey ? ['key'] : [])];
  if (type.length > 0) fact('type', type.join(', '));
  if (data !== null) {
    const text = `${data.title}, ${Math.round(data.confidence * 100)} % (${data.evidence.join('; ')})`;
    fact('data', isConcern(column) ? `${text}: kept as it is` : text, isConcern(column) ? 'yellow' : 'gray');
  }
  if (column.problem !== null) printProblem(t, column.problem, names + 4, width);
  if (decision === null) return;
  fact('shows', decision.learns.join('; ') || 'nothing');
  if (decision.joins.length > 0) fact('joins', listed(decision.joins));
  const traits = traitsOf(decision);
  if (traits !== '') fact('way back', traits);
  const handling = handlingOf(decision.rule, column.isKey);
  if (handling !== null) fact('else', handling);
}

function costText(us: number): string {
  if (us === 0) return '0';
  return us < 0.05 ? '< 0.1' : us.toFixed(us < 10 ? 1 : 0);
}

function ruleText({ says, domain, inherited }: NonNullable<ColumnExplanation['decision']>): string {
  return [
    says,
    ...(domain === null ? [] : [`domain ${domain}`]),
    ...(inherited ? ['as the column it references'] : []),
  ].join(' · ');
}

function undecidedText({ undecided }: PolicyDocument, { isKey }: ColumnExplanation): string {
  if (isKey) return 'undecided, and part of the key: a run does not start';
  return undecided === 'halt' ? 'undecided: a run does not start' : 'undecided: redacted';
}

/** Way back, uniqueness, form: what does not go without saying. */
function traitsOf({
  rule,
  reversible,
  injective,
  formatKept,
}: NonNullable<ColumnExplanation['decision']>): string {
  if (rule.method === 'keep' || rule.method === 'drop' || rule.method === 'redact') return '';
  return [
    reversible ? 'with the key' : 'none',
    injective ? 'different values stay different' : 'different values may become one',
    ...(formatKept ? ['form kept'] : []),
  ].join('; ');
}

/** What becomes of values that the method cannot take, and of nulls, where it is not the default. */
function handlingOf(rule: Rule, isKey: boolean): string | null {
  const onNull = rule.onNull === undefined ? [] : ['nulls become a constant'];
  if (rule.method === 'keep' || rule.method === 'drop' || rule.method === 'redact') return onNull[0] ?? null;
  const other = rule.onError ?? (isKey ? 'halt' : 'redact');
  const [short, foreign] = [rule.short ?? other, rule.foreign ?? other];
  if (short === other && foreign === other && other === 'redact') return onNull[0] ?? null;
  const parts =
    short === other && foreign === other
      ? [`what does not fit: ${other}`]
      : [`too short: ${short}`, `of another form: ${foreign}`, `otherwise: ${other}`];
  return [...parts, ...onNull].join('; ');
}

function listed(places: readonly string[]): string {
  return places.length <= 6
    ? places.join(', ')
    : `${places.slice(0, 5).join(', ')} and ${places.length - 5} more`;
}

function printProblem(t: Terminal, problem: RowsealError, indent: number, width: number): void {
  const at = ' '.repeat(indent);
  t.out(
    `${at}${t.paint('red', problem.code)} ${wrapped(problem.message, width, indent + problem.code.length + 1)}`,
  );
  t.out(`${at}${t.paint('green', 'fix:')} ${wrapped(problem.fix, width, indent + 5)}`);
}

function printSummary(t: Terminal, report: ExplanationReport): void {
  const columns = report.tables.flatMap((table) => table.columns);
  const by = (test: (column: ColumnExplanation) => boolean): number => columns.filter(test).length;
  const { keyEpoch, leakGuard } = report.document;
  t.out(
    [
      count(columns.length, 'column'),
      `${by(({ decision }) => decision === null)} undecided`,
      `${by(({ decision }) => decision?.rule.method === 'keep')} kept`,
      `${by(({ decision }) => decision?.reversible === true)} with a way back`,
    ].join(', '),
  );
  const guard =
    leakGuard.oneIn === null
      ? 'leak guard off'
      : `leak guard on ${leakGuard.oneIn === 1 ? 'every row' : `one row in ${leakGuard.oneIn}`}: ${leakGuard.action}`;
  t.out(
    t.paint(
      'gray',
      wrapped(
        `key epoch ${keyEpoch} · ${guard} · undecided: ${report.document.undecided} · what does not fit its method: redacted, unless said`,
        outputWidth(),
        0,
      ),
    ),
  );
  const concerns = report.tables.flatMap((table) =>
    table.columns.filter(isConcern).map((column) => `${table.table}.${column.name}`),
  );
  if (concerns.length > 0)
    t.out(
      `${t.paint('yellow', '⚠')} kept, and by ${report.sampled ? 'name or values' : 'name'} personal: ${concerns.join(', ')}`,
    );
  const stopped = blockers(report);
  if (stopped.length > 0) t.out(`${t.paint('red', '✘')} a run would not start: ${stopped.join(', ')}`);
}

export function explanationMarkdown(report: ExplanationReport): string {
  const lines = ['### Mask policy'];
  for (const { table, columns, problem } of report.tables) {
    lines.push('', `#### ${table}`, '');
    if (problem !== null) lines.push(`✘ ${problem.code} ${problem.message}`, '');
    lines.push(
      markdownRow(['column', 'data', 'rule', 'an outsider learns', 'way back', 'joins', 'µs']),
      '| --- | --- | --- | --- | --- | --- | --: |',
      ...columns.map((column) => {
        const { decision, data } = column;
        const cost = report.costs.get(`${table}.${column.name}`) ?? null;
        return markdownRow([
          `\`${column.name}\`${column.isKey ? ' (key)' : ''}`,
          data === null ? '' : `${data.title}${isConcern(column) ? ' ⚠' : ''}`,
          column.problem !== null
            ? `✘ ${column.problem.code}`
            : decision === null
              ? `⚠ ${undecidedText(report.document, column)}`
              : ruleText(decision),
          decision === null ? '' : decision.learns.join('; '),
          decision === null ? '' : decision.reversible ? 'with the key' : 'none',
          decision === null ? '' : listed(decision.joins),
          cost === null ? '' : costText(cost),
        ]);
      }),
    );
  }
  return lines.join('\n');
}

export function explanationJson(report: ExplanationReport): unknown {
  return {
    schema: report.live ? 'live' : 'policy',
    undecided: report.document.undecided,
    key_epoch: report.document.keyEpoch,
    leak_guard: {
      one_in: report.document.leakGuard.oneIn,
      action: report.document.leakGuard.action,
      except: [...report.document.leakGuard.except],
    },
    would_not_start: blockers(report),
    tables: report.tables.map(({ table, key, columns, problem }) => ({
      table,
      key,
      problem: problem === null ? null : { code: problem.code, message: problem.message },
      columns: columns.map((column) => {
        const { decision, data } = column;
        return {
          column: column.name,
          type: column.type,
          key: column.isKey,
          decided: decision !== null,
          rule: decision?.says ?? null,
          method: decision?.rule.method ?? null,
          domain: decision?.domain ?? null,
          inherited: decision?.inherited ?? false,
          data_class:
            data === null
              ? null
              : {
                  class: data.class,
                  sensitivity: data.sensitivity,
                  confidence: data.confidence,
                  evidence: data.evidence,
                },
          reversible: decision?.reversible ?? null,
          injective: decision?.injective ?? null,
          format_kept: decision?.formatKept ?? null,
          learns: decision?.learns ?? [],
          joins: decision?.joins ?? [],
          on_error: decision === null ? null : (decision.rule.onError ?? (column.isKey ? 'halt' : 'redact')),
          short: decision?.rule.short ?? null,
          foreign: decision?.rule.foreign ?? null,
          on_null: decision === null ? null : decision.rule.onNull === undefined ? 'null' : 'constant',
          cost_us: report.costs.get(`${table}.${column.name}`) ?? null,
          problem:
            column.problem === null ? null : { code: column.problem.code, message: column.problem.message },
        };
      }),
    })),
  };
}
