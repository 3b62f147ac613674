import { dirname, resolve } from 'node:path';
import type { CommandModule } from 'yargs';
import { policyAtRevision } from '../../config/git-revision.ts';
import { readText } from '../../config/load.ts';
import { type PolicyFile, parsePolicyText } from '../../config/policy-file.ts';
import { Exit } from '../../error/exit.ts';
import { errorJson, renderError } from '../../error/render.ts';
import { RowsealError } from '../../error/rowseal-error.ts';
import type { Effect } from '../../mask/review/effect.ts';
import {
  type ColumnChange,
  diffPolicies,
  type PathChange,
  type PolicyDiff,
  weakerParts,
} from '../../mask/review/policy-diff.ts';
import type { SinkChange } from '../../mask/review/sink-diff.ts';
import { renderOptions, type Terminal, terminal } from '../context.ts';
import { count, markdownRow, outputWidth, wrapped } from '../layout.ts';

interface MaskDiffArguments {
  readonly old: string | undefined;
  readonly new: string | undefined;
  readonly config: string;
  readonly git: string | undefined;
  readonly 'no-weaker': boolean;
  readonly accept: readonly string[];
  readonly markdown: boolean;
  readonly json: boolean;
}

export const maskDiffCommand: CommandModule<object, MaskDiffArguments> = {
  command: 'diff [old] [new]',
  describe: 'What a change of policy makes more visible, less visible, or joinable',
  builder: (yargs) =>
    yargs
      .positional('old', { type: 'string', describe: 'Configuration before' })
      .positional('new', { type: 'string', describe: 'Configuration after (default: --config)' })
      .option('config', { type: 'string', default: 'rowseal.yaml', describe: 'Configuration file' })
      .option('git', {
        type: 'string',
        describe: 'Compare with the configuration as it was committed at this revision',
      })
      .option('no-weaker', {
        type: 'boolean',
        default: false,
        describe: 'Print only what becomes more visible, or may; exit code 1 if there is any',
      })
      .option('accept', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [],
        describe:
          'schema.table.column, setting or sinks.NAME.schema.table.column that was reviewed: --no-weaker lets it pass',
      })
      .option('markdown', { type: 'boolean', default: false, describe: 'For a pull request' })
      .option('json', { type: 'boolean', default: false, describe: 'One JSON document on stdout' })
      // yargs would read `--no-weaker` as `weaker: false`.
      .parserConfiguration({ 'boolean-negation': false })
      .example('$0 mask diff --git origin/main', 'what this branch changes')
      .example('$0 mask diff --git origin/main --no-weaker', 'fail a pull request that shows more')
      .example('$0 mask diff staging.yaml production.yaml', 'two files')
      .epilogue(
        'No database and no key is needed. What cannot be compared counts as more visible: docs/mask-testing.md has the order.',
      ),
  handler: (argv) => {
    const t = terminal(argv.json);
    const [old, changed] = sides(argv);
    const diff = diffPolicies(old, changed);
    const refused = argv['no-weaker'] ? without(weakerParts(diff), argv.accept, t) : null;
    const shown = refused ?? diff;
    if (argv.markdown) t.out(markdown(shown, old.file, changed.file, refused !== null));
    else print(t, shown, old.file, changed.file, refused !== null);
    const parts =
      refused === null
        ? 0
        : refused.columns.length + refused.joins.length + refused.settings.length + refused.sinks.length;
    const error =
      parts === 0
        ? null
        : new RowsealError('RS-MASK-016', {
            detail: count(parts, 'change'),
            state: 'compared; nothing was run',
            fix: 'make them stricter, or name each reviewed one with --accept',
          });
    t.result({ old: old.file, new: changed.file, ...shown, ...(error === null ? {} : errorJson(error)) });
    if (error !== null && !argv.json) process.stderr.write(`\n${renderError(error, renderOptions(t))}`);
    process.exitCode = error === null ? Exit.ok : Exit.failure;
  },
};

function sides(argv: MaskDiffArguments): readonly [PolicyFile, PolicyFile] {
  if (argv.git !== undefined) {
    if (argv.new !== undefined)
      throw new RowsealError('RS-CLI-001', { detail: 'with --git there is one file at most' });
    const file = argv.old ?? argv.config;
    return [policyAtRevision(file, argv.git), policyIn(file)];
  }
  if (argv.old === undefined)
    throw new RowsealError('RS-CLI-001', {
      detail: 'mask diff needs two files, or --git REV',
      fix: 'rowseal mask diff OLD NEW, or rowseal mask diff --git origin/main',
    });
  return [policyIn(argv.old), policyIn(argv.new ?? argv.config)];
}

function policyIn(path: string): PolicyFile {
  const base = dirname(resolve(path));
  return parsePolicyText(readText(path, 'RS-CFG-001'), path, (module) =>
    readText(resolve(base, module), 'RS-CFG-008'),
  );
}

/** Leaves out what was reviewed. */
function without(diff: PolicyDiff, accepted: readonly string[], t: Terminal): PolicyDiff {
  const names = new Set(accepted);
  const used = new Set<string>();
  const passes = (name: string): boolean => {
    if (names.has(name)) used.add(name);
    return names.has(name);
  };
  const remaining: PolicyDiff = {
    columns: diff.columns.filter(({ column }) => !passes(column)),
    joins: diff.joins.filter(({ columns }) => !columns.some((place) => passes(place.split('$')[0]!))),
    settings: diff.settings.filter(({ setting }) => !passes(setting)),
    sinks: diff.sinks.filter((change) => !namesOf(change).some((name) => passes(name.split('$')[0]!))),
  };
  for (const name of names.difference(used))
    t.say(`${t.paint('yellow', '⚠')} --accept ${name}: nothing there becomes more visible`);
  return remaining;
}

const SECTIONS: readonly {
  readonly effect: Effect;
  readonly mark: string;
  readonly title: string;
  readonly style: 'red' | 'yellow' | 'green' | 'gray';
}[] = [
  { effect: 'more_visible', mark: '▲', title: 'more visible', style: 'red' },
  { effect: 'not_comparable', mark: '◆', title: 'cannot be compared', style: 'yellow' },
  { effect: 'less_visible', mark: '▼', title: 'less visible', style: 'green' },
  { effect: 'equally_visible', mark: '=', title: 'equally visible', style: 'gray' },
];

function print(t: Terminal, diff: PolicyDiff, old: string, changed: string, weakerOnly: boolean): void {
  t.out(`${t.paint('gray', 'old')}  ${old}\n${t.paint('gray', 'new')}  ${changed}`);
  for (const { effect, mark, title, style } of SECTIONS) {
    const columns = diff.columns.filter((change) => change.effect === effect);
    const settings = diff.settings.filter((change) => change.effect === effect);
    const sinks = diff.sinks.filter((change) => change.effect === effect);
    if (columns.length + settings.length + sinks.length === 0) continue;
    t.out(`\n${t.paint(style, `${mark} ${title}`)}`);
    for (const change of columns) printColumn(t, change);
    for (const { setting, old: before, new: after } of settings)
      t.out(`  ${t.paint('bold', setting)}  ${before} → ${after}${note(setting)}`);
    for (const change of sinks.slice(0, JOINS_MAX))
      t.out(`  ${t.paint('bold', namesOf(change).join(' = '))}  ${change.old} → ${change.new}`);
    if (sinks.length > JOINS_MAX) printRest(t, sinks.length - JOINS_MAX);
  }
  if (diff.joins.length > 0) t.out(`\n${t.paint('cyan', '⋈ joins')}`);
  for (const { kind, domain, columns } of diff.joins.slice(0, JOINS_MAX))
    t.out(
      `  ${t.paint(kind === 'gained' ? 'red' : 'green', kind === 'gained' ? '+' : '-')} ${columns.join(' = ')}  ${t.paint('gray', `domain ${domain}, ${kind}`)}`,
    );
  if (diff.joins.length > JOINS_MAX) printRest(t, diff.joins.length - JOINS_MAX);
  t.out(`\n${summary(diff, weakerOnly)}`);
}

/** A domain of many columns makes many pairs, here and in sinks. */
const JOINS_MAX = 20;

function printRest(t: Terminal, more: number): void {
  t.out(`  ${t.paint('gray', `and ${more} more (--json has them all)`)}`);
}

/** As the configuration would: `sinks.lake.public.people.city`. */
function namesOf({ sink, places }: SinkChange): readonly string[] {
  return places.length === 0 ? [`sinks.${sink}`] : places.map((place) => `sinks.${sink}.${place}`);
}

function note(setting: string): string {
  return setting === 'key.epoch' ? '  (every masked value changes)' : '';
}

const LABEL = 12;

function printColumn(t: Terminal, change: ColumnChange): void {
  const width = outputWidth();
  const oneLine = change.column.length + decisions(change).length + 4 <= width;
  t.out(
    `  ${t.paint('bold', change.column)}${oneLine ? '  ' : '\n    '}${wrapped(decisions(change), width, 4)}`,
  );
  printFacts(t, change, 4);
  for (const path of change.paths) {
    const mark = SECTIONS.find(({ effect }) => effect === path.effect)!;
    t.out(`    ${t.paint(mark.style, mark.mark)} ${path.path}`);
    printFacts(t, path, 6);
  }
  for (const text of change.notes) printFact(t, 'note', text, 4);
}

function printFacts(t: Terminal, change: ColumnChange | PathChange, indent: number): void {
  if (change.shows.length > 0) printFact(t, 'shows now', change.shows.join('; '), indent);
  if (change.hides.length > 0) printFact(t, 'hides now', change.hides.join('; '), indent);
}

function printFact(t: Terminal, label: string, text: string, indent: number): void {
  t.out(
    `${' '.repeat(indent)}${t.paint('gray', label.padEnd(LABEL - 2))}${wrapped(text, outputWidth(), indent + LABEL - 2)}`,
  );
}

function decisions({ old, new: changed }: ColumnChange): string {
  return old === changed ? (old ?? '') : `${old ?? 'undecided'} → ${changed ?? 'undecided'}`;
}

function summary(diff: PolicyDiff, weakerOnly: boolean): string {
  const all = [...diff.columns, ...diff.settings, ...diff.sinks];
  const of = (effect: Effect): number => all.filter((change) => change.effect === effect).length;
  const joins = (kind: 'gained' | 'lost'): number => diff.joins.filter((join) => join.kind === kind).length;
  if (all.length + diff.joins.length === 0)
    return weakerOnly ? 'nothing becomes more visible' : 'no difference in what is shown';
  if (weakerOnly)
    return `${of('more_visible')} more visible, ${of('not_comparable')} not comparable, ${count(joins('gained'), 'join')} gained`;
  return `${of('more_visible')} more visible, ${of('not_comparable')} not comparable, ${of('less_visible')} less visible, ${of('equally_visible')} equal; ${count(joins('gained'), 'join')} gained, ${joins('lost')} lost`;
}

function markdown(diff: PolicyDiff, old: string, changed: string, weakerOnly: boolean): string {
  const lines = ['### Mask policy', '', `\`${old}\` → \`${changed}\`: ${summary(diff, weakerOnly)}`];
  const rows = SECTIONS.flatMap(({ effect, mark, title }) => [
    ...diff.columns
      .filter((change) => change.effect === effect)
      .map((change) =>
        markdownRow([
          `${mark} ${title}`,
          `\`${change.column}\``,
          decisions(change),
          [
            ...change.shows.map((fact) => `shows ${fact}`),
            ...change.hides.map((fact) => `hides ${fact}`),
            ...change.paths.map((path) => `${markOf(path.effect)} \`${path.path}\``),
            ...change.notes,
          ].join('; '),
        ]),
      ),
    ...diff.settings
      .filter((change) => change.effect === effect)
      .map((change) =>
        markdownRow([
          `${mark} ${title}`,
          `\`mask.${change.setting}\``,
          `${change.old} → ${change.new}`,
          note(change.setting).trim(),
        ]),
      ),
    ...diff.sinks
      .filter((change) => change.effect === effect)
      .map((change) =>
        markdownRow([
          `${mark} ${title}`,
          namesOf(change)
            .map((name) => `\`${name}\``)
            .join(' = '),
          `${change.old} → ${change.new}`,
          '',
        ]),
      ),
  ]);
  const joins = diff.joins.map(({ kind, domain, columns }) =>
    markdownRow([
      `⋈ join ${kind}`,
      columns.map((place) => `\`${place}\``).join(' = '),
      `domain ${domain}`,
      '',
    ]),
  );
  if (rows.length + joins.length > 0)
    lines.push(
      '',
      markdownRow(['', 'column or setting', 'change', 'what it means']),
      '| --- | --- | --- | --- |',
    );
  return [...lines, ...rows, ...joins].join('\n');
}

function markOf(effect: Effect): string {
  return SECTIONS.find((section) => section.effect === effect)!.mark;
}
