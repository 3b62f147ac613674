import { dataClasses } from '../mask/detect/data-class.ts';
import type { ReportedFinding, ReportedTable, ScanReport } from '../mask/scan-report.ts';
import type { Terminal } from './context.ts';

const WIDTH_MAX = 140;
const NAME_WIDTH_MAX = 38;

/** The report for people: one table after another, the most certain finding of each column first. */
export function printScan(t: Terminal, report: ScanReport, sampleRows: number): void {
  const width = Math.min(WIDTH_MAX, process.stdout.columns ?? 110);
  for (const table of report.tables) printTable(t, table, width, sampleRows);
  printSummary(t, report);
  for (const line of proves(report, sampleRows))
    for (const part of wrapped(line, width)) t.out(t.paint('gray', part));
}

function printTable(t: Terminal, table: ReportedTable, width: number, sampleRows: number): void {
  const clean = table.findings.length === 0 && table.undecided.length === 0;
  const found = clean ? t.paint('gray', 'nothing found') : '';
  t.out(`${t.paint('bold', table.table)}  ${t.paint('gray', sizeOf(table, sampleRows))}  ${found}`.trimEnd());
  const names = table.findings.map(nameOf);
  const nameWidth = Math.min(NAME_WIDTH_MAX, Math.max(0, ...names.map((name) => name.length)));
  for (const [index, finding] of table.findings.entries())
    printFinding(t, finding, names[index]!, nameWidth, width);
  for (const name of table.undecided) {
    const column = name.slice(table.table.length + 1);
    if (!table.findings.some((finding) => finding.column === column))
      t.out(`  ${column.padEnd(nameWidth)}  ${t.paint('yellow', '? undecided')}  no sign of personal data`);
  }
  if (!clean) t.out('');
}

function sizeOf({ estimatedRows, rows, whole, columns }: ReportedTable, sampleRows: number): string {
  const read = (rows: number): string => rows.toLocaleString('en');
  const cells = `${columns} column${columns === 1 ? '' : 's'}`;
  if (sampleRows === 0) return `${cells}, no row read`;
  if (rows === 0) return `${cells}, no rows`;
  if (whole) return `${cells}, all ${read(rows)} rows read`;
  return `${cells}, ${read(rows)} of ${estimatedRows === null ? 'its' : `about ${read(estimatedRows)}`} rows read`;
}

const TITLE_WIDTH = 27;

function printFinding(
  t: Terminal,
  finding: ReportedFinding,
  name: string,
  nameWidth: number,
  width: number,
): void {
  const { title } = dataClasses[finding.class];
  const shown = name.length > nameWidth ? `${name.slice(0, nameWidth - 1)}…` : name.padEnd(nameWidth);
  t.out(
    `  ${shown}  ${title.padEnd(TITLE_WIDTH)} ${finding.confidence.toFixed(2)}  ${standingOf(t, finding)}`.trimEnd(),
  );
  const indent = ' '.repeat(nameWidth + 4);
  for (const line of wrapped(finding.evidence.join('; '), width - indent.length))
    t.out(indent + t.paint('gray', line));
}

function nameOf({ column, path }: ReportedFinding): string {
  return path === null ? column : `${column} ${path}`;
}

function standingOf(t: Terminal, { standing, method, open }: ReportedFinding): string {
  switch (standing) {
    case null:
      return '';
    case 'masked':
      return t.paint('green', `✔ ${method === 'left out' ? 'left out' : `masked: ${method}`}`);
    case 'accepted':
      return t.paint('gray', '– kept, accepted');
    case 'kept':
      return open ? t.paint('red', '✘ KEPT') : t.paint('yellow', '⚠ kept');
    case 'undecided':
      return open ? t.paint('red', '? UNDECIDED') : t.paint('yellow', '? undecided');
  }
}

function printSummary(t: Terminal, report: ScanReport): void {
  const { tables, columns, personal, masked, open, accepted, undecided } = report;
  const many = (count: number, one: string, more: string): string => `${count} ${count === 1 ? one : more}`;
  const hasPolicy = tables.some(({ findings }) => findings.some(({ standing }) => standing !== null));
  const parts = hasPolicy ? [`${masked} masked`, `${open} open`, `${accepted} accepted`] : [];
  t.out(
    `${t.paint('bold', `${personal} of ${many(columns, 'column', 'columns')}`)} in ${many(tables.length, 'table', 'tables')} look${personal === 1 ? 's' : ''} personal${parts.length === 0 ? '' : `: ${parts.join(', ')}`}`,
  );
  if (undecided.length > 0)
    t.out(
      `${t.paint('yellow', many(undecided.length, 'column is', 'columns are'))} not decided by the policy: ${undecided.join(', ')}`,
    );
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
