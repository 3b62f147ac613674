import { dataClasses } from '../mask/detect/data-class.ts';
import type { ReportedFinding, ReportedTable, ScanReport } from '../mask/propose/scan-report.ts';
import type { Terminal } from './context.ts';
import { visible } from './visible.ts';

const WIDTH_MAX = 140;
const NAME_WIDTH_MAX = 38;

/** The report for people: one table after another, the most certain finding of each column first. */
export function printScan(
  t: Terminal,
  report: ScanReport,
  { sampleRows, hasPolicy }: { readonly sampleRows: number; readonly hasPolicy: boolean },
): void {
  const width = Math.min(WIDTH_MAX, process.stdout.columns ?? 110);
  for (const table of report.tables) printTable(t, table, width, sampleRows);
  printSummary(t, report, hasPolicy);
  for (const line of proves(report, sampleRows))
    for (const part of wrapped(line, width)) t.out(t.paint('gray', part));
}

function printTable(t: Terminal, table: ReportedTable, width: number, sampleRows: number): void {
  const clean = table.findings.length === 0 && table.undecided.length === 0;
  const found = clean ? t.paint('gray', 'nothing found') : '';
  t.out(
    `${t.paint('bold', visible(table.table))}  ${t.paint('gray', sizeOf(table, sampleRows))}  ${found}`.trimEnd(),
  );
  const layout = layoutOf(table.findings, width);
  for (const finding of table.findings) printFinding(t, finding, layout);
  for (const name of table.undecided) {
    const column = visible(name.slice(table.table.length + 1));
    if (!table.findings.some((finding) => visible(finding.column) === column))
      t.out(`  ${column.padEnd(layout.name)}  ${t.paint('yellow', '? undecided')}  no sign of personal data`);
  }
  if (!clean) t.out('');
}

function sizeOf({ estimatedRows, rows, whole, columns }: ReportedTable, sampleRows: number): string {
  const read = (rows: number): string => rows.toLocaleString('en');
  const cells = `${columns} column${columns === 1 ? '' : 's'}`;
  if (sampleRows === 0) return `${cells}, no row read`;
  if (rows === 0) return `${cells}, no rows`;
  if (whole) return `${cells}, ${rows === 1 ? 'its one row' : `all ${read(rows)} rows`} read`;
  return `${cells}, ${read(rows)} of ${estimatedRows === null ? 'its' : `about ${read(estimatedRows)}`} rows read`;
}

/** Evidence stands beside the finding where that many characters are left, else below it. */
const BESIDE_MIN = 44;

interface Layout {
  readonly name: number;
  readonly title: number;
  readonly standing: number;
  readonly total: number;
}

function layoutOf(findings: readonly ReportedFinding[], total: number): Layout {
  const most = (lengths: readonly number[]): number => Math.max(0, ...lengths);
  return {
    name: Math.min(NAME_WIDTH_MAX, most(findings.map((finding) => nameOf(finding).length))),
    title: most(findings.map((finding) => dataClasses[finding.class].title.length)),
    standing: most(findings.map((finding) => standingOf(finding).text.length)),
    total,
  };
}

function printFinding(t: Terminal, finding: ReportedFinding, layout: Layout): void {
  const name = nameOf(finding);
  const shown = name.length > layout.name ? `${name.slice(0, layout.name - 1)}…` : name.padEnd(layout.name);
  const { title } = dataClasses[finding.class];
  const { text, style } = standingOf(finding);
  const standing = layout.standing === 0 ? '' : `  ${t.paint(style, text.padEnd(layout.standing))}`;
  const head = `  ${shown}  ${title.padEnd(layout.title)}  ${finding.confidence.toFixed(2)}${standing}`;
  const used = layout.name + layout.title + 10 + (layout.standing === 0 ? 0 : layout.standing + 2);
  const evidence = finding.evidence.join('; ');
  if (layout.total - used - 2 >= BESIDE_MIN) {
    const [first = '', ...rest] = wrapped(evidence, layout.total - used - 2);
    t.out(`${head}  ${t.paint('gray', first)}`);
    for (const line of rest) t.out(`${' '.repeat(used + 2)}${t.paint('gray', line)}`);
    return;
  }
  t.out(head.trimEnd());
  for (const line of wrapped(evidence, layout.total - 6)) t.out(`      ${t.paint('gray', line)}`);
}

function nameOf({ column, path }: ReportedFinding): string {
  return visible(path === null ? column : `${column} ${path}`);
}

function standingOf({ standing, method, open }: ReportedFinding): {
  readonly text: string;
  readonly style: 'green' | 'gray' | 'red' | 'yellow';
} {
  switch (standing) {
    case null:
      return { text: '', style: 'gray' };
    case 'masked':
      return { text: `✔ ${method}`, style: 'green' };
    case 'accepted':
      return { text: '– accepted', style: 'gray' };
    case 'kept':
      return open ? { text: '✘ KEPT', style: 'red' } : { text: '⚠ kept', style: 'yellow' };
    case 'undecided':
      return open ? { text: '? UNDECIDED', style: 'red' } : { text: '? undecided', style: 'yellow' };
  }
}

function printSummary(t: Terminal, report: ScanReport, hasPolicy: boolean): void {
  const { tables, columns, personal, masked, kept, accepted, undecidedPersonal, undecided } = report;
  const parts = [
    `${masked} masked`,
    ...(accepted === 0 ? [] : [`${accepted} accepted`]),
    `${kept} kept`,
    ...(undecidedPersonal === 0 ? [] : [`${undecidedPersonal} undecided`]),
  ];
  t.out(
    `${t.paint('bold', `${personal} of ${many(columns, 'column', 'columns')}`)} in ${many(tables.length, 'table', 'tables')} look${personal === 1 ? 's' : ''} personal${hasPolicy ? `: ${parts.join(', ')}` : ''}`,
  );
  if (hasPolicy) printOpen(t, report);
  if (undecided.length > 0) {
    t.out(
      `${t.paint('red', '✘')} ${many(undecided.length, 'column has', 'columns have')} no decision: ${visible(undecided.join(', '))}`,
    );
    t.out(
      `    ${t.paint('green', 'fix:')} add a rule for each under mask.tables; until then they are redacted, and the next start stops`,
    );
  }
}

/** Once more, at the end, where eyes land: what is personal and kept. */
function printOpen(t: Terminal, { open }: ScanReport): void {
  const kept = open.filter(({ standing }) => standing === 'kept');
  if (kept.length === 0) return;
  for (const finding of kept) {
    const { title } = dataClasses[finding.class];
    const what =
      finding.contains.length > 0
        ? `${title} with ${finding.contains.map((found) => dataClasses[found].title).join(', ')}`
        : title;
    t.out(
      `${t.paint('red', '✘')} ${visible(finding.table)}.${nameOf(finding)} is kept: ${what} (${finding.confidence.toFixed(2)})`,
    );
  }
  t.out(
    `    ${t.paint('green', 'fix:')} mask them, or, where they may be kept, name the columns under mask.leak_guard.except`,
  );
}

function many(count: number, one: string, more: string): string {
  return `${count} ${count === 1 ? one : more}`;
}

/** What a sample proves and what it does not: with none in n rows, fewer than 3 in n have it (at 95%). */
function proves({ tables }: ScanReport, sampleRows: number): readonly string[] {
  if (sampleRows === 0)
    return ['No row was read: names and types only. What a column holds may be something else than it says.'];
  const sampled = tables.filter(({ whole, rows }) => !whole && rows > 0);
  const lines = ['A scan shows that personal data is there, never that there is none.'];
  if (sampled.length > 0) {
    const rows = Math.min(...sampled.map((table) => table.rows));
    const oneIn = Math.max(1, Math.floor(rows / 3));
    lines.push(
      `Where rows were sampled, what fewer than 1 row in ${oneIn.toLocaleString('en')} holds may have gone unseen; --sample-rows reads more.`,
    );
  }
  return lines;
}

function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > Math.max(30, width)) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
