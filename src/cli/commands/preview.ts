import type { CommandModule } from 'yargs';
import {
  loadConfig,
  loadMaskKeys,
  type RowsealConfig,
  refuseDangerousEnvironment,
} from '../../config/load.ts';
import { Exit } from '../../error/exit.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import { dataClasses } from '../../mask/detect/data-class.ts';
import { customWorkers } from '../../mask/method/custom-worker.ts';
import { CompiledPolicy, type PolicyDecision } from '../../mask/policy.ts';
import type { PolicyDocument } from '../../mask/policy-document.ts';
import { describeRule } from '../../mask/review/disclosure-text.ts';
import type { TriedCell } from '../../mask/review/trial.ts';
import type { SinkMask } from '../../mask/sink-mask.ts';
import { DROPPED, UNCHANGED } from '../../model/cell.ts';
import { displayName } from '../../model/table.ts';
import { type Terminal, terminal } from '../context.ts';
import { count, cut, lengthOf, oneLine, outputWidth, pad, wrapped } from '../layout.ts';
import { makeSource } from '../make-source.ts';
import { sinkMask } from '../sink-masks.ts';
import { chooseTables } from '../table-choice.ts';
import {
  type ColumnPreview,
  type PreviewSummary,
  previewTable,
  rawText,
  summarizePreviews,
  type TablePreview,
  tablePreviewJson,
} from '../table-preview.ts';

interface PreviewArguments {
  readonly tables: readonly string[] | undefined;
  readonly table: readonly string[];
  readonly rows: number;
  readonly config: string;
  readonly reveal: boolean;
  readonly sink: string | undefined;
  readonly json: boolean;
}

const ROWS_MAX = 1000;
/** No line of a terminal is longer. */
const SHOWN_MAX = 1000;

export const previewCommand: CommandModule<object, PreviewArguments> = {
  command: 'preview [tables..]',
  describe: 'Mask a few rows of each table as a run would, and show shape and result side by side',
  builder: (yargs) =>
    yargs
      .positional('tables', {
        type: 'string',
        array: true,
        describe: 'schema.table (default: all of the configuration)',
      })
      .option('table', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [],
        describe: 'The same as an option; may be repeated',
      })
      .option('rows', { type: 'number', default: 3, describe: `Rows of each table, at most ${ROWS_MAX}` })
      .option('config', { type: 'string', default: 'rowseal.yaml', describe: 'Configuration file' })
      .option('reveal', {
        type: 'boolean',
        default: false,
        describe: 'Show raw values too; on a terminal only',
      })
      .option('sink', {
        type: 'string',
        describe: 'As this sink gets them: its tables, its columns, its stricter rules',
      })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      .example('$0 preview --sink lake', 'what leaves for one sink')
      .example('$0 preview public.customers --rows 5', 'raw values are shown as shapes: Aaaa Aaaaa')
      .epilogue(
        'Reads rows, writes nothing. Masked values are those of a run: same policy, same key. Exit code 1 when a run would not start, or would halt at one of these rows.',
      ),
  handler: async (argv) => {
    refuseDangerousEnvironment(process.env);
    const t = terminal(argv.json);
    if (argv.reveal && !t.interactive) throw new RowsealError('RS-MASK-031');
    if (!Number.isInteger(argv.rows) || argv.rows < 1 || argv.rows > ROWS_MAX)
      throw new RowsealError('RS-CLI-001', { detail: `--rows takes a whole number from 1 to ${ROWS_MAX}` });
    const config = loadConfig(argv.config, process.env);
    const sink = sinkNamed(config, argv.sink);
    const document = config.mask.policy;
    const policy = new CompiledPolicy(
      everyRowGuarded(document),
      loadMaskKeys(config, process.env),
      customWorkers,
    );
    const source = (await makeSource(config))();
    const previews: TablePreview[] = [];
    try {
      const tables = await source.tables();
      policy.coverage(tables);
      for (const table of chooseTables(tables, [...(argv.tables ?? []), ...argv.table])) {
        if (sink !== null && !sink.gets(table)) continue;
        const { cells } = await source.sample(table, argv.rows);
        const preview = previewTable(policy, document, table, cells, sink);
        printTable(t, preview, argv.reveal);
        previews.push(preview);
      }
    } finally {
      await source.close();
    }
    const summary = summarizePreviews(previews);
    printSummary(t, summary, document);
    t.result({ tables: previews.map(tablePreviewJson), ...summary });
    process.exitCode = summary.blocked.length === 0 && summary.halts.length === 0 ? Exit.ok : Exit.failure;
  },
};

/** What a sink gets; null: none is asked for, or it gets everything. @throws RowsealError RS-CLI-001 */
function sinkNamed(config: RowsealConfig, name: string | undefined): SinkMask | null {
  if (name === undefined) return null;
  const sink = config.sinks.find((one) => one.name === name);
  if (sink === undefined)
    throw new RowsealError('RS-CLI-001', {
      detail: `--sink ${name}: there are ${config.sinks.map((one) => one.name).join(', ') || 'no sinks'}`,
    });
  return sinkMask(config, sink);
}

/** A preview has few rows: the guard looks at each. Where the policy has none, it only tells. */
function everyRowGuarded(document: PolicyDocument): PolicyDocument {
  const { oneIn, action } = document.leakGuard;
  return {
    ...document,
    leakGuard: { ...document.leakGuard, oneIn: 1, action: oneIn === null ? 'alert' : action },
  };
}

function printTable(t: Terminal, preview: TablePreview, reveal: boolean): void {
  const { table, columns, problem } = preview;
  const key = table.key.map((index) => table.columns[index]!.name).join(', ');
  const facts = [count(preview.rows, 'row'), key === '' ? 'no key' : `key ${key}`];
  t.out(`${t.paint('bold', displayName(table))}  ${t.paint('gray', facts.join(' · '))}`);
  if (problem !== null) {
    const width = outputWidth();
    t.out(`  ${t.paint('red', problem.code)} ${wrapped(problem.message, width, 3 + problem.code.length)}`);
    t.out(`  ${t.paint('green', 'fix:')} ${wrapped(problem.fix, width, 7)}`);
  } else if (preview.rows === 0) t.out(`  ${t.paint('gray', 'the table is empty')}`);
  const names = Math.min(24, Math.max(...columns.map(({ column }) => column.name.length)));
  const rules = Math.min(40, Math.max(...columns.map((column) => headline(column).length)));
  for (const column of columns) printColumn(t, column, names, rules, reveal);
  t.out('');
}

function printColumn(
  t: Terminal,
  preview: ColumnPreview,
  names: number,
  rules: number,
  reveal: boolean,
): void {
  const { column, decision, dataClass, isKey } = preview;
  const facts = [...(isKey ? ['key'] : []), ...(dataClass === null ? [] : [dataClasses[dataClass].title])];
  const rule = t.paint(decision === null ? 'yellow' : 'bold', headline(preview));
  const gap = ' '.repeat(Math.max(0, rules - headline(preview).length) + 2);
  t.out(
    `  ${t.paint('bold', pad(column.name, names))}  ${rule}${facts.length === 0 ? '' : gap + t.paint('gray', facts.join(' · '))}`,
  );
  const width = outputWidth();
  const raws = preview.cells.map(({ raw }) => rawText(raw, column, reveal));
  const indent = 4;
  const room = width - indent - 5;
  const left = Math.min(Math.max(4, ...raws.map(lengthOf)), Math.floor(room / 2));
  preview.cells.forEach(({ tried }, i) => {
    if (tried === null) return;
    const result = maskedText(tried, reveal);
    const shown = cut(result.text, room - left - result.note.length);
    const note = result.note === '' ? '' : t.paint('yellow', result.note);
    t.out(
      `${' '.repeat(indent)}${t.paint('gray', pad(cut(raws[i]!, left), left))}  ${t.paint('gray', '→')}  ${t.paint(result.style, shown)}${note}`,
    );
  });
}

function ruleText({ rule, domain, inherited }: PolicyDecision): string {
  const parts = [describeRule(rule), ...(domain === null ? [] : [`domain ${domain}`])];
  return [...parts, ...(inherited ? ['as the column it references'] : [])].join(' · ');
}

function headline(preview: ColumnPreview): string {
  const rule = preview.decision === null ? undecidedText(preview) : ruleText(preview.decision);
  return preview.inSink === null ? rule : `${rule}, then ${preview.inSink}`;
}

function undecidedText({ undecided, isKey }: ColumnPreview): string {
  return undecided === 'halt' || isKey ? 'undecided: a run does not start' : 'undecided: redacted';
}

function maskedText(
  tried: TriedCell,
  reveal: boolean,
): { readonly text: string; readonly note: string; readonly style: 'cyan' | 'gray' | 'red' } {
  if (tried.kind === 'halt')
    return { text: `halts: ${tried.code} (${tried.reason})`, note: '', style: 'red' };
  const { cell, unfit, leaks } = tried;
  const note = [
    ...(unfit.length === 0 ? [] : [`  does not fit: ${unfit.join(', ')}`]),
    ...(leaks.length === 0 ? [] : [`  leak: ${leaks.join(', ')}`]),
  ].join('');
  // The guard only told: a run would let it pass, a preview need not.
  if (leaks.length > 0 && typeof cell === 'string' && !reveal)
    return { text: '(withheld)', note, style: 'red' };
  if (cell === DROPPED) return { text: 'dropped', note, style: 'gray' };
  if (cell === null || cell === UNCHANGED) return { text: 'null', note, style: 'gray' };
  return { text: cell === '' ? '(empty)' : oneLine(cell.slice(0, SHOWN_MAX)), note, style: 'cyan' };
}

function printSummary(t: Terminal, summary: PreviewSummary, document: PolicyDocument): void {
  const width = outputWidth();
  const line = (mark: string, style: 'red' | 'yellow' | 'green', text: string): void =>
    t.out(`${t.paint(style, mark)} ${wrapped(text, width, 2)}`);
  if (summary.blocked.length > 0)
    line(
      '✘',
      'red',
      `a run would not start: ${summary.blocked.map(({ what, code }) => `${what} (${code})`).join(', ')}`,
    );
  for (const { column, code, rows } of summary.halts)
    line('✘', 'red', `a run would halt at ${count(rows, 'of these value')}: ${column} (${code})`);
  for (const { column, reason, rows } of summary.unfit)
    line('⚠', 'yellow', `${column}: ${count(rows, 'value')} the method cannot take (${reason})`);
  for (const { column, kind, rows } of summary.leaks)
    line(
      '⚠',
      'yellow',
      `${column}: the leak guard met ${kind === 'masked_value' ? 'the raw value of a masked column' : kind} in ${count(rows, 'row')}`,
    );
  if (document.leakGuard.oneIn === null)
    line('–', 'yellow', 'the policy has no leak guard: it was on for this preview only');
  if (summary.blocked.length + summary.halts.length + summary.unfit.length + summary.leaks.length === 0)
    line('✔', 'green', 'every value was masked as the policy says');
}
