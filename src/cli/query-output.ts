import type { AnswerCell, AnswerColumn, QueryPart } from '../deliver/warehouse-reader.ts';
import { cut, lengthOf, oneLine, pad } from './layout.ts';

/** Columns of a terminal that one cell may take; elsewhere nothing is cut. */
const MAX_CELL_WIDTH = process.stdout.isTTY === true ? 60 : Number.POSITIVE_INFINITY;

/** What was answered, besides the rows. */
export interface QuerySummary {
  readonly rows: number;
  readonly more: boolean;
  readonly group: number | null;
}

type Write = (text: string) => Promise<void>;
type Part<K extends QueryPart['kind']> = Extract<QueryPart, { kind: K }>;

interface QueryPrinter {
  columns(part: Part<'columns'>): string;
  rows(part: Part<'rows'>): string;
  end(part: Part<'end'>): string;
}

export type QueryFormat = 'table' | 'csv' | 'json';

export async function printAnswer(
  parts: AsyncIterable<QueryPart>,
  format: QueryFormat,
  write: Write,
): Promise<QuerySummary> {
  const printer = PRINTERS[format]();
  let group: number | null = null;
  let end: Part<'end'> = { kind: 'end', rows: 0, more: false };
  for await (const part of parts) {
    switch (part.kind) {
      case 'columns':
        group = part.group;
        await write(printer.columns(part));
        break;
      case 'rows':
        await write(printer.rows(part));
        break;
      case 'end':
        end = part;
        await write(printer.end(part));
        break;
    }
  }
  return { rows: end.rows, more: end.more, group };
}

const PRINTERS: Readonly<Record<QueryFormat, () => QueryPrinter>> = {
  csv: () => ({
    columns: ({ columns }) => csvLine(columns.map(({ name }) => name)),
    rows: ({ rows }) => rows.map((row) => csvLine(row.map(cellText))).join(''),
    end: () => '',
  }),
  json: () => {
    let names: readonly string[] = [];
    let separator = '\n';
    return {
      columns: ({ columns, group }) => {
        names = columns.map(({ name }) => name);
        return `{"group":${group},"columns":${JSON.stringify(columns)},"rows":[`;
      },
      rows: ({ rows }) =>
        rows
          .map((row) => {
            const members = row.map((cell, i) => `${JSON.stringify(names[i])}:${JSON.stringify(cell)}`);
            const text = `${separator}{${members.join(',')}}`;
            separator = ',\n';
            return text;
          })
          .join(''),
      end: ({ more }) => `\n],"more":${more}}\n`,
    };
  },
  table: () => {
    let columns: readonly AnswerColumn[] = [];
    const lines: string[][] = [];
    return {
      columns: (part) => {
        columns = part.columns;
        return '';
      },
      rows: ({ rows }) => {
        for (const row of rows)
          lines.push(row.map((cell) => cut(oneLine(cellText(cell) ?? 'NULL'), MAX_CELL_WIDTH)));
        return '';
      },
      end: () => aligned(columns, lines),
    };
  },
};

function aligned(columns: readonly AnswerColumn[], lines: readonly (readonly string[])[]): string {
  const names = columns.map(({ name }) => cut(oneLine(name), MAX_CELL_WIDTH));
  const widths = names.map((name, i) =>
    lines.reduce((most, line) => Math.max(most, lengthOf(line[i]!)), lengthOf(name)),
  );
  const right = columns.map(({ type }) => /INT|DECIMAL|FLOAT|DOUBLE/.test(type) && !type.includes('['));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (right[i]! ? ' '.repeat(widths[i]! - lengthOf(cell)) + cell : pad(cell, widths[i]!)))
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '─'.repeat(width)).join('  ');
  return `${[line(names), rule, ...lines.map(line)].join('\n')}\n`;
}

/** Null is null; what has parts is JSON. */
function cellText(cell: AnswerCell): string | null {
  if (cell === null) return null;
  return typeof cell === 'object' ? JSON.stringify(cell) : String(cell);
}

/** RFC 4180; null is nothing, an empty text is `""`. */
function csvLine(cells: readonly (string | null)[]): string {
  const fields = cells.map((cell) =>
    cell === null ? '' : cell === '' || /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell,
  );
  return `${fields.join(',')}\n`;
}
